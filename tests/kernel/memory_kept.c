// SPDX-License-Identifier: GPL-2.0-only
/*
 * Huge pages that are not to be split: all or nothing is written.
 */
#define _GNU_SOURCE
#include "memory.h"
#include "maps.h"

#include <sys/mman.h>

#define HUGE 6

static struct wptrack *kept_on(struct area a)
{
	struct wptrack *w = tracker_self();

	track(w, a, WPTRACK_TRACK_KEEP_HUGE);
	return w;
}

static void expect_whole(struct area a)
{
	ck_assert_uint_eq(thp_bytes(a), a.pages * PAGE);
}

START_TEST(kept_huge_pages_are_written_as_a_whole)
{
	struct area a = thp(HUGE);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w = kept_on(a);
	int round;

	for (round = 0; round < 4; round++) {
		expect_clean(w, a);
		marks_none(m);
		touch(a, round * PMD_PAGES + 77);
		touch(a, 5 * PMD_PAGES + 511);
		marks_set(m, round * PMD_PAGES, PMD_PAGES);
		marks_set(m, 5 * PMD_PAGES, PMD_PAGES);
		expect_exact(w, a, m, GET);
		expect_exact(w, a, m, RESET);
		expect_whole(a);
	}
	expect_clean(w, a);
}
END_TEST

START_TEST(kept_huge_page_is_not_reset_in_part)
{
	struct area a = thp(2);
	struct area part = area_sub(a, 10, 100);
	struct wptrack *w = kept_on(a);

	touch(a, 20);
	expect_all(w, part);
	reset(w, part);
	expect_all(w, part);
	expect_whole(a);
	reset(w, a);
	expect_clean(w, a);
	touch(a, 1);
	expect_all(w, part);
	expect_whole(a);
}
END_TEST

START_TEST(one_tracker_that_wants_pages_has_its_way)
{
	struct area a = thp(HUGE);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w = kept_on(a), *v = tracker_on(a);

	touch_random(a, m, 500);
	expect_exact(v, a, m, RESET);
	expect_exact(w, a, m, RESET);
	expect_clean(v, a);
}
END_TEST

START_TEST(kept_range_that_ends_within_a_huge_page_loses_nothing)
{
	struct area a = thp(3);
	struct area part = area_sub(a, 100, 1000);
	struct marks *m = marks_new(part.pages);
	struct wptrack *w = kept_on(part);

	touch_random(part, m, 100);
	expect_no_lost(w, part, m, RESET, "kept whole");
	expect_whole(a);
	marks_none(m);
	touch_random(part, m, 100);
	expect_no_lost(w, part, m, RESET, "kept whole");
	expect_whole(a);
}
END_TEST

void memory_kept(Suite *s)
{
	TCase *tc = tcase_new(s, "kept", TEST_TIMEOUT);

	tcase_add_test(tc, kept_huge_pages_are_written_as_a_whole);
	tcase_add_test(tc, kept_huge_page_is_not_reset_in_part);
	tcase_add_test(tc, one_tracker_that_wants_pages_has_its_way);
	tcase_add_test(tc, kept_range_that_ends_within_a_huge_page_loses_nothing);
}
