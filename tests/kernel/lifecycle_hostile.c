// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ends that nobody plans: killed at every step, out of memory, stopped in the middle
 * of a scan, unloaded while others come.
 */
#define _GNU_SOURCE
#include "lifecycle.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define PAGES	1100

/* --- a tracker that is killed at each of its steps */

#define KILLS	1	/* in each step, and during each command */

enum step {
	STEP_OPEN, STEP_ATTACH, STEP_TRACK, STEP_WRITE, STEP_SCAN, STEP_SPLIT,
	STEP_UNTRACK, STEP_CLOSE, STEPS
};

static atomic_uint *now;	/* the step, shared with who will kill */

static void at(enum step step)
{
	atomic_store(now, step);
}

static void live(struct area a)
{
	struct wptrack *w;

	for (;;) {
		at(STEP_OPEN);
		if (wptrack_open(&w, NULL))
			_exit(1);
		at(STEP_ATTACH);
		if (wptrack_attach_self(w))
			_exit(2);
		at(STEP_TRACK);
		if (wptrack_track(w, area_start(a), area_end(a), 0))
			_exit(3);
		at(STEP_WRITE);
		touch_all(a);
		at(STEP_SCAN);
		reset(w, a);
		at(STEP_SPLIT);
		/* Single pages of huge ones, by a write and by a reset. */
		touch(a, 5);
		touch(a, PMD_PAGES + 7);
		reset(w, area_sub(a, 0, 20));
		at(STEP_UNTRACK);
		if (wptrack_untrack(w, area_start(a), area_end(a)))
			_exit(4);
		at(STEP_CLOSE);
		wptrack_close(w);
	}
}

START_TEST(killed_at_every_step)
{
	int step, round;

	now = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		   -1, 0);
	for (step = 0; step < STEPS; step++) {
		for (round = 0; round < KILLS; round++) {
			double end = seconds() + 30;
			pid_t pid;
			int status;

			atomic_store(now, STEPS);
			pid = must(fork());
			if (!pid)
				live(thp(2));
			while (atomic_load(now) != (unsigned int)step &&
			       seconds() < end)
				usleep(20);
			usleep(rnd_below(3000));
			kill(pid, SIGKILL);
			must(waitpid(pid, &status, 0));
			ck_assert_msg(WIFSIGNALED(status),
				      "it had left before, with %d",
				      WEXITSTATUS(status));
		}
	}
	expect_nothing_left();
}
END_TEST

/* --- targets that go away under a command */

static void does_nothing(int fd, void *arg)
{
	struct area *a = arg;

	/* The pages of a fork are shared; these are its own. */
	touch_all(*a);
	turn_wait(fd);
	turn_done(fd);
	pause();
}

static long under_track(struct wptrack *w, struct area a)
{
	return wptrack_track(w, area_start(a), area_end(a), 0);
}

static long under_scan(struct wptrack *w, struct area a)
{
	struct wptrack_scan_opts o = {
		.sz = sizeof(o), .flags = WPTRACK_SCAN_RESET,
	};

	return wptrack_count(w, area_start(a), area_end(a), &o);
}

/* A part of a huge page cannot be reset without a split. */
static long under_split(struct wptrack *w, struct area a)
{
	struct area part = area_sub(a, rnd_below(2 * PMD_PAGES), 3);
	long ret = wptrack_track(w, area_start(a), area_end(a),
				 WPTRACK_TRACK_START_WRITTEN);

	return ret ? ret : under_scan(w, part);
}

static long under_untrack(struct wptrack *w, struct area a)
{
	long ret = wptrack_track(w, area_start(a), area_end(a), 0);

	return ret ? ret : wptrack_untrack(w, area_start(a), area_end(a));
}

static long (*const under[])(struct wptrack *, struct area) = {
	under_track, under_scan, under_split, under_untrack,
};

struct killer {
	pid_t pid;
	unsigned int us;
};

static void *kill_soon(void *arg)
{
	struct killer *k = arg;

	usleep(k->us);
	kill(k->pid, SIGKILL);
	return NULL;
}

START_TEST(target_goes_away_under_a_command)
{
	struct area a = thp(3);
	int round;

	for (round = 0; round < KILLS; round++) {
		struct peer p = peer_start(does_nothing, &a);
		struct killer k = { p.pid, rnd_below(30000) };
		double end = seconds() + 60;
		struct wptrack *w;
		pthread_t thread;
		long ret = 0;

		peer_turn(&p);
		w = tracker_pid(p.pid);
		track(w, a, 0);
		pthread_create(&thread, NULL, kill_soon, &k);
		while (ret >= 0 && seconds() < end)
			ret = under[_i](w, a);
		ck_assert_int_eq(ret, -ESRCH);
		pthread_join(thread, NULL);
		must(waitpid(p.pid, NULL, 0));
		close(p.fd);
		wptrack_close(w);
	}
	expect_nothing_left();
}
END_TEST

/* --- a target that the kernel kills for want of memory */

#define CGROUP	"/sys/fs/cgroup/"
#define OOM	CGROUP "wptrack-oom"

static void eats(int fd, void *arg)
{
	struct area *a = arg;
	size_t i;

	turn_wait(fd);
	if (!write_file(OOM "/cgroup.procs", "0"))
		_exit(1);
	turn_done(fd);
	for (i = 0; ; i = (i + 1) % a->pages)
		touch(*a, i);
}

/*
 * What the kernel says of an OOM kill looks like a complaint on the console, and is none.
 * The log has it all the same.
 */
static int messages_begin(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		lseek(fd, 0, SEEK_END);
	klogctl(8, NULL, 3);
	return fd;
}

static void messages_end(int fd)
{
	char text[2048];
	ssize_t n;

	while (fd >= 0 && (n = read(fd, text, sizeof(text) - 1)) > 0) {
		text[n] = '\0';
		ck_assert_msg(!strstr(text, "BUG") && !strstr(text, "WARNING"),
			      "%s", text);
	}
	close(fd);
}

/* Whatever has become of the test: later ones must be heard. */
static void console_as_before(void)
{
	klogctl(8, NULL, 7);
	rmdir(OOM);
}

START_TEST(target_is_killed_for_want_of_memory)
{
	struct area a = anon(24 * 256);		/* 24 MiB */
	struct wptrack *w;
	struct peer p;
	int log, status;
	long ret = 0;
	double end;

	if (!write_file(CGROUP "cgroup.subtree_control", "+memory") ||
	    (mkdir(OOM, 0755) && errno != EEXIST) ||
	    !write_file(OOM "/memory.max", "8M"))
		skip("no memory controller: %s", strerror(errno));
	write_file(OOM "/memory.swap.max", "0");
	log = messages_begin();
	p = peer_start(eats, &a);
	peer_turn(&p);
	w = tracker_pid(p.pid);
	track(w, a, 0);
	must(write(p.fd, "", 1));
	for (end = seconds() + 60; ret >= 0 && seconds() < end; )
		ret = under_scan(w, a);
	kill(p.pid, SIGUSR1);
	must(waitpid(p.pid, &status, 0));
	wptrack_close(w);
	close(p.fd);
	messages_end(log);
	ck_assert_int_eq(ret, -ESRCH);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	expect_nothing_left();
}
END_TEST

/* --- a scanner that is stopped in the middle, by its own userfaultfd */

struct stopped {
	struct area a;
	struct wptrack *w;
	struct wptrack_region *vec;	/* where its array lies: nothing there yet */
	struct wptrack_scan scan;
	long ret;
	int err;
};

static void *scan_and_stop(void *arg)
{
	struct stopped *s = arg;

	s->scan = (struct wptrack_scan){
		.size = sizeof(s->scan), .flags = WPTRACK_SCAN_RESET,
		.start = area_start(s->a), .end = area_end(s->a),
		.vec = (uintptr_t)s->vec, .vec_len = 100,
		.category_mask = WPTRACK_PAGE_WRITTEN,
		.return_mask = WPTRACK_PAGE_WRITTEN,
	};
	s->ret = ioctl(wptrack_fd(s->w), WPTRACK_IOC_SCAN, &s->scan);
	s->err = errno;
	return NULL;
}

START_TEST(scanner_stopped_in_a_fault_stops_nobody_else)
{
	struct stopped s = { .a = anon_populated(PAGES) };
	struct area vec = hole(2, 0);
	struct marks *m = marks_new(PAGES), *got = marks_new(PAGES);
	struct uffdio_zeropage zero;
	struct wptrack *other;
	pthread_t thread;
	int uffd;
	long i;

	map_over(vec, PROT_READ | PROT_WRITE);
	uffd = faults_wait(vec);
	if (uffd < 0)
		skip("no userfaultfd: %s", strerror(errno));
	s.vec = (void *)vec.p;
	s.w = tracker_on(s.a);
	other = tracker_on(s.a);
	marks_set(m, 30, 3);
	touch_all(area_sub(s.a, 30, 3));
	pthread_create(&thread, NULL, scan_and_stop, &s);
	ck_assert(fault_is_waiting(uffd));

	/* It has reset these, and nobody got them so far. */
	expect_exact(other, s.a, m, RESET);
	marks_none(m);
	touch_random(s.a, m, 7);
	expect_exact(other, s.a, m, RESET);
	ck_assert(stats_value("trackers") == 2);
	wptrack_close(other);
	other = tracker_on(s.a);
	wptrack_close(other);

	zero = (struct uffdio_zeropage){ .range = { area_start(vec),
						    2 * PAGE } };
	must(ioctl(uffd, UFFDIO_ZEROPAGE, &zero));
	pthread_join(thread, NULL);
	ck_assert_msg(s.ret == 1, "scan: %ld, %s", s.ret, strerror(s.err));
	for (i = 0; i < s.ret; i++)
		marks_set(got, (s.vec[i].start - area_start(s.a)) / PAGE,
			  (s.vec[i].end - s.vec[i].start) / PAGE);
	ck_assert_uint_eq(marks_count(got), 3);
	ck_assert(got->w[30] && got->w[32]);
	/* And what came while it was stopped is still to be told. */
	expect_exact(s.w, s.a, m, RESET);
	wptrack_close(s.w);
	close(uffd);
	expect_nothing_left();
}
END_TEST

START_TEST(scanner_killed_in_a_fault_leaves_nothing)
{
	int round;

	for (round = 0; round < KILLS; round++) {
		atomic_uint *waits = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
					  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		double end = seconds() + 30;
		pid_t pid = must(fork());

		if (!pid) {
			struct stopped s = { .a = anon_populated(PAGES) };
			struct area vec = hole(2, 0);
			pthread_t thread;
			int uffd;

			map_over(vec, PROT_READ | PROT_WRITE);
			uffd = faults_wait(vec);
			if (uffd < 0)
				_exit(0);
			s.vec = (void *)vec.p;
			s.w = tracker_on(s.a);
			touch_all(s.a);
			pthread_create(&thread, NULL, scan_and_stop, &s);
			atomic_store(waits, fault_is_waiting(uffd) ? 1 : 2);
			pause();
		}
		while (!atomic_load(waits) && seconds() < end &&
		       !waitpid(pid, NULL, WNOHANG))
			usleep(1000);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		if (!atomic_load(waits))
			skip("no userfaultfd");
		ck_assert_uint_eq(atomic_load(waits), 1);
		munmap(waits, PAGE);
	}
	expect_nothing_left();
}
END_TEST

void lifecycle_hostile(Suite *s)
{
	TCase *tc = tcase_new(s, "hostile", 2 * TEST_TIMEOUT);

	tcase_add_test(tc, killed_at_every_step);
	tcase_add_loop_test(tc, target_goes_away_under_a_command, 0,
			    sizeof(under) / sizeof(under[0]));
	tcase_add_test(tc, scanner_stopped_in_a_fault_stops_nobody_else);
	tcase_add_test(tc, scanner_killed_in_a_fault_leaves_nothing);

	tc = tcase_new(s, "oom", 2 * TEST_TIMEOUT);
	tcase_add_unchecked_fixture(tc, NULL, console_as_before);
	tcase_add_test(tc, target_is_killed_for_want_of_memory);
}
