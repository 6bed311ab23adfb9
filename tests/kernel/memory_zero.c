// SPDX-License-Identifier: GPL-2.0-only
/*
 * The huge zero page where there is a record already, and huge pages of which there is none
 * in a process that is tracked.
 */
#define _GNU_SOURCE
#include "memory.h"
#include "maps.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static struct wptrack *tracker_with(struct area a, uint64_t flags)
{
	struct wptrack *w = tracker_self();

	track(w, a, flags);
	return w;
}

#define KEPT(i) ((i) & 1 ? WPTRACK_TRACK_KEEP_HUGE : 0)

static void need_zero(struct area a, size_t huge)
{
	read_all(area_sub(a, huge * PMD_PAGES, 1));
}

/*
 * Is a part of it mapped as one entry?  Only who has the memory for it gets a huge zero
 * page; small ones are tested elsewhere.
 */
static bool is_huge_zero(struct wptrack *w, struct area a, size_t huge)
{
	uint64_t c = categories(w, a.p + huge * PMD);

	return (c & WPTRACK_PAGE_HUGE) && (c & WPTRACK_PAGE_PFNZERO);
}

#define need_huge_zero(w, a, huge)					\
	do {								\
		if (!is_huge_zero(w, a, huge))				\
			skip("no huge zero page is to be had");		\
	} while (0)

/* Written memory is gone, and the huge zero page is in its place: all of it has changed. */
static struct area written_zero(struct wptrack **w, uint64_t flags)
{
	struct area a = thp(2);

	*w = tracker_with(a, flags);
	touch_all(a);
	map_over(a, PROT_READ | PROT_WRITE);
	must(madvise(a.p, a.pages * PAGE, MADV_HUGEPAGE));
	need_zero(a, 0);
	need_zero(a, 1);
	return a;
}

START_TEST(written_huge_zero_page_is_reset)
{
	struct wptrack *w;
	struct area a = written_zero(&w, KEPT(_i));
	struct marks *m = marks_new(a.pages);

	need_huge_zero(w, a, 1);
	expect_all(w, a);
	reset(w, a);
	expect_clean(w, a);
	ck_assert(is_huge_zero(w, a, 1));
	a.p[9 * PAGE] = 5;
	m->w[9] = 1;
	if (KEPT(_i))
		expect_no_lost(w, a, m, RESET, "kept whole");
	else
		expect_exact(w, a, m, RESET);
	expect_clean(w, a);
	ck_assert_uint_eq(a.p[9 * PAGE], 5);
	ck_assert_uint_eq(a.p[10 * PAGE], 0);
}
END_TEST

START_TEST(part_of_a_written_huge_zero_page_is_reset)
{
	struct wptrack *w;
	struct area a = written_zero(&w, KEPT(_i));
	struct marks *m = marks_new(a.pages);

	need_huge_zero(w, a, 0);
	expect_all(w, a);
	reset(w, area_sub(a, 100, 50));
	marks_all(m);
	if (!KEPT(_i))
		memset(m->w + 100, 0, 50);
	expect_exact(w, a, m, GET);
	a.p[120 * PAGE] = 5;
	m->w[120] = 1;
	expect_exact(w, a, m, RESET);
	expect_clean(w, a);
	a.p[121 * PAGE] = 5;
	marks_none(m);
	m->w[121] = 1;
	if (KEPT(_i))
		expect_no_lost(w, a, m, RESET, "kept whole");
	else
		expect_exact(w, a, m, RESET);
	ck_assert_uint_eq(a.p[120 * PAGE] + a.p[121 * PAGE], 10);
}
END_TEST

/* It comes with a read, and no scan sees it before it is written. */
START_TEST(huge_zero_page_is_written_unseen)
{
	struct area a = thp(2);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w = tracker_with(a, KEPT(_i));

	must(madvise(a.p, a.pages * PAGE, MADV_DONTNEED));
	expect_all(w, a);
	reset(w, a);
	need_zero(a, 0);
	need_zero(a, 1);
	a.p[77 * PAGE] = 5;
	m->w[77] = 1;
	if (KEPT(_i))
		expect_no_lost(w, a, m, GET, "kept whole");
	else
		expect_exact(w, a, m, GET);
	/* The other one was only read. */
	expect_clean(w, area_sub(a, PMD_PAGES, PMD_PAGES));
	reset(w, a);
	expect_clean(w, a);
	a.p[78 * PAGE] = 5;
	m->w[77] = 0;
	m->w[78] = 1;
	if (KEPT(_i))
		expect_no_lost(w, a, m, RESET, "kept whole");
	else
		expect_exact(w, a, m, RESET);
	ck_assert_uint_eq(a.p[77 * PAGE] + a.p[78 * PAGE], 10);
	ck_assert_uint_eq(a.p[79 * PAGE], 0);
}
END_TEST

/* It is split for that, which is an event within the event. */
START_TEST(part_of_a_huge_zero_page_is_dropped)
{
	struct area a = thp(2);
	struct wptrack *w = tracker_with(a, KEPT(_i));

	must(madvise(a.p, a.pages * PAGE, MADV_DONTNEED));
	expect_all(w, a);
	reset(w, a);
	need_zero(a, 0);
	need_huge_zero(w, a, 0);
	must(madvise(a.p, 300 * PAGE, MADV_DONTNEED));
	expect_clean(w, a);
	reset(w, a);
	need_zero(a, 0);
	expect_clean(w, a);
}
END_TEST

static void writes_here_and_there(int fd, void *arg)
{
	struct area a = *(struct area *)arg;

	turn_wait(fd);
	a.p[30 * PAGE + 64] = 0xcc;
	a.p[(PMD_PAGES + 30) * PAGE + 64] = 0xcc;
	turn_done(fd);
	if (a.p[31 * PAGE + 64] == 0xaa || a.p[30 * PAGE + 64] != 0xcc)
		_exit(3);
}

START_TEST(huge_zero_page_is_shared_with_a_child)
{
	struct area a = thp_empty(2);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w;
	struct peer p;

	need_zero(a, 0);
	need_zero(a, 1);
	w = tracker_with(a, KEPT(_i));
	expect_clean(w, a);
	p = peer_start(writes_here_and_there, &a);
	expect_clean(w, a);
	if (_i & 2)
		peer_turn(&p);
	a.p[31 * PAGE + 64] = 0xaa;
	m->w[31] = 1;
	if (!(_i & 2))
		peer_turn(&p);
	if (KEPT(_i))
		expect_no_lost(w, a, m, RESET, "kept whole");
	else
		expect_exact(w, a, m, RESET);
	expect_clean(w, a);
	peer_end(&p);
	ck_assert_uint_eq(a.p[30 * PAGE + 64], 0);
	ck_assert_uint_eq(a.p[31 * PAGE + 64], 0xaa);
}
END_TEST

/* Parent and child write to a huge page that nobody tracks, beside what is tracked. */
START_TEST(untracked_huge_page_that_a_child_shares)
{
	struct area b = thp(2), a = _i ? thp(1) : anon_populated(8);
	struct wptrack *w = tracker_on(a);
	struct peer p = peer_start(writes_here_and_there, &b);
	struct marks *m = marks_new(a.pages);

	peer_turn(&p);
	b.p[31 * PAGE + 64] = 0xaa;
	b.p[(PMD_PAGES + 31) * PAGE + 64] = 0xaa;
	touch(a, 3);
	m->w[3] = 1;
	expect_exact(w, a, m, RESET);
	peer_end(&p);
	ck_assert_uint_eq(b.p[30 * PAGE + 64], 1);
	ck_assert_uint_eq(b.p[31 * PAGE + 64], 0xaa);
	ck_assert_uint_eq(b.p[(PMD_PAGES + 31) * PAGE + 64], 0xaa);
	/* Nor is anything left of it when it is tracked then. */
	track(w, b, 0);
	expect_clean(w, b);
}
END_TEST

/* One that cannot be accessed when it is reset; small, where something was written before. */
START_TEST(zero_page_is_reset_while_it_cannot_be_accessed)
{
	struct area a = anon_populated(8);
	struct marks *m = marks_new(8);
	struct wptrack *w = tracker_on(a);

	touch_all(a);
	map_over(a, PROT_READ | PROT_WRITE);
	read_all(a);
	expect_all(w, a);
	must(mprotect(a.p, 8 * PAGE, PROT_NONE));
	expect_all(w, a);
	reset(w, a);
	must(mprotect(a.p, 8 * PAGE, PROT_READ | PROT_WRITE));
	a.p[5 * PAGE] = 7;
	m->w[5] = 1;
	expect_no_lost(w, a, m, RESET, "cannot be armed without access");
	expect_clean(w, a);
	a.p[6 * PAGE] = 7;
	m->w[5] = 0;
	m->w[6] = 1;
	expect_exact(w, a, m, RESET);
}
END_TEST

void memory_zero(Suite *s)
{
	TCase *tc = tcase_new(s, "zero", TEST_TIMEOUT);

	tcase_add_loop_test(tc, written_huge_zero_page_is_reset, 0, 2);
	tcase_add_loop_test(tc, part_of_a_written_huge_zero_page_is_reset, 0, 2);
	tcase_add_loop_test(tc, huge_zero_page_is_written_unseen, 0, 2);
	tcase_add_loop_test(tc, part_of_a_huge_zero_page_is_dropped, 0, 2);
	tcase_add_loop_test(tc, huge_zero_page_is_shared_with_a_child, 0, 4);
	tcase_add_loop_test(tc, untracked_huge_page_that_a_child_shares, 0, 2);
	tcase_add_test(tc, zero_page_is_reset_while_it_cannot_be_accessed);
}
