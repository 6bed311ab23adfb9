// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is no fork of the target, though it is seen by who follows its forks.
 */
#define _GNU_SOURCE
#include "trackers_fork.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define PAGES	200

static void sits(int fd, void *arg)
{
	turn_wait(fd);
}

/* The kernel looks for a module, with a process of its own. */
START_TEST(processes_that_the_kernel_starts)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = follow_self(), *c;
	long forks = stats_value("forks_followed");
	struct peer p;

	track(w, a, 0);
	settle(w, a);
	socket(AF_X25, SOCK_SEQPACKET, 0);
	socket(AF_ROSE, SOCK_SEQPACKET, 0);
	socket(AF_IPX, SOCK_DGRAM, 0);
	expect_no_child(w, 0);
	ck_assert_int_eq(stats_value("forks_followed"), forks);
	expect_clean(w, a);
	p = peer_start(sits, NULL);
	c = child_of(w, p.pid);
	expect_clean(c, a);
	peer_end(&p);
}
END_TEST

static void syncs(int fd, void *arg)
{
	turn_wait(fd);
	for (;;) {
		peer_must(fsync(*(int *)arg));
		turn_done(fd);
	}
}

/* Another process makes our pages read-only, as a fork does. */
START_TEST(writeback_by_another_process)
{
	struct marks *m = marks_new(PAGES);
	long forked = stats_value("overreport_forked");
	struct wptrack *w, *c;
	struct peer p, child;
	struct map map;
	int round;

	if (!map_exists(MAP_KIND_EXT4))
		skip("no ext4 scratch disk");
	map = map_make(MAP_KIND_EXT4, PAGES, 3);
	touch_all(map.a);
	p = peer_start(syncs, &map.fd);
	w = follow_self();
	track(w, map.a, 0);
	for (round = 0; round < 3; round++) {
		settle(w, map.a);
		marks_none(m);
		touch_random(map.a, m, 5);
		peer_turn(&p);
		child = peer_start(sits, NULL);
		c = child_of(w, child.pid);
		expect_no_lost(c, map.a, m, GET, "writeback");
		expect_no_lost(w, map.a, m, RESET, "writeback");
		peer_end(&child);
		wptrack_close(c);
	}
	ck_assert_int_eq(stats_value("overreport_forked"), forked);
	kill(p.pid, SIGKILL);
	must(waitpid(p.pid, NULL, 0));
}
END_TEST

void trackers_fork_others(Suite *s)
{
	TCase *tc = tcase_new(s, "no forks", TEST_TIMEOUT);

	tcase_add_test(tc, processes_that_the_kernel_starts);
	tcase_add_test(tc, writeback_by_another_process);
}
