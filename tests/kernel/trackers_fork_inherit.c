// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a child's entries can be when its tracker looks at them for the first time: in swap, of
 * a file, of nobody, merged, copied as they are pinned.  And what others do meanwhile, who are
 * no children of the target.
 */
#define _GNU_SOURCE
#include "ksm.h"
#include "maps.h"
#include "swap.h"
#include "trackers_fork.h"

#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define PAGES	120
#define AT	9	/* the page that is changed on purpose */

static void end(struct wptrack *c, pid_t pid)
{
	kill(pid, SIGKILL);
	must(waitpid(pid, NULL, 0));
	wptrack_close(c);
}

static void carry_out(struct area a)
{
	int i;

	/* What is just being written back stays: a few times. */
	for (i = 0; i < 8; i++) {
		must(madvise(a.p, a.pages * PAGE, 21 /* MADV_PAGEOUT */));
		usleep(20000);
	}
}

/* A child that writes to a page when it runs, and waits. */
static pid_t writer(struct area a, size_t page)
{
	pid_t pid = must(fork());

	if (!pid) {
		a.p[page * PAGE + 3] ^= 1;
		for (;;)
			pause();
	}
	return pid;
}

/* It has done so, as its own memory tells. */
static void wait_for_write(pid_t pid, struct area a, size_t page)
{
	const uint8_t want = a.p[page * PAGE + 3] ^ 1;
	uint8_t byte = !want;
	struct iovec to = { &byte, 1 }, from = { a.p + page * PAGE + 3, 1 };
	double limit = seconds() + 20;

	while (byte != want && seconds() < limit) {
		must(process_vm_readv(pid, &to, 1, &from, 1, 0));
		usleep(1000);
	}
	ck_assert_uint_eq(byte, want);
}

enum { SWAP, ZERO, CACHE, COPIES, KINDS };

/* Clean, and as its name says; of the last the first page is of private memory. */
static struct area memory(int kind, struct wptrack *w)
{
	struct area a;

	switch (kind) {
	case SWAP:
		a = anon_populated(PAGES);
		track(w, a, 0);
		settle(w, a);
		carry_out(a);
		return a;
	case ZERO:
		a = anon(PAGES);
		touch(a, 0);
		read_all(a);
		break;
	default:
		a = map_make(MAP_KIND_MEMFD_PRIVATE, PAGES, 0).a;
		/* Page tables of what is private in no page are not copied. */
		touch(a, 0);
		if (kind == COPIES)
			touch_all(a);
		read_all(a);
		break;
	}
	track(w, a, 0);
	settle(w, a);
	return a;
}

START_TEST(entries_that_are_no_pages_of_its_own)
{
	const int kind = _i / 2;
	struct wptrack *w = follow_self(), *c;
	struct marks *m = marks_new(PAGES);
	struct area a;
	pid_t pid;
	int round;

	if (kind == SWAP && swap_missing())
		skip("%s", swap_missing());
	a = memory(kind, w);
	if (_i & 1) {
		touch(a, 30);
		m->w[30] = 1;
	}
	for (round = 0; round < 2; round++) {
		pid = writer(a, AT);
		m->w[AT] = 1;
		c = child_of(w, pid);
		wait_for_write(pid, a, AT);
		expect_exact(c, a, m, RESET);
		settle(c, a);
		end(c, pid);
		m->w[AT] = 0;
		expect_exact(w, a, m, GET);
	}
}
END_TEST

/* Nobody can tell what was written from what was merged again. */
START_TEST(mergeable_memory_of_a_child)
{
	struct area a = anon(PAGES);
	struct wptrack *w = follow_self(), *c;
	struct marks *m = marks_new(PAGES);
	pid_t pid;
	size_t i;

	if (!ksm_exists())
		skip("no KSM");
	for (i = 0; i < PAGES / 2; i++)
		memset(a.p + i * PAGE, 1 + i / 2, PAGE);
	read_all(a);
	track(w, a, 0);
	settle(w, a);
	ck_assert(ksm_merge(a));
	if (_i && swap_missing())
		skip("%s", swap_missing());
	if (_i)
		carry_out(a);
	pid = writer(a, AT);
	m->w[AT] = 1;
	c = child_of(w, pid);
	wait_for_write(pid, a, AT);
	expect_no_lost(c, a, m, RESET, "mergeable");
	m->w[AT] = 0;
	expect_no_lost(w, a, m, GET, "mergeable");
	settle(c, a);
	poke(pid, area_sub(a, 3, 1));
	m->w[3] = 1;
	expect_no_lost(c, a, m, GET, "mergeable");
	end(c, pid);
	ck_assert_uint_eq(a.p[3 * PAGE], 2);
}
END_TEST

struct reader {
	struct area from, to;
};

static void *reads(void *arg)
{
	struct reader *r = arg;
	struct iovec to = { r->to.p, r->to.pages * PAGE };
	struct iovec from = { r->from.p, r->from.pages * PAGE };

	return (void *)process_vm_readv(getpid(), &to, 1, &from, 1, 0);
}

/* The child has copies of its own, that it may write to at once. */
START_TEST(pages_that_are_pinned_while_the_parent_forks)
{
	struct area a = anon_populated(PAGES);
	struct reader r = { area_sub(a, 5, 10), anon(10) };
	struct uffdio_zeropage zero = { .range = { area_start(r.to), 10 * PAGE } };
	struct wptrack *w = follow_self(), *c;
	struct marks *m = marks_new(PAGES);
	pthread_t thread;
	pid_t pid;
	int fd;

	track(w, a, 0);
	settle(w, a);
	fd = faults_wait(r.to);
	if (fd < 0)
		skip("userfaultfd: %s", strerror(errno));
	ck_assert(!pthread_create(&thread, NULL, reads, &r));
	ck_assert(fault_is_waiting(fd));
	pid = writer(a, AT);
	m->w[AT] = 1;
	c = child_of(w, pid);
	wait_for_write(pid, a, AT);
	expect_no_lost(c, a, m, GET, "pinned in the parent");
	m->w[AT] = 0;
	touch_all(area_sub(a, 5, 10));
	marks_set(m, 5, 10);
	expect_no_lost(w, a, m, GET, "pinned");
	must(ioctl(fd, UFFDIO_ZEROPAGE, &zero));
	pthread_join(thread, NULL);
	close(fd);
	/* Of the first page he had read the first bytes when he had to wait. */
	if (!linux_before(5, 19))
		check_that(!memcmp(r.to.p + PAGE, r.from.p + PAGE, 9 * PAGE));
	settle(c, a);
	poke(pid, area_sub(a, 7, 1));
	marks_none(m);
	m->w[7] = 1;
	expect_exact(c, a, m, GET);
	end(c, pid);
}
END_TEST

/* Somebody else has looked at it before, and found that it is not known to be clean. */
START_TEST(another_tracker_has_looked_at_the_child)
{
	const bool swapped = _i & 1, touched = _i & 2;
	struct area a = anon_populated(PAGES);
	struct wptrack *w = follow_self(), *other = tracker_open(), *c;
	struct marks *m = marks_new(PAGES);
	int pidfd;
	pid_t pid;

	if (swapped && swap_missing())
		skip("%s", swap_missing());
	track(w, a, 0);
	settle(w, a);
	if (swapped)
		carry_out(a);
	pid = unborn();
	pidfd = must(syscall(SYS_pidfd_open, pid, 0));
	ck_assert_msg(!wptrack_attach_pidfd(other, pidfd), "%s", wptrack_error(other));
	close(pidfd);
	track(other, a, WPTRACK_TRACK_START_WRITTEN);
	ck_assert_uint_eq(count_written(other, a), PAGES);
	if (touched) {
		poke(pid, area_sub(a, AT, 1));
		m->w[AT] = 1;
	}
	let_it_run();
	c = child_of(w, pid);
	expect_no_lost(c, a, m, GET, "another tracker has looked");
	settle(c, a);
	poke(pid, area_sub(a, 30, 1));
	m->w[AT] = 0;
	m->w[30] = 1;
	expect_exact(c, a, m, GET);
	wptrack_close(other);
	end(c, pid);
}
END_TEST

/* Its private copies are gone: what stands in for them is not what the parent had. */
START_TEST(a_file_is_cut_before_the_child_runs)
{
	const bool looked = _i & 1, reads_it = _i & 2;
	struct map map = map_make(MAP_KIND_MEMFD_PRIVATE, PAGES, 0);
	struct area a = map.a, page = area_sub(a, AT, 1);
	struct wptrack *w = follow_self(), *other = tracker_open(), *c;
	uint8_t byte = 0xff;
	struct iovec to = { &byte, 1 }, from = { page.p, 1 };
	int pidfd;
	pid_t pid;

	touch_all(a);
	track(w, a, 0);
	settle(w, a);
	pid = unborn();
	if (looked) {
		pidfd = must(syscall(SYS_pidfd_open, pid, 0));
		ck_assert_msg(!wptrack_attach_pidfd(other, pidfd), "%s", wptrack_error(other));
		close(pidfd);
		track(other, a, WPTRACK_TRACK_START_WRITTEN);
		ck_assert_uint_eq(count_written(other, a), PAGES);
	}
	must(ftruncate(map.fd, 0));
	must(ftruncate(map.fd, PAGES * PAGE));
	if (reads_it)
		must(process_vm_readv(pid, &to, 1, &from, 1, 0));
	let_it_run();
	c = child_of(w, pid);
	expect_all(c, page);
	must(process_vm_readv(pid, &to, 1, &from, 1, 0));
	ck_assert_uint_eq(byte, 0);
	expect_all(w, page);
	wptrack_close(other);
	end(c, pid);
}
END_TEST

/* In turns: the file is written back, by somebody who does not track anything. */
static void syncs(int fd, void *arg)
{
	const struct map *map = arg;

	turn_wait(fd);
	for (;;) {
		peer_must(fsync(map->fd));
		turn_done(fd);
	}
}

START_TEST(another_process_writes_back_while_forks_are_followed)
{
	struct map map = map_make(MAP_KIND_EXT4, PAGES, 0);
	struct area a = anon_populated(PAGES);
	struct wptrack *w, *c;
	struct marks *m = marks_new(PAGES), *shared = marks_new(PAGES);
	struct peer p;
	pid_t pid;

	if (!map_exists(MAP_KIND_EXT4))
		skip("no ext4 scratch disk");
	p = peer_start(syncs, &map);
	w = follow_self();
	track(w, map.a, 0);
	track(w, a, 0);
	settle(w, a);
	touch_random(map.a, shared, 3);
	peer_turn(&p);
	touch(a, 2);
	m->w[2] = 1;
	pid = writer(a, AT);
	m->w[AT] = 1;
	peer_turn(&p);
	c = child_of(w, pid);
	wait_for_write(pid, a, AT);
	expect_exact(c, a, m, GET);
	/* The child begins with what its parent has. */
	expect_no_lost(c, map.a, shared, GET, "written back");
	expect_no_lost(w, map.a, shared, RESET, "written back");
	end(c, pid);
	kill(p.pid, SIGKILL);
	must(waitpid(p.pid, NULL, 0));
}
END_TEST

/* Threads of the kernel have no memory, nor has the task that makes them. */
START_TEST(kernel_threads_and_others_begin_while_forks_are_followed)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = follow_self(), *c;
	struct marks *m = marks_new(PAGES);
	int round;
	pid_t pid;

	track(w, a, 0);
	settle(w, a);
	for (round = 0; round < 3; round++) {
		/* khugepaged ends, and begins. */
		write_file("/sys/kernel/mm/transparent_hugepage/enabled", "never");
		write_file("/sys/kernel/mm/transparent_hugepage/enabled", "madvise");
		/* Nor has who shares his memory until he is another program. */
		if (system("true"))
			note("no shell");
		expect_clean(w, a);
	}
	pid = writer(a, AT);
	c = child_of(w, pid);
	m->w[AT] = 1;
	wait_for_write(pid, a, AT);
	expect_exact(c, a, m, GET);
	end(c, pid);
}
END_TEST

void trackers_fork_inherit(Suite *s)
{
	TCase *tc = tcase_new(s, "inherit", TEST_TIMEOUT);

	tcase_add_unchecked_fixture(tc, swap_setup, swap_teardown);
	tcase_add_unchecked_fixture(tc, NULL, ksm_off);
	tcase_add_loop_test(tc, entries_that_are_no_pages_of_its_own, 0, 2 * KINDS);
	tcase_add_loop_test(tc, mergeable_memory_of_a_child, 0, 2);
	tcase_add_test(tc, pages_that_are_pinned_while_the_parent_forks);
	tcase_add_loop_test(tc, another_tracker_has_looked_at_the_child, 0, 4);
	tcase_add_loop_test(tc, a_file_is_cut_before_the_child_runs, 0, 4);
	tcase_add_test(tc, another_process_writes_back_while_forks_are_followed);
	tcase_add_test(tc, kernel_threads_and_others_begin_while_forks_are_followed);
}
