// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel does to tracked huge pages on its own account.
 */
#define _GNU_SOURCE
#include "memory.h"
#include "maps.h"
#include "shadow.h"

#include <sys/mman.h>

#define HUGE	4

/* Splits the kernel makes: what they are about may read written, nothing else. */
static void expect_carried(struct wptrack *w, struct area a, struct marks *m,
			   size_t first, size_t pages)
{
	struct marks *all = marks_new(a.pages);
	struct marks *got = written(w, a, GET);
	size_t i;

	marks_add(all, m);
	marks_set(all, first, pages);
	for (i = 0; i < a.pages; i++) {
		if (m->w[i] && !got->w[i])
			ck_abort_msg("page %zu: LOST", i);
		if (got->w[i] && !all->w[i])
			ck_abort_msg("page %zu was not written and not touched", i);
	}
	free(all);
	free(got);
}

START_TEST(part_that_is_zapped_leaves_the_rest_clean)
{
	struct area a = thp(HUGE);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w = tracker_on(a);

	must(madvise(a.p + 100 * PAGE, 50 * PAGE, MADV_DONTNEED));
	marks_set(m, 100, 50);
	expect_exact(w, a, m, RESET);
	marks_none(m);
	touch_random(a, m, 200);
	expect_exact(w, a, m, RESET);
}
END_TEST

START_TEST(part_that_is_unmapped_leaves_the_rest_clean)
{
	struct area a = thp(HUGE);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w = tracker_on(a);

	must(munmap(a.p + 600 * PAGE, 30 * PAGE));
	expect_carried(w, a, m, 600, 30);
	map_over(area_sub(a, 600, 30), PROT_READ | PROT_WRITE);
	expect_carried(w, a, m, 600, 30);
	touch(a, 610);
	touch(a, 3);
	m->w[610] = m->w[3] = 1;
	expect_carried(w, a, m, 600, 30);
}
END_TEST

START_TEST(part_with_another_protection_leaves_the_rest_clean)
{
	struct area a = thp(HUGE);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w = tracker_on(a);

	must(mprotect(a.p + 1024 * PAGE, 20 * PAGE, PROT_READ));
	expect_carried(w, a, m, 1024, 20);
	must(mprotect(a.p + 1024 * PAGE, 20 * PAGE, PROT_READ | PROT_WRITE));
	touch(a, 1030);
	touch(a, 1060);
	m->w[1030] = m->w[1060] = 1;
	expect_carried(w, a, m, 1024, 20);
}
END_TEST

START_TEST(protection_of_the_whole_loses_nothing)
{
	struct area a = thp(HUGE);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w = tracker_on(a);

	must(mprotect(a.p, a.pages * PAGE, PROT_READ));
	must(mprotect(a.p, a.pages * PAGE, PROT_READ | PROT_WRITE));
	touch_random(a, m, 100);
	expect_no_lost(w, a, m, RESET, "mprotect");
	marks_none(m);
	touch_random(a, m, 100);
	expect_exact(w, a, m, RESET);
}
END_TEST

START_TEST(moved_over_tracked_memory_is_written)
{
	struct area a = thp(HUGE), b = thp(HUGE);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w = tracker_self();

	track(w, a, 0);
	track(w, b, 0);
	must((long)mremap(b.p, PMD, PMD, MREMAP_MAYMOVE | MREMAP_FIXED,
			  a.p + PMD));
	must((long)mremap(b.p + PMD, PMD, PMD, MREMAP_MAYMOVE | MREMAP_FIXED, b.p));
	marks_set(m, PMD_PAGES, PMD_PAGES);
	expect_exact(w, a, m, RESET);
	expect_all(w, area_sub(b, 0, PMD_PAGES));
	expect_clean(w, area_sub(b, 2 * PMD_PAGES, 2 * PMD_PAGES));
	expect_clean(w, a);
}
END_TEST

START_TEST(zapped_whole_and_populated_again_is_written)
{
	struct area a = thp(HUGE);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w = tracker_on(a);

	must(madvise(a.p + PMD, PMD, MADV_DONTNEED));
	marks_set(m, PMD_PAGES, PMD_PAGES);
	expect_exact(w, a, m, GET);
	touch(a, PMD_PAGES + 9);
	expect_exact(w, a, m, RESET);
	expect_clean(w, a);
}
END_TEST

START_TEST(soft_dirty_clear_loses_nothing)
{
	struct area a = thp(HUGE);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w = tracker_on(a);

	touch_random(a, m, 700);
	write_file("/proc/self/clear_refs", "4");
	expect_no_lost(w, a, m, GET, "clear_refs");
	touch_random(a, m, 700);
	expect_no_lost(w, a, m, RESET, "clear_refs");
	expect_clean(w, a);
}
END_TEST

START_TEST(compaction_loses_nothing)
{
	struct area a = thp(HUGE);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w = tracker_on(a);
	int i;

	for (i = 0; i < 3; i++) {
		touch_random(a, m, 700);
		write_file("/proc/sys/vm/compact_memory", "1");
		expect_no_lost(w, a, m, GET, "compaction");
	}
	expect_no_lost(w, a, m, RESET, "compaction");
	expect_clean(w, a);
}
END_TEST

void memory_events(Suite *s)
{
	TCase *tc = tcase_new(s, "events", TEST_TIMEOUT);

	tcase_add_test(tc, part_that_is_zapped_leaves_the_rest_clean);
	tcase_add_test(tc, part_that_is_unmapped_leaves_the_rest_clean);
	tcase_add_test(tc, part_with_another_protection_leaves_the_rest_clean);
	tcase_add_test(tc, protection_of_the_whole_loses_nothing);
	tcase_add_test(tc, moved_over_tracked_memory_is_written);
	tcase_add_test(tc, zapped_whole_and_populated_again_is_written);
	tcase_add_test(tc, soft_dirty_clear_loses_nothing);
	tcase_add_test(tc, compaction_loses_nothing);
}
