// SPDX-License-Identifier: GPL-2.0-only
/*
 * Forks while other threads of the parent write, and while it is reset.
 *
 * Every page counts how often it was written.  So what a child has can be compared
 * with what is known of its parent.
 */
#define _GNU_SOURCE
#include "trackers_fork.h"

#include <limits.h>
#include <sched.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define PAGES	1500

void follow(struct wptrack *w, pid_t pid)
{
	int pidfd = must(syscall(SYS_pidfd_open, pid, 0));

	ck_assert_msg(!wptrack_attach_flags(w, pidfd, WPTRACK_ATTACH_FOLLOW_FORK),
		      "%s", wptrack_error(w));
	close(pidfd);
}

struct wptrack *follow_self(void)
{
	struct wptrack *w = tracker_open();

	ck_assert_msg(!wptrack_attach_flags(w, -1, WPTRACK_ATTACH_FOLLOW_FORK), "%s",
		      wptrack_error(w));
	return w;
}

int polled_for(struct wptrack *w, int timeout)
{
	struct pollfd p = { .fd = wptrack_fd(w), .events = POLLIN | POLLPRI };

	must(poll(&p, 1, timeout));
	return p.revents;
}

struct wptrack *child_of(struct wptrack *w, pid_t pid)
{
	struct wptrack *c = NULL;
	uint64_t missed = 0;
	pid_t got = 0;
	int ret;

	ck_assert_msg(polled_for(w, 30000) & POLLPRI, "no child is born");
	ret = wptrack_forked(w, &c, &got, &missed);
	ck_assert_msg(ret == 1, "%d missed: %lu %s", ret, missed, wptrack_error(w));
	if (pid)
		ck_assert_int_eq(got, pid);
	return c;
}

void expect_no_child(struct wptrack *w, uint64_t missed)
{
	struct wptrack *c;
	uint64_t got = -1;

	ck_assert_int_eq(wptrack_forked(w, &c, NULL, &got), 0);
	ck_assert_uint_eq(got, missed);
	ck_assert_int_eq(polled_for(w, 0) & POLLPRI, 0);
}

static struct area a;
static struct wptrack *tracker;
static atomic_bool stop;
/* Of each page: its count when it was last read after a reset. */
static uint64_t base[PAGES];
/* Pages that were reset while it is not known whether that was before the fork. */
static bool maybe[PAGES];
static atomic_bool forked;
static pthread_mutex_t reading = PTHREAD_MUTEX_INITIALIZER;

static volatile uint64_t *count_of(size_t page)
{
	return (volatile uint64_t *)(a.p + page * PAGE);
}

static void *writer(void *arg)
{
	uint64_t x = (uintptr_t)arg;

	while (!stop) {
		x = x * 6364136223846793005 + 1442695040888963407;
		++*count_of((x >> 33) % PAGES);
		if (!(x >> 56))
			usleep(200);
	}
	return NULL;
}

static int note_reset(const struct wptrack_region *r, void *ctx)
{
	size_t page = (r->start - area_start(a)) / PAGE;
	size_t end = (r->end - area_start(a)) / PAGE;

	for (; page < end; page++) {
		base[page] = *count_of(page);
		maybe[page] |= !*(bool *)ctx;
	}
	return 0;
}

static void reset_now(void)
{
	struct wptrack_scan_opts opts = {
		.sz = sizeof(opts), .flags = WPTRACK_SCAN_RESET,
	};
	bool after;

	pthread_mutex_lock(&reading);
	after = forked;
	if (wptrack_for_each(tracker, area_start(a), area_end(a), note_reset, &after,
			     &opts))
		abort();
	pthread_mutex_unlock(&reading);
}

static void *resetter(void *arg)
{
	while (!stop) {
		reset_now();
		usleep(rnd_below(60000));
	}
	return NULL;
}

/* The counts in a child, as many at a time as one call takes. */
static void counts_of(pid_t pid, uint64_t *counts)
{
	struct iovec to, from[IOV_MAX];
	size_t i, n;

	for (i = 0; i < PAGES; i += n) {
		for (n = 0; n < IOV_MAX && i + n < PAGES; n++)
			from[n] = (struct iovec){ a.p + (i + n) * PAGE, 8 };
		to = (struct iovec){ &counts[i], 8 * n };
		check_that(process_vm_readv(pid, &to, 1, from, n, 0) ==
			   (ssize_t)(8 * n));
	}
}

/* What the child has and the reader has not is reported. */
static size_t check_child(struct wptrack *c, pid_t pid, const uint64_t *known,
			  const bool *excused)
{
	static uint64_t counts[PAGES];
	struct marks *m = written(c, a, GET);
	size_t i, differ = 0;

	counts_of(pid, counts);
	for (i = 0; i < PAGES; i++) {
		if (counts[i] == known[i] || (excused && excused[i]))
			continue;
		differ++;
		if (!m->w[i])
			ck_abort_msg("page %zu of the child is lost: %lu, known is %lu",
				     i, counts[i], known[i]);
	}
	free(m);
	return differ;
}

static void begin(pthread_t *threads, unsigned int n)
{
	unsigned int i;

	a = anon_populated(PAGES);
	tracker = follow_self();
	track(tracker, a, 0);
	settle(tracker, a);
	for (i = 0; i < PAGES; i++)
		base[i] = *count_of(i);
	for (i = 0; i < n; i++)
		ck_assert(!pthread_create(&threads[i], NULL, writer,
					  (void *)(uintptr_t)(i + 1)));
}

static pid_t fork_sitting(void)
{
	pid_t pid = must(fork());

	if (!pid)
		for (;;)
			pause();
	return pid;
}

static void end_child(struct wptrack *c, pid_t pid)
{
	kill(pid, SIGKILL);
	must(waitpid(pid, NULL, 0));
	wptrack_close(c);
}

START_TEST(threads_that_write_while_the_parent_forks)
{
	long before = stats_value("overreport_forked");
	double end = seconds() + run_seconds(5);
	pthread_t threads[2];
	size_t differ = 0;

	begin(threads, 2);
	while (seconds() < end) {
		pid_t pid = fork_sitting();
		struct wptrack *c = child_of(tracker, pid);

		differ += check_child(c, pid, base, NULL);
		end_child(c, pid);
	}
	stop = true;
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	ck_assert_uint_gt(differ, 0);
	/* Nobody has reset anything. */
	ck_assert_int_eq(stats_value("overreport_forked"), before);
}
END_TEST

/*
 * A reset that comes after the fork tells nothing of the child: what the child has from
 * before must not get lost with it.
 */
START_TEST(resets_while_the_parent_forks)
{
	static uint64_t known[PAGES];
	long before = stats_value("overreport_forked");
	double end = seconds() + run_seconds(6);
	pthread_t threads[2];
	size_t differ = 0;
	int round;

	begin(threads, 1);
	ck_assert(!pthread_create(&threads[1], NULL, resetter, NULL));
	for (round = 0; seconds() < end; round++) {
		struct wptrack *c;
		pid_t pid;

		usleep(rnd_below(20000));
		pthread_mutex_lock(&reading);
		memcpy(known, base, sizeof(known));
		memset(maybe, 0, sizeof(maybe));
		forked = false;
		/* On a slow kernel nothing is left to compare if a reset comes before. */
		if (round % 4)
			pthread_mutex_unlock(&reading);
		if (round & 1)
			usleep(rnd_below(10000));
		pid = fork_sitting();
		forked = true;
		if (!(round % 4))
			pthread_mutex_unlock(&reading);
		/* Before the child has begun, mostly. */
		if (round % 3)
			reset_now();
		c = child_of(tracker, pid);
		pthread_mutex_lock(&reading);
		differ += check_child(c, pid, known, maybe);
		pthread_mutex_unlock(&reading);
		end_child(c, pid);
	}
	stop = true;
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	note("%zu pages compared, %ld of %d forks met a reset", differ,
	     stats_value("overreport_forked") - before, round);
	ck_assert_uint_gt(differ, 0);
}
END_TEST

static void *reset_without_end(void *arg)
{
	while (!stop)
		reset(arg, a);
	return NULL;
}

/* Whoever follows forks, too, may be reset at any time: that is no matter of this one's. */
START_TEST(another_follower_is_reset_while_the_parent_forks)
{
	struct wptrack *w, *other, *c;
	struct marks *m = marks_new(PAGES);
	pthread_t thread;
	int round;
	pid_t pid;

	a = anon_populated(PAGES);
	w = follow_self();
	track(w, a, 0);
	other = follow_self();
	track(other, a, 0);
	settle(w, a);
	ck_assert(!pthread_create(&thread, NULL, reset_without_end, other));
	for (round = 0; round < 20; round++) {
		touch_random(a, m, 40);
		pid = fork_sitting();
		c = child_of(w, pid);
		/* Both are there before it is killed. */
		wptrack_close(child_of(other, pid));
		expect_exact(c, a, m, GET);
		end_child(c, pid);
	}
	stop = true;
	pthread_join(thread, NULL);
	wptrack_close(w);
	wptrack_close(other);
}
END_TEST

void trackers_fork_race(Suite *s)
{
	TCase *tc = tcase_new(s, "fork races", TEST_TIMEOUT);

	tcase_add_test(tc, threads_that_write_while_the_parent_forks);
	tcase_add_test(tc, resets_while_the_parent_forks);
	tcase_add_test(tc, another_follower_is_reset_while_the_parent_forks);
}
