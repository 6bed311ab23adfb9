// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the program does to its own mappings while they are tracked.
 */
#define _GNU_SOURCE
#include "anon.h"
#include "maps.h"

#include <malloc.h>
#include <signal.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGES 1237

START_TEST(dontneed_of_data_is_written)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(PAGES);

	must(madvise(a.p + 30 * PAGE, 7 * PAGE, MADV_DONTNEED));
	must(madvise(a.p + 400 * PAGE, 600 * PAGE, MADV_DONTNEED));
	marks_set(m, 30, 7);
	marks_set(m, 400, 600);
	expect_exact(w, a, m, GET);
	/* It stays so, whether or not the page is read or written again. */
	read_all(area_sub(a, 450, 100));
	touch_all(area_sub(a, 600, 100));
	expect_exact(w, a, m, RESET);
	expect_clean(w, a);
	marks_none(m);
	touch_random(a, m, 5);
	expect_exact(w, a, m, RESET);
}
END_TEST

START_TEST(madv_free_and_madv_cold_lose_no_write)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(PAGES);

	touch_random(a, m, 5);
	must(madvise(a.p, PAGES * PAGE, MADV_FREE));
	must(madvise(a.p, PAGES * PAGE, 20 /* MADV_COLD */));
	touch_random(a, m, 5);
	expect_no_lost(w, a, m, RESET, "MADV_FREE");
	marks_none(m);
	touch_random(a, m, 5);
	expect_no_lost(w, a, m, RESET, "MADV_FREE");
}
END_TEST

static void *zap_all(void *arg)
{
	struct area a = *(struct area *)arg;

	madvise(a.p, a.pages * PAGE, MADV_DONTNEED);
	return NULL;
}

/*
 * The page is empty when the event begins, is filled, and is emptied before it
 * ends: whoever looked meanwhile has seen what is no longer there.
 */
START_TEST(filled_and_zapped_within_one_event_is_written)
{
	const size_t last = 32 * PMD_PAGES - 1;
	struct area a = anon(last + 1);
	struct wptrack *w = tracker_on(a);
	volatile uint8_t *p = a.p + last * PAGE;
	int tries, zapped = 0;
	pthread_t thread;

	touch(a, last - 1);
	for (tries = 0; tries < 60 && zapped < 5; tries++) {
		bool reported;

		touch_all(area_sub(a, 0, last - 1));
		must(madvise(a.p + last * PAGE, PAGE, MADV_DONTNEED));
		reset(w, a);
		ck_assert(!pthread_create(&thread, NULL, zap_all, &a));
		usleep(tries % 10 * 500);
		*p = 1;
		pthread_join(thread, NULL);
		reported = count_written(w, area_sub(a, last, 1));
		if (*p)
			continue;	/* the event was over, or had passed */
		zapped++;
		ck_assert_msg(reported, "the page in a zapped range: LOST");
	}
	note("%d of %d times", zapped, tries);
}
END_TEST

START_TEST(guard_pages_are_clean_after_a_reset)
{
	struct area a = anon_populated(64);
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(64);

	if (madvise(a.p + 8 * PAGE, 8 * PAGE, 102 /* MADV_GUARD_INSTALL */)) {
		ck_assert_int_eq(errno, EINVAL);
		skip("guard pages came with Linux 6.13");
	}
	/* The data is gone. */
	marks_set(m, 8, 8);
	expect_exact(w, a, m, GET);
	ck_assert(categories(w, a.p + 8 * PAGE) & WPTRACK_PAGE_GUARD);
	ck_assert(!(categories(w, a.p + 7 * PAGE) & WPTRACK_PAGE_GUARD));
	expect_exact(w, a, m, RESET);
	expect_clean(w, a);
	must(madvise(a.p + 8 * PAGE, 8 * PAGE, 103 /* MADV_GUARD_REMOVE */));
	expect_clean(w, a);
	marks_none(m);
	touch(a, 9);
	touch(a, 3);
	m->w[9] = m->w[3] = 1;
	expect_exact(w, a, m, RESET);
	expect_clean(w, a);
}
END_TEST

START_TEST(mprotect_readonly_and_back_loses_no_write)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(PAGES);
	int round;

	for (round = 0; round < 6; round++) {
		int prot = round % 2 ? PROT_NONE : PROT_READ;

		marks_none(m);
		touch_random(a, m, 7);
		must(mprotect(a.p + 100 * PAGE, 900 * PAGE, prot));
		must(mprotect(a.p + 100 * PAGE, 900 * PAGE,
			      PROT_READ | PROT_WRITE));
		touch_random(a, m, 7);
		expect_no_lost(w, a, m, RESET, "mprotect");
	}
	marks_none(m);
	touch_random(a, m, 7);
	expect_exact(w, a, m, RESET);
}
END_TEST

START_TEST(reset_while_readonly_loses_no_later_write)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(PAGES);
	int round;

	for (round = 0; round < 4; round++) {
		touch_random(a, m, 7);
		must(mprotect(a.p, PAGES * PAGE,
			      round % 2 ? PROT_NONE : PROT_READ));
		expect_no_lost(w, a, m, RESET, "read-only memory");
		must(mprotect(a.p, PAGES * PAGE, PROT_READ | PROT_WRITE));
		marks_none(m);
		touch_random(a, m, 7);
		expect_no_lost(w, a, m, RESET, "mprotect");
		marks_none(m);
	}
}
END_TEST

START_TEST(memory_that_is_readonly_at_track_loses_no_later_write)
{
	struct area a = anon_populated(PAGES);
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;

	must(mprotect(a.p, PAGES / 2 * PAGE, PROT_READ));
	must(mprotect(a.p + PAGES / 2 * PAGE, PAGES / 2 * PAGE, PROT_NONE));
	w = tracker_on(a);
	must(mprotect(a.p, PAGES * PAGE, PROT_READ | PROT_WRITE));
	touch_random(a, m, 7);
	expect_no_lost(w, a, m, RESET, "mprotect");
	expect_clean(w, a);
	marks_none(m);
	touch_random(a, m, 7);
	expect_exact(w, a, m, RESET);
}
END_TEST

START_TEST(munmap_and_mmap_in_the_same_place)
{
	struct area a = anon_populated(PAGES), part = area_sub(a, 200, 800);
	struct marks *gone = marks_new(part.pages);
	struct marks *held = marks_new(part.pages);
	struct marks *now = marks_new(part.pages);
	struct wptrack *w = tracker_on(a);
	int round;

	marks_all(held);
	for (round = 0; round < 4; round++) {
		must(munmap(part.p, part.pages * PAGE));
		map_over(part, PROT_READ | PROT_WRITE);
		/* Data that was there and is gone is a change, too. */
		memcpy(gone->w, held->w, part.pages);
		marks_none(held);
		touch_random(part, held, 5);
		marks_add(gone, held);
		expect_no_lost(w, part, gone, RESET, "unmapped");
		expect_clean(w, a);
		marks_none(now);
		touch_random(part, now, 5);
		marks_add(held, now);
		expect_exact(w, part, now, RESET);
	}
}
END_TEST

START_TEST(mmap_over_tracked_memory_is_written)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(PAGES);

	map_over(area_sub(a, 300, 400), PROT_READ | PROT_WRITE);
	marks_set(m, 300, 400);
	expect_exact(w, a, m, RESET);
	expect_clean(w, a);
	marks_none(m);
	touch_random(a, m, 5);
	expect_exact(w, a, m, RESET);
}
END_TEST

START_TEST(mlock_loses_no_write)
{
	struct area a = anon_populated(200);
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(200);

	touch_random(a, m, 5);
	must(mlock(a.p, 100 * PAGE));
	touch_random(a, m, 5);
	expect_no_lost(w, a, m, RESET, "mlock is a write fault");
	marks_none(m);
	touch_random(a, m, 5);
	must(munlock(a.p, 100 * PAGE));
	touch_random(a, m, 5);
	expect_no_lost(w, a, m, RESET, "munlock");
}
END_TEST

START_TEST(growth_of_the_heap_by_brk)
{
	struct marks *m = marks_new(96), *warm = marks_new(96);
	struct wptrack *w = tracker_self();
	struct area a = { .pages = 96 };

	/* Keep malloc() from moving the break while the test does. */
	mallopt(M_MMAP_THRESHOLD, 64);
	must((long)sbrk(PAGE - (uintptr_t)sbrk(0) % PAGE));
	a.p = sbrk(0);
	track(w, a, 0);
	free(written(w, a, GET));
	free(warm);
	ck_assert_ptr_eq(sbrk(0), a.p);
	must((long)sbrk(64 * PAGE));
	expect_clean(w, a);
	touch(a, 0);
	touch(a, 63);
	m->w[0] = m->w[63] = 1;
	expect_exact(w, a, m, RESET);
	must((long)sbrk(-32 * (long)PAGE));
	must((long)sbrk(64 * PAGE));
	marks_none(m);
	touch(a, 40);
	touch(a, 63);
	touch(a, 95);
	m->w[40] = m->w[63] = m->w[95] = 1;
	expect_no_lost(w, a, m, RESET, "heap shrunk");
	expect_clean(w, a);
}
END_TEST

START_TEST(growth_of_a_stack)
{
	struct area a = hole(2048, 0), below = area_sub(a, 1024, 1024);
	struct wptrack *w = tracker_on(below);
	struct marks *m = marks_new(1024);
	size_t i;

	must(mmap(below.p + 1008 * PAGE, 16 * PAGE, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, -1,
		  0));
	/* As a stack grows: one page after the other, some are skipped. */
	for (i = 1010; i > 900; i -= 1 + i % 3) {
		touch(below, i);
		m->w[i] = 1;
	}
	expect_exact(w, below, m, RESET);
	expect_clean(w, below);
	marks_none(m);
	touch(below, 950);
	touch(below, 890);
	m->w[950] = m->w[890] = 1;
	expect_exact(w, below, m, RESET);
}
END_TEST

START_TEST(clear_refs_and_soft_dirty_change_nothing)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(PAGES);

	touch_random(a, m, 5);
	write_file("/proc/self/clear_refs", "1");
	write_file("/proc/self/clear_refs", "4");
	expect_exact(w, a, m, GET);
	touch_random(a, m, 5);
	expect_exact(w, a, m, RESET);
	write_file("/proc/self/clear_refs", "4");
	expect_clean(w, a);
	marks_none(m);
	touch_random(a, m, 5);
	expect_exact(w, a, m, RESET);
}
END_TEST

START_TEST(fork_with_wipe_and_dontfork_changes_nothing)
{
	struct area a = anon_populated(90);
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(90);
	pid_t pid;

	must(madvise(a.p, 30 * PAGE, MADV_WIPEONFORK));
	must(madvise(a.p + 30 * PAGE, 30 * PAGE, MADV_DONTFORK));
	pid = must(fork());
	if (!pid) {
		pause();
		_exit(0);
	}
	expect_clean(w, a);
	touch_random(a, m, 3);
	expect_exact(w, a, m, RESET);
	kill(pid, 9);
}
END_TEST

void anon_events(Suite *s)
{
	TCase *tc = tcase_new(s, "events", TEST_TIMEOUT);

	tcase_add_test(tc, dontneed_of_data_is_written);
	tcase_add_test(tc, madv_free_and_madv_cold_lose_no_write);
	tcase_add_test(tc, filled_and_zapped_within_one_event_is_written);
	tcase_add_test(tc, guard_pages_are_clean_after_a_reset);
	tcase_add_test(tc, mprotect_readonly_and_back_loses_no_write);
	tcase_add_test(tc, reset_while_readonly_loses_no_later_write);
	tcase_add_test(tc, memory_that_is_readonly_at_track_loses_no_later_write);
	tcase_add_test(tc, munmap_and_mmap_in_the_same_place);
	tcase_add_test(tc, mmap_over_tracked_memory_is_written);
	tcase_add_test(tc, mlock_loses_no_write);
	tcase_add_test(tc, growth_of_the_heap_by_brk);
	tcase_add_test(tc, growth_of_a_stack);
	tcase_add_test(tc, clear_refs_and_soft_dirty_change_nothing);
	tcase_add_test(tc, fork_with_wipe_and_dontfork_changes_nothing);
}
