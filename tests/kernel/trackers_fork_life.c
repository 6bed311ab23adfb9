// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trackers that follow forks: how children and their trackers end, who may have them,
 * and what is answered.
 */
#define _GNU_SOURCE
#include "trackers_fork.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#define PAGES	700

static void sits(int fd, void *arg)
{
	turn_wait(fd);
}

START_TEST(killed_at_once)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = follow_self(), *c;
	long trackers = stats_value("trackers");
	uint64_t missed;
	int i, n = 0;

	track(w, a, 0);
	for (i = 0; i < 40; i++) {
		pid_t pid = must(fork());

		if (!pid)
			for (;;)
				touch(a, i);
		if (i & 1)
			usleep(rnd_below(3000));
		kill(pid, SIGKILL);
		must(waitpid(pid, NULL, 0));
		while (wptrack_forked(w, &c, NULL, &missed)) {
			n++;
			ck_assert_int_eq(wptrack_count(c, area_start(a), area_end(a),
						       NULL), -ESRCH);
			wptrack_close(c);
		}
	}
	note("%d of %d children lived long enough", n, i);
	expect_no_child(w, 0);
	ck_assert_int_eq(stats_value("trackers"), trackers);
	expect_clean(w, a);
}
END_TEST

START_TEST(exec_in_the_child)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = follow_self(), *c;
	pid_t pid;
	int i;

	track(w, a, 0);
	pid = must(fork());
	if (!pid) {
		execl("/proc/self/exe", "trackers", "--sit", NULL);
		_exit(1);
	}
	c = child_of(w, pid);
	for (i = 0; i < 500 && !(polled_for(c, 0) & POLLHUP); i++)
		usleep(20000);
	ck_assert_int_eq(wptrack_count(c, area_start(a), area_end(a), NULL), -ESRCH);
	expect_clean(w, a);
	kill(pid, SIGKILL);
	must(waitpid(pid, NULL, 0));
}
END_TEST

static void forks_when_asked(int fd, void *arg)
{
	turn_wait(fd);
	for (;;) {
		if (!peer_must(fork()))
			for (;;)
				pause();
		turn_done(fd);
	}
}

/* A debugger has signals wait for the child before it has begun. */
START_TEST(child_of_a_traced_parent)
{
	struct area a = anon_populated(PAGES);
	struct peer p = peer_start(forks_when_asked, NULL);
	struct wptrack *w = tracker_open(), *c;
	unsigned long pid = 0;
	int status;

	follow(w, p.pid);
	track(w, a, 0);
	settle(w, a);
	must(ptrace(PTRACE_SEIZE, p.pid, NULL, PTRACE_O_TRACEFORK));
	must(write(p.fd, "", 1));
	must(waitpid(p.pid, &status, 0));
	ck_assert_int_eq(status >> 8, SIGTRAP | (PTRACE_EVENT_FORK << 8));
	must(ptrace(PTRACE_GETEVENTMSG, p.pid, NULL, &pid));
	must(waitpid(pid, &status, __WALL));
	/* It has stopped before its first instruction. */
	c = child_of(w, pid);
	expect_clean(c, a);
	must(ptrace(PTRACE_POKEDATA, pid, a.p + 9 * PAGE, 1));
	ck_assert_uint_eq(count_written(c, a), 1);
	kill(pid, SIGKILL);
	kill(p.pid, SIGKILL);
	must(waitpid(p.pid, NULL, 0));
}
END_TEST

START_TEST(closed_before_children_are_fetched)
{
	struct area a = anon_populated(PAGES);
	struct peer p = peer_start(forks_when_asked, NULL);
	struct wptrack *w = tracker_open();
	char before[16];
	int i;

	snprintf(before, sizeof(before), "%ld", stats_value("trackers"));
	follow(w, p.pid);
	track(w, a, 0);
	peer_turn(&p);
	peer_turn(&p);
	/* Whether they are born or not. */
	peer_turn(&p);
	wptrack_close(w);
	ck_assert(stats_wait("trackers", before, 20));
	for (i = 0; i < 10; i++) {
		w = tracker_open();
		follow(w, p.pid);
		track(w, a, 0);
		peer_turn(&p);
		usleep(rnd_below(2000));
		wptrack_close(w);
	}
	ck_assert(stats_wait("trackers", before, 20));
	kill(p.pid, SIGKILL);
	must(waitpid(p.pid, NULL, 0));
}
END_TEST

START_TEST(only_so_many_wait_to_be_fetched)
{
	const char *max = "/sys/module/wptrack/parameters/max_user_forks";
	struct area a = anon_populated(10);
	struct peer p = peer_start(forks_when_asked, NULL);
	struct wptrack *w = tracker_open(), *c[4];
	uint64_t missed = 0;
	char all[24];
	int i, n = 0;

	follow(w, p.pid);
	track(w, a, 0);
	ck_assert(write_file(max, "3"));
	snprintf(all, sizeof(all), "%ld", stats_value("forks_missed") + 2);
	/* All are done, and those over the limit are told. */
	for (i = 0; i < 5; i++)
		peer_turn(&p);
	ck_assert(stats_wait("forks_missed", all, 20));
	ck_assert(polled_for(w, 0) & POLLPRI);
	while (n < 4 && wptrack_forked(w, &c[n], NULL, &missed) == 1)
		n++;
	ck_assert(write_file(max, "1024"));
	ck_assert_int_eq(n, 3);
	expect_no_child(w, 2);
	peer_turn(&p);
	c[n] = child_of(w, 0);
	expect_clean(c[n], a);
	expect_clean(c[0], a);
	kill(p.pid, SIGKILL);
	must(waitpid(p.pid, NULL, 0));
}
END_TEST

START_TEST(what_fetching_may_answer)
{
	struct area a = anon_populated(10);
	struct wptrack_forked arg = { .size = sizeof(arg) };
	struct wptrack *w = tracker_open(), *c, *plain = tracker_self();
	struct peer p;
	void *ro;

	ck_assert_int_eq(wptrack_forked(w, &c, NULL, NULL), -ENOTCONN);
	ck_assert_int_eq(wptrack_forked(plain, &c, NULL, NULL), -EOPNOTSUPP);
	note("%s", wptrack_error(plain));
	ck_assert_int_eq(wptrack_attach_flags(w, -1, 2), -EINVAL);
	w = follow_self();
	track(w, a, 0);
	expect_no_child(w, 0);
	p = peer_start(sits, NULL);
	ck_assert_int_eq(polled_for(w, 10000), POLLPRI);
	/* What fails leaves the child where it is. */
	arg.flags = 1;
	ck_assert_int_eq(ioctl(wptrack_fd(w), WPTRACK_IOC_FORKED, &arg), -1);
	ck_assert_int_eq(errno, EINVAL);
	arg.flags = 0;
	ro = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memcpy(ro, &arg, sizeof(arg));
	must(mprotect(ro, PAGE, PROT_READ));
	ck_assert_int_eq(ioctl(wptrack_fd(w), WPTRACK_IOC_FORKED, ro), -1);
	ck_assert_int_eq(errno, EFAULT);
	ck_assert_int_eq(polled_for(w, 0), POLLPRI);
	c = child_of(w, p.pid);
	ck_assert_int_eq(fcntl(wptrack_fd(c), F_GETFD), FD_CLOEXEC);
	expect_no_child(w, 0);
	ck_assert_int_eq(wptrack_attach_self(c), -EBUSY);
	peer_end(&p);
}
END_TEST

static void follows_as_nobody(int fd, void *arg)
{
	struct area a = { NULL, 20 };
	struct wptrack *w, *c;
	pid_t pid;
	int i;

	turn_wait(fd);
	become_nobody();
	if (wptrack_open(&w, NULL) ||
	    wptrack_attach_flags(w, -1, WPTRACK_ATTACH_FOLLOW_FORK))
		_exit(1);
	a.p = mmap(NULL, 20 * PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	touch_all(a);
	if (wptrack_track(w, area_start(a), area_end(a), 0))
		_exit(2);
	touch(a, 3);
	pid = fork();
	if (!pid) {
		touch(a, 5);
		for (;;)
			pause();
	}
	for (i = 0; i < 500 && wptrack_forked(w, &c, NULL, NULL) != 1; i++)
		usleep(20000);
	for (i = 0; i < 500 && wptrack_count(c, area_start(a), area_end(a), NULL) != 2; i++)
		usleep(20000);
	kill(pid, SIGKILL);
	if (i == 500)
		_exit(3);
}

START_TEST(without_privilege)
{
	struct peer p = peer_start(follows_as_nobody, NULL);

	peer_end(&p);
}
END_TEST

void trackers_fork_life(Suite *s)
{
	TCase *tc = tcase_new(s, "fork life", TEST_TIMEOUT);

	tcase_add_unchecked_fixture(tc, device_open_to_all, device_as_before);
	tcase_add_test(tc, killed_at_once);
	tcase_add_test(tc, exec_in_the_child);
	tcase_add_test(tc, child_of_a_traced_parent);
	tcase_add_test(tc, closed_before_children_are_fetched);
	tcase_add_test(tc, only_so_many_wait_to_be_fetched);
	tcase_add_test(tc, what_fetching_may_answer);
	tcase_add_test(tc, without_privilege);
}
