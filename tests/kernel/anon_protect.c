// SPDX-License-Identifier: GPL-2.0-only
/*
 * Private memory whose protection changes: it stays exact, as nothing is written by that.
 * Without write permission a debugger may still write, through the read-only pte if the
 * kernel knows the page to be the mapping's own.
 */
#define _GNU_SOURCE
#include "anon.h"
#include "maps.h"
#include "protections.h"
#include "swap.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>

/* More than a page table, and neither its start nor its end at one of its own. */
#define PAGES 901
#define OFFSET 77

static const enum map_kind kinds[] = {
	MAP_KIND_ANON, MAP_KIND_MEMFD_PRIVATE, MAP_KIND_EXT4_PRIVATE,
};
#define KINDS ((int)(sizeof(kinds) / sizeof(*kinds)))

static struct map populated(enum map_kind kind)
{
	struct map map = map_make(kind, PAGES, OFFSET);

	note("%s memory", map_name(kind));
	touch_all(map.a);
	return map;
}

START_TEST(private_memory_is_exact_while_its_protection_changes)
{
	const int prot = prots[_i / KINDS];
	struct wptrack *w;
	struct map map;

	if (!map_exists(kinds[_i % KINDS]))
		skip("no ext4 scratch disk");
	map = populated(kinds[_i % KINDS]);
	w = tracker_on(map.a);
	exact_while_protection_changes(w, map.a, prot, false);
}
END_TEST

START_TEST(protection_of_memory_shared_with_a_child)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(PAGES);
	pid_t pid = must(fork());
	int status;

	if (!pid)
		for (;;)
			pause();
	protect(a, PROT_READ);
	protect(a, RW);
	touch_random(a, m, 9);
	expect_exact(w, a, m, RESET);
	must(kill(pid, SIGKILL));
	must(waitpid(pid, &status, 0));
	protect(a, PROT_NONE);
	expect_clean(w, a);
	protect(a, RW);
	marks_none(m);
	touch_random(a, m, 9);
	expect_exact(w, a, m, RESET);
}
END_TEST

/* What comes between a write by force and the question. */
enum then { THEN_ASK, THEN_FORK, THEN_RW, THEN_FORK_RW, THENS };

static void then(enum then then, struct area a)
{
	int status;
	pid_t pid;

	if (then == THEN_FORK || then == THEN_FORK_RW) {
		pid = must(fork());
		if (!pid)
			_exit(0);
		must(waitpid(pid, &status, 0));
	}
	if (then == THEN_RW || then == THEN_FORK_RW)
		protect(a, RW);
}

static bool force(struct area a, struct marks *m, size_t first)
{
	int mem = must(open("/proc/self/mem", O_RDWR | O_CLOEXEC));
	size_t i;

	for (i = first; i < a.pages; i += 5) {
		if (pwrite(mem, &i, 1, (uintptr_t)a.p + i * PAGE + 100) != 1) {
			close(mem);
			return false;
		}
		m->w[i] = 1;
	}
	close(mem);
	return true;
}

/*
 * process_vm_readv() pins what it reads: pages that the kernel thinks shared become the
 * mapping's own for it, behind their read-only ptes.
 */
static void pin_all(struct area a)
{
	static char to[PAGES * PAGE];
	struct iovec local = { to, sizeof(to) };
	struct iovec remote = { a.p, a.pages * PAGE };

	process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
}

START_TEST(write_by_force_to_memory_that_stayed_clean_is_reported)
{
	const int prot = prots[_i % FORBIDS];
	const enum map_kind kind = kinds[_i / FORBIDS % KINDS];
	const enum then what = _i / FORBIDS / KINDS;
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	struct map map;
	int round;

	if (!map_exists(kind))
		skip("no ext4 scratch disk");
	map = populated(kind);
	w = tracker_on(map.a);
	for (round = 0; round < 3; round++) {
		marks_none(m);
		protect(map.a, prot);
		expect_clean(w, map.a);
		if (round)
			pin_all(map.a);
		if (!force(map.a, m, round)) {
			ck_assert_int_eq(round, 0);
			skip("this kernel forbids it: %s", strerror(errno));
		}
		then(what, map.a);
		expect_no_lost(w, map.a, m, GET, "pages that were pinned");
		protect(map.a, RW);
		expect_no_lost(w, map.a, m, RESET, "pages that were pinned");
		expect_clean(w, map.a);
	}
}
END_TEST

/* It takes its mark along, which proves nothing at the new place. */
START_TEST(memory_without_write_permission_that_was_moved)
{
	struct area from = anon_populated(PAGES), to = anon(PAGES);
	struct marks *m = marks_new(PAGES);
	struct wptrack *w = tracker_on(to);

	track(w, from, 0);
	protect(from, prots[_i]);
	must(mremap(from.p, PAGES * PAGE, PAGES * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		    to.p));
	reset(w, to);
	pin_all(to);
	if (!force(to, m, 1))
		skip("this kernel forbids it: %s", strerror(errno));
	expect_no_lost(w, to, m, GET, "pages that were pinned");
	then(THEN_FORK_RW, to);
	expect_no_lost(w, to, m, RESET, "pages that were pinned");
	expect_clean(w, to);
}
END_TEST

START_TEST(memory_without_write_permission_is_clean_after_a_reset)
{
	const int prot = prots[_i % FORBIDS];
	const enum map_kind kind = kinds[_i / FORBIDS];
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	struct map map;
	int round;

	if (!map_exists(kind))
		skip("no ext4 scratch disk");
	map = populated(kind);
	protect(map.a, prot);
	w = tracker_on(map.a);
	if (linux_before(5, 19)) {
		expect_all(w, map.a);
		skip("who writes by force does not look twice before Linux 5.19");
	}
	expect_clean(w, map.a);
	for (round = 0; round < 3; round++) {
		marks_none(m);
		if (!force(map.a, m, round)) {
			ck_assert_int_eq(round, 0);
			skip("this kernel forbids it: %s", strerror(errno));
		}
		expect_exact(w, map.a, m, GET);
		expect_exact(w, map.a, m, RESET);
		expect_clean(w, map.a);
	}
	/* What was pinned in between may be written without a fault. */
	marks_none(m);
	pin_all(map.a);
	force(map.a, m, 3);
	then(THEN_FORK, map.a);
	expect_no_lost(w, map.a, m, RESET, "pages that were pinned");
	expect_clean(w, map.a);
	protect(map.a, RW);
	expect_clean(w, map.a);
	marks_none(m);
	touch_random(map.a, m, 9);
	expect_exact(w, map.a, m, RESET);
}
END_TEST

START_TEST(write_by_force_to_memory_in_swap_is_reported)
{
	const enum then what = _i;
	struct area a = anon_populated(PAGES);
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	const char *missing = swap_missing();

	if (missing)
		skip("%s", missing);
	w = tracker_on(a);
	protect(a, PROT_READ);
	if (madvise(a.p, PAGES * PAGE, 21 /* MADV_PAGEOUT */))
		skip("no MADV_PAGEOUT: %s", strerror(errno));
	if (!force(a, m, 0))
		skip("this kernel forbids it: %s", strerror(errno));
	then(what, a);
	expect_no_lost(w, a, m, GET, "read-only memory that was in swap");
	protect(a, RW);
	expect_no_lost(w, a, m, GET, "read-only memory that was in swap");
	/* What is in swap cannot be reset. */
	read_all(a);
	settle(w, a);
	marks_none(m);
	touch_random(a, m, 9);
	expect_exact(w, a, m, RESET);
}
END_TEST

void anon_protect(Suite *s)
{
	TCase *tc = tcase_new(s, "protect", TEST_TIMEOUT);

	tcase_add_loop_test(tc, private_memory_is_exact_while_its_protection_changes,
			    0, KINDS * PROTS);
	tcase_add_test(tc, protection_of_memory_shared_with_a_child);
	tcase_add_loop_test(tc, write_by_force_to_memory_that_stayed_clean_is_reported,
			    0, FORBIDS * KINDS * THENS);
	tcase_add_loop_test(tc, memory_without_write_permission_is_clean_after_a_reset,
			    0, FORBIDS * KINDS);
	tcase_add_loop_test(tc, memory_without_write_permission_that_was_moved, 0, FORBIDS);

	tc = tcase_new(s, "protect-swap", TEST_TIMEOUT);
	tcase_add_unchecked_fixture(tc, swap_setup, swap_teardown);
	tcase_add_loop_test(tc, write_by_force_to_memory_in_swap_is_reported, 0, THENS);
}
