// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changes of protection over more than what is tracked: gaps between ranges, memory that nobody
 * tracks, holes, the zero page; and such as change nothing (PAGEMAP_SCAN).
 */
#define _GNU_SOURCE
#include "carry.h"
#include "maps.h"
#include "scanwp.h"
#include "uffd.h"

#include <sys/mman.h>
#include <sys/resource.h>

#define RW		(PROT_READ | PROT_WRITE)
#define CHUNK		PMD_PAGES
#define WP_ASYNC	(1ULL << 15)	/* Linux 6.7; headers may be older */
#define WP_UNPOPULATED	(1ULL << 13)

static void protect(struct area a, int prot)
{
	must(mprotect(a.p, a.pages * PAGE, prot));
}

static const int prots[] = { PROT_READ, PROT_NONE };

enum { SMALL, PARTS, MEMFD, KINDS };

/*
 * All but the second leave something of the page table to others: where a mapping is as large
 * as a huge page, each cut of it is an event, and nothing is kept of what is read-only then.
 */
static struct area memory(int kind)
{
	struct area a;

	if (kind == SMALL)
		a = map_make(MAP_KIND_ANON, CHUNK - 50, 40).a;
	else if (kind == PARTS)
		a = area_sub(thp(1), 0, CHUNK - 50);
	else
		a = map_make(MAP_KIND_MEMFD, CHUNK - 50, 40).a;
	touch_all(a);
	return a;
}

START_TEST(ranges_with_gaps_in_one_page_table)
{
	struct area a = memory(_i / 2), part[3];
	struct wptrack *w = tracker_self();
	struct marks *m = marks_new(a.pages);
	size_t first[] = { 10, 150, 340 }, pages[] = { 50, 100, 112 };
	int round, i;

	for (i = 0; i < 3; i++) {
		part[i] = area_sub(a, first[i], pages[i]);
		track(w, part[i], 0);
		touch(part[i], 0);
		settle(w, part[i]);
	}
	for (round = 0; round < 4; round++) {
		marks_none(m);
		protect(a, prots[_i % 2]);
		if (round == 1)
			reset(w, part[1]);
		if (round == 2 && _i / 2 != PARTS)
			protect(area_sub(a, 100, 80), prots[!(_i % 2)]);
		protect(a, RW);
		for (i = 0; i < 3; i++)
			expect_clean(w, part[i]);
		touch_random(a, m, 4);
		protect(a, prots[_i % 2]);
		for (i = 0; i < 3; i++) {
			struct marks *mine = marks_new(pages[i]);

			memcpy(mine->w, m->w + first[i], pages[i]);
			expect_exact(w, part[i], mine, RESET);
			free(mine);
		}
		protect(a, RW);
		for (i = 0; i < 3; i++)
			settle(w, part[i]);
	}
}
END_TEST

static long faults(void)
{
	struct rusage u;

	must(getrusage(RUSAGE_SELF, &u));
	return u.ru_minflt;
}

/* Of the same file, in the same process: it is not tracked, and costs what it did. */
START_TEST(shared_memory_that_is_not_tracked_is_left_alone)
{
	struct map map = map_make(MAP_KIND_MEMFD, CHUNK, 0);
	struct area other = map_alias(&map);
	struct wptrack *w = tracker_on(map.a);
	struct marks *m = marks_new(CHUNK);
	long before, took;

	touch_all(map.a);
	touch_all(other);
	settle(w, map.a);
	protect(other, PROT_READ);
	protect(other, RW);
	/* Nor has it a fault for each page that comes back by a read. */
	must(madvise(other.p, CHUNK * PAGE, MADV_DONTNEED));
	read_all(other);
	before = faults();
	touch_all(other);
	took = faults() - before;
	note("%ld faults", took);
	ck_assert_int_lt(took, CHUNK / 4);
	expect_clean(w, map.a);
	touch_random(map.a, m, 5);
	expect_exact(w, map.a, m, RESET);
}
END_TEST

/* Reads of empty memory, some of which are armed by a reset, and some are not. */
START_TEST(zero_pages_while_their_protection_changes)
{
	struct area a = map_make(MAP_KIND_ANON, CHUNK, 0).a;
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(CHUNK);
	int round;
	pid_t pid;

	for (round = 0; round < 3; round++) {
		read_all(area_sub(a, 0, 200));
		expect_clean(w, a);
		if (round)
			reset(w, a);
		read_all(area_sub(a, 200, 200));
		protect(a, prots[_i]);
		expect_clean(w, a);
		pid = sleeper();
		expect_clean(w, a);
		if (round == 2)
			reset(w, a);
		protect(a, RW);
		expect_clean(w, a);
		touch_random(area_sub(a, 0, CHUNK), m, 9);
		end_child(pid);
		expect_exact(w, a, m, RESET);
		settle(w, a);
		marks_none(m);
		if (round == 1)
			map_over(a, RW);
		reset(w, a);
	}
}
END_TEST

/* Nobody may take it for more than it is: it finds armed pages, and leaves them so. */
START_TEST(pagemap_scan_with_write_protection_changes_nothing)
{
	struct area all = hole(4 * CHUNK, 0), a[3];
	struct wptrack *w = tracker_self();
	struct marks *m = marks_new(100);
	void *end[] = { all.p + 4 * PMD, all.p + 40 * PAGE, all.p + 2 * PMD, all.p + 300 * PAGE };
	size_t round, i;
	pid_t pid;

	if (scanwp(all.p, all.p + PAGE) < 0)
		skip("no PAGEMAP_SCAN");
	/* Two in one page table, one in another, and nothing behind. */
	a[0] = area_sub(all, 0, 100);
	a[1] = area_sub(all, 200, 100);
	a[2] = area_sub(all, CHUNK + 30, 100);
	must(wptrack_track(w, area_start(all), area_end(all), 0));
	for (i = 0; i < 3; i++) {
		map_over(a[i], RW);
		touch_all(a[i]);
		settle(w, a[i]);
	}
	for (round = 0; round < 8; round++) {
		marks_none(m);
		for (i = 0; i < 3; i++) {
			must(scanwp(all.p, end[round % 4]));
			expect_clean(w, a[i]);
		}
		/* From a place in a hole. */
		must(scanwp(all.p + 120 * PAGE, end[0]));
		pid = round & 1 ? sleeper() : 0;
		touch_random(a[round % 3], m, 4);
		must(scanwp(all.p, end[0]));
		for (i = 0; i < 3; i++) {
			if (i == round % 3)
				expect_exact(w, a[i], m, RESET);
			else
				expect_clean(w, a[i]);
		}
		if (pid)
			end_child(pid);
		for (i = 0; i < 3; i++)
			settle(w, a[i]);
	}
}
END_TEST

/* The kernel's own tracking of the same memory. */
START_TEST(pagemap_scan_tracks_the_same_memory)
{
	struct area a = map_make(MAP_KIND_ANON, CHUNK, 0).a;
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(CHUNK);
	int fd, round;

	touch_all(a);
	settle(w, a);
	fd = uffd_on(a, WP_ASYNC | WP_UNPOPULATED, UFFDIO_REGISTER_MODE_WP);
	if (fd < 0)
		skip("no WP_ASYNC");
	/* It protects what it reports. */
	must(scanwp(a.p, a.p + PMD));
	for (round = 0; round < 3; round++) {
		marks_none(m);
		if (round == 1)
			reset(w, a);
		touch(a, 7);
		touch(a, 9);
		touch(a, 300 + round);
		marks_set(m, 7, 1);
		marks_set(m, 9, 1);
		marks_set(m, 300 + round, 1);
		ck_assert_int_eq(scanwp(a.p, a.p + PMD), 3);
		ck_assert_int_eq(scanwp(a.p, a.p + PMD), 0);
		expect_no_lost(w, a, m, RESET, "memory of a userfaultfd");
	}
	close(fd);
	settle(w, a);
	marks_none(m);
	touch_random(a, m, 5);
	expect_exact(w, a, m, RESET);
}
END_TEST

void carry_protect(Suite *s)
{
	TCase *tc = tcase_new(s, "protect", TEST_TIMEOUT);

	tcase_add_loop_test(tc, ranges_with_gaps_in_one_page_table, 0, 2 * KINDS);
	tcase_add_test(tc, shared_memory_that_is_not_tracked_is_left_alone);
	tcase_add_loop_test(tc, zero_pages_while_their_protection_changes, 0, 2);
	tcase_add_test(tc, pagemap_scan_with_write_protection_changes_nothing);
	tcase_add_test(tc, pagemap_scan_tracks_the_same_memory);
}
