// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is read from swap while its cache is bypassed, or left at once: it is clean all the
 * same, and what is written to it is not.
 */
#define _GNU_SOURCE
#include "carry.h"
#include "maps.h"
#include "swap.h"
#include "uffd.h"

#include <pthread.h>
#include <sys/mman.h>

/* So small that it is more than half full. */
#define SMALL	(7 * 64)

static void setup_small(void)
{
	swap_setup_pages(SMALL);
}

START_TEST(what_is_read_back_stays_clean)
{
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	struct area a;
	int round;

	if (swap_missing())
		skip("%s", swap_missing());
	a = carry_begin(&w);
	for (round = 0; round < 3; round++) {
		carry_out(w, a);
		read_all(a);
		expect_clean(w, a);
		touch_random(a, m, 6);
		expect_exact(w, a, m, RESET);
		settle(w, a);
		marks_none(m);
	}
}
END_TEST

START_TEST(what_is_written_comes_back_written)
{
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	struct area a;
	int round;

	if (swap_missing())
		skip("%s", swap_missing());
	a = carry_begin(&w);
	for (round = 0; round < 3; round++) {
		carry_out(w, a);
		touch_random(a, m, 3);
		read_all(a);
		expect_exact(w, a, m, GET);
		/* Out again, as they are. */
		carry_out(w, a);
		read_all(a);
		touch_random(a, m, 6);
		expect_exact(w, a, m, RESET);
		settle(w, a);
		marks_none(m);
	}
}
END_TEST

/* From then on what is read leaves the cache of the swap at once. */
START_TEST(what_is_locked_in_memory_stays_clean)
{
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	struct area a;

	if (swap_missing())
		skip("%s", swap_missing());
	a = carry_begin(&w);
	carry_out(w, a);
	must(mlock2(a.p, a.pages * PAGE, MLOCK_ONFAULT));
	read_all(a);
	expect_clean(w, a);
	touch_random(a, m, 6);
	expect_exact(w, a, m, RESET);
}
END_TEST

static void *reader(void *arg)
{
	struct area *a = arg;

	read_all(*a);
	return NULL;
}

/* Each page has several faults at once. */
START_TEST(it_is_read_by_several)
{
	struct marks *m = marks_new(PAGES);
	pthread_t threads[3];
	struct wptrack *w;
	struct area a;
	int round;
	size_t i;

	if (swap_missing())
		skip("%s", swap_missing());
	a = carry_begin(&w);
	for (round = 0; round < 10; round++) {
		/* But for those that are on a list of another processor still. */
		must(madvise(a.p, a.pages * PAGE, 21 /* MADV_PAGEOUT */));
		for (i = 0; i < 3; i++)
			must(-pthread_create(&threads[i], NULL, reader, &a));
		touch_random(a, m, 4);
		for (i = 0; i < 3; i++)
			pthread_join(threads[i], NULL);
		expect_exact(w, a, m, RESET);
		settle(w, a);
		marks_none(m);
	}
}
END_TEST

/* What the kernel believes not to be the mapping's own is found to be so. */
START_TEST(userfaultfd_moves_what_was_read)
{
	struct marks *m = marks_new(PAGES);
	struct area a, to;
	struct wptrack *w;
	size_t i, tries;
	int fd;

	if (swap_missing())
		skip("%s", swap_missing());
	if (!uffd_has_move())
		skip("UFFDIO_MOVE came with Linux 6.8");
	a = carry_begin(&w);
	to = anon(PAGES);
	track(w, to, 0);
	expect_clean(w, to);
	carry_out(w, a);
	read_all(area_sub(a, 0, PAGES / 2));
	fd = must(uffd_on(to, 0, UFFDIO_REGISTER_MODE_MISSING));
	for (i = 0; i < PAGES; i++) {
		for (tries = 0; uffd_move(fd, to.p + i * PAGE, a.p + i * PAGE, PAGE);
		     tries++)
			ck_assert_msg(errno == EAGAIN && tries < 1000, "page %zu: %s",
				      i, strerror(errno));
		m->w[i] = 1;
	}
	close(fd);
	expect_no_lost(w, to, m, GET, "memory of a userfaultfd");
	expect_no_lost(w, a, m, GET, "moved away");
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_test(tc, what_is_read_back_stays_clean);
	tcase_add_test(tc, what_is_written_comes_back_written);
	tcase_add_test(tc, what_is_locked_in_memory_stays_clean);
	tcase_add_test(tc, it_is_read_by_several);
	tcase_add_test(tc, userfaultfd_moves_what_was_read);
}

void carry_cache(Suite *s)
{
	TCase *tc = tcase_new(s, "zram", TEST_TIMEOUT);

	tcase_add_unchecked_fixture(tc, zram_setup, zram_teardown);
	add(tc);
	tc = tcase_new(s, "small", TEST_TIMEOUT);
	tcase_add_unchecked_fixture(tc, setup_small, swap_teardown);
	add(tc);
}
