// SPDX-License-Identifier: GPL-2.0-only
/*
 * Huge pages of anonymous memory: exact to the 4 KiB page.
 */
#define _GNU_SOURCE
#include "memory.h"
#include "maps.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/uio.h>

START_TEST(huge_pages_are_clean_after_track_and_stay_whole)
{
	struct area a = thp(8);
	struct wptrack *w = tracker_on(a);

	expect_clean(w, a);
	read_all(a);
	expect_clean(w, a);
	ck_assert_uint_eq(thp_bytes(a), a.pages * PAGE);
	ck_assert_uint_eq(categories(w, a.p + 5 * PAGE),
			  categories(w, a.p) & ~WPTRACK_PAGE_WRITTEN);
	ck_assert(categories(w, a.p) & WPTRACK_PAGE_HUGE);
	wptrack_close(w);
	ck_assert_uint_eq(thp_bytes(a), a.pages * PAGE);
	touch_all(a);
	ck_assert_uint_eq(thp_bytes(a), a.pages * PAGE);
}
END_TEST

START_TEST(thousand_single_bytes_in_a_gibibyte_are_a_thousand_pages)
{
	struct area a = thp(512);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w = tracker_on(a);
	long splits = stats_value("splits");
	int i;

	for (i = 0; i < 1000; i++) {
		size_t page = rnd_below(a.pages);

		m->w[page] = 1;
		a.p[page * PAGE + rnd_below(PAGE)] += 1;
	}
	expect_exact(w, a, m, GET);
	expect_exact(w, a, m, RESET);
	expect_clean(w, a);
	note("%zu pages written, %ld huge pages split", marks_count(m),
	     stats_value("splits") - splits);
}
END_TEST

START_TEST(first_write_is_one_fault_and_no_other_page)
{
	struct area a = thp(4);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w = tracker_on(a);
	struct rusage before, after;
	size_t i;

	expect_clean(w, a);
	must(getrusage(RUSAGE_SELF, &before));
	for (i = 0; i < 4; i++)
		a.p[(i * PMD_PAGES + 17 * i) * PAGE] += 1;
	must(getrusage(RUSAGE_SELF, &after));
	ck_assert_int_eq(after.ru_minflt - before.ru_minflt, 4);
	for (i = 0; i < 4; i++)
		m->w[i * PMD_PAGES + 17 * i] = 1;
	expect_exact(w, a, m, RESET);
}
END_TEST

START_TEST(each_round_of_writes_is_exact)
{
	struct area a = thp(12);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w = tracker_on(a);
	int round;

	for (round = 0; round < 6; round++) {
		marks_none(m);
		touch_random(a, m, 900);
		expect_exact(w, a, m, RESET);
		expect_clean(w, a);
	}
}
END_TEST

START_TEST(range_over_half_a_huge_page_is_exact)
{
	struct area a = thp(3);
	struct area half = area_sub(a, 256, 700);
	struct marks *m = marks_new(half.pages);
	struct wptrack *w = tracker_on(half);

	expect_clean(w, half);
	touch(a, 0);
	touch(a, 255);
	touch(a, 956);
	expect_clean(w, half);
	touch_random(half, m, 30);
	expect_exact(w, half, m, RESET);
	expect_clean(w, half);
}
END_TEST

START_TEST(untrack_of_half_a_huge_page_leaves_the_other_half)
{
	struct area a = thp(2);
	struct area left = area_sub(a, 0, 700);
	struct marks *m = marks_new(left.pages);
	struct wptrack *w = tracker_on(a);

	untrack(w, area_sub(a, 700, a.pages - 700));
	expect_clean(w, left);
	touch(a, 701);
	expect_clean(w, left);
	touch_random(left, m, 100);
	expect_exact(w, left, m, RESET);
	ck_assert_uint_eq(count_written(w, a), 0);
}
END_TEST

START_TEST(start_written_reads_written_until_reset)
{
	struct area a = thp(3);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w = tracker_self();

	track(w, a, WPTRACK_TRACK_START_WRITTEN);
	ck_assert_uint_eq(thp_bytes(a), a.pages * PAGE);
	expect_all(w, a);
	reset(w, a);
	expect_clean(w, a);
	ck_assert_uint_eq(thp_bytes(a), a.pages * PAGE);
	touch_random(a, m, 200);
	expect_exact(w, a, m, RESET);
}
END_TEST

START_TEST(max_pages_below_a_huge_page_makes_progress)
{
	struct area a = thp(3);
	struct wptrack *w = tracker_self();
	uint64_t at = area_start(a), end = area_end(a), pages = 0, n;
	struct wptrack_region r[4];
	struct wptrack_scan_opts o = {
		.sz = sizeof(o), .flags = WPTRACK_SCAN_RESET, .max_pages = 100,
	};

	track(w, a, WPTRACK_TRACK_START_WRITTEN);
	while (at < end) {
		uint64_t from = at;
		int64_t nr = wptrack_scan(w, at, end, r, 4, &at, &o);

		ck_assert_int_ge(nr, 0);
		ck_assert_uint_gt(at, from);
		for (n = 0; nr-- > 0; n++)
			pages += (r[n].end - r[n].start) / PAGE;
	}
	ck_assert_uint_eq(pages, a.pages);
	expect_clean(w, a);
}
END_TEST

START_TEST(reset_of_one_tracker_hides_nothing_from_another)
{
	struct area a = thp(6);
	struct marks *m = marks_new(a.pages), *n = marks_new(a.pages);
	struct wptrack *w = tracker_on(a), *v = tracker_on(area_sub(a, 100, 2000));

	touch_random(a, m, 400);
	expect_exact(w, a, m, RESET);
	memcpy(n->w, m->w + 100, 2000);
	n->pages = 2000;
	expect_exact(v, area_sub(a, 100, 2000), n, GET);
	expect_exact(v, area_sub(a, 100, 2000), n, RESET);
	expect_clean(w, a);
	wptrack_close(w);
	expect_clean(v, area_sub(a, 100, 2000));
}
END_TEST

START_TEST(whole_reset_by_one_tracker_is_pending_for_another)
{
	struct area a = thp(3);
	struct wptrack *w = tracker_self(), *v = tracker_self();

	track(w, a, WPTRACK_TRACK_START_WRITTEN);
	track(v, a, 0);
	touch_all(a);
	expect_all(w, a);
	reset(w, a);
	expect_all(v, a);
	expect_clean(w, a);
	reset(v, a);
	expect_clean(v, a);
}
END_TEST

START_TEST(huge_zero_page_is_clean_until_written)
{
	struct area a;
	struct marks *m;
	struct wptrack *w;

	must(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0));
	a = hole(4 * PMD_PAGES, 0);
	map_over(a, PROT_READ | PROT_WRITE);
	must(madvise(a.p, a.pages * PAGE, MADV_HUGEPAGE));
	read_all(area_sub(a, 0, 2 * PMD_PAGES));
	m = marks_new(a.pages);
	w = tracker_on(a);
	expect_clean(w, a);
	/* And what is mapped while it is tracked. */
	read_all(a);
	expect_clean(w, a);
	ck_assert(categories(w, a.p) & WPTRACK_PAGE_PFNZERO);
	m->w[7] = m->w[600] = m->w[1030] = m->w[2000] = 1;
	a.p[7 * PAGE] = a.p[600 * PAGE] = a.p[1030 * PAGE] = a.p[2000 * PAGE] = 1;
	expect_exact(w, a, m, RESET);
	expect_clean(w, a);
}
END_TEST

START_TEST(writes_by_another_process_and_by_read_are_exact)
{
	struct area a = thp(3);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w = tracker_on(a);
	uint64_t value = 1;
	struct iovec local = { &value, 8 }, remote = { a.p + 40 * PAGE, 8 };
	int fd[2];

	ck_assert_int_eq(process_vm_writev(getpid(), &local, 1, &remote, 1, 0), 8);
	must(pipe(fd));
	ck_assert_int_eq(write(fd[1], "x", 1), 1);
	ck_assert_int_eq(read(fd[0], a.p + 800 * PAGE + 5, 1), 1);
	m->w[40] = m->w[800] = 1;
	expect_exact(w, a, m, RESET);
	expect_clean(w, a);
}
END_TEST

static void child_writes(int fd, void *arg)
{
	struct area a = *(struct area *)arg;
	size_t i;

	turn_wait(fd);
	for (i = 0; i < a.pages; i += 37)
		a.p[i * PAGE] = 0xee;
	turn_done(fd);
}

START_TEST(fork_keeps_both_sides_right)
{
	struct area a = thp(4);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w = tracker_on(a);
	struct peer p;

	touch_random(a, m, 500);
	p = peer_start(child_writes, &a);
	expect_exact(w, a, m, GET);
	peer_turn(&p);
	expect_exact(w, a, m, RESET);
	marks_none(m);
	touch_random(a, m, 50);
	peer_end(&p);
	expect_no_lost(w, a, m, RESET, "copied while shared with a child");
	marks_none(m);
	touch_random(a, m, 50);
	expect_exact(w, a, m, RESET);
}
END_TEST

static void fill_suite(Suite *s)
{
	TCase *tc = tcase_new(s, "thp", TEST_TIMEOUT * 2);

	tcase_add_test(tc, huge_pages_are_clean_after_track_and_stay_whole);
	tcase_add_test(tc, thousand_single_bytes_in_a_gibibyte_are_a_thousand_pages);
	tcase_add_test(tc, first_write_is_one_fault_and_no_other_page);
	tcase_add_test(tc, each_round_of_writes_is_exact);
	tcase_add_test(tc, range_over_half_a_huge_page_is_exact);
	tcase_add_test(tc, untrack_of_half_a_huge_page_leaves_the_other_half);
	tcase_add_test(tc, start_written_reads_written_until_reset);
	tcase_add_test(tc, max_pages_below_a_huge_page_makes_progress);
	tcase_add_test(tc, reset_of_one_tracker_hides_nothing_from_another);
	tcase_add_test(tc, whole_reset_by_one_tracker_is_pending_for_another);
	tcase_add_test(tc, huge_zero_page_is_clean_until_written);
	tcase_add_test(tc, writes_by_another_process_and_by_read_are_exact);
	tcase_add_test(tc, fork_keeps_both_sides_right);
	memory_events(s);
	memory_kept(s);
	memory_small(s);
	memory_shmem(s);
	memory_hugetlb(s);
	memory_kinds(s);
	memory_odd(s);
	memory_parts(s);
	memory_held(s);
	memory_zero(s);
	memory_collapse(s);
	memory_hugefile(s);
	memory_folios(s);
	memory_clean(s);
	memory_hugetlb_fork(s);
}

int main(void)
{
	return suite_run("memory", fill_suite);
}
