// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trackers that know of no page whether it was written, as what they had to note was too
 * much, until all of it was reset.
 */
#define _GNU_SOURCE
#include "trackers.h"
#include "maps.h"

#include <sys/mman.h>

#define MAX_PIECES	4096	/* WPT_UNKNOWN_MAX */

/* More separate pieces than can be noted as unknown: all reads written. */
static struct wptrack *lost_tracker(struct area a)
{
	struct wptrack *w = tracker_self();
	size_t i;

	for (i = 0; i < MAX_PIECES + 2; i++)
		track(w, area_sub(a, 2 * i, 1), WPTRACK_TRACK_START_WRITTEN);
	ck_assert_int_eq(fdinfo_number(w, "wptrack-lost"), 1);
	track(w, a, 0);
	return w;
}

/*
 * Resets of parts end that if nothing is between them: where nothing is mapped there is
 * nothing to be reset.  Nor is there above all mappings.
 */
START_TEST(lost_tracker_is_reset_in_parts_around_a_gap)
{
	struct area a = hole(2 * MAX_PIECES + 100, 0);
	struct area low = area_sub(a, 0, 100), high = area_sub(a, a.pages - 100, 100);
	struct area top = { (uint8_t *)0x7fffffff0000, 15 };
	struct marks *m = marks_new(100);
	struct wptrack *w;

	map_over(low, PROT_READ | PROT_WRITE);
	map_over(high, PROT_READ | PROT_WRITE);
	touch_all(low);
	touch_all(high);
	w = lost_tracker(a);
	track(w, top, 0);
	expect_all(w, high);
	reset(w, low);
	ck_assert_int_eq(fdinfo_number(w, "wptrack-lost"), 1);
	/* Not all of the rest: it is as it was. */
	reset(w, area_sub(high, 1, 99));
	ck_assert_int_eq(fdinfo_number(w, "wptrack-lost"), 1);
	expect_all(w, high);
	reset(w, low);
	reset(w, high);
	ck_assert_int_eq(fdinfo_number(w, "wptrack-lost"), 0);
	expect_clean(w, a);
	touch_random(high, m, 5);
	expect_exact(w, high, m, RESET);
	/* Of what is mapped in the gap later it knows what it has to. */
	map_over(area_sub(a, 1000, 100), PROT_READ | PROT_WRITE);
	marks_none(m);
	write_random(area_sub(a, 1000, 100), m, 5);
	expect_exact(w, area_sub(a, 1000, 100), m, RESET);
}
END_TEST

START_TEST(lost_tracker_scans_memory_of_which_nothing_is_known)
{
	struct area a = trackers_reserve(2 * MAX_PIECES / PMD_PAGES + 200);
	struct wptrack_scan_opts all = {
		.sz = sizeof(all), .return_mask = WPTRACK_PAGE_PRESENT | WPTRACK_PAGE_WRITTEN,
		.category_anyof_mask = WPTRACK_PAGE_PRESENT | WPTRACK_PAGE_WRITTEN,
	};
	struct wptrack *w = lost_tracker(area_sub(a, 0, 2 * MAX_PIECES + 4));
	struct wptrack_region v[10];

	track(w, a, 0);
	if (fdinfo_number(w, "wptrack-lost")) {
		expect_all(w, a);
		ck_assert_int_ge(wptrack_scan(w, area_start(a), area_end(a), v, 10, NULL,
					      &all), 1);
		ck_assert_uint_eq(v[0].categories, WPTRACK_PAGE_WRITTEN);
		reset(w, a);
	}
	ck_assert_int_eq(fdinfo_number(w, "wptrack-lost"), 0);
	expect_clean(w, a);
}
END_TEST

/* Another one knows that they are clean.  _i: kept huge, by both. */
START_TEST(lost_tracker_of_huge_pages_that_are_clean)
{
	const uint64_t flags = _i ? WPTRACK_TRACK_KEEP_HUGE : 0;
	struct area a = hole(2 * MAX_PIECES + 4, 0), h = thp(2);
	struct area low = area_start(a) < area_start(h) ? a : h;
	struct area high = low.p == a.p ? h : a;
	struct marks *m = marks_new(h.pages);
	struct wptrack *w, *other = tracker_self();

	track(other, h, flags);
	expect_clean(other, h);
	w = lost_tracker(a);
	track(w, h, flags | WPTRACK_TRACK_START_WRITTEN);
	ck_assert_int_eq(fdinfo_number(w, "wptrack-lost"), 1);
	expect_all(w, h);
	expect_clean(other, h);
	touch(h, 5);
	marks_set(m, _i ? 0 : 5, _i ? PMD_PAGES : 1);
	expect_all(w, h);
	expect_exact(other, h, m, GET);
	reset(w, low);
	reset(w, high);
	ck_assert_int_eq(fdinfo_number(w, "wptrack-lost"), 0);
	expect_clean(w, h);
	expect_exact(other, h, m, RESET);
	touch(h, PMD_PAGES);
	marks_none(m);
	marks_set(m, PMD_PAGES, _i ? PMD_PAGES : 1);
	expect_exact(w, h, m, RESET);
	expect_exact(other, h, m, RESET);
}
END_TEST

void trackers_lost(Suite *s)
{
	TCase *tc = tcase_new(s, "lost", TEST_TIMEOUT);

	tcase_add_test(tc, lost_tracker_is_reset_in_parts_around_a_gap);
	tcase_add_loop_test(tc, lost_tracker_of_huge_pages_that_are_clean, 0, 2);
	tcase_add_test(tc, lost_tracker_scans_memory_of_which_nothing_is_known);
}
