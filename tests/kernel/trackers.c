// SPDX-License-Identifier: GPL-2.0-only
/*
 * Several trackers on the same memory, trackers of other processes, and who may
 * have one.
 */
#define _GNU_SOURCE
#include "trackers.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define PAGES	1300

START_TEST(reset_of_one_never_hides_a_write_from_another)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *one = tracker_on(a), *two = tracker_on(a);
	struct marks *m = marks_new(PAGES), *n = marks_new(PAGES);
	int round;

	for (round = 0; round < 5; round++) {
		touch_random(a, m, 9);
		marks_add(n, m);
		expect_exact(one, a, m, RESET);
		marks_none(m);
		expect_clean(one, a);
		touch_random(a, m, 9);
		marks_add(n, m);
		expect_exact(two, a, n, RESET);
		marks_none(n);
		expect_exact(one, a, m, RESET);
		expect_clean(two, a);
		marks_none(m);
	}
}
END_TEST

/* Random commands by three trackers with ranges of their own. */
START_TEST(random_commands_of_three_trackers_follow_the_model)
{
	static const size_t first[] = { 0, 500, 0 }, pages[] = { 800, 800, 1300 };
	struct area a = anon_populated(PAGES), range[3];
	struct marks *m[3];
	struct wptrack *w[3];
	int step, i, j;

	for (i = 0; i < 3; i++) {
		range[i] = area_sub(a, first[i], pages[i]);
		w[i] = tracker_on(range[i]);
		m[i] = marks_new(pages[i]);
	}
	for (step = 0; step < 400; step++) {
		size_t what = rnd_below(10);

		i = rnd_below(3);
		if (what < 5) {
			for (j = 0; j < 20; j++) {
				size_t page = rnd_below(PAGES);
				int k;

				touch(a, page);
				for (k = 0; k < 3; k++)
					if (page >= first[k] &&
					    page < first[k] + pages[k])
						m[k]->w[page - first[k]] = 1;
			}
		} else if (what < 7) {
			expect_exact(w[i], range[i], m[i], GET);
		} else if (what < 9) {
			expect_exact(w[i], range[i], m[i], RESET);
			marks_none(m[i]);
		} else if (rnd_below(2)) {
			track(w[i], range[i], 0);
			marks_none(m[i]);
		} else {
			wptrack_close(w[i]);
			w[i] = tracker_self();
			track(w[i], range[i], WPTRACK_TRACK_START_WRITTEN);
			marks_all(m[i]);
		}
	}
	for (i = 0; i < 3; i++)
		expect_exact(w[i], range[i], m[i], RESET);
}
END_TEST

START_TEST(one_that_comes_later_takes_nothing_from_the_first)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *one = tracker_on(a), *two;
	struct marks *m = marks_new(PAGES);

	touch_random(a, m, 5);
	/* To track is to arm: what was written before must not get lost. */
	two = tracker_on(a);
	expect_clean(two, a);
	expect_exact(one, a, m, GET);
	untrack(two, area_sub(a, 100, 700));
	expect_exact(one, a, m, GET);
	wptrack_close(two);
	expect_exact(one, a, m, RESET);
	marks_none(m);
	touch_random(a, m, 5);
	expect_exact(one, a, m, RESET);
}
END_TEST

START_TEST(close_of_the_first_leaves_the_second)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *one = tracker_on(a), *two = tracker_on(a);
	struct marks *m = marks_new(PAGES);

	touch_random(a, m, 5);
	wptrack_close(one);
	touch_random(a, m, 5);
	expect_exact(two, a, m, RESET);
	expect_clean(two, a);
}
END_TEST

START_TEST(thirty_trackers)
{
	struct area a = anon_populated(PAGES);
	struct marks *m = marks_new(PAGES);
	struct wptrack *w[30];
	int i;

	for (i = 0; i < 30; i++)
		w[i] = tracker_on(a);
	touch_random(a, m, 5);
	for (i = 0; i < 30; i++)
		expect_exact(w[i], a, m, RESET);
	for (i = 0; i < 30; i++)
		expect_clean(w[i], a);
	ck_assert_int_ge(stats_value("trackers"), 30);
}
END_TEST

static void touch_in_turns(int fd, void *arg)
{
	struct area *a = arg;
	size_t i;

	turn_wait(fd);
	touch_all(*a);
	turn_done(fd);
	for (i = 0; i < a->pages; i += 3)
		touch(*a, i);
	turn_done(fd);
	touch_all(area_sub(*a, 10, 20));
	turn_done(fd);
}

static void every_third(struct marks *m)
{
	size_t i;

	marks_none(m);
	for (i = 0; i < m->pages; i += 3)
		m->w[i] = 1;
}

START_TEST(another_process_by_pidfd)
{
	struct area a = anon(PAGES);
	struct marks *m = marks_new(PAGES);
	struct peer p = peer_start(touch_in_turns, &a);
	struct wptrack *w = tracker_open();
	int pidfd = must(syscall(SYS_pidfd_open, p.pid, 0));

	ck_assert_msg(!wptrack_attach_pidfd(w, pidfd), "%s", wptrack_error(w));
	close(pidfd);
	track(w, a, 0);
	peer_turn(&p);
	expect_all(w, a);
	reset(w, a);
	/* Our own memory at the same address is not what is tracked. */
	touch_all(a);
	expect_clean(w, a);
	peer_turn(&p);
	every_third(m);
	expect_exact(w, a, m, RESET);
	peer_turn(&p);
	marks_none(m);
	marks_set(m, 10, 20);
	expect_exact(w, a, m, RESET);
	peer_end(&p);
}
END_TEST

START_TEST(whole_address_space_of_another_process)
{
	struct area a = anon(PAGES);
	struct marks *m = marks_new(PAGES);
	struct peer p = peer_start(touch_in_turns, &a);
	struct wptrack *w = tracker_pid(p.pid);

	ck_assert(!wptrack_track(w, 0, UINT64_MAX, WPTRACK_TRACK_START_WRITTEN));
	peer_turn(&p);
	reset(w, a);
	peer_turn(&p);
	every_third(m);
	expect_exact(w, a, m, RESET);
	peer_turn(&p);
	peer_end(&p);
}
END_TEST

/* The child uses the parent's descriptor: it goes on watching the parent. */
static void scan_parent(int fd, void *arg)
{
	struct {
		struct area a;
		struct wptrack *w;
	} *s = arg;
	struct marks *m;

	turn_wait(fd);
	touch_all(s->a);
	if (count_written(s->w, s->a))
		_exit(1);
	turn_done(fd);
	m = written(s->w, s->a, RESET);
	if (marks_count(m) != 2 || !m->w[7] || !m->w[1000])
		_exit(2);
}

START_TEST(inherited_descriptor_watches_the_parent)
{
	struct {
		struct area a;
		struct wptrack *w;
	} s = { anon_populated(PAGES), NULL };
	struct peer p;

	s.w = tracker_on(s.a);
	p = peer_start(scan_parent, &s);
	peer_turn(&p);
	expect_clean(s.w, s.a);
	touch(s.a, 7);
	touch(s.a, 1000);
	peer_end(&p);
	/* One tracker: what the child has reset is reset. */
	expect_clean(s.w, s.a);
}
END_TEST

static void send_fd(int socket, int fd)
{
	char byte = 0, control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	peer_must(sendmsg(socket, &msg, 0));
}

static int receive_fd(int socket)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof(control),
	};
	int fd;

	must(recvmsg(socket, &msg, MSG_CMSG_CLOEXEC));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	return fd;
}

/* Tracks itself and hands the tracker to its parent. */
static void hand_over(int fd, void *arg)
{
	struct area *a = arg;
	struct wptrack *w;

	turn_wait(fd);
	touch_all(*a);
	if (wptrack_open(&w, NULL) || wptrack_attach_self(w) ||
	    wptrack_track(w, area_start(*a), area_end(*a), 0))
		_exit(1);
	send_fd(fd, wptrack_fd(w));
	wptrack_close(w);
	turn_wait(fd);
	touch(*a, 77);
	turn_done(fd);
}

START_TEST(descriptor_passed_to_another_process_watches_the_giver)
{
	struct area a = anon(PAGES);
	struct peer p = peer_start(hand_over, &a);
	struct wptrack_region vec[8];
	struct wptrack_scan s = {
		.size = sizeof(s), .start = area_start(a), .end = area_end(a),
		.vec = (uintptr_t)vec, .vec_len = 8,
		.category_mask = WPTRACK_PAGE_WRITTEN,
		.return_mask = WPTRACK_PAGE_WRITTEN,
	};
	char go = 0;
	int fd;

	must(send(p.fd, &go, 1, 0));
	fd = receive_fd(p.fd);
	ck_assert_int_eq(must(ioctl(fd, WPTRACK_IOC_SCAN, &s)), 0);
	peer_turn(&p);
	ck_assert_int_eq(must(ioctl(fd, WPTRACK_IOC_SCAN, &s)), 1);
	ck_assert_uint_eq(vec[0].start, area_start(a) + 77 * PAGE);
	peer_end(&p);
}
END_TEST

START_TEST(vfork_child_writes_to_the_memory_of_its_parent)
{
	struct area a = anon_populated(10);
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(10);
	pid_t pid = vfork();

	if (!pid) {
		a.p[4 * PAGE] = 1;
		_exit(0);
	}
	must(pid);
	must(waitpid(pid, NULL, 0));
	m->w[4] = 1;
	expect_exact(w, a, m, RESET);
}
END_TEST

void become_nobody(void)
{
	peer_must(setgroups(0, NULL));
	peer_must(setresgid(NOBODY, NOBODY, NOBODY));
	peer_must(setresuid(NOBODY, NOBODY, NOBODY));
	/* setuid() made this process one that nobody may look into. */
	peer_must(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static void opens_as_nobody(int fd, void *arg)
{
	struct wptrack *w;

	turn_wait(fd);
	become_nobody();
	if (wptrack_open(&w, NULL) != -EACCES)
		_exit(1);
	note("%s", wptrack_open_error(-EACCES, NULL));
}

START_TEST(the_device_is_closed_to_others_by_its_mode)
{
	struct peer p = peer_start(opens_as_nobody, NULL);
	struct stat st;

	must(stat(WPTRACK_DEVICE, &st));
	if (st.st_mode & 0006)
		note("the mode of the device is %o", st.st_mode & 0777);
	ck_assert_uint_eq(st.st_mode & 0006, 0);
	peer_end(&p);
}
END_TEST

static void tracks_as_nobody(int fd, void *arg)
{
	struct area a = { 0 };
	struct wptrack *w;
	int ready[2];
	pid_t child;
	char c;

	turn_wait(fd);
	become_nobody();
	/* Root's process: no. */
	if (wptrack_open(&w, NULL))
		_exit(1);
	if (wptrack_attach_pid(w, getppid()) != -EPERM)
		_exit(2);
	note("%s", wptrack_error(w));
	/* Itself: yes. */
	if (wptrack_attach_self(w))
		_exit(3);
	a.p = mmap(NULL, 20 * PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	a.pages = 20;
	touch_all(a);
	if (wptrack_track(w, area_start(a), area_end(a), 0))
		_exit(4);
	touch(a, 3);
	if (count_written(w, a) != 1)
		_exit(5);
	wptrack_close(w);
	/* A process of its own: yes. */
	child = fork();
	if (!child) {
		pause();
		_exit(0);
	}
	if (wptrack_open(&w, NULL) || wptrack_attach_pid(w, child) ||
	    wptrack_track(w, area_start(a), area_end(a), 0))
		_exit(6);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	/* One of its own that may not be looked into: no. */
	peer_must(pipe(ready));
	child = fork();
	if (!child) {
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
		peer_must(write(ready[1], "", 1));
		pause();
		_exit(0);
	}
	peer_must(read(ready[0], &c, 1));
	wptrack_close(w);
	if (wptrack_open(&w, NULL) ||
	    wptrack_attach_pid(w, child) != -EPERM)
		_exit(7);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static mode_t device_mode;

void device_open_to_all(void)
{
	struct stat st;

	if (!stat(WPTRACK_DEVICE, &st))
		device_mode = st.st_mode & 07777;
	chmod(WPTRACK_DEVICE, 0666);
}

void device_as_before(void)
{
	chmod(WPTRACK_DEVICE, device_mode);
}

START_TEST(without_privilege_one_tracks_oneself_and_ones_own)
{
	struct peer p = peer_start(tracks_as_nobody, NULL);

	peer_end(&p);
}
END_TEST

static void fill_suite(Suite *s)
{
	TCase *tc = tcase_new(s, "several", TEST_TIMEOUT);

	tcase_add_test(tc, reset_of_one_never_hides_a_write_from_another);
	tcase_add_test(tc, random_commands_of_three_trackers_follow_the_model);
	tcase_add_test(tc, one_that_comes_later_takes_nothing_from_the_first);
	tcase_add_test(tc, close_of_the_first_leaves_the_second);
	tcase_add_test(tc, thirty_trackers);

	tc = tcase_new(s, "processes", TEST_TIMEOUT);
	tcase_add_test(tc, another_process_by_pidfd);
	tcase_add_test(tc, whole_address_space_of_another_process);
	tcase_add_test(tc, inherited_descriptor_watches_the_parent);
	tcase_add_test(tc, descriptor_passed_to_another_process_watches_the_giver);
	tcase_add_test(tc, vfork_child_writes_to_the_memory_of_its_parent);

	tc = tcase_new(s, "mode", TEST_TIMEOUT);
	tcase_add_test(tc, the_device_is_closed_to_others_by_its_mode);

	tc = tcase_new(s, "permission", TEST_TIMEOUT);
	tcase_add_unchecked_fixture(tc, device_open_to_all, device_as_before);
	tcase_add_test(tc, without_privilege_one_tracks_oneself_and_ones_own);

	trackers_random(s);
	trackers_sparse(s);
	trackers_limits(s);
	trackers_listing(s);
	trackers_epoch(s);
	trackers_wait(s);
	trackers_trace(s);
	trackers_fork(s);
	trackers_walks(s);
	trackers_parts(s);
	trackers_lost(s);
	trackers_refused(s);
}

int main(int argc, char **argv)
{
	/* What a target of the tests becomes by execve(). */
	if (argc > 1 && !strcmp(argv[1], "--sit"))
		for (;;)
			pause();
	return suite_run("trackers", fill_suite);
}
