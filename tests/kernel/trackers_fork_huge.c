// SPDX-License-Identifier: GPL-2.0-only
/*
 * Huge pages of a child that has not run.  Its parent reads all of them by pins, which gives
 * it copies: so the child's are its own, and whoever writes to them takes nothing away.
 */
#define _GNU_SOURCE
#include "maps.h"
#include "trackers_fork.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define HUGE	2

static void read_by_pins(struct area a)
{
	static uint8_t got[PMD];
	struct iovec to = { got, PMD }, from = { a.p, PMD };
	size_t i;

	for (i = 0; i < a.pages; i += PMD_PAGES, from.iov_base += PMD)
		ck_assert_int_eq(must(process_vm_readv(getpid(), &to, 1, &from, 1, 0)), PMD);
}

/* _i: hugetlb, transparent huge pages, the same kept; and not written to. */
START_TEST(huge_page_is_written_before_the_child_runs)
{
	const bool pokes = _i < 3;
	const int kind = _i % 3;
	struct area a, page;
	struct wptrack *w, *c;
	struct marks *m;
	pid_t pid;
	int fd;

	if (!kind)
		ck_assert_msg(hugetlb_pages(4 * HUGE), "no huge pages");
	a = kind ? thp(HUGE) : hugetlb(HUGE, false, &fd);
	memset(a.p, 1, a.pages * PAGE);
	page = area_sub(a, PMD_PAGES + 5, 1);
	m = marks_new(a.pages);
	w = follow_self();
	track(w, a, kind == 2 ? WPTRACK_TRACK_KEEP_HUGE : 0);
	settle(w, a);
	pid = unborn();
	read_by_pins(a);
	if (pokes) {
		poke(pid, page);
		m->w[PMD_PAGES + 5] = 1;
	}
	let_it_run();
	c = child_of(w, pid);
	expect_no_lost(c, a, m, GET, "huge pages of a child");
	if (!pokes && !kind)
		expect_clean(c, a);
	expect_no_lost(w, a, marks_new(a.pages), GET, "read by who pins");
	ck_assert_uint_eq(page.p[0], 1);
	expect_no_lost(c, a, m, RESET, "huge pages of a child");
	/* On Linux 5.10 readers get no copies, and the parent maps it as a whole. */
	if (kind && pokes && linux_before(6, 0))
		expect_no_lost(c, a, marks_new(a.pages), GET, "mapped whole, and in parts");
	else
		expect_clean(c, a);
	if (pokes) {
		poke(pid, page);
		expect_no_lost(c, a, m, RESET, "2 MiB at a time");
	}
	kill(pid, SIGKILL);
	must(waitpid(pid, NULL, 0));
	wptrack_close(c);
	wptrack_close(w);
}
END_TEST

void trackers_fork_huge(Suite *s)
{
	TCase *tc = tcase_new(s, "huge_child", TEST_TIMEOUT);

	tcase_add_unchecked_fixture(tc, NULL, hugetlb_none);
	tcase_add_loop_test(tc, huge_page_is_written_before_the_child_runs, 0, 6);
}
