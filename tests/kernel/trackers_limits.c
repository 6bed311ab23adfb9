// SPDX-License-Identifier: GPL-2.0-only
/*
 * What one user may have: beyond it there is EDQUOT, and what he had before works
 * as it did.
 */
#define _GNU_SOURCE
#include "trackers.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define PARAMETERS "/sys/module/wptrack/parameters/"

static const struct {
	const char *path, *low;
} limits[] = {
	{ PARAMETERS "max_user_trackers", "5" },
	{ PARAMETERS "max_user_ranges", "20" },
	{ PARAMETERS "max_user_record_kib", "8" },
};
#define LIMITS (sizeof(limits) / sizeof(*limits))

static char before[LIMITS][32];

static void low_limits(void)
{
	size_t i;

	device_open_to_all();
	for (i = 0; i < LIMITS; i++) {
		FILE *f = fopen(limits[i].path, "re");

		if (!f || !fgets(before[i], sizeof(before[i]), f))
			strcpy(before[i], "1000");
		if (f)
			fclose(f);
		write_file(limits[i].path, limits[i].low);
	}
}

static void limits_as_before(void)
{
	size_t i;

	for (i = 0; i < LIMITS; i++)
		write_file(limits[i].path, before[i]);
	device_as_before();
}

/* In a peer: what must hold there. */
#define peer_check(expr)						\
	do {								\
		if (!(expr)) {						\
			note("peer: %s:%d: not true: %s", __FILE__,	\
			     __LINE__, #expr);				\
			_exit(1);					\
		}							\
	} while (0)

static struct area memory(size_t pages)
{
	struct area a = { NULL, pages };

	a.p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	peer_check(a.p != MAP_FAILED);
	return a;
}

static struct wptrack *opened(void)
{
	struct wptrack *w;

	peer_check(!wptrack_open(&w, NULL));
	peer_check(!wptrack_attach_self(w));
	return w;
}

/* It sees what is written, and nothing else. */
static void check_works(struct wptrack *w, struct area a)
{
	struct wptrack_scan_opts reset = {
		.sz = sizeof(reset), .flags = WPTRACK_SCAN_RESET,
	};

	peer_check(wptrack_count(w, area_start(a), area_end(a), &reset) >= 0);
	peer_check(!wptrack_count(w, area_start(a), area_end(a), NULL));
	touch(a, 1);
	touch(a, a.pages - 1);
	peer_check(wptrack_count(w, area_start(a), area_end(a), &reset) == 2);
}

/* Reset [from, to) of the area, and say how many pages were written. */
static ssize_t reset_part(struct wptrack *w, struct area a, size_t from, size_t to)
{
	struct wptrack_scan_opts reset = {
		.sz = sizeof(reset), .flags = WPTRACK_SCAN_RESET,
	};

	return wptrack_count(w, area_start(a) + from * PAGE, area_start(a) + to * PAGE,
			     &reset);
}

/*
 * All of it reads written, for want of memory.  Resets of parts end that, if they go
 * through everything without a gap; a list of such parts is what many programs scan.
 */
static void check_mends_in_parts(struct wptrack *w, struct area a)
{
	peer_check(reset_part(w, a, 0, 4) == 4);
	peer_check(reset_part(w, a, 6, 10) == 4);
	peer_check(reset_part(w, a, 0, 10) == 10);
	touch(a, 3);
	peer_check(reset_part(w, a, 0, 10) == 1);
}

static void check_mends_by_and_by(struct wptrack *w, struct area a)
{
	peer_check(reset_part(w, a, 4, 10) == 6);
	peer_check(reset_part(w, a, 0, 3) == 3);
	peer_check(reset_part(w, a, 3, 5) == 2);
	peer_check(reset_part(w, a, 0, 1) == 1);
	peer_check(reset_part(w, a, 1, 9) == 8);
	touch(a, 0);
	peer_check(reset_part(w, a, 9, 10) == 1);
	peer_check(reset_part(w, a, 0, 10) == 1);
}

static int track_one(struct wptrack *w, struct area a)
{
	return wptrack_track(w, area_start(a), area_end(a), 0);
}

static void opens_many(int fd, void *arg)
{
	struct wptrack *w[6];
	struct area a = memory(10);
	int i, allowed = *(int *)arg;

	turn_wait(fd);
	if (allowed == 5)
		become_nobody();
	touch_all(a);
	for (i = 0; i < allowed; i++)
		w[i] = opened();
	for (i = 0; i < allowed; i++)
		peer_check(!track_one(w[i], a));
	if (allowed == 5) {
		peer_check(wptrack_open(&w[5], NULL) == -EDQUOT);
		note("%s", wptrack_open_error(-EDQUOT, NULL));
		for (i = 0; i < allowed; i++)
			check_works(w[i], a);
		wptrack_close(w[4]);
		peer_check(!wptrack_open(&w[4], NULL));
	}
}

START_TEST(too_many_trackers_are_edquot)
{
	int allowed = 5;
	struct peer p = peer_start(opens_many, &allowed);

	peer_end(&p);
}
END_TEST

START_TEST(root_has_no_limits)
{
	int allowed = 6;
	struct peer p = peer_start(opens_many, &allowed);

	peer_end(&p);
}
END_TEST

static void tracks_many(int fd, void *arg)
{
	struct area a = memory(10), far = memory(100);
	struct wptrack *one, *two;
	int i, err = 0;

	turn_wait(fd);
	become_nobody();
	touch_all(a);
	one = opened();
	two = opened();
	peer_check(!track_one(one, a));
	for (i = 0; i < 9; i++)
		peer_check(!track_one(one, area_sub(far, 2 * i, 1)));
	for (i = 0; i < 11 && !err; i++)
		err = track_one(two, area_sub(far, 2 * i, 1));
	peer_check(i == 11 && err == -EDQUOT);
	note("%s", wptrack_error(two));
	check_works(one, a);
	/* Cutting one in two is one more, too. */
	peer_check(wptrack_untrack(one, area_start(a) + 3 * PAGE,
				   area_start(a) + 5 * PAGE) == -EDQUOT);
	check_works(one, a);
	/* Those of the other one count for the same user. */
	wptrack_close(two);
	peer_check(!wptrack_untrack(one, area_start(a) + 3 * PAGE,
				    area_start(a) + 5 * PAGE));
	/* Joined they are fewer. */
	peer_check(!track_one(one, far));
	two = opened();
	for (i = 0; i < 17; i++)
		peer_check(!track_one(two, area_sub(far, 2 * i, 1)));
}

START_TEST(too_many_ranges_are_edquot)
{
	struct peer p = peer_start(tracks_many, NULL);

	peer_end(&p);
}
END_TEST

static void records_much(int fd, void *arg)
{
	struct area a = memory(10), far = memory(200 * PMD_PAGES);
	struct wptrack *one, *two, *three, *other;
	size_t i;

	turn_wait(fd);
	become_nobody();
	touch_all(a);
	for (i = 0; i < far.pages; i += PMD_PAGES)
		touch(far, i);
	one = opened();
	two = opened();
	peer_check(!track_one(one, a));
	peer_check(track_one(two, far) == -EDQUOT);
	note("%s", wptrack_error(two));
	check_works(one, a);
	/* The rest of the limit goes to what others are told of a reset. */
	far = area_sub(far, 0, 8 * PMD_PAGES);
	other = opened();
	peer_check(!track_one(other, far));
	peer_check(!track_one(one, far));
	for (i = 0; i < far.pages; i += PMD_PAGES)
		touch(far, i);
	peer_check(reset_part(one, far, 0, far.pages) >= 0);
	wptrack_untrack(one, area_start(far), area_end(far));
	check_works(one, a);
	/* What is there can be tracked again. */
	three = opened();
	peer_check(!track_one(three, a));
	check_works(one, a);
	/* Nothing was lost for @three: there was no memory to note pages one by one. */
	peer_check(wptrack_count(three, area_start(a), area_end(a), NULL) == 10);
	check_mends_in_parts(three, a);
	check_works(one, a);
	check_mends_by_and_by(three, a);
	wptrack_close(two);
	peer_check(!track_one(three, a));
	check_works(three, a);
	check_works(one, a);
	two = opened();
	peer_check(!track_one(two, far));
	check_works(two, area_sub(far, PMD_PAGES, PMD_PAGES));
}

START_TEST(too_much_record_memory_is_edquot)
{
	struct peer p = peer_start(records_much, NULL);

	peer_end(&p);
}
END_TEST

#define CGROUP "/sys/fs/cgroup/wptrack-test"

/* Kernel memory of the group, in bytes. */
static long cgroup_slab(void)
{
	char line[256];
	FILE *f = fopen(CGROUP "/memory.stat", "re");
	long n = -1;

	while (f && n < 0 && fgets(line, sizeof(line), f))
		if (!strncmp(line, "slab ", 5))
			n = atol(line + 5);
	if (f)
		fclose(f);
	return n;
}

static void records_in_a_cgroup(int fd, void *arg)
{
	struct area far = memory(3000 * PMD_PAGES);
	struct wptrack *w;
	size_t i;

	turn_wait(fd);
	peer_check(write_file(CGROUP "/cgroup.procs", "0"));
	w = opened();
	for (i = 0; i < far.pages; i += PMD_PAGES)
		touch(far, i);
	turn_done(fd);
	peer_check(!track_one(w, far));
	turn_done(fd);
}

START_TEST(records_are_charged_to_the_cgroup)
{
	struct peer p;
	long slab, bytes;

	write_file("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	if (mkdir(CGROUP, 0755) || access(CGROUP "/memory.stat", R_OK)) {
		rmdir(CGROUP);
		skip("there is no memory controller here");
	}
	p = peer_start(records_in_a_cgroup, NULL);
	peer_turn(&p);
	slab = cgroup_slab();
	bytes = stats_value("record_bytes");
	peer_turn(&p);
	/* The kernel gathers these sums now and then. */
	sleep(3);
	slab = cgroup_slab() - slab;
	bytes = stats_value("record_bytes") - bytes;
	note("record_bytes %+ld, slab of the cgroup %+ld", bytes, slab);
	peer_end(&p);
	rmdir(CGROUP);
	ck_assert_int_ge(bytes, 3000 * 160);
	ck_assert_int_ge(slab, bytes * 3 / 4);
}
END_TEST

#define STEPS	24000UL

/*
 * A program that maps and unmaps without end: an event notes each of these places, and what
 * nobody resets stays.  Its tracker has all of its memory, and never asks.
 */
START_TEST(what_was_unmapped_takes_little_memory)
{
	struct area far = { NULL, STEPS * PMD_PAGES }, left, a = anon(300);
	struct wptrack *w = tracker_self();
	struct marks *m = marks_new(a.pages);
	long bytes;
	size_t i;

	far.p = mmap(NULL, far.pages * PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ck_assert(far.p != MAP_FAILED);
	track(w, far, WPTRACK_TRACK_START_WRITTEN);
	track(w, a, 0);
	touch_all(a);
	settle(w, a);
	bytes = stats_value("record_bytes");
	for (i = 0; i < STEPS - 1; i++) {
		far.p[i * PMD] = 1;
		must(munmap(far.p + i * PMD, PMD));
	}
	bytes = stats_value("record_bytes") - bytes;
	note("%ld bytes for %lu places", bytes, STEPS);
	ck_assert_int_lt(bytes, (16384 + 1500) * 280);
	/* More is written than was, and nothing less, until all of it is reset. */
	touch_random(a, m, 7);
	expect_no_lost(w, a, m, GET, "there was no room");
	/* In the order of addresses, whichever that is. */
	reset(w, a);
	reset(w, far);
	settle(w, a);
	marks_none(m);
	touch_random(a, m, 7);
	expect_exact(w, a, m, RESET);
	left = area_sub(far, (STEPS - 1) * PMD_PAGES, PMD_PAGES);
	touch(left, 5);
	ck_assert_uint_eq(count_written(w, area_sub(left, 5, 1)), 1);
	wptrack_close(w);
}
END_TEST

/* The same, but memory that stays mapped, and is reset now and then: there is room for ever. */
START_TEST(memory_that_is_dropped_and_reset_leaves_room)
{
	struct area far = { NULL, STEPS * PMD_PAGES }, a = anon_populated(300);
	struct wptrack *w = tracker_self(), *other = tracker_self();
	struct marks *m = marks_new(a.pages);
	size_t i;

	far.p = mmap(NULL, far.pages * PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ck_assert(far.p != MAP_FAILED);
	track(w, far, 0);
	track(other, far, 0);
	track(w, a, 0);
	settle(w, a);
	for (i = 0; i < STEPS; i++) {
		far.p[i * PMD] = 1;
		must(madvise(far.p + i * PMD, PMD, MADV_DONTNEED));
		if (i % 8000 == 7999)
			reset(w, far);
	}
	expect_exact(w, a, m, GET);
	touch_random(a, m, 7);
	expect_exact(w, a, m, RESET);
	wptrack_close(other);
	wptrack_close(w);
}
END_TEST

void trackers_limits(Suite *s)
{
	TCase *tc = tcase_new(s, "limits", TEST_TIMEOUT);

	tcase_add_unchecked_fixture(tc, low_limits, limits_as_before);
	tcase_add_test(tc, too_many_trackers_are_edquot);
	tcase_add_test(tc, root_has_no_limits);
	tcase_add_test(tc, too_many_ranges_are_edquot);
	tcase_add_test(tc, too_much_record_memory_is_edquot);
	tcase_add_test(tc, records_are_charged_to_the_cgroup);
	tcase_add_test(tc, what_was_unmapped_takes_little_memory);
	tcase_add_test(tc, memory_that_is_dropped_and_reset_leaves_room);
}
