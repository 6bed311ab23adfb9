// SPDX-License-Identifier: GPL-2.0-only
/*
 * Private hugetlb that is shared with a child: readers, protection, writes by force, memory
 * that was empty; and who waits for writes to it, or write-protects it by himself.
 */
#define _GNU_SOURCE
#include "memory.h"
#include "maps.h"
#include "uffd.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define HUGE	2
#define PAGES	(HUGE * PMD_PAGES)
#define RW	(PROT_READ | PROT_WRITE)

static struct area private_huge(void)
{
	int fd;

	ck_assert_msg(hugetlb_pages(6 * HUGE), "no huge pages");
	return hugetlb(HUGE, false, &fd);
}

static struct area populated(void)
{
	struct area a = private_huge();

	memset(a.p, 1, PAGES * PAGE);
	return a;
}

#define need_tracking(w, a)						\
	do {								\
		if (!(categories(w, (a).p) & WPTRACK_PAGE_WPALLOWED))	\
			skip("hugetlb is not tracked here");		\
	} while (0)

static void mark_huge(struct marks *m, size_t i)
{
	marks_set(m, i * PMD_PAGES, PMD_PAGES);
}

/* The child finds what there was at the fork, whatever its parent does. */
static void keeps_its_own(int fd, void *arg)
{
	struct area a = *(struct area *)arg;
	size_t i;

	turn_wait(fd);
	for (i = 0; i < a.pages; i++)
		if (a.p[i * PAGE + i % PAGE] != 1)
			_exit(3);
	turn_done(fd);
	a.p[9 * PAGE + 64] = 0xcc;
	if (a.p[9 * PAGE + 9] != 1)
		_exit(4);
}

enum { BY_VM_READV, BY_DIRECT_WRITE, BY_VMSPLICE, READERS };

static bool read_somehow(int how, struct area a, size_t page)
{
	static uint8_t got[PAGE];
	struct iovec to = { got, PAGE }, from = { a.p + page * PAGE, PAGE };
	int ends[2], fd;

	switch (how) {
	case BY_VM_READV:
		ck_assert_int_eq(must(process_vm_readv(getpid(), &to, 1, &from, 1, 0)), PAGE);
		break;
	case BY_DIRECT_WRITE:
		fd = direct_file(4, O_RDWR);
		if (fd < 0)
			return false;
		ck_assert_int_eq(must(pwrite(fd, from.iov_base, PAGE, 0)), PAGE);
		ck_assert_int_eq(must(pread(fd, a.p + PMD, PAGE, 0)), PAGE);
		memcpy(got, a.p + PMD, PAGE);
		close(fd);
		break;
	default:
		must(pipe2(ends, O_CLOEXEC));
		ck_assert_int_eq(must(vmsplice(ends[1], &from, 1, 0)), PAGE);
		ck_assert_int_eq(must(read(ends[0], got, PAGE)), PAGE);
		close(ends[0]);
		close(ends[1]);
		break;
	}
	ck_assert(!memcmp(got, from.iov_base, PAGE));
	return true;
}

START_TEST(reader_of_hugetlb_that_a_child_shares)
{
	struct area a = populated();
	struct marks *m = marks_new(PAGES);
	struct wptrack *w = tracker_on(a);
	struct peer p;

	need_tracking(w, a);
	p = peer_start(keeps_its_own, &a);
	expect_clean(w, a);
	if (!read_somehow(_i, a, 9))
		skip("no O_DIRECT: %s", strerror(errno));
	if (_i == BY_DIRECT_WRITE)
		mark_huge(m, 1);
	/* On Linux 5.10 such a reader makes a write fault of it. */
	if (linux_before(6, 0))
		expect_no_lost(w, a, m, RESET, "read by get_user_pages()");
	else
		expect_exact(w, a, m, RESET);
	settle(w, a);
	if (_i == BY_VM_READV)
		peer_turn(&p);
	touch(a, 9);
	marks_none(m);
	mark_huge(m, 0);
	expect_exact(w, a, m, RESET);
	if (_i != BY_VM_READV)
		peer_turn(&p);
	peer_end(&p);
	expect_clean(w, a);
	ck_assert_uint_eq(a.p[9 * PAGE + 9], 2);
	ck_assert_uint_eq(a.p[9 * PAGE + 64], 1);
	touch(a, 9);
	expect_exact(w, a, m, RESET);
}
END_TEST

static bool force(struct area a, size_t page)
{
	int mem = must(open("/proc/self/mem", O_RDWR | O_CLOEXEC));
	bool done = pwrite(mem, "\xee", 1, area_start(a) + page * PAGE + 64) == 1;

	close(mem);
	return done;
}

/* _i: after the fork; a reader comes while it is read-only; and somebody writes by force. */
START_TEST(protection_of_hugetlb_that_a_child_shares)
{
	const bool forks = _i & 1, reads = _i & 2, forces = _i & 4;
	struct area a = populated();
	struct marks *m = marks_new(PAGES);
	struct wptrack *w = tracker_on(a);
	bool done = false;
	struct peer p;
	int round;

	need_tracking(w, a);
	if (forks)
		p = peer_start(keeps_its_own, &a);
	for (round = 0; round < 2; round++) {
		must(mprotect(a.p, PAGES * PAGE, PROT_READ));
		expect_clean(w, area_sub(a, PMD_PAGES, PMD_PAGES));
		if (reads)
			read_somehow(BY_VM_READV, a, 9);
		if (forces && force(a, 9))
			done = true;
		if (done)
			mark_huge(m, 0);
		expect_no_lost(w, a, m, GET, "read by who pins, and read-only");
		must(mprotect(a.p, PAGES * PAGE, RW));
		if (reads || forces)
			expect_no_lost(w, a, m, RESET, "read by who pins, and read-only");
		else
			expect_exact(w, a, m, RESET);
		expect_clean(w, a);
		marks_none(m);
	}
	touch(a, 9);
	mark_huge(m, 0);
	expect_exact(w, a, m, RESET);
	if (forks) {
		peer_turn(&p);
		peer_end(&p);
	}
	ck_assert_uint_eq(a.p[9 * PAGE + 9], 2);
	ck_assert_uint_eq(a.p[9 * PAGE + 64], done ? 0xee : 1);
}
END_TEST

START_TEST(hugetlb_that_was_empty_at_a_fork)
{
	struct area a = private_huge();
	struct marks *m = marks_new(PAGES);
	struct wptrack *w = tracker_on(a);
	pid_t pid;

	need_tracking(w, a);
	memset(a.p, 1, PMD);
	memset(a.p + PMD, 1, PMD);
	reset(w, a);
	/* Empty, in a mapping that fork() copies, and there is a record of it. */
	if (madvise(a.p + PMD, PMD, MADV_DONTNEED)) {
		must(munmap(a.p + PMD, PMD));
		must((long)mmap(a.p + PMD, PMD, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED |
				MAP_HUGETLB, -1, 0));
	}
	reset(w, a);
	expect_clean(w, a);
	pid = must(fork());
	if (!pid)
		_exit(a.p[PMD]);
	must(waitpid(pid, NULL, 0));
	expect_clean(w, area_sub(a, 0, PMD_PAGES));
	expect_no_lost(w, a, m, GET, "empty at a fork");
	if (_i)
		reset(w, a);
	a.p[PMD + 5] = 9;
	mark_huge(m, 1);
	expect_exact(w, a, m, RESET);
	expect_clean(w, a);
	touch(a, PMD_PAGES + 7);
	expect_exact(w, a, m, RESET);
}
END_TEST

START_TEST(write_to_hugetlb_wakes_who_waits)
{
	struct area a = populated();
	int event = must(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	struct wptrack *w = tracker_self();
	struct pollfd fds[2] = {
		{ .fd = event, .events = POLLIN },
		{ .fd = wptrack_fd(w), .events = POLLIN },
	};
	struct marks *m = marks_new(PAGES);
	uint64_t n = 0;

	ck_assert_int_eq(wptrack_notify(w, PMD_PAGES, event), 0);
	track(w, a, 0);
	need_tracking(w, a);
	ck_assert_int_eq(poll(fds, 2, 0), 0);
	/* All of a huge page is written with it. */
	touch(a, PMD_PAGES + 3);
	ck_assert_int_ge(must(poll(fds, 1, 5000)), 1);
	ck_assert_int_eq(must(read(event, &n, 8)), 8);
	ck_assert_uint_eq(n, 1);
	ck_assert_int_eq(poll(fds + 1, 1, 0), 1);
	mark_huge(m, 1);
	expect_exact(w, a, m, RESET);
	ck_assert_int_eq(poll(fds, 2, 0), 0);
	touch(a, 3);
	ck_assert_int_ge(must(poll(fds, 1, 5000)), 1);
	close(event);
}
END_TEST

/* Who write-protects it has its ptes, and nothing is clean there that was touched. */
START_TEST(hugetlb_with_userfaultfd_that_is_only_read)
{
	struct area a = private_huge();
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	int fd;

	fd = uffd_on(a, UFFD_FEATURE_WP_HUGETLBFS_SHMEM, UFFDIO_REGISTER_MODE_WP);
	if (fd < 0)
		skip("no write protection of hugetlb: %s", strerror(errno));
	w = tracker_on(a);
	read_all(area_sub(a, 0, PMD_PAGES));
	mark_huge(m, 0);
	expect_no_lost(w, a, m, RESET, "memory of a userfaultfd");
	a.p[PMD] = 7;
	mark_huge(m, 1);
	expect_no_lost(w, a, m, RESET, "memory of a userfaultfd");
	close(fd);
	reset(w, a);
	expect_clean(w, a);
	touch(a, 5);
	marks_none(m);
	mark_huge(m, 0);
	expect_exact(w, a, m, RESET);
}
END_TEST

START_TEST(protection_of_hugetlb_after_a_move)
{
	struct area a = populated(), from = anon_populated(4), to = anon(4);
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	int fd;

	if (!uffd_has_move())
		skip("UFFDIO_MOVE came with Linux 6.8");
	w = tracker_on(a);
	fd = must(uffd_on(to, 0, UFFDIO_REGISTER_MODE_MISSING));
	ck_assert_int_eq(uffd_move(fd, to.p, from.p, 2 * PAGE), 0);
	close(fd);
	must(mprotect(a.p, PAGES * PAGE, PROT_READ));
	if (force(a, 9))
		mark_huge(m, 0);
	expect_no_lost(w, a, m, GET, "after UFFDIO_MOVE");
	must(mprotect(a.p, PAGES * PAGE, RW));
	touch(a, PMD_PAGES + 3);
	mark_huge(m, 1);
	expect_no_lost(w, a, m, RESET, "after UFFDIO_MOVE");
	expect_clean(w, a);
	touch(a, 5);
	marks_none(m);
	mark_huge(m, 0);
	expect_exact(w, a, m, RESET);
}
END_TEST

void memory_hugetlb_fork(Suite *s)
{
	TCase *tc = tcase_new(s, "hugetlb_fork", TEST_TIMEOUT);

	tcase_add_unchecked_fixture(tc, NULL, hugetlb_none);
	tcase_add_loop_test(tc, reader_of_hugetlb_that_a_child_shares, 0, READERS);
	tcase_add_loop_test(tc, protection_of_hugetlb_that_a_child_shares, 0, 8);
	tcase_add_loop_test(tc, hugetlb_that_was_empty_at_a_fork, 0, 2);
	tcase_add_test(tc, write_to_hugetlb_wakes_who_waits);
	tcase_add_test(tc, hugetlb_with_userfaultfd_that_is_only_read);
	tcase_add_test(tc, protection_of_hugetlb_after_a_move);
}
