// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory to which events and resets come while the record knows little of it, or cannot arm it:
 * nothing is mapped, it was in swap before, userfaultfd has it, or it may not be written.
 */
#define _GNU_SOURCE
#include "carry.h"
#include "ksm.h"
#include "maps.h"
#include "swap.h"
#include "uffd.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define RW	(PROT_READ | PROT_WRITE)
#define CHUNK	PMD_PAGES

static void protect(struct area a, int prot)
{
	must(mprotect(a.p, a.pages * PAGE, prot));
}

/* Nothing is there to be freed, but in a part of it. */
START_TEST(advice_to_free_what_was_never_there)
{
	struct area a = map_make(MAP_KIND_ANON, 4 * CHUNK, 0).a;
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(a.pages);
	int round;

	for (round = 0; round < 3; round++) {
		must(madvise(a.p, a.pages * PAGE, MADV_FREE));
		expect_clean(w, a);
		touch_random(area_sub(a, round * CHUNK, CHUNK), m, 40);
		memmove(m->w + round * CHUNK, m->w, CHUNK);
		if (round)
			memset(m->w, 0, CHUNK);
		expect_exact(w, a, m, RESET);
		settle(w, a);
		marks_none(m);
	}
}
END_TEST

struct other {
	struct area a;
	int how;
};

/* Its pages go to swap, or to the other node; here nobody maps them. */
static void disturbs(int fd, void *arg)
{
	struct other *o = arg;
	size_t i;

	turn_wait(fd);
	for (;;) {
		for (i = 0; i < o->a.pages; i++)
			o->a.p[i * PAGE + 5]++;
		if (!o->how)
			peer_must(madvise(o->a.p, o->a.pages * PAGE, 21 /* MADV_PAGEOUT */));
		for (i = 0; i < o->a.pages && o->how; i++) {
			void *page = o->a.p + i * PAGE;
			int node = i % 2, status;

			peer_must(syscall(SYS_move_pages, 0, 1, &page, &node, &status, 2));
		}
		turn_done(fd);
	}
}

START_TEST(pages_that_only_others_map_are_reclaimed_and_moved)
{
	struct map map = map_make(MAP_KIND_MEMFD, 2 * CHUNK, 0);
	struct other o = { area_sub(map.a, 0, 60), _i };
	struct marks *m = marks_new(map.a.pages);
	/* There the task does not tell that it reclaims, but in a call of one's own. */
	const bool unknown = !_i && linux_before(5, 19);
	struct wptrack *w;
	struct peer p;
	int round;

	if (_i && access("/sys/devices/system/node/node1", F_OK))
		skip("one node");
	if (!_i && swap_missing())
		skip("%s", swap_missing());
	p = peer_start(disturbs, &o);
	w = tracker_on(map.a);
	expect_clean(w, map.a);
	for (round = 0; round < 3; round++) {
		peer_turn(&p);
		if (!unknown)
			expect_clean(w, map.a);
		touch_random(map.a, m, 30);
		peer_turn(&p);
		if (unknown)
			expect_no_lost(w, map.a, m, RESET, "reclaimed by others");
		else
			expect_exact(w, map.a, m, RESET);
		settle(w, map.a);
		marks_none(m);
		must(madvise(map.a.p, map.a.pages * PAGE, MADV_DONTNEED));
		reset(w, map.a);
	}
	kill(p.pid, SIGKILL);
	must(waitpid(p.pid, NULL, 0));
}
END_TEST

/* All of it counts as written, and stays so over what happens to its entries. */
START_TEST(memory_that_was_in_swap_before_it_was_tracked)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *other = tracker_self(), *w = tracker_self();
	struct marks *m = marks_new(PAGES);
	pid_t pid = 0;

	if (swap_missing())
		skip("%s", swap_missing());
	carry_out(other, a);
	track(w, a, WPTRACK_TRACK_START_WRITTEN);
	if (_i) {
		pid = sleeper();
	} else {
		protect(a, PROT_READ);
		protect(a, RW);
	}
	expect_all(w, a);
	read_all(a);
	expect_all(w, a);
	reset(w, a);
	touch_random(a, m, 5);
	expect_no_lost(w, a, m, GET, "swap that is shared");
	if (pid)
		end_child(pid);
	settle(w, a);
	marks_none(m);
	touch_random(a, m, 5);
	expect_exact(w, a, m, RESET);
}
END_TEST

/* It says nothing of its pages any more, wherever they are. */
START_TEST(userfaultfd_write_protection_comes_to_memory_in_swap)
{
	struct wptrack *w;
	struct area a = carry_begin(&w);
	struct marks *m = marks_new(PAGES);
	int fd;

	if (swap_missing())
		skip("%s", swap_missing());
	touch_random(a, m, 5);
	carry_out(w, a);
	fd = uffd_on(a, 0, UFFDIO_REGISTER_MODE_WP);
	if (fd < 0)
		skip("no write protection");
	expect_no_lost(w, a, m, GET, "memory of a userfaultfd");
	if (_i)
		must(uffd_protect(fd, a));
	expect_no_lost(w, a, m, RESET, "memory of a userfaultfd");
	close(fd);
	expect_no_lost(w, a, m, GET, "memory of a userfaultfd");
	touch_random(a, m, 5);
	expect_no_lost(w, a, m, GET, "memory of a userfaultfd");
	settle(w, a);
	marks_none(m);
	touch_random(a, m, 5);
	expect_exact(w, a, m, RESET);
}
END_TEST

/* Every page of a page table is written, so that nobody has to look; and then it is. */
START_TEST(all_is_written_and_cannot_be_armed)
{
	struct area a = map_make(MAP_KIND_ANON, CHUNK, 0).a;
	struct area empty = map_make(MAP_KIND_ANON, CHUNK, 0).a;
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(CHUNK);
	int fd, round;

	track(w, empty, 0);
	for (round = 0; round < 3; round++) {
		touch_all(a);
		expect_all(w, a);
		protect(a, PROT_READ);
		expect_all(w, a);
		reset(w, a);
		/* Somebody who can do that writes to it, behind its back. */
		protect(a, RW);
		marks_none(m);
		touch_random(a, m, 5);
		expect_no_lost(w, a, m, GET, "read-only");
		settle(w, a);
		touch_all(a);
		expect_all(w, a);
		fd = uffd_on(a, 0, UFFDIO_REGISTER_MODE_WP);
		if (fd < 0)
			skip("no write protection");
		/* It cannot become clean. */
		reset(w, a);
		expect_all(w, a);
		close(fd);
		settle(w, a);
		/* Nor need it, if it is. */
		read_all(area_sub(empty, 0, 100));
		fd = must(uffd_on(empty, 0, UFFDIO_REGISTER_MODE_WP));
		reset(w, empty);
		close(fd);
		marks_none(m);
		touch_random(empty, m, 5);
		expect_no_lost(w, empty, m, RESET, "memory of a userfaultfd");
		settle(w, empty);
		map_over(empty, RW);
		settle(w, empty);
	}
}
END_TEST

/* Nobody writes to it but by force. */
START_TEST(cache_of_a_file_that_is_moved)
{
	struct map map = map_make(_i & 1 ? MAP_KIND_EXT4_PRIVATE : MAP_KIND_MEMFD_PRIVATE, PAGES, 0);
	struct area a = map.a;
	struct marks *m = marks_new(PAGES);
	void *pages[PAGES];
	int nodes[PAGES], status[PAGES], round;
	struct wptrack *w;
	size_t i, moved;

	if (!map_exists(map.kind))
		skip("no ext4 scratch disk");
	if (access("/sys/devices/system/node/node1", F_OK))
		skip("one node");
	if (_i & 2)
		protect(a, PROT_READ);
	read_all(a);
	w = tracker_on(a);
	settle(w, a);
	for (round = 0; round < 3; round++) {
		for (i = 0; i < PAGES; i++) {
			pages[i] = a.p + i * PAGE;
			nodes[i] = !(round & 1);
		}
		must(syscall(SYS_move_pages, 0, PAGES, pages, nodes, status, 2));
		for (i = moved = 0; i < PAGES; i++)
			moved += status[i] == nodes[i];
		note("%zu pages were moved", moved);
		expect_clean(w, a);
	}
	protect(a, RW);
	touch_random(a, m, 5);
	expect_exact(w, a, m, RESET);
	settle(w, a);
	expect_clean(w, a);
}
END_TEST

/* One of two equals was written, so that the other is the only one who has the merged page. */
START_TEST(a_merged_page_of_one_is_not_written_in_place)
{
	struct wptrack *w;
	struct area a = anon_populated(PAGES);
	struct marks *m = marks_new(PAGES);
	size_t i;
	int round;

	if (!ksm_exists())
		skip("no KSM");
	for (i = 0; i < PAGES; i++)
		memset(a.p + i * PAGE, 1 + i / 2 % 100, PAGE);
	w = tracker_on(a);
	settle(w, a);
	ck_assert(ksm_merge(a));
	for (round = 0; round < 2; round++) {
		for (i = 0; i < 20; i += 2)
			memset(a.p + i * PAGE, 0xc0 + round, PAGE);
		marks_none(m);
		for (i = 0; i < 20; i += 2)
			m->w[i] = 1;
		expect_no_lost(w, a, m, RESET, "merged");
		protect(a, _i ? PROT_NONE : PROT_READ);
		expect_no_lost(w, a, marks_new(PAGES), GET, "merged");
		protect(a, RW);
		marks_none(m);
		for (i = 1; i < 20; i += 2) {
			check_that(a.p[i * PAGE + 77] == (round ? 0xd0 : 1 + i / 2 % 100));
			memset(a.p + i * PAGE, 0xd0, PAGE);
			m->w[i] = 1;
		}
		expect_no_lost(w, a, m, RESET, "merged");
		/* Whoever is equal to them keeps what he has. */
		for (i = 20; i < PAGES; i++)
			check_that(a.p[i * PAGE + 9] == 1 + i / 2 % 100);
	}
}
END_TEST

/* To pin it, he gets a copy of each, and so does the process itself. */
START_TEST(a_reader_of_hugetlb_that_is_shared_with_a_child)
{
	const size_t bytes = 2 * PMD;
	uint8_t *copy = malloc(bytes);
	struct iovec to = { copy, bytes }, from;
	struct marks *m = marks_new(2 * CHUNK);
	struct wptrack *w;
	struct area a;
	int fd, round;
	pid_t pid;

	if (!hugetlb_pages(8))
		skip("not so many huge pages");
	a = hugetlb(2, false, &fd);
	touch_all(a);
	w = tracker_on(a);
	from = (struct iovec){ a.p, bytes };
	for (round = 0; round < 2; round++) {
		settle(w, a);
		pid = sleeper();
		ck_assert_int_eq(must(process_vm_readv(getpid(), &to, 1, &from, 1, 0)), bytes);
		check_that(!memcmp(copy, a.p, bytes));
		expect_clean(w, a);
		touch(a, CHUNK + 30);
		must(process_vm_readv(getpid(), &to, 1, &from, 1, 0));
		check_that(!memcmp(copy, a.p, bytes));
		marks_set(m, CHUNK, CHUNK);
		expect_exact(w, a, m, GET);
		must(process_vm_readv(pid, &to, 1, &from, 1, 0));
		check_that(memcmp(copy + PMD, a.p + PMD, PMD));
		expect_exact(w, a, m, RESET);
		marks_none(m);
		end_child(pid);
	}
	free(copy);
	must(munmap(a.p, bytes));
}
END_TEST

void carry_foreign(Suite *s)
{
	TCase *tc = tcase_new(s, "foreign", TEST_TIMEOUT);

	tcase_add_unchecked_fixture(tc, swap_setup, swap_teardown);
	tcase_add_unchecked_fixture(tc, NULL, ksm_off);
	tcase_add_unchecked_fixture(tc, NULL, hugetlb_none);
	tcase_add_test(tc, advice_to_free_what_was_never_there);
	tcase_add_loop_test(tc, pages_that_only_others_map_are_reclaimed_and_moved, 0, 2);
	tcase_add_loop_test(tc, memory_that_was_in_swap_before_it_was_tracked, 0, 2);
	tcase_add_loop_test(tc, userfaultfd_write_protection_comes_to_memory_in_swap, 0, 2);
	tcase_add_test(tc, all_is_written_and_cannot_be_armed);
	tcase_add_loop_test(tc, cache_of_a_file_that_is_moved, 0, 4);
	tcase_add_test(tc, a_reader_of_hugetlb_that_is_shared_with_a_child);
	tcase_add_loop_test(tc, a_merged_page_of_one_is_not_written_in_place, 0, 2);
}
