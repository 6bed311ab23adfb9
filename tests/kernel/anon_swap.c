// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that the kernel takes away and brings back: swap, compaction, KSM.
 */
#define _GNU_SOURCE
#include "anon.h"
#include "ksm.h"
#include "maps.h"
#include "swap.h"

#include <sys/mman.h>
#include <sys/wait.h>

#define PAGES 700

static size_t count_swapped(struct wptrack *w, struct area a)
{
	struct wptrack_scan_opts o = {
		.sz = sizeof(o),
		.category_mask = WPTRACK_PAGE_SWAPPED,
		.return_mask = WPTRACK_PAGE_SWAPPED,
	};

	return wptrack_count(w, area_start(a), area_end(a), &o);
}

static size_t page_out(struct wptrack *w, struct area a)
{
	must(madvise(a.p, a.pages * PAGE, 21 /* MADV_PAGEOUT */));
	return count_swapped(w, a);
}

START_TEST(swapped_pages_lose_no_write)
{
	struct area a = anon_populated(PAGES);
	struct marks *m = marks_new(PAGES);
	uint8_t *copy = malloc(PAGES * PAGE);
	struct wptrack *w;
	size_t out = 0;
	int round;

	if (swap_missing())
		skip("%s", swap_missing());
	w = tracker_on(a);
	for (round = 0; round < 6; round++) {
		/* Written, then swapped out. */
		touch_random(a, m, 6);
		out += page_out(w, a);
		expect_no_lost(w, a, m, GET, "swapped out");
		/* Swapped out, then read, then written. */
		if (round % 2)
			read_all(a);
		touch_random(a, m, 6);
		expect_no_lost(w, a, m, RESET, "swapped in");
		marks_none(m);
		/* Reset while some pages are in swap. */
		out += page_out(w, area_sub(a, 100, 400));
		reset(w, a);
		touch_random(a, m, 6);
		expect_no_lost(w, a, m, RESET, "reset in swap");
		marks_none(m);
	}
	note("%zu pages went to swap", out);
	ck_assert_uint_gt(out, 0);
	memcpy(copy, a.p, PAGES * PAGE);
	page_out(w, a);
	ck_assert(!memcmp(copy, a.p, PAGES * PAGE));
}
END_TEST

START_TEST(memory_in_swap_at_track_loses_no_write)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = tracker_self();
	struct marks *m = marks_new(PAGES);

	if (swap_missing())
		skip("%s", swap_missing());
	page_out(w, a);
	track(w, a, 0);
	touch_random(a, m, 6);
	expect_no_lost(w, a, m, RESET, "swapped in");
	marks_none(m);
	touch_random(a, m, 6);
	expect_no_lost(w, a, m, RESET, "swapped in");
}
END_TEST

START_TEST(swap_shared_with_a_child_loses_no_write)
{
	struct area a = anon_populated(PAGES);
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	pid_t pid;

	if (swap_missing())
		skip("%s", swap_missing());
	w = tracker_on(a);
	page_out(w, a);
	pid = must(fork());
	if (!pid) {
		touch_all(a);
		_exit(0);
	}
	touch_random(a, m, 6);
	expect_no_lost(w, a, m, RESET, "swapped in");
	must(waitpid(pid, NULL, 0));
	marks_none(m);
	touch_random(a, m, 6);
	expect_no_lost(w, a, m, RESET, "swapped in");
}
END_TEST

START_TEST(compaction_loses_no_write)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(PAGES);
	int round;

	if (access("/proc/sys/vm/compact_memory", W_OK))
		skip("no /proc/sys/vm/compact_memory");
	for (round = 0; round < 4; round++) {
		touch_random(a, m, 6);
		write_file("/proc/sys/vm/compact_memory", "1");
		touch_random(a, m, 6);
		expect_no_lost(w, a, m, RESET, "migrated");
		marks_none(m);
	}
}
END_TEST

START_TEST(pages_that_are_merged_stay_clean)
{
	struct area a = anon(PAGES);
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;

	if (!ksm_exists())
		skip("no KSM");
	memset(a.p, 0x5a, PAGES * PAGE);
	w = tracker_on(a);
	settle(w, a);
	ck_assert_msg(ksm_merge(a), "KSM merged nothing within 20 seconds");
	expect_clean(w, a);
	touch_random(a, m, 6);
	expect_exact(w, a, m, RESET);
	/* What was written goes back to what it was, and is merged again. */
	ksm_go_on();
	memset(a.p, 0x5a, PAGES * PAGE);
	usleep(200000);
	marks_all(m);
	expect_no_lost(w, a, m, RESET, "merged");
	marks_none(m);
	touch_random(a, m, 6);
	expect_no_lost(w, a, m, RESET, "merged");
	ksm_off();
	marks_none(m);
	touch_random(a, m, 6);
	expect_no_lost(w, a, m, RESET, "unmerged");
}
END_TEST

void anon_swap(Suite *s)
{
	TCase *tc = tcase_new(s, "swap", TEST_TIMEOUT);

	tcase_add_unchecked_fixture(tc, swap_setup, swap_teardown);
	tcase_add_test(tc, swapped_pages_lose_no_write);
	tcase_add_test(tc, memory_in_swap_at_track_loses_no_write);
	tcase_add_test(tc, swap_shared_with_a_child_loses_no_write);

	tc = tcase_new(s, "moves", TEST_TIMEOUT);
	tcase_add_unchecked_fixture(tc, NULL, ksm_off);
	tcase_add_test(tc, compaction_loses_no_write);
	tcase_add_test(tc, pages_that_are_merged_stay_clean);
}
