// SPDX-License-Identifier: GPL-2.0-only
/*
 * Epochs, and clearing in a second step what a first one has reported.
 */
#define _GNU_SOURCE
#include "trackers.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define PAGES	1200

static struct wptrack_scan scan_of(struct area a, struct wptrack_region *vec,
				   size_t vec_len, uint64_t flags)
{
	return (struct wptrack_scan){
		.size = sizeof(struct wptrack_scan), .flags = flags,
		.start = area_start(a), .end = area_end(a),
		.vec = (uintptr_t)vec, .vec_len = vec_len,
		.category_mask = WPTRACK_PAGE_WRITTEN,
		.return_mask = WPTRACK_PAGE_WRITTEN,
	};
}

static uint64_t epoch_of(struct wptrack *w, struct area a, uint64_t flags)
{
	uint64_t epoch = 0;
	struct wptrack_scan_opts o = {
		.sz = sizeof(o), .flags = flags, .epoch = &epoch,
	};

	ck_assert_int_ge(wptrack_count(w, area_start(a), area_end(a), &o), 0);
	return epoch;
}

START_TEST(an_epoch_ends_when_a_scan_that_asks_for_it_reaches_its_end)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = tracker_on(a);
	struct wptrack_region vec[4];
	struct wptrack_scan s;
	int i;

	ck_assert_uint_eq(epoch_of(w, a, 0), 1);
	ck_assert_uint_eq(epoch_of(w, a, WPTRACK_SCAN_RESET), 1);
	ck_assert_uint_eq(epoch_of(w, a, WPTRACK_SCAN_ADVANCE), 1);
	ck_assert_uint_eq(epoch_of(w, a, 0), 2);
	for (i = 0; i < 10; i++)
		touch(a, 100 * i);
	/* In steps: the last one ends it. */
	s = scan_of(a, vec, 4, WPTRACK_SCAN_RESET | WPTRACK_SCAN_ADVANCE);
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(must(ioctl(wptrack_fd(w), WPTRACK_IOC_SCAN, &s)),
				 i < 2 ? 4 : 2);
		ck_assert_uint_eq(s.epoch, 2);
		s.start = s.walk_end;
	}
	ck_assert_uint_eq(s.walk_end, area_end(a));
	ck_assert_uint_eq(epoch_of(w, a, 0), 3);
	expect_clean(w, a);

	/* A step that fails does not. */
	touch(a, 7);
	s = scan_of(a, NULL, 0, WPTRACK_SCAN_RESET | WPTRACK_SCAN_ADVANCE);
	s.vec = (uintptr_t)hole(1, 0).p;
	s.vec_len = 4;
	ck_assert_int_eq(ioctl(wptrack_fd(w), WPTRACK_IOC_SCAN, &s), -1);
	ck_assert_int_eq(errno, EFAULT);
	ck_assert_uint_eq(epoch_of(w, a, 0), 3);
	ck_assert_uint_eq(count_written(w, a), 1);
	/* Other trackers have epochs of their own. */
	ck_assert_uint_eq(epoch_of(tracker_on(a), a, 0), 1);
}
END_TEST

struct list {
	struct wptrack_region v[PAGES];
	size_t n;
};

/* What is written, without a reset, and the epoch. */
static uint64_t get(struct wptrack *w, struct area a, struct list *l)
{
	uint64_t epoch = 0, end;
	struct wptrack_scan_opts o = { .sz = sizeof(o), .epoch = &epoch };
	ssize_t n = wptrack_scan(w, area_start(a), area_end(a), l->v, PAGES,
				 &end, &o);

	ck_assert_msg(n >= 0, "%s", wptrack_error(w));
	ck_assert_uint_eq(end, area_end(a));
	l->n = n;
	return epoch;
}

START_TEST(clear_resets_what_was_returned_and_nothing_else)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = tracker_on(a), *other = tracker_on(a);
	struct marks *m = marks_new(PAGES), *more = marks_new(PAGES);
	struct list l;
	size_t i;

	touch_random(a, m, 9);
	ck_assert_uint_eq(get(w, a, &l), 1);
	expect_exact(w, a, m, GET);
	/* Written between the steps: those in the list are read after CLEAR. */
	touch_random(a, more, 5);
	ck_assert_int_eq(wptrack_clear(w, l.v, l.n, NULL, 0), (ssize_t)l.n);
	for (i = 0; i < PAGES; i++)
		if (m->w[i])
			more->w[i] = 0;
	expect_exact(w, a, more, RESET);
	expect_clean(w, a);
	/* Nothing was taken from the other one. */
	marks_add(m, more);
	expect_exact(other, a, m, RESET);
	/* In any order, and outside of what is tracked. */
	marks_none(m);
	touch(a, 3);
	touch(a, 900);
	get(w, a, &l);
	ck_assert_uint_eq(l.n, 2);
	l.v[2] = l.v[0];
	l.v[0] = (struct wptrack_region){ area_end(a), area_end(a) + 100 * PAGE, 0 };
	ck_assert_int_eq(wptrack_clear(w, l.v, 3, NULL, 0), 3);
	expect_clean(w, a);
}
END_TEST

START_TEST(clear_belongs_to_an_epoch)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(PAGES);
	struct list l;
	uint64_t epoch;

	touch_random(a, m, 9);
	epoch = get(w, a, &l);
	ck_assert_int_eq(wptrack_clear(w, l.v, 1, &epoch, 0), 1);
	ck_assert_uint_eq(epoch, 1);
	ck_assert_int_eq(wptrack_clear(w, l.v + 1, l.n - 1, &epoch,
				       WPTRACK_CLEAR_ADVANCE), (ssize_t)l.n - 1);
	ck_assert_uint_eq(epoch, 1);
	expect_clean(w, a);
	ck_assert_uint_eq(epoch_of(w, a, 0), 2);

	touch_random(a, m, 9);
	marks_none(m);
	reset(w, a);
	touch_random(a, m, 9);
	get(w, a, &l);
	epoch = 1;
	ck_assert_int_eq(wptrack_clear(w, l.v, l.n, &epoch, 0), -ESTALE);
	note("%s", wptrack_error(w));
	ck_assert_uint_eq(epoch, 2);
	epoch = 1;
	ck_assert_int_eq(wptrack_clear(w, NULL, 0, &epoch, WPTRACK_CLEAR_ADVANCE),
			 -ESTALE);
	expect_exact(w, a, m, GET);
	/* Nothing to clear, and the epoch ends all the same. */
	epoch = 0;
	ck_assert_int_eq(wptrack_clear(w, NULL, 0, &epoch, WPTRACK_CLEAR_ADVANCE), 0);
	ck_assert_uint_eq(epoch, 2);
	ck_assert_uint_eq(epoch_of(w, a, 0), 3);
	expect_exact(w, a, m, GET);
}
END_TEST

START_TEST(clear_that_fails_says_how_far_it_got)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(PAGES);
	struct wptrack_region v[3] = {
		{ area_start(a), area_start(a) + 10 * PAGE, 0 },
		{ area_start(a) + 20 * PAGE, area_start(a) + 20 * PAGE, 0 },
		{ area_start(a) + 30 * PAGE, area_start(a) + 40 * PAGE, 0 },
	};
	struct wptrack_clear arg = {
		.size = sizeof(arg), .vec = (uintptr_t)v, .vec_len = 3,
	};

	touch_all(area_sub(a, 0, 50));
	ck_assert_int_eq(ioctl(wptrack_fd(w), WPTRACK_IOC_CLEAR, &arg), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_uint_eq(arg.done, 1);
	ck_assert_uint_eq(arg.pages, 10);
	marks_set(m, 10, 40);
	expect_exact(w, a, m, GET);
	/* The library gives the error with the next call. */
	ck_assert_int_eq(wptrack_clear(w, v, 3, NULL, 0), 1);
	ck_assert_int_eq(wptrack_clear(w, v + 1, 2, NULL, 0), -EINVAL);
	note("%s", wptrack_error(w));
	v[1].start++;
	ck_assert_int_eq(wptrack_clear(w, v + 1, 2, NULL, 0), -EINVAL);
	ck_assert_int_eq(wptrack_clear(w, (void *)hole(1, 0).p, 1, NULL, 0),
			 -EFAULT);
	ck_assert_int_eq(wptrack_clear(w, v, ~0UL / 8, NULL, 0), -EFAULT);
	ck_assert_int_eq(wptrack_clear(w, NULL, 1, NULL, 0), -EINVAL);
	expect_exact(w, a, m, GET);
}
END_TEST

static atomic_bool stop;

static void *writes(void *arg)
{
	struct area *a = arg;
	uint64_t x = (uintptr_t)&x | 1;
	unsigned int n = 0;

	while (!stop) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		((volatile uint8_t *)a->p)[(x >> 16) % (a->pages * PAGE)]++;
		if (++n % 64 == 0)
			usleep(100);
	}
	return NULL;
}

/* A copy that is kept by two steps, in pieces that never hold all of the list. */
START_TEST(a_copy_kept_in_two_steps_is_true_under_writers)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = tracker_self();
	struct wptrack_region v[7];
	uint64_t from = area_start(a), end, i;
	size_t steps = 0, differ = 0, page;
	pthread_t writer[2];
	uint8_t *copy = calloc(PAGES, PAGE);
	double until;
	bool last = false;
	ssize_t n;

	track(w, a, WPTRACK_TRACK_START_WRITTEN);
	for (i = 0; i < 2; i++)
		must(-pthread_create(&writer[i], NULL, writes, &a));
	until = seconds() + run_seconds(2);
	for (;;) {
		n = wptrack_scan(w, from, area_end(a), v, 7, &end, NULL);
		ck_assert_msg(n >= 0, "%s", wptrack_error(w));
		ck_assert_int_eq(wptrack_clear(w, v, n, NULL, 0), n);
		while (n--)
			memcpy(copy + (v[n].start - area_start(a)),
			       (void *)(uintptr_t)v[n].start,
			       v[n].end - v[n].start);
		steps++;
		from = end < area_end(a) ? end : area_start(a);
		if (from > area_start(a))
			continue;
		if (last)
			break;
		if (seconds() > until) {
			/* One more round when nobody writes. */
			stop = true;
			for (i = 0; i < 2; i++)
				pthread_join(writer[i], NULL);
			last = true;
		}
	}
	for (page = 0; page < PAGES; page++)
		differ += !!memcmp(copy + page * PAGE, a.p + page * PAGE, PAGE);
	note("%zu steps", steps);
	ck_assert_msg(!differ, "%zu pages lost", differ);
}
END_TEST

void trackers_epoch(Suite *s)
{
	TCase *tc = tcase_new(s, "epoch", TEST_TIMEOUT);

	tcase_add_test(tc, an_epoch_ends_when_a_scan_that_asks_for_it_reaches_its_end);
	tcase_add_test(tc, clear_resets_what_was_returned_and_nothing_else);
	tcase_add_test(tc, clear_belongs_to_an_epoch);
	tcase_add_test(tc, clear_that_fails_says_how_far_it_got);
	tcase_add_test(tc, a_copy_kept_in_two_steps_is_true_under_writers);
}
