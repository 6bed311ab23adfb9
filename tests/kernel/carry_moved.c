// SPDX-License-Identifier: GPL-2.0-only
/* Pages that are moved, or that another one takes the place of, and stay clean. */
#define _GNU_SOURCE
#include "carry.h"
#include "maps.h"

#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define NODES	2
#define HUGE	3

/* To the other node and back. */
static void move(struct area a, int node)
{
	void **pages = calloc(a.pages, sizeof(*pages));
	int *nodes = calloc(a.pages, sizeof(*nodes)), *status = calloc(a.pages, sizeof(int));
	size_t i, moved = 0;

	for (i = 0; i < a.pages; i++) {
		pages[i] = a.p + i * PAGE;
		nodes[i] = node;
	}
	must(syscall(SYS_move_pages, 0, a.pages, pages, nodes, status, 2 /* MPOL_MF_MOVE */));
	for (i = 0; i < a.pages; i++)
		moved += status[i] == node;
	note("%zu of %zu pages are on node %d", moved, a.pages, node);
	check_that(moved > a.pages / 2);
	free(pages);
	free(nodes);
	free(status);
}

START_TEST(pages_that_are_moved_stay_clean)
{
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	struct area a = carry_begin(&w);
	int round;

	if (access("/sys/devices/system/node/node1", F_OK))
		skip("one node");
	for (round = 0; round < 4; round++) {
		move(a, (round + 1) % NODES);
		expect_clean(w, a);
		touch_random(a, m, 6);
		move(a, round % NODES);
		expect_exact(w, a, m, GET);
		touch_random(a, m, 6);
		expect_exact(w, a, m, RESET);
		settle(w, a);
		marks_none(m);
	}
}
END_TEST

/* One page of each huge one stands for it. */
static void move_huge(struct area a, int node)
{
	void *pages[HUGE];
	int nodes[HUGE], status[HUGE], i;

	for (i = 0; i < HUGE; i++) {
		pages[i] = a.p + i * PMD;
		nodes[i] = node;
	}
	must(syscall(SYS_move_pages, 0, HUGE, pages, nodes, status, 2 /* MPOL_MF_MOVE */));
	for (i = 0; i < HUGE; i++)
		ck_assert_int_eq(status[i], node);
}

START_TEST(huge_pages_that_are_moved_stay_clean)
{
	const bool shared = _i == 1;
	struct marks *m = marks_new(HUGE * PMD_PAGES);
	struct wptrack *w;
	struct area a;
	int fd, round;

	if (access("/sys/devices/system/node/node1", F_OK))
		skip("one node");
	if (_i < 2) {
		ck_assert(hugetlb_pages(4 * HUGE));
		a = hugetlb(HUGE, shared, &fd);
		touch_all(a);
	} else {
		a = thp(HUGE);
	}
	w = tracker_self();
	track(w, a, _i < 2 ? 0 : WPTRACK_TRACK_KEEP_HUGE);
	if (!(categories(w, a.p) & WPTRACK_PAGE_WPALLOWED))
		skip("shared hugetlb cannot be armed before Linux 6.0");
	settle(w, a);
	for (round = 0; round < 6; round++) {
		marks_none(m);
		move_huge(a, round % NODES);
		expect_clean(w, a);
		move_huge(a, (round + 1) % NODES);
		touch(a, round % HUGE * PMD_PAGES + round);
		marks_set(m, round % HUGE * PMD_PAGES, PMD_PAGES);
		expect_exact(w, a, m, GET);
		move_huge(a, round % NODES);
		expect_exact(w, a, m, RESET);
		settle(w, a);
	}
}
END_TEST

/* Half of the first is not tracked.  What is known of the rest may be lost, not a write. */
START_TEST(huge_page_that_is_tracked_in_part_is_moved)
{
	struct area a, in;
	struct marks *m;
	struct wptrack *w = tracker_self();
	int round;

	if (access("/sys/devices/system/node/node1", F_OK))
		skip("one node");
	a = thp(HUGE);
	in = area_sub(a, PMD_PAGES / 2, a.pages - PMD_PAGES / 2);
	m = marks_new(in.pages);
	track(w, a, WPTRACK_TRACK_KEEP_HUGE);
	expect_clean(w, a);
	untrack(w, area_sub(a, 0, PMD_PAGES / 2));
	for (round = 0; round < 4; round++) {
		move_huge(a, (round + 1) % NODES);
		expect_no_lost(w, in, m, GET, "moved, tracked in part");
		touch(a, 7);
		touch(in, round);
		m->w[round] = 1;
		move_huge(a, round % NODES);
		expect_no_lost(w, in, m, GET, "moved, tracked in part");
		touch(in, 20 + round);
		m->w[20 + round] = 1;
		expect_no_lost(w, in, m, RESET, "moved, tracked in part");
		marks_none(m);
		/* The others are as whole as before. */
		expect_clean(w, area_sub(a, PMD_PAGES, 2 * PMD_PAGES));
	}
	/* A part of what is kept whole is not reset. */
	track(w, a, WPTRACK_TRACK_KEEP_HUGE);
	settle(w, a);
	check_that(a.p[7 * PAGE + 7] == 5 && a.p[300 * PAGE + 300] == 1);
}
END_TEST

START_TEST(moved_and_forked)
{
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	struct area a = carry_begin(&w);
	pid_t pid;

	if (access("/sys/devices/system/node/node1", F_OK))
		skip("one node");
	move(a, 1);
	touch_random(a, m, 6);
	pid = sleeper();
	expect_exact(w, a, m, GET);
	touch_random(a, m, 6);
	expect_exact(w, a, m, GET);
	end_child(pid);
}
END_TEST

START_TEST(compaction_leaves_pages_clean)
{
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	struct area a = carry_begin(&w);
	int round;

	if (access("/proc/sys/vm/compact_memory", W_OK))
		skip("no /proc/sys/vm/compact_memory");
	for (round = 0; round < 3; round++) {
		touch_random(a, m, 6);
		write_file("/proc/sys/vm/compact_memory", "1");
		touch_random(a, m, 6);
		expect_exact(w, a, m, RESET);
		settle(w, a);
		marks_none(m);
	}
}
END_TEST

/* To pin it, he gets a copy of each page, and so does the process itself. */
START_TEST(a_reader_of_pages_that_are_shared_with_a_child)
{
	uint8_t *copy = malloc(PAGES * PAGE);
	struct marks *m = marks_new(PAGES);
	struct iovec local, remote;
	struct wptrack *w;
	struct area a = carry_begin(&w);
	pid_t pid = sleeper();
	int round;

	local = (struct iovec){ copy, PAGES * PAGE };
	remote = (struct iovec){ a.p, PAGES * PAGE };
	for (round = 0; round < 3; round++) {
		ck_assert_int_eq(must(process_vm_readv(getpid(), &local, 1, &remote, 1, 0)),
				 PAGES * PAGE);
		expect_clean(w, a);
		touch_random(a, m, 6);
		must(process_vm_readv(getpid(), &local, 1, &remote, 1, 0));
		check_that(!memcmp(copy, a.p, PAGES * PAGE));
		expect_exact(w, a, m, GET);
		touch_random(a, m, 6);
		expect_exact(w, a, m, RESET);
		marks_none(m);
		if (!round)
			continue;
		end_child(pid);
		pid = sleeper();
	}
	end_child(pid);
}
END_TEST

void carry_moved(Suite *s)
{
	TCase *tc = tcase_new(s, "moves", TEST_TIMEOUT);

	tcase_add_test(tc, a_reader_of_pages_that_are_shared_with_a_child);
	tcase_add_test(tc, pages_that_are_moved_stay_clean);
	tcase_add_test(tc, huge_page_that_is_tracked_in_part_is_moved);
	tcase_add_test(tc, moved_and_forked);
	tcase_add_unchecked_fixture(tc, NULL, hugetlb_none);
	tcase_add_loop_test(tc, huge_pages_that_are_moved_stay_clean, 0, 3);
	tcase_add_test(tc, compaction_leaves_pages_clean);
}
