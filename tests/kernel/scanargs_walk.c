// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where a walk ends, and how it goes on: small arrays, max_pages, more regions
 * than any buffer of the kernel holds.
 */
#define _GNU_SOURCE
#include "scanargs.h"

#include <sys/mman.h>

#define REGIONS	1000
#define PAGES	(2 * REGIONS)

static struct wptrack_region vec[VEC_MAX];

/* Every second page written. */
static struct area alternating(int *fd, struct marks **want)
{
	struct area a = anon_populated(PAGES);
	size_t i;

	*fd = raw_tracker(a);
	*want = marks_new(PAGES);
	for (i = 0; i < PAGES; i += 2) {
		touch(a, i);
		(*want)->w[i] = 1;
	}
	return a;
}

START_TEST(thousand_regions_in_one_scan_with_the_right_walk_end)
{
	struct marks *want, *got = marks_new(PAGES);
	int fd;
	struct area a = alternating(&fd, &want);
	struct wptrack_scan s = scan_of(a, vec, 4000, _i ? WPTRACK_SCAN_RESET : 0);

	ck_assert_int_eq(scan(fd, &s), REGIONS);
	ck_assert_uint_eq(s.pages, REGIONS);
	ck_assert_uint_eq(s.walk_end, area_end(a));
	mark_regions(got, a, vec, REGIONS);
	expect_marks(got, want);
	if (_i)
		marks_none(want);
	expect_marks(raw_written(fd, a), want);
}
END_TEST

START_TEST(array_of_just_the_right_size)
{
	struct marks *want, *got = marks_new(PAGES);
	int fd;
	struct area a = alternating(&fd, &want);
	struct wptrack_scan s = scan_of(a, vec, REGIONS, 0);

	ck_assert_int_eq(scan(fd, &s), REGIONS);
	mark_regions(got, a, vec, REGIONS);
	expect_marks(got, want);
	/* Full or finished: going on finds nothing more. */
	s.start = s.walk_end;
	if (s.start < s.end)
		ck_assert_int_eq(scan(fd, &s), 0);
}
END_TEST

/* Scan in steps until the end is reached; returns the number of scans. */
static size_t resume(int fd, struct area a, struct marks *got, size_t vec_len,
		     uint64_t max_pages, uint64_t flags)
{
	struct wptrack_scan s = scan_of(a, vec, vec_len, flags);
	size_t n = 0;

	while (s.start < s.end) {
		long regions;

		s.max_pages = max_pages;
		regions = scan(fd, &s);
		mark_regions(got, a, vec, regions);
		if (!regions)
			ck_assert_uint_eq(s.walk_end, s.end);
		ck_assert_msg(s.walk_end > s.start, "the walk does not go on");
		s.start = s.walk_end;
		n++;
	}
	return n;
}

START_TEST(resume_delivers_every_region_once)
{
	static const size_t lens[] = { 1, 2, 7, 100, 511, 512, 513, 999, 1000,
				       1001, 4000 };
	struct marks *want;
	int fd;
	struct area a = alternating(&fd, &want);
	size_t i;

	for (i = 0; i < sizeof(lens) / sizeof(*lens); i++) {
		struct marks *got = marks_new(PAGES);

		resume(fd, a, got, lens[i], 0, 0);
		expect_marks(got, want);
		free(got);
	}
}
END_TEST

START_TEST(resume_with_reset_resets_every_region_once)
{
	static const size_t lens[] = { 1, 7, 512, 513, 999, 4000 };
	struct marks *want;
	int fd;
	struct area a = alternating(&fd, &want);
	size_t i, j;

	for (i = 0; i < sizeof(lens) / sizeof(*lens); i++) {
		struct marks *got = marks_new(PAGES);

		for (j = 0; j < PAGES; j += 2)
			touch(a, j);
		resume(fd, a, got, lens[i], 0, WPTRACK_SCAN_RESET);
		expect_marks(got, want);
		marks_none(got);
		expect_marks(raw_written(fd, a), got);
		free(got);
	}
}
END_TEST

START_TEST(what_a_small_array_did_not_hold_stays_written)
{
	struct marks *want, *got = marks_new(PAGES), *left;
	int fd;
	struct area a = alternating(&fd, &want);
	struct wptrack_scan s = scan_of(a, vec, 300, WPTRACK_SCAN_RESET);
	size_t i;

	ck_assert_int_eq(scan(fd, &s), 300);
	mark_regions(got, a, vec, 300);
	left = raw_written(fd, a);
	for (i = 0; i < PAGES; i++)
		ck_assert_uint_eq(got->w[i] + left->w[i], want->w[i]);
}
END_TEST

START_TEST(max_pages_stops_and_resumes)
{
	static const uint64_t maxima[] = { 1, 3, 511, 512, 513, 700 };
	struct area a = anon_populated(PAGES);
	int fd = raw_tracker(a);
	struct marks *want = marks_new(PAGES);
	size_t i;

	touch_all(area_sub(a, 0, 600));
	touch_all(area_sub(a, 700, 1));
	touch_all(area_sub(a, 1100, 800));
	marks_set(want, 0, 600);
	marks_set(want, 700, 1);
	marks_set(want, 1100, 800);
	for (i = 0; i < sizeof(maxima) / sizeof(*maxima); i++) {
		struct wptrack_scan s = scan_of(a, vec, VEC_MAX, 0);
		struct marks *got = marks_new(PAGES);

		s.max_pages = maxima[i];
		scan(fd, &s);
		ck_assert_uint_eq(s.pages, maxima[i]);
		resume(fd, a, got, VEC_MAX, maxima[i], 0);
		expect_marks(got, want);
		free(got);
	}
}
END_TEST

START_TEST(max_pages_with_reset_resets_no_more)
{
	struct area a = anon_populated(PAGES);
	int fd = raw_tracker(a);
	struct wptrack_scan s = scan_of(a, vec, VEC_MAX, WPTRACK_SCAN_RESET);
	struct marks *want = marks_new(PAGES);

	touch_all(a);
	s.max_pages = 777;
	ck_assert_int_eq(scan(fd, &s), 1);
	ck_assert_uint_eq(s.pages, 777);
	ck_assert_uint_eq(vec[0].start, area_start(a));
	ck_assert_uint_eq(vec[0].end, area_start(a) + 777 * PAGE);
	marks_set(want, 777, PAGES - 777);
	expect_marks(raw_written(fd, a), want);
}
END_TEST

START_TEST(neighbours_make_one_region_whatever_lies_below_them)
{
	struct area a = hole(3 * PMD_PAGES, 0);
	int fd, i;
	struct wptrack_scan s;

	/* Several mappings, several page tables, one run of written pages. */
	for (i = 0; i < 6; i++)
		must(mmap(a.p + i * PMD / 2, PMD / 2, PROT_READ | PROT_WRITE,
			  MAP_FIXED | MAP_ANONYMOUS |
			  (i % 2 ? MAP_SHARED : MAP_PRIVATE), -1, 0));
	touch_all(a);
	fd = raw_tracker(a);
	touch_all(a);
	s = scan_of(a, vec, VEC_MAX, 0);
	ck_assert_int_eq(scan(fd, &s), 1);
	ck_assert_uint_eq(s.pages, a.pages);
	ck_assert_uint_eq(s.walk_end, area_end(a));
	/* A hole ends it. */
	must(munmap(a.p + 700 * PAGE, PAGE));
	ck_assert_int_eq(scan(fd, &s), 2);
	ck_assert_uint_eq(vec[0].end, area_start(a) + 700 * PAGE);
	ck_assert_uint_eq(vec[1].start, area_start(a) + 701 * PAGE);
}
END_TEST

START_TEST(walk_over_nothing_ends_at_the_end)
{
	struct area a = hole(5000, 3);
	int fd = raw_tracker(a);
	struct wptrack_scan s = scan_of(a, vec, 10, WPTRACK_SCAN_RESET);

	ck_assert_int_eq(scan(fd, &s), 0);
	ck_assert_uint_eq(s.walk_end, area_end(a));
	/* Mapped, but clean. */
	map_over(a, PROT_READ | PROT_WRITE);
	ck_assert_int_eq(scan(fd, &s), 0);
	ck_assert_uint_eq(s.walk_end, area_end(a));
}
END_TEST

START_TEST(empty_array_takes_nothing)
{
	struct marks *want;
	int fd;
	struct area a = alternating(&fd, &want);
	struct wptrack_scan s = scan_of(a, vec, 0, WPTRACK_SCAN_RESET);

	ck_assert_int_eq(scan(fd, &s), 0);
	expect_marks(raw_written(fd, a), want);
}
END_TEST

START_TEST(absurd_array_length_does_no_harm)
{
	static const uint64_t lens[] = { 1ULL << 32, 1ULL << 60, 1ULL << 61,
					 ~0ULL / 24 + 2, ~0ULL };
	struct marks *want;
	int fd;
	struct area a = alternating(&fd, &want);
	size_t i;

	for (i = 0; i < sizeof(lens) / sizeof(*lens); i++) {
		struct wptrack_scan s = scan_of(a, vec, 0, 0);
		long n;

		s.vec_len = lens[i];
		n = raw(fd, WPTRACK_IOC_SCAN, &s);
		ck_assert(n == REGIONS || n == -EFAULT || n == -EINVAL);
	}
	expect_marks(raw_written(fd, a), want);
}
END_TEST

START_TEST(check_tracked_stops_at_the_first_page_that_is_not)
{
	struct area a = anon_populated(40);
	int fd = raw_tracker(area_sub(a, 0, 25));
	struct wptrack_scan s;
	struct marks *want = marks_new(40);

	touch(a, 3);
	touch(a, 7);
	touch(a, 30);
	s = scan_of(a, vec, 40, WPTRACK_SCAN_RESET | WPTRACK_SCAN_CHECK_TRACKED);
	expect_errno(fd, WPTRACK_IOC_SCAN, &s, EPERM);
	ck_assert_uint_eq(s.walk_end, area_start(a) + 25 * PAGE);
	/* What was delivered before is told, and is reset. */
	ck_assert_uint_eq(s.regions, 2);
	ck_assert_uint_eq(s.pages, 2);
	ck_assert_uint_eq(vec[0].start, area_start(a) + 3 * PAGE);
	ck_assert_uint_eq(vec[1].start, area_start(a) + 7 * PAGE);
	expect_marks(raw_written(fd, a), want);
	/* Where all is tracked nothing is amiss. */
	s = scan_of(area_sub(a, 0, 25), vec, 40, WPTRACK_SCAN_CHECK_TRACKED);
	ck_assert_int_eq(scan(fd, &s), 0);
	/* Nor where nothing is mapped. */
	must(munmap(a.p + 25 * PAGE, 15 * PAGE));
	s = scan_of(a, vec, 40, WPTRACK_SCAN_CHECK_TRACKED);
	ck_assert_int_eq(scan(fd, &s), 0);
	ck_assert_uint_eq(s.walk_end, area_end(a));
	/* At the very first page. */
	s = scan_of(area_sub(a, 0, 25), vec, 40, WPTRACK_SCAN_CHECK_TRACKED);
	fd = raw_tracker(area_sub(a, 5, 5));
	expect_errno(fd, WPTRACK_IOC_SCAN, &s, EPERM);
	ck_assert_uint_eq(s.walk_end, area_start(a));
	ck_assert_uint_eq(s.regions, 0);
}
END_TEST

START_TEST(huge_tlb_pages_do_not_stop_the_walk)
{
	struct area a = { .pages = 2 * PMD_PAGES };
	struct wptrack_scan s;
	uint64_t at;
	int fd, round;

	write_file("/proc/sys/vm/nr_hugepages", "4");
	a.p = mmap(NULL, 2 * PMD, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (a.p == MAP_FAILED)
		skip("MAP_HUGETLB: %s", strerror(errno));
	touch_all(a);
	fd = raw_tracker(a);
	for (round = 0; round < 2; round++) {
		/* Ranges and limits smaller than the page. */
		for (at = area_start(a); at < area_end(a); ) {
			s = scan_of(a, vec, 1, round ? WPTRACK_SCAN_RESET : 0);
			s.start = at;
			s.end = at + 100 * PAGE;
			s.max_pages = round ? 3 : 0;
			scan(fd, &s);
			ck_assert_uint_gt(s.walk_end, at);
			at = s.walk_end;
		}
	}
	touch(a, 700);
	s = scan_of(area_sub(a, 700, 1), vec, 1, 0);
	ck_assert_int_eq(scan(fd, &s), 1);
	munmap(a.p, 2 * PMD);
	write_file("/proc/sys/vm/nr_hugepages", "0");
}
END_TEST

void scanargs_walk(Suite *s)
{
	TCase *tc = tcase_new(s, "walk", TEST_TIMEOUT);

	tcase_add_loop_test(tc,
			    thousand_regions_in_one_scan_with_the_right_walk_end,
			    0, 2);
	tcase_add_test(tc, array_of_just_the_right_size);
	tcase_add_test(tc, resume_delivers_every_region_once);
	tcase_add_test(tc, resume_with_reset_resets_every_region_once);
	tcase_add_test(tc, what_a_small_array_did_not_hold_stays_written);
	tcase_add_test(tc, max_pages_stops_and_resumes);
	tcase_add_test(tc, max_pages_with_reset_resets_no_more);
	tcase_add_test(tc, neighbours_make_one_region_whatever_lies_below_them);
	tcase_add_test(tc, walk_over_nothing_ends_at_the_end);
	tcase_add_test(tc, empty_array_takes_nothing);
	tcase_add_test(tc, absurd_array_length_does_no_harm);
	tcase_add_test(tc, check_tracked_stops_at_the_first_page_that_is_not);
	tcase_add_test(tc, huge_tlb_pages_do_not_stop_the_walk);
}
