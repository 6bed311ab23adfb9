// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who gets at a child's memory before it runs.  Everybody can find it as soon as it has a
 * number.  Its parent keeps the only processor that it may use for as long as that takes.
 */
#define _GNU_SOURCE
#include "maps.h"
#include "swap.h"
#include "trackers_fork.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define PAGES	16
#define PAGE_AT	5

#define MADV_PAGEOUT_	21

static void hold_processor(void)
{
	const struct sched_param high = { .sched_priority = 50 };
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	must(sched_setaffinity(0, sizeof(one), &one));
	must(sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &high));
}

void let_it_run(void)
{
	const struct sched_param none = { 0 };

	must(sched_setscheduler(0, SCHED_OTHER, &none));
}

/* A child that has not run. */
pid_t unborn(void)
{
	pid_t pid;

	hold_processor();
	pid = must(fork());
	if (!pid)
		for (;;)
			pause();
	return pid;
}

void poke(pid_t pid, struct area page)
{
	uint8_t byte = 0xee;
	struct iovec from = { &byte, 1 }, to = { page.p, 1 };

	ck_assert_int_eq(process_vm_writev(pid, &from, 1, &to, 1, 0), 1);
}

static bool is_mapped(pid_t pid, struct area page)
{
	char path[64];
	uint64_t entry = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	fd = must(open(path, O_RDONLY | O_CLOEXEC));
	ck_assert_int_eq(pread(fd, &entry, 8, area_start(page) / PAGE * 8), 8);
	close(fd);
	return entry >> 63;
}

/* Its page is not mapped any more, and holds what was written. */
static bool reclaimed(pid_t pid, struct area page)
{
	struct iovec what = { page.p, PAGE };
	int pidfd = must(syscall(SYS_pidfd_open, pid, 0)), i;

	for (i = 0; i < 20 && is_mapped(pid, page); i++)
		must(syscall(SYS_process_madvise, pidfd, &what, 1, MADV_PAGEOUT_, 0));
	close(pidfd);
	return !is_mapped(pid, page);
}

#define need_swap()							\
	do {								\
		if (swap_missing())					\
			skip("%s", swap_missing());			\
	} while (0)

static void end(struct wptrack *c, pid_t pid)
{
	kill(pid, SIGKILL);
	must(waitpid(pid, NULL, 0));
	wptrack_close(c);
}

/* Shared memory, of which only the child will have a page mapped; clean. */
static struct area shared_page(struct wptrack **w)
{
	struct map m = map_make(MAP_KIND_MEMFD, PAGES, 0);
	struct area page = area_sub(m.a, PAGE_AT, 1);

	*w = follow_self();
	track(*w, m.a, 0);
	touch_all(m.a);
	reset(*w, m.a);
	must(madvise(page.p, PAGE, MADV_DONTNEED));
	reset(*w, m.a);
	expect_clean(*w, m.a);
	return page;
}

START_TEST(shared_memory_is_written_and_reclaimed_before_the_child_runs)
{
	struct wptrack *w, *c;
	struct area page;
	pid_t pid;

	need_swap();
	page = shared_page(&w);
	pid = unborn();
	poke(pid, page);
	ck_assert_msg(reclaimed(pid, page), "the page was not reclaimed");
	let_it_run();
	c = child_of(w, pid);
	expect_all(c, page);
	end(c, pid);
}
END_TEST

/* Somebody tracks the child already, and what he resets is written for others. */
START_TEST(another_tracker_resets_the_child_before_it_runs)
{
	const bool closes = _i;
	struct wptrack *w, *c, *other = tracker_open();
	struct area page;
	pid_t pid;
	int pidfd;

	need_swap();
	page = shared_page(&w);
	pid = unborn();
	pidfd = must(syscall(SYS_pidfd_open, pid, 0));
	ck_assert_msg(!wptrack_attach_pidfd(other, pidfd), "%s", wptrack_error(other));
	close(pidfd);
	track(other, page, 0);
	poke(pid, page);
	ck_assert_msg(reclaimed(pid, page), "the page was not reclaimed");
	reset(other, page);
	if (closes)
		wptrack_close(other);
	let_it_run();
	c = child_of(w, pid);
	expect_all(c, page);
	end(c, pid);
}
END_TEST

/* What is written there has to be, and the rest may be. */
START_TEST(who_writes_to_private_memory_before_the_child_runs_is_seen)
{
	struct area a = anon_populated(PAGES), page = area_sub(a, PAGE_AT, 1);
	struct wptrack *w = follow_self(), *c;
	pid_t pid;

	track(w, a, 0);
	reset(w, a);
	pid = unborn();
	poke(pid, page);
	let_it_run();
	c = child_of(w, pid);
	expect_all(c, page);
	end(c, pid);
}
END_TEST

/* What was not there takes nothing away, so the pages themselves tell of it. */
START_TEST(who_fills_empty_memory_before_the_child_runs_is_seen)
{
	struct area a = _i ? map_make(MAP_KIND_MEMFD, PAGES, 0).a : anon(PAGES);
	struct marks *m = marks_new(PAGES);
	struct wptrack *w = follow_self(), *c;
	uint8_t byte;
	struct iovec to = { &byte, 1 }, from = { a.p + 9 * PAGE, 1 };
	pid_t pid;

	track(w, a, 0);
	reset(w, a);
	expect_clean(w, a);
	pid = unborn();
	poke(pid, area_sub(a, PAGE_AT, 1));
	/* Of private memory this shows a page that nobody has written to. */
	if (!_i)
		ck_assert_int_eq(process_vm_readv(pid, &to, 1, &from, 1, 0), 1);
	let_it_run();
	marks_set(m, PAGE_AT, 1);
	c = child_of(w, pid);
	expect_exact(c, a, m, GET);
	end(c, pid);
}
END_TEST

/* And if nobody does, a child that fork(3) has made is as clean as its parent. */
START_TEST(a_child_that_nobody_has_touched_is_exact)
{
	struct map m = map_make(MAP_KIND_MEMFD, PAGES, 0);
	struct area a = anon_populated(PAGES);
	struct marks *marks = marks_new(PAGES);
	struct wptrack *w[2], *c[2];
	pid_t pid;
	int i;

	touch_all(m.a);
	for (i = 0; i < 2; i++) {
		w[i] = follow_self();
		track(w[i], a, 0);
		track(w[i], m.a, 0);
		reset(w[i], a);
		reset(w[i], m.a);
	}
	touch(a, 3);
	touch(m.a, 3);
	marks_set(marks, 3, 1);
	pid = unborn();
	let_it_run();
	for (i = 0; i < 2; i++) {
		c[i] = child_of(w[i], pid);
		expect_exact(c[i], a, marks, GET);
		expect_exact(c[i], m.a, marks, GET);
	}
	wptrack_close(c[1]);
	end(c[0], pid);
}
END_TEST

/* Of the child: known to everybody in the parent before it runs. */
static atomic_int born;

static void *write_to_child(void *arg)
{
	while (!born)
		;
	poke(born, *(struct area *)arg);
	return NULL;
}

/* Sooner or later: before the child is watched, or while pages are taken over. */
START_TEST(who_writes_to_a_child_while_it_is_born_is_seen)
{
	const size_t pages = 12000;
	struct area b = anon_populated(pages), last = area_sub(b, pages - 1, 1);
	struct wptrack *w = follow_self(), *c;
	pthread_t thread;
	pid_t pid;

	track(w, b, 0);
	reset(w, b);
	born = 0;
	ck_assert(!pthread_create(&thread, NULL, write_to_child, &last));
	pid = must(syscall(SYS_clone, SIGCHLD | CLONE_PARENT_SETTID, NULL, &born, NULL, NULL));
	if (!pid) {
		pause();
		_exit(0);
	}
	pthread_join(thread, NULL);
	c = child_of(w, pid);
	expect_all(c, last);
	end(c, pid);
}
END_TEST

START_TEST(the_child_finds_its_thread_id)
{
	struct area a = anon_populated(PAGES);
	pid_t *tid = (pid_t *)(a.p + PAGE_AT * PAGE), pid;
	struct marks *m = marks_new(PAGES);
	struct wptrack *w = follow_self(), *c;
	int status;

	track(w, a, 0);
	reset(w, a);
	pid = must(syscall(SYS_clone, SIGCHLD | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID,
			   NULL, NULL, tid, NULL));
	if (!pid)
		_exit(*tid == getpid() ? 42 : 1);
	must(waitpid(pid, &status, 0));
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 42);

	pid = must(syscall(SYS_clone, SIGCHLD | CLONE_CHILD_SETTID, NULL, NULL, tid, NULL));
	if (!pid)
		for (;;)
			pause();
	c = child_of(w, 0);
	wptrack_close(c);
	c = child_of(w, pid);
	marks_set(m, PAGE_AT, 1);
	expect_exact(c, a, m, GET);
	end(c, pid);
}
END_TEST

void trackers_fork_born(Suite *s)
{
	TCase *tc = tcase_new(s, "unborn", TEST_TIMEOUT);

	tcase_add_unchecked_fixture(tc, swap_setup, swap_teardown);
	tcase_add_test(tc, shared_memory_is_written_and_reclaimed_before_the_child_runs);
	tcase_add_loop_test(tc, another_tracker_resets_the_child_before_it_runs, 0, 2);
	tcase_add_test(tc, who_writes_to_private_memory_before_the_child_runs_is_seen);
	tcase_add_loop_test(tc, who_fills_empty_memory_before_the_child_runs_is_seen, 0, 2);
	tcase_add_test(tc, a_child_that_nobody_has_touched_is_exact);
	tcase_add_test(tc, who_writes_to_a_child_while_it_is_born_is_seen);
	tcase_add_test(tc, the_child_finds_its_thread_id);
}
