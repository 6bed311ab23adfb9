// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiting for writes: poll, epoll, an eventfd, and the end of the target.
 */
#define _GNU_SOURCE
#include "trackers.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define PAGES	600

static int polled(struct wptrack *w, int timeout)
{
	struct pollfd p = { .fd = wptrack_fd(w), .events = POLLIN };

	must(poll(&p, 1, timeout));
	return p.revents;
}

/* Wake-ups since it was last asked. */
static uint64_t wakes(int eventfd)
{
	uint64_t n = 0;

	if (read(eventfd, &n, sizeof(n)) != sizeof(n))
		ck_assert_int_eq(errno, EAGAIN);
	return n;
}

static int new_eventfd(void)
{
	return must(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

static void notify(struct wptrack *w, uint64_t pages, int fd)
{
	ck_assert_msg(!wptrack_notify(w, pages, fd), "%s", wptrack_error(w));
}

/* The wake-up comes from an interrupt, at once but not within the write. */
static void expect_wakes(int fd, uint64_t n)
{
	uint64_t got = wakes(fd);

	if (got < n) {
		usleep(100000);
		got += wakes(fd);
	}
	ck_assert_uint_eq(got, n);
}

START_TEST(readable_as_long_as_there_are_enough_pages)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = tracker_on(a);
	int fd = new_eventfd();
	size_t i;

	ck_assert_int_eq(polled(w, 0), 0);
	notify(w, 10, fd);
	for (i = 0; i < 9; i++)
		touch(a, 5 * i);
	/* Again and again is once. */
	for (i = 0; i < 100; i++)
		touch(a, 0);
	ck_assert_int_eq(polled(w, 0), 0);
	expect_wakes(fd, 0);
	touch(a, 599);
	ck_assert_int_eq(polled(w, 1000), POLLIN);
	expect_wakes(fd, 1);
	ck_assert_int_eq(polled(w, 0), POLLIN);
	touch_all(a);
	expect_wakes(fd, 0);
	/* To look is not to reset. */
	ck_assert_uint_eq(count_written(w, a), PAGES);
	ck_assert_int_eq(polled(w, 0), POLLIN);
	reset(w, a);
	ck_assert_int_eq(polled(w, 0), 0);
	touch_all(area_sub(a, 0, 9));
	ck_assert_int_eq(polled(w, 0), 0);
	touch(a, 9);
	ck_assert_int_eq(polled(w, 1000), POLLIN);
	expect_wakes(fd, 1);
	/* Asked anew it counts anew; asked for nothing it is silent. */
	notify(w, 10, fd);
	ck_assert_int_eq(polled(w, 0), 0);
	touch_all(a);
	ck_assert_int_eq(polled(w, 1000), POLLIN);
	notify(w, 0, -1);
	ck_assert_int_eq(polled(w, 0), 0);
	reset(w, a);
	touch_all(a);
	ck_assert_int_eq(polled(w, 50), 0);
	expect_wakes(fd, 1);
}
END_TEST

START_TEST(only_pages_in_the_ranges_of_the_tracker_count)
{
	struct area a = anon_populated(PAGES), mine = area_sub(a, 100, 50);
	struct wptrack *all = tracker_on(a), *w = tracker_on(mine);
	struct wptrack_region r = { area_start(mine), area_end(mine), 0 };
	int fd = new_eventfd();

	notify(w, 1, fd);
	touch_all(area_sub(a, 0, 100));
	touch_all(area_sub(a, 150, 300));
	expect_wakes(fd, 0);
	ck_assert_int_eq(polled(w, 0), 0);
	touch(a, 149);
	expect_wakes(fd, 1);
	reset(all, a);
	/* Ranges that come and go. */
	track(w, area_sub(a, 300, 20), 0);
	reset(w, a);
	ck_assert_int_eq(polled(w, 0), 0);
	touch(a, 319);
	expect_wakes(fd, 1);
	untrack(w, mine);
	reset(w, a);
	touch(a, 120);
	expect_wakes(fd, 0);
	touch(a, 300);
	expect_wakes(fd, 1);
	/* A clear is a reset. */
	track(w, mine, 0);
	touch(a, 110);
	ck_assert_int_eq(polled(w, 0), POLLIN);
	ck_assert_int_eq(wptrack_clear(w, &r, 1, NULL, 0), 1);
	ck_assert_int_eq(polled(w, 0), 0);
	touch(a, 110);
	expect_wakes(fd, 1);
}
END_TEST

#define MANY	25000
#define ROUNDS	4
#define WRITERS	2

static struct area many;

static void *writes_all(void *arg)
{
	size_t i;

	for (i = (uintptr_t)arg; i < many.pages; i += WRITERS)
		touch(many, i);
	return NULL;
}

static atomic_bool done;

static void *counts_edges(void *arg)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLET };
	int fd = must(epoll_create1(EPOLL_CLOEXEC));
	uintptr_t n = 0;

	must(epoll_ctl(fd, EPOLL_CTL_ADD, *(int *)arg, &e));
	while (!done)
		n += must(epoll_wait(fd, &e, 1, 50));
	close(fd);
	return (void *)n;
}

START_TEST(one_wake_for_each_crossing_under_100000_writes)
{
	pthread_t writer[WRITERS], watcher;
	int round, i, fd = new_eventfd(), tracker;
	struct wptrack *w;
	long before;
	void *edges;

	many = anon_populated(MANY);
	w = tracker_on(many);
	settle(w, many);
	tracker = wptrack_fd(w);
	notify(w, 1000, fd);
	must(-pthread_create(&watcher, NULL, counts_edges, &tracker));
	before = stats_value("wakeups");
	for (round = 1; round <= ROUNDS; round++) {
		for (i = 0; i < WRITERS; i++)
			must(-pthread_create(&writer[i], NULL, writes_all,
					     (void *)(uintptr_t)i));
		for (i = 0; i < WRITERS; i++)
			pthread_join(writer[i], NULL);
		usleep(150000);
		ck_assert_int_eq(stats_value("wakeups") - before, round);
		if (round < ROUNDS)
			settle(w, many);
	}
	done = true;
	pthread_join(watcher, &edges);
	note("%d writes, %ld wake-ups, %lu events of epoll", MANY * ROUNDS,
	     stats_value("wakeups") - before, (unsigned long)edges);
	expect_wakes(fd, ROUNDS);
	ck_assert_uint_eq((uintptr_t)edges, ROUNDS);
}
END_TEST

START_TEST(a_huge_page_that_is_kept_counts_as_all_of_its_pages)
{
	struct area a = thp(2);
	struct wptrack *w = tracker_self();
	int fd = new_eventfd();

	track(w, a, WPTRACK_TRACK_KEEP_HUGE);
	settle(w, a);
	notify(w, PMD_PAGES, fd);
	touch(a, 3);
	ck_assert_int_eq(polled(w, 1000), POLLIN);
	expect_wakes(fd, 1);
}
END_TEST

static void sits(int fd, void *arg)
{
	turn_wait(fd);
	turn_done(fd);
	if (arg)
		execl("/proc/self/exe", "trackers", "--sit", NULL);
}

struct sleeper {
	struct wptrack *w;
	int events;
};

static void *sleeps(void *arg)
{
	struct sleeper *s = arg;

	s->events = polled(s->w, 20000);
	return NULL;
}

/* 0: exit, 1: kill, 2: exec */
START_TEST(the_end_of_the_target_is_pollhup_and_esrch)
{
	struct peer p = peer_start(sits, _i == 2 ? "exec" : NULL);
	struct area a = anon(10);
	struct sleeper s;
	pthread_t thread;
	int fd = new_eventfd();

	peer_turn(&p);
	s.w = tracker_pid(p.pid);
	track(s.w, a, 0);
	notify(s.w, 100, fd);
	ck_assert_int_eq(polled(s.w, 0), 0);
	must(-pthread_create(&thread, NULL, sleeps, &s));
	usleep(50000);
	if (_i == 1)
		kill(p.pid, SIGKILL);
	else
		must(send(p.fd, "", 1, 0));
	pthread_join(thread, NULL);
	ck_assert_int_eq(s.events, POLLHUP);
	ck_assert_int_eq(polled(s.w, 0), POLLHUP);
	expect_wakes(fd, 1);
	ck_assert_int_eq(wptrack_count(s.w, area_start(a), area_end(a), NULL), -ESRCH);
	ck_assert_int_eq(wptrack_notify(s.w, 1, -1), -ESRCH);
	if (_i == 2) {
		/* It lives on, and can be tracked anew. */
		wptrack_close(s.w);
		s.w = tracker_pid(p.pid);
		ck_assert_int_eq(polled(s.w, 0), 0);
		kill(p.pid, SIGKILL);
		ck_assert_int_eq(polled(s.w, 10000), POLLHUP);
	}
	must(waitpid(p.pid, NULL, 0));
}
END_TEST

START_TEST(what_is_no_eventfd_is_refused)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = tracker_on(a), *loose = tracker_open();
	int fd = new_eventfd(), null = must(open("/dev/null", O_RDONLY | O_CLOEXEC));

	ck_assert_int_eq(wptrack_notify(loose, 1, -1), -ENOTCONN);
	ck_assert_int_eq(polled(loose, 0), 0);
	ck_assert_int_eq(wptrack_notify(w, 1, 999), -EBADF);
	note("%s", wptrack_error(w));
	ck_assert_int_eq(wptrack_notify(w, 1, -2), -EBADF);
	ck_assert_int_eq(wptrack_notify(w, 1, null), -EINVAL);
	ck_assert_int_eq(wptrack_notify(w, 1, wptrack_fd(w)), -EINVAL);
	/* What failed has changed nothing. */
	notify(w, 1, fd);
	ck_assert_int_eq(wptrack_notify(w, 5, null), -EINVAL);
	touch(a, 1);
	expect_wakes(fd, 1);
	/* Its last other reference may go. */
	reset(w, a);
	close(fd);
	touch(a, 1);
	ck_assert_int_eq(polled(w, 1000), POLLIN);
}
END_TEST

static void *writes_for_ever(void *arg)
{
	struct area *a = arg;
	size_t i = 0;

	while (!done)
		touch(*a, i++ % a->pages);
	return NULL;
}

/* Under writers, so that counting, waking and freeing meet. */
START_TEST(thresholds_come_and_go_under_writers)
{
	struct area a = anon_populated(64);
	pthread_t writer[2];
	/* With one that stays, the hooks need not be placed anew each time. */
	struct wptrack *stays = tracker_on(a), *w;
	double until = seconds() + run_seconds(2);
	int i, fd, turns = 0;

	for (i = 0; i < 2; i++)
		must(-pthread_create(&writer[i], NULL, writes_for_ever, &a));
	while (seconds() < until) {
		w = tracker_on(a);
		for (i = 0; i < 5; i++) {
			fd = new_eventfd();
			notify(w, 1 + rnd_below(70), fd);
			close(fd);
			reset(w, a);
			if (rnd_below(2))
				track(w, area_sub(a, rnd_below(60), 4), 0);
			turns++;
		}
		if (rnd_below(2))
			notify(w, 0, -1);
		wptrack_close(w);
	}
	done = true;
	for (i = 0; i < 2; i++)
		pthread_join(writer[i], NULL);
	note("%d thresholds", turns);
	wptrack_close(stays);
}
END_TEST

/* What is written to pages that are reset already counts, while others are to come. */
START_TEST(a_reset_in_several_calls_counts_on)
{
	struct wptrack_scan_opts o = {
		.sz = sizeof(o), .flags = WPTRACK_SCAN_RESET,
	};
	struct area a = anon_populated(PAGES);
	struct wptrack *w = tracker_on(a);
	struct wptrack_region v;
	uint64_t end;

	notify(w, 1, -1);
	touch(a, 0);
	touch(a, 10);
	ck_assert_int_eq(polled(w, 1000), POLLIN);
	ck_assert_int_eq(wptrack_scan(w, area_start(a), area_end(a), &v, 1, &end, &o), 1);
	ck_assert_uint_lt(end, area_end(a));
	ck_assert_int_eq(polled(w, 0), 0);
	touch(a, 0);
	ck_assert_int_eq(polled(w, 1000), POLLIN);
	ck_assert_int_eq(wptrack_scan(w, end, area_end(a), &v, 1, &end, &o), 1);
	ck_assert_uint_eq(end, area_end(a));
	ck_assert_int_eq(polled(w, 0), POLLIN);
	/* The next one is a new one, wherever it begins. */
	ck_assert_int_eq(wptrack_scan(w, area_start(a), area_end(a), &v, 1, &end, &o), 1);
	ck_assert_int_eq(polled(w, 0), 0);
}
END_TEST

START_TEST(a_clear_that_is_refused_leaves_the_count)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = tracker_on(a);
	struct wptrack_region v = { .start = area_start(a), .end = area_end(a) };
	uint64_t epoch = 999;

	notify(w, 1, -1);
	touch(a, 0);
	ck_assert_int_eq(polled(w, 1000), POLLIN);
	ck_assert_int_eq(wptrack_clear(w, &v, 1, &epoch, 0), -ESTALE);
	ck_assert_int_eq(polled(w, 0), POLLIN);
	ck_assert_int_eq(wptrack_clear(w, &v, 1, NULL, 0), 1);
	ck_assert_int_eq(polled(w, 0), 0);
}
END_TEST

static void *writes_one(void *arg)
{
	struct area *a = arg;

	while (!done)
		touch(*a, 0);
	return NULL;
}

/* The first page is written as soon as it is reset, and never is newly written again. */
START_TEST(a_clear_of_many_regions_counts_on)
{
	static struct wptrack_region v[PAGES];
	struct area a = anon_populated(PAGES);
	struct wptrack *w = tracker_on(a);
	pthread_t writer;
	int round;
	size_t i;

	for (i = 0; i < PAGES; i++)
		v[i] = (struct wptrack_region){
			.start = area_start(a) + i * PAGE,
			.end = area_start(a) + (i + 1) * PAGE,
		};
	notify(w, 1, -1);
	must(-pthread_create(&writer, NULL, writes_one, &a));
	for (round = 0; round < 50; round++) {
		ck_assert_int_eq(wptrack_clear(w, v, PAGES, NULL, 0), PAGES);
		ck_assert_msg(polled(w, 5000) == POLLIN, "round %d: not woken", round);
	}
	done = true;
	pthread_join(writer, NULL);
}
END_TEST

void trackers_wait(Suite *s)
{
	TCase *tc = tcase_new(s, "wait", TEST_TIMEOUT);

	tcase_add_test(tc, readable_as_long_as_there_are_enough_pages);
	tcase_add_test(tc, only_pages_in_the_ranges_of_the_tracker_count);
	tcase_add_test(tc, one_wake_for_each_crossing_under_100000_writes);
	tcase_add_test(tc, a_huge_page_that_is_kept_counts_as_all_of_its_pages);
	tcase_add_loop_test(tc, the_end_of_the_target_is_pollhup_and_esrch, 0, 3);
	tcase_add_test(tc, what_is_no_eventfd_is_refused);
	tcase_add_test(tc, thresholds_come_and_go_under_writers);
	tcase_add_test(tc, a_reset_in_several_calls_counts_on);
	tcase_add_test(tc, a_clear_that_is_refused_leaves_the_count);
	tcase_add_test(tc, a_clear_of_many_regions_counts_on);
}
