// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is refused in rare cases, and that all goes on as before: limits that change under
 * their users, targets without memory, answers that cannot be given.
 */
#define _GNU_SOURCE
#include "trackers_fork.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define PARAMETERS	"/sys/module/wptrack/parameters/"
#define PAGES		100

static const char *const names[] = {
	PARAMETERS "max_ranges", PARAMETERS "max_user_trackers",
};

static char before[2][24];

static void parameters_keep(void)
{
	FILE *f;
	int i;

	for (i = 0; i < 2; i++) {
		f = fopen(names[i], "re");
		if (!f || !fgets(before[i], sizeof(before[i]), f))
			before[i][0] = 0;
		if (f)
			fclose(f);
	}
}

static void parameters_as_before(void)
{
	int i;

	for (i = 0; i < 2; i++)
		write_file(names[i], before[i]);
}

START_TEST(a_range_cannot_be_cut_in_two_at_the_limit)
{
	struct area a = anon_populated(PAGES), more = anon(3);
	struct wptrack *w = tracker_on(a);
	struct wptrack_range r = {
		.size = sizeof(r), .start = area_start(a) + 10 * PAGE,
		.end = area_start(a) + 20 * PAGE,
	};
	struct marks *m = marks_new(PAGES);

	settle(w, a);
	track(w, area_sub(more, 2, 1), 0);
	ck_assert(write_file(names[0], "2"));
	ck_assert_int_eq(ioctl(wptrack_fd(w), WPTRACK_IOC_UNTRACK, &r), -1);
	ck_assert_int_eq(errno, ENOSPC);
	ck_assert_uint_eq(r.done, r.start);
	touch_random(a, m, 4);
	touch(a, 15);
	m->w[15] = 1;
	expect_exact(w, a, m, RESET);
	/* At its end it can be cut. */
	r.end = area_end(a);
	must(ioctl(wptrack_fd(w), WPTRACK_IOC_UNTRACK, &r));
	ck_assert_uint_eq(r.done, r.end);
	touch_all(a);
	ck_assert_uint_eq(count_written(w, a), 10);
	/* Fewer than there are: less is always possible. */
	ck_assert(write_file(names[0], "1"));
	untrack(w, more);
	ck_assert_uint_eq(count_written(w, a), 10);
	reset(w, a);
	expect_clean(w, a);
}
END_TEST

/* In turns with the test, which lowers the limit meanwhile. */
static void opens_three(int fd, void *arg)
{
	struct wptrack *w[4];
	int i;

	turn_wait(fd);
	become_nobody();
	for (i = 0; i < 3; i++)
		if (wptrack_open(&w[i], NULL))
			_exit(1);
	turn_done(fd);
	/* At most one: those that are there stay, and may go. */
	if (wptrack_open(&w[3], NULL) != -EDQUOT || wptrack_attach_self(w[2]))
		_exit(2);
	wptrack_close(w[0]);
	if (wptrack_open(&w[3], NULL) != -EDQUOT)
		_exit(3);
	wptrack_close(w[1]);
	wptrack_close(w[2]);
	if (wptrack_open(&w[3], NULL))
		_exit(4);
	if (wptrack_open(&w[0], NULL) != -EDQUOT)
		_exit(5);
	wptrack_close(w[3]);
	turn_done(fd);
	if (wptrack_open(&w[0], NULL) || wptrack_open(&w[1], NULL))
		_exit(6);
}

START_TEST(a_limit_below_what_is_in_use)
{
	struct peer p = peer_start(opens_three, NULL);

	peer_turn(&p);
	ck_assert(write_file(names[1], "1"));
	peer_turn(&p);
	ck_assert(write_file(names[1], "2"));
	peer_end(&p);
}
END_TEST

static void follows_at_the_limit(int fd, void *arg)
{
	struct area a = { NULL, 20 };
	struct wptrack *w, *c = NULL;
	uint64_t missed = 0;
	pid_t pid;
	int i;

	turn_wait(fd);
	become_nobody();
	a.p = mmap(NULL, 20 * PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	touch_all(a);
	if (wptrack_open(&w, NULL) ||
	    wptrack_attach_flags(w, -1, WPTRACK_ATTACH_FOLLOW_FORK) ||
	    wptrack_track(w, area_start(a), area_end(a), 0))
		_exit(1);
	turn_done(fd);
	pid = fork();
	if (!pid)
		for (;;)
			pause();
	for (i = 0; i < 500 && !missed; i++, usleep(20000))
		if (wptrack_forked(w, &c, NULL, &missed))
			_exit(2);
	kill(pid, SIGKILL);
	if (missed != 1)
		_exit(3);
	/* The parent's goes on. */
	touch(a, 4);
	if (wptrack_count(w, area_start(a), area_end(a), NULL) < 1)
		_exit(4);
}

START_TEST(no_tracker_is_left_for_the_child)
{
	struct peer p = peer_start(follows_at_the_limit, NULL);

	peer_turn(&p);
	ck_assert(write_file(names[1], "1"));
	peer_end(&p);
}
END_TEST

static void sits(int fd, void *arg)
{
	turn_wait(fd);
}

START_TEST(a_child_waits_while_there_are_no_descriptors)
{
	struct wptrack_forked arg = { .size = sizeof(arg) };
	struct area a = anon_populated(PAGES);
	struct wptrack *w = follow_self(), *c;
	struct marks *m = marks_new(PAGES);
	struct rlimit old, none;
	struct peer p;

	track(w, a, 0);
	settle(w, a);
	touch_random(a, m, 5);
	p = peer_start(sits, NULL);
	ck_assert_int_eq(polled_for(w, 10000), POLLPRI);
	must(getrlimit(RLIMIT_NOFILE, &old));
	none = old;
	none.rlim_cur = 0;
	must(setrlimit(RLIMIT_NOFILE, &none));
	ck_assert_int_eq(ioctl(wptrack_fd(w), WPTRACK_IOC_FORKED, &arg), -1);
	ck_assert_int_eq(errno, EMFILE);
	must(setrlimit(RLIMIT_NOFILE, &old));
	ck_assert_int_eq(polled_for(w, 0), POLLPRI);
	c = child_of(w, p.pid);
	expect_exact(c, a, m, GET);
	expect_no_child(w, 0);
	peer_end(&p);
}
END_TEST

START_TEST(no_child_and_no_place_to_say_so)
{
	struct wptrack_forked arg = { .size = sizeof(arg) }, *ro;
	struct wptrack *w = follow_self();

	ro = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	*ro = arg;
	must(mprotect(ro, PAGE, PROT_READ));
	ck_assert_int_eq(ioctl(wptrack_fd(w), WPTRACK_IOC_FORKED, ro), -1);
	ck_assert_int_eq(errno, EFAULT);
	must(mprotect(ro, PAGE, PROT_READ | PROT_WRITE));
	ck_assert_int_eq(ioctl(wptrack_fd(w), WPTRACK_IOC_FORKED, ro), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_eq(ro->fd, -1);
}
END_TEST

START_TEST(clear_beyond_all_addresses)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = tracker_on(a);
	struct wptrack_region v[3] = {
		{ .start = area_start(a), .end = area_start(a) + 50 * PAGE },
		{ .start = 1UL << 63, .end = (1UL << 63) + 5 * PAGE },
		{ .start = area_start(a) + 60 * PAGE, .end = area_end(a) },
	};
	struct wptrack_clear arg = {
		.size = sizeof(arg), .vec = (uintptr_t)v, .vec_len = 3,
	};
	struct marks *m = marks_new(PAGES);

	settle(w, a);
	touch_all(a);
	must(ioctl(wptrack_fd(w), WPTRACK_IOC_CLEAR, &arg));
	ck_assert_uint_eq(arg.done, 3);
	ck_assert_uint_eq(arg.pages, 90);
	marks_set(m, 50, 10);
	expect_exact(w, a, m, GET);
	/* A list that is the kernel's, or ends there. */
	arg.vec = 0xffff888000000000;
	ck_assert_int_eq(ioctl(wptrack_fd(w), WPTRACK_IOC_CLEAR, &arg), -1);
	ck_assert_int_eq(errno, EFAULT);
	arg.vec = (uintptr_t)v;
	arg.vec_len = UINT64_MAX / sizeof(*v) + 1;
	ck_assert_int_eq(ioctl(wptrack_fd(w), WPTRACK_IOC_CLEAR, &arg), -1);
	ck_assert_int_eq(errno, EFAULT);
	expect_exact(w, a, m, RESET);
	expect_clean(w, a);
}
END_TEST

START_TEST(who_has_no_memory_cannot_be_tracked)
{
	struct wptrack *w = tracker_open();
	pid_t pid = must(fork());
	siginfo_t si;
	int fd;

	if (!pid)
		_exit(0);
	/* A zombie. */
	must(waitid(P_PID, pid, &si, WEXITED | WNOWAIT));
	fd = must(syscall(SYS_pidfd_open, pid, 0));
	ck_assert_int_eq(wptrack_attach_pidfd(w, fd), -ESRCH);
	must(waitpid(pid, NULL, 0));
	ck_assert_int_eq(wptrack_attach_pidfd(w, fd), -ESRCH);
	close(fd);
	/* A thread of the kernel. */
	fd = must(syscall(SYS_pidfd_open, 2, 0));
	ck_assert_int_eq(wptrack_attach_pidfd(w, fd), -ESRCH);
	close(fd);
	ck_assert_int_eq(wptrack_attach_self(w), 0);
}
END_TEST

static uint64_t wakes(int eventfd)
{
	uint64_t n = 0;

	if (read(eventfd, &n, sizeof(n)) != sizeof(n))
		ck_assert_int_eq(errno, EAGAIN);
	return n;
}

/* No pages: it tells of the end alone. */
START_TEST(an_eventfd_that_waits_for_the_end)
{
	int first = must(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	int second = must(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	struct peer p = peer_start(sits, NULL);
	struct area a = anon_populated(PAGES);
	struct wptrack *w = tracker_open();
	int i;

	ck_assert_int_eq(wptrack_notify(w, 0, first), -ENOTCONN);
	ck_assert_int_eq(wptrack_attach_self(w), 0);
	track(w, a, 0);
	ck_assert_int_eq(wptrack_notify(w, 0, first), 0);
	settle(w, a);
	touch_all(a);
	/* Set anew, with pages and without, and taken back. */
	ck_assert_int_eq(wptrack_notify(w, 0, second), 0);
	ck_assert_int_eq(wptrack_notify(w, 1, second), 0);
	reset(w, a);
	touch(a, 1);
	ck_assert_int_eq(polled_for(w, 1000), POLLIN);
	ck_assert_int_eq(wptrack_notify(w, 0, first), 0);
	ck_assert_int_eq(wptrack_notify(w, 0, -1), 0);
	ck_assert_int_eq(wptrack_notify(w, 0, first), 0);
	ck_assert_uint_eq(wakes(first), 0);
	ck_assert_uint_eq(wakes(second), 1);
	wptrack_close(w);
	ck_assert_uint_eq(wakes(first), 0);

	w = tracker_pid(p.pid);
	ck_assert_int_eq(wptrack_notify(w, 0, first), 0);
	ck_assert_int_eq(wptrack_notify(w, 0, second), 0);
	peer_end(&p);
	for (i = 0; i < 500 && !(polled_for(w, 0) & POLLHUP); i++)
		usleep(20000);
	usleep(100000);
	ck_assert_uint_eq(wakes(first), 0);
	ck_assert_uint_eq(wakes(second), 1);
	wptrack_close(w);
}
END_TEST

void trackers_refused(Suite *s)
{
	TCase *tc = tcase_new(s, "refused", TEST_TIMEOUT);

	tcase_add_unchecked_fixture(tc, device_open_to_all, device_as_before);
	tcase_add_unchecked_fixture(tc, parameters_keep, NULL);
	/* A test that fails must not leave a limit to the others. */
	tcase_add_checked_fixture(tc, NULL, parameters_as_before);
	tcase_add_test(tc, a_range_cannot_be_cut_in_two_at_the_limit);
	tcase_add_test(tc, a_limit_below_what_is_in_use);
	tcase_add_test(tc, no_tracker_is_left_for_the_child);
	tcase_add_test(tc, a_child_waits_while_there_are_no_descriptors);
	tcase_add_test(tc, no_child_and_no_place_to_say_so);
	tcase_add_test(tc, clear_beyond_all_addresses);
	tcase_add_test(tc, who_has_no_memory_cannot_be_tracked);
	tcase_add_test(tc, an_eventfd_that_waits_for_the_end);
}
