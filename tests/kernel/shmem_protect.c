// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shared memory whose ptes are made anew, by reads or by a change of protection: it stays
 * exact, as they come read-only while it is tracked, and only then.
 */
#define _GNU_SOURCE
#include "maps.h"
#include "protections.h"
#include "shmem.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>

/* More than a page table, and neither its start nor its end at one of its own. */
#define PAGES 901
#define OFFSET 77

static const enum map_kind kinds[] = {
	MAP_KIND_SHARED_ANON, MAP_KIND_MEMFD, MAP_KIND_SYSV, MAP_KIND_EXT4,
};
#define KINDS ((int)(sizeof(kinds) / sizeof(*kinds)))
#define SHMEM (KINDS - 1)	/* those of tmpfs */

START_TEST(shared_memory_is_exact_while_its_protection_changes)
{
	const enum map_kind kind = kinds[_i % KINDS];
	const int prot = prots[_i / KINDS];
	struct wptrack *w;
	struct map map;

	if (!map_exists(kind))
		skip("no ext4 scratch disk");
	map = map_make(kind, PAGES, OFFSET);
	note("%s memory", map_name(kind));
	touch_all(map.a);
	w = tracker_on(map.a);
	settle(w, map.a);
	exact_while_protection_changes(w, map.a, prot, true);
}
END_TEST

/* Nobody fills it while mprotect() is at work. */
START_TEST(empty_shared_memory_is_exact_while_its_protection_changes)
{
	const enum map_kind kind = kinds[_i % KINDS];
	const int prot = prots[_i / KINDS];
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	struct map map;
	int round;

	if (!map_exists(kind))
		skip("no ext4 scratch disk");
	map = map_make(kind, PAGES, OFFSET);
	w = tracker_on(map.a);
	for (round = 0; round < 3; round++) {
		protect(map.a, prot);
		expect_exact(w, map.a, m, GET);
		protect(map.a, RW);
		expect_exact(w, map.a, m, GET);
		write_random(map.a, m, 30);
		/* Empty ones and others, in the same page table and in none. */
		protect(area_sub(map.a, 100, 350), prot);
		protect(area_sub(map.a, 100, 350), RW);
		write_random(map.a, m, 30);
		expect_exact(w, map.a, m, GET);
	}
	expect_exact(w, map.a, m, RESET);
	expect_clean(w, map.a);
}
END_TEST

/* A transfer to these pages of one's own, by the kernel. */
static void transfer(struct area a, struct marks *m, size_t one_in)
{
	uint64_t data = rnd();
	struct iovec local = { &data, sizeof(data) };
	size_t i;

	for (i = 0; i < a.pages; i++) {
		struct iovec remote = { a.p + i * PAGE + 64, sizeof(data) };

		if (rnd_below(one_in))
			continue;
		data++;
		must(process_vm_writev(getpid(), &local, 1, &remote, 1, 0));
		m->w[i] = 1;
	}
}

START_TEST(pages_that_were_read_first_are_exact)
{
	struct map map = map_make(kinds[_i], PAGES, OFFSET);
	struct wptrack *w = tracker_on(map.a);
	struct marks *m = marks_new(PAGES);
	pid_t pid;

	read_all(map.a);
	expect_clean(w, map.a);
	touch_random(map.a, m, 6);
	transfer(map.a, m, 9);
	/* As a rule what makes ptes read-only hides who wrote. */
	pid = must(fork());
	if (!pid)
		_exit(0);
	must(waitpid(pid, NULL, 0));
	write_file("/proc/self/clear_refs", "4");
	protect(map.a, PROT_READ);
	protect(map.a, RW);
	expect_no_lost(w, map.a, m, RESET, "empty pages when protection changes");
	expect_clean(w, map.a);
	marks_none(m);
	transfer(map.a, m, 6);
	touch_random(map.a, m, 9);
	expect_exact(w, map.a, m, RESET);
}
END_TEST

static long faults(void)
{
	struct rusage u;

	must(getrusage(RUSAGE_SELF, &u));
	/* One that is tried again is counted as if it had waited for a disk. */
	return u.ru_minflt + u.ru_majflt;
}

/* How many faults it takes to write to memory that was read before. */
static long faults_after_reading(struct area a)
{
	long n;

	read_all(a);
	n = faults();
	touch_all(a);
	return faults() - n;
}

START_TEST(who_is_not_tracked_has_no_fault_more)
{
	struct map tracked = map_make(kinds[_i], PAGES, OFFSET);
	struct map given_up = map_make(kinds[_i], PAGES, OFFSET);
	struct map closed = map_make(kinds[_i], PAGES, OFFSET);
	struct map never = map_make(kinds[_i], PAGES, OFFSET);
	struct wptrack *w = tracker_on(tracked.a);

	track(w, given_up.a, 0);
	track(w, closed.a, 0);
	untrack(w, given_up.a);
	ck_assert_int_ge(faults_after_reading(tracked.a), PAGES / 2);
	ck_assert_int_le(faults_after_reading(given_up.a), PAGES / 20);
	ck_assert_int_le(faults_after_reading(never.a), PAGES / 20);
	wptrack_close(w);
	ck_assert_int_le(faults_after_reading(closed.a), PAGES / 20);
}
END_TEST

static atomic_bool stop;

static void *write_back(void *arg)
{
	const struct area *a = arg;

	while (!atomic_load(&stop))
		msync(a->p, a->pages * PAGE, MS_SYNC);
	return NULL;
}

/* Writeback makes ptes read-only, and locks nothing that keeps others from them. */
START_TEST(no_write_is_lost_while_others_change_ptes_too)
{
	const enum map_kind kind = kinds[_i];
	double end = seconds() + run_seconds(4);
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	pthread_t thread;
	struct map map;
	int round;

	if (!map_exists(kind))
		skip("no ext4 scratch disk");
	map = map_make(kind, PAGES, OFFSET);
	touch_all(map.a);
	w = tracker_on(map.a);
	ck_assert(!pthread_create(&thread, NULL, write_back, &map.a));
	for (round = 0; seconds() < end; round++) {
		marks_none(m);
		protect(map.a, prots[round % PROTS]);
		protect(map.a, RW);
		touch_random(map.a, m, 30);
		protect(area_sub(map.a, rnd_below(400), 400), prots[round / 2 % PROTS]);
		protect(map.a, RW);
		touch_random(map.a, m, 30);
		expect_no_lost(w, map.a, m, RESET, "writeback meanwhile");
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	note("%d rounds", round);
	settle(w, map.a);
	marks_none(m);
	touch_random(map.a, m, 9);
	protect(map.a, PROT_NONE);
	protect(map.a, RW);
	expect_exact(w, map.a, m, RESET);
}
END_TEST

void shmem_protect(Suite *s)
{
	TCase *tc = tcase_new(s, "protect", TEST_TIMEOUT);

	tcase_add_loop_test(tc, shared_memory_is_exact_while_its_protection_changes,
			    0, KINDS * PROTS);
	tcase_add_loop_test(tc, empty_shared_memory_is_exact_while_its_protection_changes,
			    0, KINDS * PROTS);
	tcase_add_loop_test(tc, pages_that_were_read_first_are_exact, 0, SHMEM);
	tcase_add_loop_test(tc, who_is_not_tracked_has_no_fault_more, 0, SHMEM);
	tcase_add_loop_test(tc, no_write_is_lost_while_others_change_ptes_too,
			    1, KINDS);
}
