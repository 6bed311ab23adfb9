// SPDX-License-Identifier: GPL-2.0-only
/*
 * Children that do not have all of their parent's memory: clean pages that are not copied,
 * or begin as empty ones, at the ends of a run and in the middle.
 */
#define _GNU_SOURCE
#include "trackers_fork.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

static struct area place;

static void writes_when_asked(int fd, void *arg)
{
	turn_wait(fd);
	for (;;) {
		touch(place, 7);
		turn_done(fd);
	}
}

static struct area mapped(struct area a, size_t first, size_t pages, int advice)
{
	struct area part = area_sub(a, first, pages);

	map_over(part, PROT_READ | PROT_WRITE);
	must(madvise(part.p, pages * PAGE, MADV_NOHUGEPAGE));
	if (advice)
		must(madvise(part.p, pages * PAGE, advice));
	touch_all(part);
	return part;
}

static void expect_child(struct wptrack *c, struct area a, bool written)
{
	struct marks *m = marks_new(a.pages);

	if (written)
		marks_all(m);
	expect_exact(c, a, m, GET);
	free(m);
}

START_TEST(clean_runs_with_memory_that_is_not_copied)
{
	/*
	 * a: clean, not copied, nothing, not copied; wiped, clean, wiped
	 * b: not copied, and nothing behind, more than 2 MiB from both
	 * c: clean, written for more than 2 MiB, clean, not copied
	 */
	struct area all = hole(4000, 0), top = { (uint8_t *)0x7fffffff0000, 8 };
	struct area a1 = mapped(all, 0, 50, 0);
	struct area a2 = mapped(all, 50, 50, MADV_DONTFORK);
	struct area a3 = mapped(all, 120, 30, MADV_DONTFORK);
	struct area wiped = mapped(all, 150, 40, MADV_WIPEONFORK);
	struct area a4 = mapped(all, 190, 60, 0);
	struct area last = mapped(all, 250, 10, MADV_WIPEONFORK);
	struct area b = mapped(all, 1000, 20, MADV_DONTFORK);
	struct area c1 = mapped(all, 2000, 30, 0), dirty = mapped(all, 2030, 1100, 0);
	struct area c2 = mapped(all, 3130, 70, 0), c3 = mapped(all, 3200, 30, MADV_DONTFORK);
	struct wptrack *w = follow_self(), *c;
	struct marks *m = marks_new(c2.pages);
	long forked = stats_value("overreport_forked");
	bool has_top = false;
	struct peer p;
	int round;

	/* Above all that a child has, unless the stack is there. */
	if (mmap(top.p, top.pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE |
		 MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == top.p) {
		has_top = true;
		must(madvise(top.p, top.pages * PAGE, MADV_DONTFORK));
		touch_all(top);
		track(w, top, 0);
	}
	note("memory at the top: %d", has_top);
	track(w, all, 0);
	for (round = 0; round < 2; round++) {
		settle(w, all);
		if (has_top)
			settle(w, top);
		touch_all(dirty);
		place = c2;
		p = peer_start(writes_when_asked, NULL);
		c = child_of(w, p.pid);
		expect_child(c, a1, false);
		expect_child(c, wiped, true);
		expect_child(c, a4, false);
		expect_child(c, last, true);
		expect_child(c, c1, false);
		expect_child(c, dirty, true);
		expect_child(c, c2, false);
		/* What is not there is no page of the child's. */
		ck_assert_uint_eq(count_written(c, all),
				  wiped.pages + last.pages + dirty.pages);
		peer_turn(&p);
		marks_none(m);
		m->w[7] = 1;
		expect_exact(c, c2, m, RESET);
		settle(c, all);
		peer_turn(&p);
		ck_assert_uint_eq(count_written(c, all), 1);
		expect_exact(c, c2, m, GET);
		kill(p.pid, SIGKILL);
		must(waitpid(p.pid, NULL, 0));
		close(p.fd);
		wptrack_close(c);
		expect_clean(w, a2);
		expect_clean(w, a3);
		expect_clean(w, b);
		expect_clean(w, c3);
	}
	ck_assert_int_eq(stats_value("overreport_forked"), forked);
}
END_TEST

void trackers_fork_gaps(Suite *s)
{
	TCase *tc = tcase_new(s, "fork gaps", TEST_TIMEOUT);

	tcase_add_test(tc, clean_runs_with_memory_that_is_not_copied);
}
