// SPDX-License-Identifier: GPL-2.0-only
/*
 * UFFDIO_MOVE of what it refuses, as somebody else has it or holds it: it is to refuse that as
 * it does where nobody tracks, and no page may be given to one of those who share it.
 */
#define _GNU_SOURCE
#include "carry.h"
#include "ksm.h"
#include "maps.h"
#include "swap.h"
#include "uffd.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define RW	(PROT_READ | PROT_WRITE)
#define SOME	40

#define need_move()							\
	do {								\
		if (!uffd_has_move())					\
			skip("UFFDIO_MOVE came with Linux 6.8");	\
	} while (0)

/* What it says in the end to a move of one page; it does not wait for who has locked it. */
static int move_page(int fd, struct area to, struct area from, size_t i)
{
	size_t tries;

	for (tries = 0; tries < 1000; tries++) {
		if (!uffd_move(fd, to.p + i * PAGE, from.p + i * PAGE, PAGE))
			return 0;
		if (errno != EAGAIN)
			return errno;
		usleep(1000);
	}
	return EAGAIN;
}

static void fill(struct area a)
{
	size_t i;

	for (i = 0; i < a.pages; i++)
		a.p[i * PAGE + 8] = 1 + i % 251;
}

static bool filled(struct area a, size_t first)
{
	size_t i;

	for (i = first; i < a.pages; i++)
		if (a.p[i * PAGE + 8] != 1 + i % 251)
			return false;
	return true;
}

/* Its memory is what it was; it is to leave its parent's alone. */
static pid_t child(struct area a, int *go)
{
	int fds[2];
	uint8_t byte;
	pid_t pid;

	must(pipe(fds));
	pid = must(fork());
	if (!pid) {
		if (read(fds[0], &byte, 1) != 1 || !filled(a, 0))
			_exit(1);
		memset(a.p, 0xee, a.pages * PAGE);
		_exit(0);
	}
	*go = fds[1];
	return pid;
}

static void child_ends(pid_t pid, int go)
{
	int status;

	must(write(go, "", 1));
	must(waitpid(pid, &status, 0));
	ck_assert_msg(!status, "the child found other memory");
}

/* In swap, or in its cache, and of both; then of one. */
START_TEST(swap_that_is_shared_with_a_child)
{
	struct area a = anon_populated(SOME), to = anon(SOME);
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(SOME);
	int fd, go;
	pid_t pid;
	size_t i;

	need_move();
	if (swap_missing())
		skip("%s", swap_missing());
	fill(a);
	settle(w, a);
	carry_out(w, a);
	pid = child(a, &go);
	if (_i)
		read_all(area_sub(a, 0, SOME / 2));
	fd = must(uffd_on(to, 0, UFFDIO_REGISTER_MODE_MISSING));
	for (i = 0; i < SOME; i += 4)
		ck_assert_int_eq(move_page(fd, to, a, i), EBUSY);
	expect_no_lost(w, a, m, GET, "UFFDIO_MOVE");
	ck_assert(filled(a, 0));
	memset(a.p + 5 * PAGE, 0x11, PAGE);
	m->w[5] = 1;
	expect_no_lost(w, a, m, GET, "UFFDIO_MOVE");
	child_ends(pid, go);
	ck_assert(filled(a, 6));
	ck_assert_uint_eq(a.p[5 * PAGE + 8], 0x11);
	/* Now it is nobody else's. */
	for (i = 8; i < SOME; i += 4) {
		ck_assert_int_eq(move_page(fd, to, a, i), 0);
		ck_assert_uint_eq(to.p[i * PAGE + 8], 1 + i);
		m->w[i] = 1;
	}
	close(fd);
	expect_no_lost(w, a, m, GET, "UFFDIO_MOVE");
}
END_TEST

/* Merged, of the same process: mapped twice, and in the end once. */
START_TEST(merged_pages)
{
	struct area a = anon_populated(SOME), to = anon(SOME);
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(SOME);
	size_t i;
	int fd, err;

	need_move();
	if (!ksm_exists())
		skip("no KSM");
	for (i = 0; i < SOME; i++)
		memset(a.p + i * PAGE, 1 + i / 2, PAGE);
	settle(w, a);
	ck_assert(ksm_merge(a));
	expect_no_lost(w, a, m, GET, "merged");
	if (_i) {
		/* The marks are lost, and whoever changes protection asks whose they are. */
		must(mprotect(a.p, SOME * PAGE, PROT_READ));
		must(mprotect(a.p, SOME * PAGE, RW));
	}
	fd = must(uffd_on(to, 0, UFFDIO_REGISTER_MODE_MISSING));
	for (i = 0; i < SOME; i += 8) {
		err = move_page(fd, to, a, i);
		ck_assert_msg(err == EBUSY, "page %zu: %s", i, strerror(err));
	}
	/* One of two equals is written: the other one keeps what it has. */
	for (i = 0; i < SOME; i += 4) {
		memset(a.p + i * PAGE, 0xcc, PAGE);
		m->w[i] = 1;
	}
	expect_no_lost(w, a, m, RESET, "merged");
	err = move_page(fd, to, a, 1);
	note("of KSM, and mapped once: %s", err ? strerror(err) : "moved");
	marks_none(m);
	if (!err)
		m->w[1] = 1;
	must(mprotect(a.p, SOME * PAGE, PROT_READ));
	must(mprotect(a.p, SOME * PAGE, RW));
	for (i = 0; i < SOME; i++)
		if (i != 1)
			ck_assert_uint_eq(a.p[i * PAGE + 99], i % 4 ? 1 + i / 2 : 0xcc);
	for (i = 2; i < SOME; i += 3) {
		touch(a, i);
		m->w[i] = 1;
	}
	close(fd);
	expect_no_lost(w, a, m, GET, "merged");
}
END_TEST

/* In a pipe when it might be its mapping's own again: it stays, and can go when that is read. */
START_TEST(a_page_in_a_pipe)
{
	const bool swapped = _i & 1, closed = _i & 2;
	struct area a = anon_populated(SOME), to = anon(SOME);
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(SOME);
	struct iovec iov = { a.p + 4 * PAGE, 2 * PAGE };
	char buf[2 * PAGE];
	int fd, fds[2], err;

	need_move();
	if (swapped && swap_missing())
		skip("%s", swap_missing());
	fill(a);
	settle(w, a);
	if (swapped) {
		carry_out(w, a);
		read_all(a);
	} else {
		must(mprotect(a.p, SOME * PAGE, PROT_READ));
	}
	expect_no_lost(w, a, m, GET, "none");
	must(pipe2(fds, O_CLOEXEC));
	ck_assert_int_eq(must(vmsplice(fds[1], &iov, 1, 0)), 2 * PAGE);
	if (swapped)
		/* It cannot leave, but its pte may. */
		madvise(a.p, SOME * PAGE, 21 /* MADV_PAGEOUT */);
	else
		/* It might be nobody else's again, if it were not for the pipe. */
		must(mprotect(a.p, SOME * PAGE, RW));
	if (closed)
		wptrack_close(w);
	fd = must(uffd_on(to, 0, UFFDIO_REGISTER_MODE_MISSING));
	err = move_page(fd, to, a, 4);
	note("in a pipe: %s", err ? strerror(err) : "moved");
	ck_assert_msg(err, "what somebody holds was moved");
	ck_assert_int_eq(must(read(fds[0], buf, 2 * PAGE)), 2 * PAGE);
	ck_assert_uint_eq(buf[PAGE + 8], 6);
	ck_assert(filled(a, 0));
	/* Who was there when tracking ended, as writeback may be, leaves it so until it is written. */
	if (closed)
		a.p[4 * PAGE] = a.p[9 * PAGE] = 1;
	ck_assert_int_eq(move_page(fd, to, a, 4), 0);
	ck_assert_int_eq(move_page(fd, to, a, 9), 0);
	close(fd);
	ck_assert_uint_eq(to.p[4 * PAGE + 8], 5);
	m->w[4] = m->w[9] = 1;
	if (closed)
		return;
	expect_no_lost(w, a, m, GET, "UFFDIO_MOVE");
}
END_TEST

/* It is back before it was there. */
START_TEST(a_page_that_is_being_written_to_swap)
{
	struct area a = anon_populated(SOME), to = anon(SOME);
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(SOME);
	int fd;

	need_move();
	if (swap_missing())
		skip("%s", swap_missing());
	track(w, to, 0);
	fill(a);
	settle(w, a);
	must(madvise(a.p, SOME * PAGE, 21 /* MADV_PAGEOUT */));
	ck_assert(filled(a, 0));
	fd = must(uffd_on(to, 0, UFFDIO_REGISTER_MODE_MISSING));
	ck_assert_int_eq(move_page(fd, to, a, 4), 0);
	close(fd);
	ck_assert_uint_eq(to.p[4 * PAGE + 8], 5);
	m->w[4] = 1;
	expect_no_lost(w, a, m, GET, "moved away");
	expect_no_lost(w, to, m, RESET, "moved here");
	marks_none(m);
	touch_random(to, m, 5);
	expect_no_lost(w, to, m, GET, "moved here");
}
END_TEST

/* There is no page table, neither before nor after. */
START_TEST(a_huge_page_moves_as_a_whole)
{
	struct area a = thp(1), to = hole(PMD_PAGES, 0);
	struct wptrack *w = tracker_self();
	struct marks *m = marks_new(PMD_PAGES);
	int fd;

	need_move();
	map_over(to, RW);
	track(w, a, WPTRACK_TRACK_KEEP_HUGE);
	track(w, to, 0);
	fill(a);
	settle(w, a);
	if (_i) {
		must(mprotect(a.p, PMD, PROT_READ));
		must(mprotect(a.p, PMD, RW));
		expect_clean(w, a);
	}
	fd = must(uffd_on(to, 0, UFFDIO_REGISTER_MODE_MISSING));
	if (uffd_move(fd, to.p, a.p, PMD)) {
		/* Which may be: see docs/architecture.md. */
		ck_assert_int_eq(errno, EBUSY);
		note("refused");
		ck_assert(filled(a, 0));
	} else {
		note("%zu of it is huge", thp_bytes(to));
		ck_assert(filled(to, 0));
		marks_all(m);
		expect_no_lost(w, to, m, RESET, "moved here");
		expect_no_lost(w, a, m, RESET, "moved away");
		marks_none(m);
		touch_random(to, m, 9);
		expect_no_lost(w, to, m, GET, "moved here");
	}
	/* Of what was never there. */
	must(madvise(a.p, PMD, MADV_DONTNEED));
	must(munmap(a.p, PMD));
	map_over(a, RW);
	reset(w, a);
	must(madvise(to.p, PMD, MADV_DONTNEED));
	uffd_move(fd, to.p, a.p, 10 * PAGE);
	close(fd);
	marks_none(m);
	touch_random(a, m, 9);
	expect_no_lost(w, a, m, RESET, "UFFDIO_MOVE");
}
END_TEST

/* Once it has been used, nothing that is written becomes clean in swap. */
START_TEST(written_pages_in_swap_after_a_move)
{
	struct wptrack *w;
	struct area a = carry_begin(&w), other = anon_populated(1), to = anon(1);
	struct marks *m = marks_new(a.pages);
	int fd;

	need_move();
	track(w, other, 0);
	fd = must(uffd_on(to, 0, UFFDIO_REGISTER_MODE_MISSING));
	ck_assert_int_eq(move_page(fd, to, other, 0), 0);
	close(fd);
	touch_all(a);
	carry_out(w, a);
	reset(w, a);
	marks_all(m);
	/* But for pages that were in memory just then. */
	note("%zu are written", count_written(w, a));
	ck_assert_uint_gt(count_written(w, a), a.pages * 9 / 10);
	read_all(a);
	settle(w, a);
	marks_none(m);
	touch_random(a, m, 5);
	expect_exact(w, a, m, RESET);
}
END_TEST

void carry_refused(Suite *s)
{
	TCase *tc = tcase_new(s, "refused", TEST_TIMEOUT);

	tcase_add_unchecked_fixture(tc, swap_setup, swap_teardown);
	tcase_add_unchecked_fixture(tc, NULL, ksm_off);
	tcase_add_loop_test(tc, swap_that_is_shared_with_a_child, 0, 2);
	tcase_add_loop_test(tc, merged_pages, 0, 2);
	tcase_add_loop_test(tc, a_page_in_a_pipe, 0, 4);
	tcase_add_loop_test(tc, a_huge_page_moves_as_a_whole, 0, 2);
	tcase_add_test(tc, written_pages_in_swap_after_a_move);
	tc = tcase_new(s, "slow", TEST_TIMEOUT);
	tcase_add_unchecked_fixture(tc, slow_setup, slow_teardown);
	tcase_add_test(tc, a_page_that_is_being_written_to_swap);
}
