// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_MOVE, which refuses pages that may be shared: for what is tracked, or was. */
#define _GNU_SOURCE
#include "carry.h"
#include "maps.h"
#include "swap.h"
#include "uffd.h"

#include <sys/mman.h>
#include <unistd.h>

/* It does not wait for who has locked the page. */
static void move_page(int fd, struct area to, struct area from, size_t i)
{
	size_t tries;

	for (tries = 0; uffd_move(fd, to.p + i * PAGE, from.p + i * PAGE, PAGE); tries++)
		ck_assert_msg(errno == EAGAIN && tries < 1000, "page %zu: %s", i,
			      strerror(errno));
}

/*
 * As if nobody tracked it: without waiting, and without an error.  Some have gone to swap
 * clean, others were reset there, and others have come back.
 */
START_TEST(userfaultfd_moves_pages_in_swap)
{
	const bool looked = _i & 1, closed = _i & 2;
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	struct area a = carry_begin(&w), to = anon(PAGES);
	size_t i;
	int fd;

	if (!uffd_has_move())
		skip("UFFDIO_MOVE came with Linux 6.8");
	track(w, to, 0);
	expect_clean(w, to);
	for (i = 0; i < PAGES; i++)
		a.p[i * PAGE + 8] = i % 251;
	settle(w, a);
	a.p[2 * PAGE] = 1;
	a.p[3 * PAGE] = 1;
	carry_out(w, a);
	settle(w, a);
	read_all(area_sub(a, PAGES / 2, PAGES / 4));
	if (looked)
		expect_clean(w, a);
	if (closed)
		wptrack_close(w);
	fd = must(uffd_on(to, 0, UFFDIO_REGISTER_MODE_MISSING));
	for (i = 0; i < PAGES; i += 3) {
		move_page(fd, to, a, i);
		m->w[i] = 1;
	}
	close(fd);
	for (i = 0; i < PAGES; i += 3)
		ck_assert_uint_eq(to.p[i * PAGE + 8], i % 251);
	if (closed)
		return;
	expect_no_lost(w, to, m, GET, "memory of a userfaultfd");
	expect_no_lost(w, a, m, GET, "moved away");
	touch_random(to, m, 6);
	expect_no_lost(w, to, m, RESET, "memory of a userfaultfd");
}
END_TEST

/* Tracked until its protection was changed, or has been: a tracker leaves nothing behind. */
START_TEST(userfaultfd_moves_what_was_tracked)
{
	struct area a = anon_populated(PAGES), to = anon(PAGES);
	struct wptrack *w;
	size_t i;
	int fd;

	if (!uffd_has_move())
		skip("UFFDIO_MOVE came with Linux 6.8");
	w = tracker_on(a);
	settle(w, a);
	must(mprotect(a.p, PAGES * PAGE, PROT_READ));
	if (_i)
		untrack(w, a);
	else
		wptrack_close(w);
	must(mprotect(a.p, PAGES * PAGE, PROT_READ | PROT_WRITE));
	fd = must(uffd_on(to, 0, UFFDIO_REGISTER_MODE_MISSING));
	for (i = 0; i < PAGES; i++)
		move_page(fd, to, a, i);
	close(fd);
}
END_TEST

/* From the first one on pages are not made to pass for shared any more. */
START_TEST(nothing_is_lost_after_a_move)
{
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	struct area a = carry_begin(&w), other = anon_populated(1), to = anon(1);
	int round, fd;

	if (!uffd_has_move())
		skip("UFFDIO_MOVE came with Linux 6.8");
	track(w, other, 0);
	track(w, to, 0);
	fd = must(uffd_on(to, 0, UFFDIO_REGISTER_MODE_MISSING));
	move_page(fd, to, other, 0);
	close(fd);
	for (round = 0; round < 4; round++) {
		marks_none(m);
		touch_random(a, m, 6);
		must(mprotect(a.p, PAGES * PAGE, round & 1 ? PROT_NONE : PROT_READ));
		must(mprotect(a.p, PAGES * PAGE, PROT_READ | PROT_WRITE));
		touch_random(a, m, 6);
		carry_out(w, a);
		touch_random(a, m, 6);
		if (round & 1)
			read_all(a);
		touch_random(a, m, 6);
		expect_no_lost(w, a, m, RESET, "after UFFDIO_MOVE");
	}
}
END_TEST

void carry_uffd(Suite *s)
{
	TCase *tc = tcase_new(s, "uffd", TEST_TIMEOUT);

	tcase_add_unchecked_fixture(tc, swap_setup, swap_teardown);
	/* With what was read back looked at before, and not; tracked, and not any more. */
	tcase_add_loop_test(tc, userfaultfd_moves_pages_in_swap, 0, 4);
	tcase_add_loop_test(tc, userfaultfd_moves_what_was_tracked, 0, 2);
	tcase_add_test(tc, nothing_is_lost_after_a_move);
}
