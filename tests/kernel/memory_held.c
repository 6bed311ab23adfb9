// SPDX-License-Identifier: GPL-2.0-only
/*
 * Huge pages that somebody holds, that are shared with a child or that cannot be accessed
 * when they are reset, kept huge or not; and what they hold then, for both sides.
 */
#define _GNU_SOURCE
#include "memory.h"
#include "maps.h"
#include "uffd.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#define RW	(PROT_READ | PROT_WRITE)

static struct wptrack *tracker_with(struct area a, bool kept, uint64_t flags)
{
	struct wptrack *w = tracker_self();

	track(w, a, flags | (kept ? WPTRACK_TRACK_KEEP_HUGE : 0));
	return w;
}

/* What is reported of a write to @page. */
static void only(struct marks *m, size_t page, bool kept)
{
	marks_none(m);
	if (kept)
		marks_set(m, page / PMD_PAGES * PMD_PAGES, PMD_PAGES);
	else
		m->w[page] = 1;
}

static void protect(struct area a, int prot)
{
	must(mprotect(a.p, a.pages * PAGE, prot));
}

/* A plain reference, until the pipe is read; it sees what is written meanwhile. */
static void hold(int pipe_end, void *p)
{
	struct iovec iov = { p, PAGE };

	ck_assert_int_eq(must(vmsplice(pipe_end, &iov, 1, 0)), PAGE);
}

static void let_go(int pipe_end, const void *p, bool same)
{
	static uint8_t got[PAGE];

	ck_assert_int_eq(must(read(pipe_end, got, PAGE)), PAGE);
	ck_assert_msg(!same || !memcmp(got, p, PAGE),
		      "the pipe has another page than the program");
}

START_TEST(huge_page_that_is_held_stays_written)
{
	struct area a = thp(2);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w;
	int ends[2];

	must(pipe2(ends, O_CLOEXEC));
	hold(ends[1], a.p + 5 * PAGE);
	w = tracker_with(a, _i, _i ? 0 : WPTRACK_TRACK_START_WRITTEN);
	marks_set(m, 0, PMD_PAGES);
	if (!_i)
		reset(w, a);
	/* It was in use when it was to become clean, and is in all later resets. */
	expect_exact(w, a, m, GET);
	expect_exact(w, a, m, RESET);
	touch(a, 5);
	expect_exact(w, a, m, RESET);
	ck_assert_uint_eq(thp_bytes(a), 2 * PMD);
	let_go(ends[0], a.p + 5 * PAGE, true);
	settle(w, a);
	touch(a, 6);
	only(m, 6, _i);
	expect_exact(w, a, m, RESET);
	check_that(a.p[5 * PAGE + 5] == 2 && a.p[6 * PAGE + 6] == 2);
}
END_TEST

/* Who comes for it while it is clean goes on with the program's page, when that is written. */
START_TEST(huge_page_is_held_while_it_is_clean)
{
	struct area a = thp(2);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w = tracker_with(a, _i, 0);
	int ends[2];

	must(pipe2(ends, O_CLOEXEC));
	hold(ends[1], a.p + 5 * PAGE);
	expect_clean(w, a);
	touch(a, 5);
	only(m, 5, _i);
	expect_no_lost(w, a, m, RESET, "read by get_user_pages()");
	touch(a, 5);
	ck_assert_uint_eq(count_written(w, area_sub(a, 5, 1)), 1);
	/* Linux 5.10 copies a page that is written to while somebody has a reference. */
	let_go(ends[0], a.p + 5 * PAGE, !linux_before(6, 0));
	settle(w, a);
	touch(a, PMD_PAGES);
	only(m, PMD_PAGES, _i);
	expect_exact(w, a, m, RESET);
	check_that(a.p[5 * PAGE + 5] == 3);
}
END_TEST

/* _i: kept; written before; and the loop of an area of which nobody has an answer yet. */
START_TEST(huge_page_is_reset_while_it_cannot_be_accessed)
{
	const bool kept = _i & 1, written_before = _i & 2;
	struct area a = thp(2);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w = tracker_with(a, kept, written_before ?
					 WPTRACK_TRACK_START_WRITTEN : 0);
	const char *why = "cannot be armed without access";

	protect(a, PROT_NONE);
	if (written_before)
		expect_all(w, a);
	else
		expect_clean(w, a);
	reset(w, a);
	expect_no_lost(w, a, m, GET, why);
	if (!written_before)
		expect_clean(w, a);
	protect(a, RW);
	expect_no_lost(w, a, m, GET, why);
	touch(a, 300);
	only(m, 300, kept);
	expect_no_lost(w, a, m, GET, why);
	reset(w, a);
	expect_clean(w, a);
	touch(a, 301);
	only(m, 301, kept);
	expect_exact(w, a, m, RESET);
	check_that(a.p[300 * PAGE + 300] == 2 && a.p[301 * PAGE + 301] == 2);
}
END_TEST

static bool force(struct area a, size_t page, uint8_t value)
{
	int mem = must(open("/proc/self/mem", O_RDWR | O_CLOEXEC));
	bool done = pwrite(mem, &value, 1, area_start(a) + page * PAGE + 64) == 1;

	close(mem);
	return done;
}

static uint8_t read_by_pin(struct area a, size_t page)
{
	uint8_t got = 0;
	struct iovec to = { &got, 1 }, from = { a.p + page * PAGE + 64, 1 };

	ck_assert_int_eq(must(process_vm_readv(getpid(), &to, 1, &from, 1, 0)), 1);
	return got;
}

/*
 * While it may not be written a debugger writes, once a reader has found out that it is
 * not shared: without a fault then.  _i: kept; writes; reads before.
 */
START_TEST(huge_page_is_written_by_force_while_it_is_readonly)
{
	const bool kept = _i & 1, writes = _i & 2, reads = _i & 4;
	struct area a = thp(2);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w = tracker_with(a, kept, 0);
	bool done = false;

	protect(a, PROT_READ);
	expect_clean(w, a);
	if (reads)
		ck_assert_uint_eq(read_by_pin(a, 9), 1);
	if (writes)
		done = force(a, 9, 0xee);
	m->w[9] = done;
	expect_no_lost(w, a, m, GET, "read by who pins, and read-only");
	if (!reads && !writes)
		expect_clean(w, a);
	protect(a, RW);
	expect_no_lost(w, a, m, GET, "read by who pins, and read-only");
	touch(a, 700);
	m->w[700] = 1;
	expect_no_lost(w, a, m, RESET, "read by who pins, and read-only");
	expect_clean(w, a);
	ck_assert_uint_eq(a.p[9 * PAGE + 64], done ? 0xee : 1);
	touch(a, 9);
	only(m, 9, kept);
	expect_no_lost(w, a, m, RESET, "none");
}
END_TEST

/* The child looks at its memory, and writes to it, in turns. */
static void child_of_both(int fd, void *arg)
{
	struct area a = *(struct area *)arg;
	size_t i;

	turn_wait(fd);
	for (i = 0; i < a.pages; i++)
		if (a.p[i * PAGE + i % PAGE] != 1)
			_exit(3);
	a.p[40 * PAGE] = 0xcc;
	a.p[(PMD_PAGES + 40) * PAGE] = 0xcc;
	turn_done(fd);
	if (a.p[7 * PAGE + 7] != 1 || a.p[40 * PAGE] != 0xcc)
		_exit(4);
}

/* _i: kept; protection changes after the fork; the child writes first. */
START_TEST(protection_of_huge_pages_that_a_child_shares)
{
	const bool kept = _i & 1, cycles = _i & 2, child_first = _i & 4;
	struct area a = thp(2);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w = tracker_with(a, kept, 0);
	struct peer p = peer_start(child_of_both, &a);

	expect_clean(w, a);
	if (cycles) {
		protect(a, PROT_READ);
		expect_clean(w, a);
		protect(a, RW);
		expect_clean(w, a);
	}
	if (child_first)
		peer_turn(&p);
	expect_clean(w, a);
	touch(a, 8);
	only(m, 8, kept);
	expect_exact(w, a, m, GET);
	if (!child_first)
		peer_turn(&p);
	touch(a, 7);
	m->w[7] = 1;
	expect_exact(w, a, m, RESET);
	ck_assert_uint_eq(a.p[40 * PAGE], 1);
	ck_assert_uint_eq(a.p[(PMD_PAGES + 40) * PAGE], 1);
	peer_end(&p);
	/* Parts that another has, too, cannot be told from held ones before. */
	if (linux_before(6, 12))
		settle(w, a);
	expect_clean(w, a);
	touch(a, PMD_PAGES + 9);
	marks_none(m);
	marks_set(m, kept ? PMD_PAGES : PMD_PAGES + 9, kept ? PMD_PAGES : 1);
	/* Copied page by page, in part. */
	expect_no_lost(w, a, m, RESET, "copied while shared with a child");
	settle(w, a);
}
END_TEST

/* It maps the page as a whole until it writes. */
static void child_of_parts(int fd, void *arg)
{
	struct area a = *(struct area *)arg;

	turn_wait(fd);
	touch(a, 3);
	turn_done(fd);
	if (a.p[7 * PAGE + 7] != 1 || a.p[9 * PAGE + 9] != 1)
		_exit(4);
}

/*
 * A child maps the page as a whole, and the program in parts: references are told apart all
 * the same, if nobody else has parts of it.  _i: somebody holds one; another child has parts.
 */
START_TEST(parts_of_a_huge_page_that_a_child_has_whole)
{
	const bool held = _i & 1, others = _i & 2;
	struct area a = thp(1);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w;
	struct peer p, q;
	int ends[2];

	must(pipe2(ends, O_CLOEXEC));
	if (held)
		hold(ends[1], a.p + 5 * PAGE);
	p = peer_start(child_of_parts, &a);
	touch(a, 8);
	if (others)
		q = peer_start(child_of_parts, &a);
	w = tracker_with(a, false, WPTRACK_TRACK_START_WRITTEN);
	reset(w, a);
	if (held || others || linux_before(6, 12)) {
		marks_set(m, 0, a.pages);
		/* Of this the child has another. */
		m->w[8] = 0;
	}
	if (others)
		expect_no_lost(w, a, m, GET, "mapped by others, whole and in parts");
	else
		expect_exact(w, a, m, GET);
	touch(a, 9);
	m->w[9] = 1;
	expect_no_lost(w, a, m, RESET, "shared with a child that has it whole");
	if (others) {
		peer_turn(&q);
		peer_end(&q);
	}
	/* No child has it whole any more. */
	peer_turn(&p);
	/* Here it may have none of the last part either, to be told apart. */
	if (linux_before(6, 12))
		peer_end(&p);
	if (held) {
		marks_none(m);
		marks_set(m, 0, a.pages);
		m->w[8] = m->w[9] = 0;
		reset(w, a);
		expect_exact(w, a, m, GET);
		let_go(ends[0], a.p + 5 * PAGE, true);
	}
	settle(w, a);
	touch(a, 10);
	marks_none(m);
	m->w[10] = 1;
	expect_exact(w, a, m, RESET);
	if (!linux_before(6, 12))
		peer_end(&p);
	check_that(a.p[8 * PAGE + 8] == 2 && a.p[9 * PAGE + 9] == 2);
}
END_TEST

static void child_reads_parent(int fd, void *arg)
{
	struct area a = *(struct area *)arg;
	uint8_t got = 0;
	struct iovec to = { &got, 1 }, from = { a.p + 9 * PAGE + 64, 1 };

	turn_wait(fd);
	if (process_vm_readv(getppid(), &to, 1, &from, 1, 0) != 1 || got != 1)
		_exit(3);
	turn_done(fd);
	if (a.p[9 * PAGE + 9] != 1 || a.p[9 * PAGE + 64] != 1)
		_exit(4);
}

/* Who pins to read gets a copy, in place, where a page is shared.  _i: kept; who reads. */
START_TEST(reader_of_a_huge_page_that_a_child_shares)
{
	const bool kept = _i & 1, by_child = _i & 2;
	struct area a = thp(2);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w = tracker_with(a, kept, 0);
	struct peer p = peer_start(child_reads_parent, &a);

	if (!by_child)
		ck_assert_uint_eq(read_by_pin(a, 9), 1);
	else
		peer_turn(&p);
	/* It is split for that, and a page of it copied. */
	expect_no_lost(w, a, m, GET, "read by who pins");
	ck_assert_uint_le(count_written(w, a), PMD_PAGES);
	touch(a, 9);
	m->w[9] = 1;
	expect_no_lost(w, a, m, RESET, "read by who pins");
	if (!by_child)
		peer_turn(&p);
	peer_end(&p);
	settle(w, a);
	touch(a, 10);
	ck_assert_uint_eq(count_written(w, area_sub(a, 10, 1)), 1);
	check_that(a.p[9 * PAGE + 9] == 2 && a.p[9 * PAGE + 64] == 1);
}
END_TEST

/* From the first UFFDIO_MOVE on nothing is taken from pages. */
START_TEST(protection_of_huge_pages_after_a_move)
{
	struct area a = thp(2), from = anon_populated(4), to = anon(4);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w;
	int fd;

	if (!uffd_has_move())
		skip("UFFDIO_MOVE came with Linux 6.8");
	w = tracker_with(a, _i, 0);
	fd = must(uffd_on(to, 0, UFFDIO_REGISTER_MODE_MISSING));
	ck_assert_int_eq(uffd_move(fd, to.p, from.p, 2 * PAGE), 0);
	close(fd);
	protect(a, PROT_READ);
	m->w[9] = force(a, 9, 0xee);
	expect_no_lost(w, a, m, GET, "after UFFDIO_MOVE");
	protect(a, RW);
	touch(a, 700);
	m->w[700] = 1;
	expect_no_lost(w, a, m, RESET, "after UFFDIO_MOVE");
	expect_clean(w, a);
	touch(a, 701);
	only(m, 701, _i);
	expect_exact(w, a, m, RESET);
}
END_TEST

void memory_held(Suite *s)
{
	TCase *tc = tcase_new(s, "held", TEST_TIMEOUT);

	tcase_add_loop_test(tc, huge_page_that_is_held_stays_written, 0, 2);
	tcase_add_loop_test(tc, huge_page_is_held_while_it_is_clean, 0, 2);
	tcase_add_loop_test(tc, huge_page_is_reset_while_it_cannot_be_accessed, 0, 4);
	tcase_add_loop_test(tc, huge_page_is_written_by_force_while_it_is_readonly, 0, 8);
	tcase_add_loop_test(tc, protection_of_huge_pages_that_a_child_shares, 0, 8);
	tcase_add_loop_test(tc, parts_of_a_huge_page_that_a_child_has_whole, 0, 4);
	tcase_add_loop_test(tc, reader_of_a_huge_page_that_a_child_shares, 0, 4);
	tcase_add_loop_test(tc, protection_of_huge_pages_after_a_move, 0, 2);
}
