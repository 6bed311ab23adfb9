// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes that the program did not make by an instruction of its own.  This file:
 * those of the kernel that no system call asked for.
 */
#define _GNU_SOURCE
#include "kwrites.h"
#include "maps.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static volatile int handled;

static void handler(int sig)
{
	handled = sig;
}

START_TEST(signal_frame_on_a_tracked_stack_is_reported)
{
	struct area a = anon_populated(32);
	stack_t ss = { .ss_sp = a.p, .ss_size = 32 * PAGE };
	struct sigaction sa = { .sa_handler = handler, .sa_flags = SA_ONSTACK };
	struct wptrack *w;
	struct marks *m = marks_new(32);
	int round;

	must(sigaltstack(&ss, NULL));
	must(sigaction(SIGUSR1, &sa, NULL));
	w = tracker_on(a);
	/* The frame is at the top; it may reach into the page below. */
	marks_set(m, 31, 1);
	for (round = 0; round < 3; round++) {
		handled = 0;
		raise(SIGUSR1);
		ck_assert_int_eq(handled, SIGUSR1);
		expect_no_lost(w, a, m, GET, "the frame is longer than a page");
		ck_assert_uint_le(count_written(w, a), 8);
		reset(w, a);
	}
}
END_TEST

struct dying {
	struct area a;
	volatile int ready, go;
};

/* Dies with a robust mutex held: the kernel marks it in its word. */
static void *die_with_a_mutex(void *arg)
{
	struct dying *d = arg;

	pthread_mutex_lock((pthread_mutex_t *)(d->a.p + PAGE));
	d->ready = 1;
	while (!d->go)
		usleep(1000);
	return NULL;
}

START_TEST(robust_mutex_of_a_dead_thread_is_reported)
{
	static struct dying d;
	pthread_mutexattr_t attr;
	pthread_mutex_t *mutex;
	struct marks *m = marks_new(4);
	struct wptrack *w;
	pthread_t thread;

	d.a = anon_populated(4);
	mutex = (pthread_mutex_t *)(d.a.p + PAGE);
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(mutex, &attr);
	ck_assert(!pthread_create(&thread, NULL, die_with_a_mutex, &d));
	while (!d.ready)
		usleep(1000);
	w = tracker_on(d.a);
	d.go = 1;
	pthread_join(thread, NULL);
	m->w[1] = 1;
	expect_exact(w, d.a, m, RESET);
	ck_assert_int_eq(pthread_mutex_lock(mutex), EOWNERDEAD);
}
END_TEST

/* Dies with an address to clear that is not the one pthread_join() waits for. */
static void *die_with_a_tid(void *arg)
{
	struct dying *d = arg;

	syscall(SYS_set_tid_address, d->a.p + 2 * PAGE);
	d->ready = 1;
	while (!d->go)
		usleep(1000);
	return NULL;
}

START_TEST(clear_child_tid_is_reported)
{
	static struct dying d;
	volatile uint32_t *tid;
	struct marks *m = marks_new(4);
	struct wptrack *w;
	pthread_t thread;
	double end;

	d.a = anon_populated(4);
	tid = (uint32_t *)(d.a.p + 2 * PAGE);
	*tid = 12345;
	ck_assert(!pthread_create(&thread, NULL, die_with_a_tid, &d));
	pthread_detach(thread);
	while (!d.ready)
		usleep(1000);
	w = tracker_on(d.a);
	d.go = 1;
	for (end = seconds() + 20; *tid && seconds() < end; )
		usleep(1000);
	ck_assert_uint_eq(*tid, 0);
	m->w[2] = 1;
	expect_exact(w, d.a, m, RESET);
}
END_TEST

/*
 * A page in a pipe has a reference that nobody can tell from one of a transfer
 * to come.  Whatever the module makes of it, a write must be reported, and with
 * the reference gone the page must be as good as any other.
 */
START_TEST(page_given_to_a_pipe_by_vmsplice)
{
	struct area a = anon_populated(32);
	struct wptrack *w;
	struct marks *m = marks_new(32);
	struct iovec iov = { a.p + 4 * PAGE, 6 * PAGE };
	char *buf = malloc(6 * PAGE);
	int fds[2], round;

	must(pipe2(fds, O_CLOEXEC));
	ck_assert_int_eq(must(vmsplice(fds[1], &iov, 1, 0)), 6 * PAGE);
	w = tracker_on(a);
	for (round = 0; round < 3; round++) {
		marks_none(m);
		touch_random(a, m, 4);
		expect_no_lost(w, a, m, RESET, "referenced by a pipe");
	}
	ck_assert_int_eq(must(read(fds[0], buf, 6 * PAGE)), 6 * PAGE);
	reset(w, a);
	expect_clean(w, a);
	marks_none(m);
	touch_random(a, m, 4);
	expect_exact(w, a, m, RESET);
}
END_TEST

static void fill_suite(Suite *s)
{
	TCase *tc = tcase_new(s, "kernel", TEST_TIMEOUT);

	tcase_add_test(tc, signal_frame_on_a_tracked_stack_is_reported);
	tcase_add_test(tc, robust_mutex_of_a_dead_thread_is_reported);
	tcase_add_test(tc, clear_child_tid_is_reported);
	tcase_add_test(tc, page_given_to_a_pipe_by_vmsplice);
	kwrites_syscalls(s);
	kwrites_remote(s);
	kwrites_force(s);
	kwrites_rings(s);
	kwrites_async(s);
}

int main(void)
{
	return suite_run("kwrites", fill_suite);
}
