// SPDX-License-Identifier: GPL-2.0-only
/*
 * No huge page comes into being over pages that are tracked one by one.
 */
#define _GNU_SOURCE
#include "memory.h"
#include "maps.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define HUGE		4
#define MADV_COLLAPSE_NR 25
#define SHMEM_ENABLED	"/sys/kernel/mm/transparent_hugepage/shmem_enabled"
#define KHUGEPAGED	"/sys/kernel/mm/transparent_hugepage/khugepaged/"

static int collapse(struct area a)
{
	return madvise(a.p, a.pages * PAGE, MADV_COLLAPSE_NR);
}

static bool can_collapse(void)
{
	struct area a = small(1);

	return !collapse(a) || errno != EINVAL;
}

START_TEST(first_write_to_empty_memory_is_one_page)
{
	struct area a = thp_empty(HUGE);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w = tracker_on(a);

	m->w[3] = m->w[1000] = m->w[1600] = 1;
	a.p[3 * PAGE] = a.p[1000 * PAGE] = a.p[1600 * PAGE] = 1;
	expect_exact(w, a, m, RESET);
	expect_clean(w, a);
	ck_assert_uint_eq(thp_bytes(a), 0);
}
END_TEST

START_TEST(first_write_to_the_huge_zero_page_is_one_page)
{
	struct area a = thp_empty(HUGE);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w = tracker_on(a);

	/* Reads map it, into memory of which there is no record. */
	touch(a, 3);
	touch(a, 1000);
	m->w[3] = m->w[1000] = 1;
	expect_exact(w, a, m, RESET);
	expect_clean(w, a);
}
END_TEST

START_TEST(empty_memory_beside_the_range_gets_huge_pages)
{
	struct area a = thp_empty(HUGE);
	struct area tracked = area_sub(a, 0, 2 * PMD_PAGES);
	struct marks *m = marks_new(tracked.pages);
	struct wptrack *w = tracker_on(tracked);
	int i;

	for (i = 0; i < HUGE; i++)
		a.p[(i * PMD_PAGES + i) * PAGE] = 1;
	m->w[0] = m->w[PMD_PAGES + 1] = 1;
	expect_exact(w, tracked, m, GET);
	ck_assert_uint_eq(thp_bytes(a), 2 * PMD_PAGES * PAGE);
}
END_TEST

START_TEST(empty_memory_gets_huge_pages_where_they_are_kept)
{
	struct area a = thp_empty(HUGE);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w = tracker_self();

	track(w, a, WPTRACK_TRACK_KEEP_HUGE);
	a.p[700 * PAGE] = 1;
	marks_set(m, PMD_PAGES, PMD_PAGES);
	expect_exact(w, a, m, RESET);
	ck_assert_uint_eq(thp_bytes(a), PMD_PAGES * PAGE);
	expect_clean(w, a);
}
END_TEST

START_TEST(written_memory_gets_huge_pages_again)
{
	struct area a = thp(HUGE);
	struct wptrack *w = tracker_on(a);

	touch_all(a);
	/* A new mapping: elsewhere the page tables stay, up to Linux 6.12. */
	map_over(a, PROT_READ | PROT_WRITE);
	must(madvise(a.p, a.pages * PAGE, MADV_HUGEPAGE));
	a.p[5 * PAGE] = 1;
	ck_assert_uint_eq(thp_bytes(a), PMD_PAGES * PAGE);
	expect_all(w, a);
}
END_TEST

START_TEST(collapse_over_clean_pages_is_refused)
{
	struct area a = small(HUGE);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w = tracker_on(a);

	touch_random(a, m, 100);
	ck_assert_int_eq(collapse(a), -1);
	ck_assert_int_eq(errno, EINVAL);
	expect_exact(w, a, m, RESET);
	ck_assert_uint_eq(thp_bytes(a), 0);
	wptrack_close(w);
	if (!can_collapse())
		skip("MADV_COLLAPSE came with Linux 6.1");
	/* Up to Linux 6.12 one pte has to be writable. */
	touch_all(a);
	must(collapse(a));
	ck_assert_uint_eq(thp_bytes(a), a.pages * PAGE);
}
END_TEST

START_TEST(collapse_of_written_pages_is_allowed)
{
	struct area a = small(HUGE);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w;

	if (!can_collapse())
		skip("MADV_COLLAPSE came with Linux 6.1");
	w = tracker_on(a);
	touch_all(a);
	must(collapse(a));
	ck_assert_uint_eq(thp_bytes(a), a.pages * PAGE);
	expect_all(w, a);
	reset(w, a);
	touch_random(a, m, 100);
	expect_exact(w, a, m, RESET);
}
END_TEST

START_TEST(collapse_of_memory_that_was_filled_is_allowed)
{
	struct area a = thp_empty(HUGE);
	struct wptrack *w;

	if (!can_collapse())
		skip("MADV_COLLAPSE came with Linux 6.1");
	w = tracker_on(a);
	touch_all(a);
	must(collapse(a));
	ck_assert_uint_eq(thp_bytes(a), a.pages * PAGE);
	expect_all(w, a);
}
END_TEST

START_TEST(collapse_where_huge_pages_are_kept_loses_no_write)
{
	struct area a = small(HUGE);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w = tracker_self();
	size_t i;

	if (!can_collapse())
		skip("MADV_COLLAPSE came with Linux 6.1");
	track(w, a, WPTRACK_TRACK_KEEP_HUGE);
	touch_random(a, m, 100);
	/* Where all ptes are read-only Linux 6.1 says EINVAL. */
	for (i = 0; i < a.pages; i += PMD_PAGES) {
		touch(a, i);
		m->w[i] = 1;
	}
	must(collapse(a));
	expect_no_lost(w, a, m, GET, "collapsed");
	touch_random(a, m, 100);
	expect_no_lost(w, a, m, RESET, "collapsed");
	expect_clean(w, a);
	ck_assert_uint_eq(thp_bytes(a), a.pages * PAGE);
}
END_TEST

static void khugepaged_as_before(void)
{
	write_file(KHUGEPAGED "scan_sleep_millisecs", "10000");
	write_file(KHUGEPAGED "alloc_sleep_millisecs", "60000");
}

/* When other memory is huge, this was looked at as well. */
static void khugepaged_comes_by(struct area a)
{
	struct area b = small(HUGE);
	int i;

	ck_assert(write_file(KHUGEPAGED "alloc_sleep_millisecs", "1"));
	ck_assert(write_file(KHUGEPAGED "scan_sleep_millisecs", "1"));
	must(madvise(a.p, a.pages * PAGE, MADV_HUGEPAGE));
	must(madvise(b.p, b.pages * PAGE, MADV_HUGEPAGE));
	for (i = 0; i < 300 && thp_bytes(b) < b.pages * PAGE; i++) {
		read_all(a);
		touch_all(b);
		usleep(100000);
	}
	ck_assert_msg(thp_bytes(b) == b.pages * PAGE, "khugepaged does nothing");
	usleep(300000);
	/* The next test wants to have small pages; one more round is under way. */
	khugepaged_as_before();
	usleep(100000);
}

START_TEST(khugepaged_passes_clean_pages_by)
{
	struct area a = small(HUGE);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w = tracker_on(a);

	touch_random(a, m, 100);
	khugepaged_comes_by(a);
	ck_assert_uint_eq(thp_bytes(a), 0);
	expect_exact(w, a, m, RESET);
}
END_TEST

/* A huge page of a file that is mapped by small entries, as one of its pages was written. */
START_TEST(khugepaged_leaves_the_small_entries_of_a_huge_page_of_a_file)
{
	struct area a, alias;
	struct wptrack *w;
	struct marks *m;

	if (!huge_shmem(&a, &alias))
		skip("no huge pages in tmpfs");
	m = marks_new(a.pages);
	w = tracker_on(a);
	touch_random(a, m, 100);
	expect_exact(w, a, m, RESET);
	marks_none(m);
	touch_random(a, m, 100);
	khugepaged_comes_by(a);
	expect_exact(w, a, m, RESET);
	expect_clean(w, a);
}
END_TEST

/* _i: it is asked for. */
START_TEST(small_pages_of_a_file_stay_clean_in_a_huge_page)
{
	int fd = must(memfd_create("small", 0));
	struct wptrack *w;
	struct marks *m;
	struct area a;
	size_t at;

	if (_i && !can_collapse())
		skip("MADV_COLLAPSE came with Linux 6.1");
	must(ftruncate(fd, 2 * PMD));
	ck_assert(write_file(SHMEM_ENABLED, "never"));
	a = map_huge(fd, 2, true);
	m = marks_new(a.pages);
	touch_all(a);
	w = tracker_on(a);
	touch_random(a, m, 100);
	ck_assert(write_file(SHMEM_ENABLED, "advise"));
	/* The file gets a huge page, and the mapping none: an error, which ends it on some. */
	for (at = 0; at < a.pages && _i; at += PMD_PAGES)
		collapse(area_sub(a, at, PMD_PAGES));
	if (!_i)
		khugepaged_comes_by(a);
	ck_assert(write_file(SHMEM_ENABLED, "never"));
	if (_i)
		ck_assert(file_is_huge(fd, 2));
	else if (!file_is_huge(fd, 2))
		skip("khugepaged leaves files alone");
	expect_exact(w, a, m, RESET);
	read_all(a);
	expect_clean(w, a);
	marks_none(m);
	touch_random(a, m, 100);
	expect_exact(w, a, m, RESET);
}
END_TEST

void memory_small(Suite *s)
{
	TCase *tc = tcase_new(s, "small", TEST_TIMEOUT * 2);

	tcase_add_unchecked_fixture(tc, NULL, khugepaged_as_before);
	tcase_add_test(tc, first_write_to_empty_memory_is_one_page);
	tcase_add_test(tc, first_write_to_the_huge_zero_page_is_one_page);
	tcase_add_test(tc, empty_memory_beside_the_range_gets_huge_pages);
	tcase_add_test(tc, empty_memory_gets_huge_pages_where_they_are_kept);
	tcase_add_test(tc, written_memory_gets_huge_pages_again);
	tcase_add_test(tc, collapse_over_clean_pages_is_refused);
	tcase_add_test(tc, collapse_of_written_pages_is_allowed);
	tcase_add_test(tc, collapse_of_memory_that_was_filled_is_allowed);
	tcase_add_test(tc, collapse_where_huge_pages_are_kept_loses_no_write);
	tcase_add_test(tc, khugepaged_passes_clean_pages_by);
	tcase_add_test(tc, khugepaged_leaves_the_small_entries_of_a_huge_page_of_a_file);
	tcase_add_loop_test(tc, small_pages_of_a_file_stay_clean_in_a_huge_page, 0, 2);
}
