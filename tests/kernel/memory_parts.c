// SPDX-License-Identifier: GPL-2.0-only
/*
 * Huge pages of which not all has the same answer: a part that is not tracked, or was not
 * for a while, and a part that is still to be told to one of two trackers.
 */
#define _GNU_SOURCE
#include "memory.h"
#include "maps.h"

#include <sys/mman.h>
#include <sys/wait.h>

#define HALF	(PMD_PAGES / 2)

static struct wptrack *tracker_with(struct area a, uint64_t flags)
{
	struct wptrack *w = tracker_self();

	track(w, a, flags);
	return w;
}

static void mark_written(struct marks *m, struct area part, struct area a, size_t page,
			 bool kept)
{
	size_t first = (part.p - a.p) / PAGE;

	if (kept)
		marks_set(m, first, part.pages);
	else
		m->w[page] = 1;
}

/* _i: kept huge, which half is not tracked, and both are written before it is again. */
START_TEST(half_is_untracked_and_both_are_written)
{
	const uint64_t flags = _i & 1 ? WPTRACK_TRACK_KEEP_HUGE : 0;
	const size_t off = _i & 2 ? HALF : 0;
	struct area a = thp(2);
	struct area half = area_sub(a, off, HALF), rest = area_sub(a, HALF - off, HALF);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w = tracker_with(a, flags);
	bool write = _i & 4;

	untrack(w, half);
	expect_clean(w, a);
	if (write) {
		touch(a, off + 3);
		touch(a, HALF - off + 7);
		mark_written(m, rest, a, HALF - off + 7, flags);
		expect_exact(w, a, m, GET);
	}
	track(w, half, flags | WPTRACK_TRACK_START_WRITTEN);
	marks_set(m, off, HALF);
	expect_exact(w, a, m, GET);
	expect_exact(w, a, m, RESET);
	/* A part of what is kept whole is not reset: now it is asked for as a whole. */
	if (flags)
		expect_no_lost(w, a, marks_new(a.pages), RESET, "reset in part");
	expect_clean(w, a);
	marks_none(m);
	touch(a, off + 9);
	if (flags)
		marks_set(m, 0, PMD_PAGES);
	else
		m->w[off + 9] = 1;
	expect_exact(w, a, m, RESET);
	expect_clean(w, a);
	check_that(a.p[(off + 3) * PAGE + off + 3] == 1 + write);
	check_that(a.p[(HALF - off + 7) * PAGE + HALF - off + 7] == 1 + write);
	check_that(a.p[(off + 9) * PAGE + off + 9] == 2);
}
END_TEST

/* The same while its protection changes, which takes the mark from all of it. */
START_TEST(half_is_untracked_while_protection_changes)
{
	const uint64_t flags = _i & 1 ? WPTRACK_TRACK_KEEP_HUGE : 0;
	struct area a = thp(1);
	struct area half = area_sub(a, 0, HALF), rest = area_sub(a, HALF, HALF);
	const char *why = "protection of a huge page that is tracked in part";
	struct marks *m = marks_new(a.pages);
	struct wptrack *w = tracker_with(a, flags);

	untrack(w, half);
	/* The event that is seen is of half an entry. */
	must(mprotect(a.p, PMD, _i & 2 ? PROT_NONE : PROT_READ));
	expect_no_lost(w, a, m, GET, why);
	track(w, half, flags | WPTRACK_TRACK_START_WRITTEN);
	marks_set(m, 0, HALF);
	expect_no_lost(w, a, m, GET, why);
	must(mprotect(a.p, PMD, PROT_READ | PROT_WRITE));
	expect_no_lost(w, a, m, GET, why);
	touch(a, HALF + 9);
	mark_written(m, rest, a, HALF + 9, flags);
	expect_no_lost(w, a, m, RESET, why);
	if (flags)
		expect_no_lost(w, a, marks_new(a.pages), RESET, "reset in part");
	expect_clean(w, a);
	touch(a, 9);
	marks_none(m);
	mark_written(m, a, a, 9, flags);
	expect_exact(w, a, m, RESET);
	check_that(a.p[9 * PAGE + 9] == 2 && a.p[(HALF + 9) * PAGE + HALF + 9] == 2);
}
END_TEST

/* A kept page whose first half is written, and the other clean. */
static struct wptrack *half_written(struct area a, struct marks *m)
{
	struct area half = area_sub(a, 0, HALF);
	struct wptrack *w = tracker_with(a, WPTRACK_TRACK_KEEP_HUGE);

	untrack(w, half);
	/* Its first reset cannot have half of a page. */
	track(w, half, WPTRACK_TRACK_KEEP_HUGE);
	marks_set(m, 0, HALF);
	return w;
}

static int64_t scan(struct wptrack *w, struct area a, struct wptrack_region *r, size_t len,
		    uint64_t *end, const struct wptrack_scan_opts *o)
{
	int64_t n = wptrack_scan(w, area_start(a), area_end(a), r, len, end, o);

	ck_assert_msg(n >= 0, "%s", wptrack_error(w));
	return n;
}

/* _i: what was clean is written before all of it is reset. */
START_TEST(half_written_page_is_told_page_by_page)
{
	struct area a = thp(1);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w = half_written(a, m);
	struct wptrack_region r[4];
	struct wptrack_scan_opts others = {
		.sz = sizeof(others), .category_mask = WPTRACK_PAGE_HUGE | WPTRACK_PAGE_WRITTEN,
		.category_inverted = WPTRACK_PAGE_WRITTEN, .return_mask = WPTRACK_PAGE_HUGE,
	};
	struct wptrack_scan_opts few = {
		.sz = sizeof(few), .flags = WPTRACK_SCAN_RESET, .max_pages = 10,
	};
	uint64_t end;

	expect_exact(w, a, m, GET);
	ck_assert_int_eq(scan(w, a, r, 4, &end, &others), 1);
	ck_assert_uint_eq(r[0].start, area_start(a) + HALF * PAGE);
	ck_assert_uint_eq(r[0].end, area_end(a));
	/* It stays as it is where less than all of it is reset. */
	ck_assert_int_eq(scan(w, a, r, 4, &end, &few), 1);
	ck_assert_uint_eq(r[0].end, area_start(a) + 10 * PAGE);
	ck_assert_uint_eq(end, r[0].end);
	expect_exact(w, a, m, GET);
	r[0].start = area_start(a) + 20 * PAGE;
	r[0].end = area_start(a) + 30 * PAGE;
	ck_assert_int_eq(wptrack_clear(w, r, 1, NULL, 0), 1);
	expect_exact(w, a, m, GET);
	if (!_i) {
		expect_exact(w, a, m, RESET);
		expect_clean(w, a);
	}
	ck_assert_uint_eq(thp_bytes(a), PMD);
	touch(a, HALF + 9);
	expect_all(w, a);
	reset(w, a);
	expect_clean(w, a);
	touch(a, 1);
	expect_all(w, a);
	ck_assert_uint_eq(thp_bytes(a), PMD);
}
END_TEST

START_TEST(half_written_page_is_split_for_who_wants_pages)
{
	struct area a = thp(1);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w = half_written(a, m), *v = tracker_self();

	track(v, area_sub(a, 500, 12), 0);
	expect_exact(w, a, m, GET);
	expect_exact(w, a, m, RESET);
	expect_clean(w, a);
	ck_assert_uint_eq(thp_bytes(a), 0);
	marks_none(m);
	touch(a, 17);
	touch(a, 505);
	m->w[17] = m->w[505] = 1;
	expect_exact(w, a, m, RESET);
	ck_assert_uint_eq(count_written(v, area_sub(a, 500, 12)), 1);
}
END_TEST

/* What becomes clean for one is written for the other, and the rest is clean for both. */
START_TEST(half_written_page_is_reset_for_two_trackers)
{
	struct area a = thp(1);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w = half_written(a, m), *v = tracker_with(a, WPTRACK_TRACK_KEEP_HUGE);

	expect_exact(w, a, m, RESET);
	expect_clean(w, a);
	expect_clean(v, a);
	touch(a, 3);
	expect_all(v, a);
	reset(v, a);
	expect_clean(v, a);
	expect_all(w, a);
}
END_TEST

/* A huge page that is written, and reset by one of two trackers: the other has it pending. */
static struct area told_to_one(uint64_t flags, struct wptrack **w, struct wptrack **v)
{
	struct area a = thp(1);

	*w = tracker_with(a, flags);
	*v = tracker_with(a, flags);
	touch_all(a);
	if (!flags) {
		/* All is written, so that a huge page may come into being. */
		map_over(a, PROT_READ | PROT_WRITE);
		must(madvise(a.p, PMD, MADV_HUGEPAGE));
		memset(a.p, 1, PMD);
	}
	expect_all(*w, a);
	expect_all(*v, a);
	reset(*v, a);
	expect_clean(*v, a);
	ck_assert_uint_eq(thp_bytes(a), PMD);
	return a;
}

START_TEST(part_of_a_huge_page_is_pending)
{
	const uint64_t flags = _i ? WPTRACK_TRACK_KEEP_HUGE : 0;
	struct wptrack *w, *v;
	struct area a = told_to_one(flags, &w, &v);
	struct marks *m = marks_new(a.pages);
	struct wptrack_region r[4];
	struct wptrack_scan_opts few = {
		.sz = sizeof(few), .flags = WPTRACK_SCAN_RESET, .max_pages = 50,
	};
	struct wptrack_scan_opts others = {
		.sz = sizeof(others), .flags = WPTRACK_SCAN_RESET,
		.category_mask = WPTRACK_PAGE_HUGE | WPTRACK_PAGE_WRITTEN,
		.category_inverted = WPTRACK_PAGE_WRITTEN, .return_mask = WPTRACK_PAGE_HUGE,
	};
	uint64_t end;

	expect_all(w, area_sub(a, 0, 100));
	reset(w, area_sub(a, 0, 100));
	marks_set(m, 100, PMD_PAGES - 100);
	expect_exact(w, a, m, GET);
	ck_assert_int_eq(scan(w, a, r, 4, &end, &few), 1);
	ck_assert_uint_eq(r[0].start, area_start(a) + 100 * PAGE);
	ck_assert_uint_eq(r[0].end, area_start(a) + 150 * PAGE);
	memset(m->w + 100, 0, 50);
	expect_exact(w, a, m, GET);
	r[0].start = area_start(a) + 200 * PAGE;
	r[0].end = area_start(a) + 220 * PAGE;
	ck_assert_int_eq(wptrack_clear(w, r, 1, NULL, 0), 1);
	memset(m->w + 200, 0, 20);
	expect_exact(w, a, m, GET);
	/* All but those that are written are reset: that is nothing. */
	ck_assert_int_eq(scan(w, a, r, 4, &end, &others), 2);
	expect_exact(w, a, m, GET);
	reset(w, area_sub(a, 300, PMD_PAGES - 300));
	memset(m->w + 300, 0, PMD_PAGES - 300);
	expect_exact(w, a, m, GET);
	expect_exact(w, a, m, RESET);
	expect_clean(w, a);
	expect_clean(v, a);
	ck_assert_uint_eq(thp_bytes(a), PMD);
	touch(a, 511);
	marks_none(m);
	marks_set(m, flags ? 0 : 511, flags ? PMD_PAGES : 1);
	expect_exact(v, a, m, RESET);
	expect_exact(w, a, m, RESET);
}
END_TEST

START_TEST(pending_in_part_and_written)
{
	const uint64_t flags = _i ? WPTRACK_TRACK_KEEP_HUGE : 0;
	struct wptrack *w, *v;
	struct area a = told_to_one(flags, &w, &v);
	struct marks *m = marks_new(a.pages);

	reset(w, area_sub(a, 0, 100));
	touch(a, 7);
	marks_set(m, flags ? 0 : 7, flags ? PMD_PAGES : 1);
	expect_exact(v, a, m, GET);
	marks_set(m, 100, PMD_PAGES - 100);
	expect_exact(w, a, m, GET);
	expect_exact(w, a, m, RESET);
	marks_none(m);
	marks_set(m, flags ? 0 : 7, flags ? PMD_PAGES : 1);
	expect_exact(v, a, m, RESET);
	expect_clean(w, a);
	touch(a, 9);
	marks_none(m);
	marks_set(m, flags ? 0 : 9, flags ? PMD_PAGES : 1);
	expect_exact(w, a, m, RESET);
	expect_exact(v, a, m, RESET);
	expect_clean(w, a);
}
END_TEST

START_TEST(regions_are_full_before_a_huge_page)
{
	struct area a = thp(2);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w = tracker_self();
	struct wptrack_scan_opts o = {
		.sz = sizeof(o), .flags = WPTRACK_SCAN_RESET,
		.category_mask = WPTRACK_PAGE_WRITTEN,
		.return_mask = WPTRACK_PAGE_WRITTEN | WPTRACK_PAGE_HUGE,
	};
	struct wptrack_region r;
	uint64_t end;

	/* The first in small pages. */
	must(madvise(a.p, PAGE, MADV_DONTNEED));
	touch(a, 0);
	ck_assert_uint_eq(thp_bytes(a), PMD);
	track(w, a, WPTRACK_TRACK_START_WRITTEN | (_i ? WPTRACK_TRACK_KEEP_HUGE : 0));
	ck_assert_int_eq(scan(w, a, &r, 1, &end, &o), 1);
	ck_assert_uint_eq(r.end, area_start(a) + PMD);
	ck_assert_uint_eq(end, r.end);
	marks_set(m, PMD_PAGES, PMD_PAGES);
	expect_exact(w, a, m, GET);
	expect_exact(w, a, m, RESET);
	expect_clean(w, a);
	ck_assert_uint_eq(thp_bytes(a), PMD);
}
END_TEST

/* Nothing is known of the one, and nothing changes there. */
START_TEST(reset_by_other_masks_beside_an_untracked_huge_page)
{
	struct area a = thp(3), b = area_sub(a, 0, 2 * PMD_PAGES);
	struct marks *m = marks_new(b.pages);
	struct wptrack *w = tracker_with(b, _i ? WPTRACK_TRACK_KEEP_HUGE : 0);
	struct wptrack_scan_opts o = {
		.sz = sizeof(o), .flags = WPTRACK_SCAN_RESET,
		.category_mask = WPTRACK_PAGE_HUGE,
		.return_mask = WPTRACK_PAGE_WRITTEN | WPTRACK_PAGE_HUGE,
	};
	struct wptrack_region r[8];
	uint64_t end, i;
	int64_t n;

	touch(a, 1);
	touch(a, 2 * PMD_PAGES + 1);
	n = scan(w, a, r, 8, &end, &o);
	ck_assert_int_ge(n, 1);
	ck_assert_uint_eq(r[n - 1].end, area_end(a));
	ck_assert_uint_eq(r[n - 1].categories, WPTRACK_PAGE_HUGE);
	/* What is not huge any more was not reset. */
	if (!_i)
		m->w[1] = 1;
	expect_exact(w, b, m, GET);
	reset(w, b);
	expect_clean(w, b);
	for (i = 1; i < a.pages; i += 2 * PMD_PAGES)
		check_that(a.p[i * PAGE + i] == 2);
}
END_TEST

/* A fork passes over empty memory of which there is a record; a huge page comes then. */
START_TEST(huge_page_in_memory_that_was_empty_at_a_fork)
{
	struct area a = thp(2);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w = tracker_with(a, _i ? WPTRACK_TRACK_KEEP_HUGE : 0);
	pid_t pid;

	must(madvise(a.p, PMD, MADV_DONTNEED));
	marks_set(m, 0, PMD_PAGES);
	expect_exact(w, a, m, RESET);
	expect_clean(w, a);
	pid = must(fork());
	if (!pid)
		_exit(0);
	must(waitpid(pid, NULL, 0));
	expect_clean(w, a);
	a.p[9 * PAGE] = 7;
	marks_none(m);
	marks_set(m, _i ? 0 : 9, _i ? PMD_PAGES : 1);
	expect_exact(w, a, m, GET);
	expect_exact(w, a, m, RESET);
	expect_clean(w, a);
	ck_assert_uint_eq(thp_bytes(a), _i ? 2 * PMD : PMD);
	check_that(a.p[9 * PAGE] == 7);
}
END_TEST

void memory_parts(Suite *s)
{
	TCase *tc = tcase_new(s, "parts", TEST_TIMEOUT);

	tcase_add_loop_test(tc, half_is_untracked_and_both_are_written, 0, 8);
	tcase_add_loop_test(tc, half_is_untracked_while_protection_changes, 0, 4);
	tcase_add_loop_test(tc, half_written_page_is_told_page_by_page, 0, 2);
	tcase_add_test(tc, half_written_page_is_split_for_who_wants_pages);
	tcase_add_test(tc, half_written_page_is_reset_for_two_trackers);
	tcase_add_loop_test(tc, part_of_a_huge_page_is_pending, 0, 2);
	tcase_add_loop_test(tc, pending_in_part_and_written, 0, 2);
	tcase_add_loop_test(tc, regions_are_full_before_a_huge_page, 0, 2);
	tcase_add_loop_test(tc, reset_by_other_masks_beside_an_untracked_huge_page, 0, 2);
	tcase_add_loop_test(tc, huge_page_in_memory_that_was_empty_at_a_fork, 0, 2);
}
