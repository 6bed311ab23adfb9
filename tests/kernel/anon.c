// SPDX-License-Identifier: GPL-2.0-only
/*
 * Private anonymous memory: what is written, what is not, and fork.
 */
#define _GNU_SOURCE
#include "anon.h"
#include "maps.h"

#include <sys/mman.h>
#include <sys/resource.h>

/* More than two page tables, and no multiple of anything. */
#define PAGES 1237

START_TEST(populated_memory_is_clean_after_track)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = tracker_on(a);

	expect_clean(w, a);
	expect_clean(w, a);
	wptrack_close(w);
}
END_TEST

START_TEST(each_single_page_is_reported_alone)
{
	struct area a = anon_populated(600);
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(a.pages);
	size_t i;

	for (i = 0; i < a.pages; i++) {
		marks_none(m);
		marks_set(m, i, 1);
		touch(a, i);
		expect_exact(w, a, m, RESET);
	}
	expect_clean(w, a);
}
END_TEST

START_TEST(random_writes_are_exact_and_stay_until_reset)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(a.pages);
	int round, part;

	for (round = 0; round < 8; round++) {
		marks_none(m);
		for (part = 0; part < 4; part++) {
			touch_random(a, m, 20 << round % 3);
			expect_exact(w, a, m, GET);
		}
		expect_exact(w, a, m, RESET);
		expect_clean(w, a);
	}
}
END_TEST

START_TEST(all_pages_written_over_and_over)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = tracker_on(a);
	int round;

	for (round = 0; round < 5; round++) {
		touch_all(a);
		expect_all(w, a);
		reset(w, a);
		expect_clean(w, a);
	}
}
END_TEST

START_TEST(write_over_a_page_boundary_reports_both_pages)
{
	struct area a = anon_populated(8);
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(a.pages);

	/* Unaligned on purpose: one store, two pages. */
	__asm__ volatile("movq %1, %0"
			 : "=m"(*(uint64_t *)(a.p + 4 * PAGE - 3))
			 : "r"(0x1122334455667788ULL));
	marks_set(m, 3, 2);
	expect_exact(w, a, m, RESET);
	expect_clean(w, a);
}
END_TEST

START_TEST(atomic_operations_are_writes)
{
	struct area a = anon_populated(8);
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(a.pages);
	uint32_t old = 77;

	__atomic_fetch_add((uint32_t *)(a.p + PAGE), 1, __ATOMIC_SEQ_CST);
	/* One that fails still takes the page for writing. */
	__atomic_compare_exchange_n((uint32_t *)(a.p + 3 * PAGE), &old, 1,
				    false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	__atomic_exchange_n(a.p + 5 * PAGE, 9, __ATOMIC_SEQ_CST);
	marks_set(m, 1, 1);
	marks_set(m, 3, 1);
	marks_set(m, 5, 1);
	expect_exact(w, a, m, RESET);
}
END_TEST

START_TEST(zero_page_present_at_track_is_clean_until_written)
{
	struct area a = anon(PAGES);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w;

	read_all(a);
	w = tracker_on(a);
	expect_clean(w, a);
	read_all(a);
	expect_clean(w, a);
	touch_random(a, m, 5);
	expect_exact(w, a, m, RESET);
	expect_clean(w, a);
}
END_TEST

START_TEST(empty_pages_are_clean_when_read_and_written_when_written)
{
	struct area a = anon(PAGES);
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(a.pages);

	expect_clean(w, a);
	read_all(area_sub(a, 100, 700));
	expect_clean(w, a);
	touch_random(a, m, 5);
	expect_exact(w, a, m, GET);
	expect_exact(w, a, m, RESET);
	expect_clean(w, a);
	marks_none(m);
	touch_random(a, m, 5);
	expect_exact(w, a, m, RESET);
}
END_TEST

START_TEST(reads_of_populated_memory_do_not_write)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = tracker_on(a);
	int fds[2];

	read_all(a);
	expect_clean(w, a);
	/* The kernel reads for us, too. */
	must(pipe(fds));
	ck_assert_int_eq(must(write(fds[1], a.p, 8 * PAGE)), 8 * PAGE);
	expect_clean(w, a);
}
END_TEST

START_TEST(data_is_what_the_program_wrote)
{
	struct area a = anon_populated(PAGES);
	uint8_t *copy = malloc(PAGES * PAGE);
	struct wptrack *w = tracker_on(a);
	int round;
	size_t i;

	memcpy(copy, a.p, PAGES * PAGE);
	for (round = 0; round < 4; round++) {
		for (i = 0; i < 300; i++) {
			size_t at = rnd_below(PAGES * PAGE);
			uint8_t v = rnd();

			a.p[at] = v;
			copy[at] = v;
		}
		reset(w, a);
	}
	ck_assert(!memcmp(copy, a.p, PAGES * PAGE));
	wptrack_close(w);
	ck_assert(!memcmp(copy, a.p, PAGES * PAGE));
}
END_TEST

static long minor_faults(void)
{
	struct rusage ru;

	must(getrusage(RUSAGE_SELF, &ru));
	return ru.ru_minflt;
}

START_TEST(first_write_costs_one_minor_fault_and_the_second_none)
{
	struct area a = anon_populated(500);
	struct wptrack *w = tracker_on(a);
	long before, first, second;

	before = minor_faults();
	touch_all(a);
	first = minor_faults() - before;
	before = minor_faults();
	touch_all(a);
	second = minor_faults() - before;
	note("500 pages: %ld faults, then %ld", first, second);
	ck_assert_int_ge(first, 500);
	ck_assert_int_lt(first, 550);
	ck_assert_int_lt(second, 50);
	expect_all(w, a);
}
END_TEST

START_TEST(madvise_populate_read_is_clean_populate_write_is_written)
{
	struct area a = anon(64);
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(a.pages);

	if (madvise(a.p, 16 * PAGE, 22 /* MADV_POPULATE_READ */)) {
		ck_assert_int_eq(errno, EINVAL);
		skip("MADV_POPULATE_READ came with Linux 5.14");
	}
	expect_clean(w, a);
	must(madvise(a.p + 20 * PAGE, 16 * PAGE, 23 /* MADV_POPULATE_WRITE */));
	marks_set(m, 20, 16);
	expect_exact(w, a, m, RESET);
	expect_clean(w, a);
}
END_TEST

static void child_touches(int fd, void *arg)
{
	struct area *a = arg;

	turn_wait(fd);
	touch_all(*a);
	turn_done(fd);
}

START_TEST(writes_of_a_child_are_not_reported_to_the_parent)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = tracker_on(a);
	struct peer p = peer_start(child_touches, &a);

	expect_clean(w, a);
	peer_turn(&p);
	expect_clean(w, a);
	peer_end(&p);
	expect_clean(w, a);
}
END_TEST

START_TEST(parent_is_exact_while_it_shares_pages_with_a_child)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(a.pages);
	struct peer p;
	int round;

	touch_random(a, m, 9);
	p = peer_start(child_touches, &a);
	touch_random(a, m, 9);
	expect_exact(w, a, m, RESET);
	for (round = 0; round < 3; round++) {
		marks_none(m);
		touch_random(a, m, 9);
		expect_exact(w, a, m, RESET);
	}
	peer_turn(&p);
	marks_none(m);
	touch_random(a, m, 9);
	expect_exact(w, a, m, RESET);
	peer_end(&p);
	marks_none(m);
	touch_random(a, m, 9);
	expect_exact(w, a, m, RESET);
	expect_clean(w, a);
}
END_TEST

START_TEST(memory_shared_with_a_child_can_be_tracked)
{
	struct area a = anon_populated(PAGES);
	struct marks *m = marks_new(a.pages);
	struct peer p = peer_start(child_touches, &a);
	struct wptrack *w = tracker_on(a);

	expect_clean(w, a);
	touch_random(a, m, 5);
	peer_turn(&p);
	expect_exact(w, a, m, RESET);
	marks_none(m);
	touch_random(a, m, 5);
	expect_exact(w, a, m, RESET);
	peer_end(&p);
}
END_TEST

/* The child has the parent's ptes, with all that the parent's tracker left in them. */
static void child_tracks(int fd, void *arg)
{
	struct area *a = arg;
	struct marks *m = marks_new(a->pages);
	struct marks *got;
	struct wptrack *w;

	turn_wait(fd);
	touch_random(*a, m, 7);
	if (wptrack_open(&w, NULL) || wptrack_attach_self(w) ||
	    wptrack_track(w, area_start(*a), area_end(*a),
			  WPTRACK_TRACK_START_WRITTEN))
		_exit(1);
	if (count_written(w, *a) != a->pages)
		_exit(3);
	free(written(w, *a, RESET));
	if (count_written(w, *a))
		_exit(4);
	marks_none(m);
	touch_random(*a, m, 7);
	got = written(w, *a, RESET);
	if (memcmp(got->w, m->w, m->pages))
		_exit(5);
}

START_TEST(child_of_a_tracked_process_can_track_itself)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = tracker_on(a);
	struct peer p = peer_start(child_tracks, &a);

	peer_end(&p);
	expect_clean(w, a);
}
END_TEST

static void fill_suite(Suite *s)
{
	TCase *tc = tcase_new(s, "basic", TEST_TIMEOUT);

	tcase_add_test(tc, populated_memory_is_clean_after_track);
	tcase_add_test(tc, each_single_page_is_reported_alone);
	tcase_add_test(tc, random_writes_are_exact_and_stay_until_reset);
	tcase_add_test(tc, all_pages_written_over_and_over);
	tcase_add_test(tc, write_over_a_page_boundary_reports_both_pages);
	tcase_add_test(tc, atomic_operations_are_writes);
	tcase_add_test(tc, zero_page_present_at_track_is_clean_until_written);
	tcase_add_test(tc, empty_pages_are_clean_when_read_and_written_when_written);
	tcase_add_test(tc, reads_of_populated_memory_do_not_write);
	tcase_add_test(tc, data_is_what_the_program_wrote);
	tcase_add_test(tc, first_write_costs_one_minor_fault_and_the_second_none);
	tcase_add_test(tc, madvise_populate_read_is_clean_populate_write_is_written);

	tc = tcase_new(s, "fork", TEST_TIMEOUT);
	tcase_add_test(tc, writes_of_a_child_are_not_reported_to_the_parent);
	tcase_add_test(tc, parent_is_exact_while_it_shares_pages_with_a_child);
	tcase_add_test(tc, memory_shared_with_a_child_can_be_tracked);
	tcase_add_test(tc, child_of_a_tracked_process_can_track_itself);

	anon_ranges(s);
	anon_events(s);
	anon_swap(s);
	anon_protect(s);
	anon_lent(s);
}

int main(void)
{
	return suite_run("anon", fill_suite);
}
