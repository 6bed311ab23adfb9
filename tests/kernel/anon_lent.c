// SPDX-License-Identifier: GPL-2.0-only
/*
 * Small pages of a huge one whose protection changes: they stay clean and are not copied,
 * and what fork() shares is never written to in place.  See module/lend.c.
 */
#define _GNU_SOURCE
#include "anon.h"
#include "maps.h"
#include "protections.h"
#include "swap.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#define PAGES PMD_PAGES
/* Of the children that look at their memory later. */
#define CHILDREN 4

/* A huge page that is mapped page by page, tracked and clean. */
static struct area split(struct wptrack **w)
{
	struct area a = thp(1);

	*w = tracker_on(a);
	touch(a, 5);
	reset(*w, a);
	return a;
}

/* Where the pages are: 0 if that is not told. */
static void frames(struct area a, uint64_t *pfn)
{
	int fd = must(open("/proc/self/pagemap", O_RDONLY));
	size_t i;

	ck_assert_int_eq(pread(fd, pfn, a.pages * 8, area_start(a) / PAGE * 8), a.pages * 8);
	close(fd);
	for (i = 0; i < a.pages; i++)
		pfn[i] &= (1UL << 55) - 1;
}

START_TEST(pages_of_a_huge_page_are_exact_while_their_protection_changes)
{
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	struct area a = split(&w);
	int round;

	for (round = 0; round < 3; round++) {
		marks_none(m);
		touch_random(a, m, 9);
		protect(a, prots[_i]);
		expect_exact(w, a, m, GET);
		protect(a, RW);
		touch_random(a, m, 9);
		expect_exact(w, a, m, RESET);
		expect_clean(w, a);
	}
}
END_TEST

START_TEST(pages_of_a_huge_page_are_not_copied_for_that)
{
	uint64_t before[PAGES], after[PAGES];
	struct wptrack *w;
	struct area a = split(&w);
	size_t i, copied = 0;

	if (linux_before(5, 19))
		skip("this kernel always copies them");
	protect(a, prots[_i]);
	protect(a, RW);
	expect_clean(w, a);
	frames(a, before);
	touch_all(a);
	frames(a, after);
	for (i = 0; i < PAGES; i++)
		copied += before[i] != after[i];
	ck_assert_uint_eq(copied, 0);
}
END_TEST

/* Memory, what is in it, and children that expect it as it was when they were born. */
struct world {
	struct area a;
	uint64_t model[PAGES];
	struct {
		pid_t pid;
		int fd;
	} child[CHILDREN];
};

static bool holds(const struct world *s)
{
	size_t i;

	for (i = 0; i < PAGES; i++)
		if (*(volatile uint64_t *)(s->a.p + i * PAGE) != s->model[i]) {
			note("page %zu of %d is another", i, getpid());
			return false;
		}
	return true;
}

/* The child writes too: nobody else is to see it. */
static void child_main(struct world *s, int fd)
{
	char c;
	size_t i;

	if (read(fd, &c, 1) != 1)
		_exit(2);
	if (mprotect(s->a.p, PAGES * PAGE, RW))
		_exit(3);
	if (!holds(s))
		_exit(1);
	for (i = 0; i < PAGES; i += 3)
		*(volatile uint64_t *)(s->a.p + i * PAGE) = s->model[i] = ~i;
	_exit(!holds(s));
}

static void child_ends(struct world *s, int i)
{
	int status;

	if (!s->child[i].pid)
		return;
	must(write(s->child[i].fd, "", 1));
	must(waitpid(s->child[i].pid, &status, 0));
	close(s->child[i].fd);
	s->child[i].pid = 0;
	ck_assert_msg(!status, "a child found other memory: status %x", status);
}

static void child_begins(struct world *s, int i)
{
	int fd[2];

	child_ends(s, i);
	must(pipe(fd));
	s->child[i].pid = must(fork());
	if (!s->child[i].pid)
		child_main(s, fd[0]);
	close(fd[0]);
	s->child[i].fd = fd[1];
}

static void change(struct world *s, int prot)
{
	size_t first = rnd_below(2) ? rnd_below(PAGES) : 0;
	size_t pages = first ? 1 + rnd_below(PAGES - first) : PAGES;

	protect(area_sub(s->a, first, pages), prot);
}

static void write_some(struct world *s, struct marks *m)
{
	size_t i;

	protect(s->a, RW);
	for (i = rnd_below(9); i < PAGES; i += 1 + rnd_below(20)) {
		*(volatile uint64_t *)(s->a.p + i * PAGE) = s->model[i] = rnd();
		m->w[i] = 1;
	}
}

static void step(struct world *s, struct marks *m)
{
	switch (rnd_below(8)) {
	case 0:
		child_begins(s, rnd_below(CHILDREN));
		break;
	case 1:
		child_ends(s, rnd_below(CHILDREN));
		break;
	case 2:
		/* Seldom: it comes back in small pages. */
		if (!rnd_below(40))
			must(madvise(s->a.p, PAGES * PAGE, 21 /* MADV_PAGEOUT */));
		break;
	case 3:
		write_some(s, m);
		break;
	default:
		change(s, prots[rnd_below(PROTS)]);
		if (rnd_below(2))
			change(s, RW);
		break;
	}
}

/* With a huge page of its own. */
static void live(struct world *s)
{
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	int rounds;
	size_t i;

	s->a = split(&w);
	for (i = 0; i < PAGES; i++)
		s->model[i] = *(uint64_t *)(s->a.p + i * PAGE);
	for (rounds = 0; rounds < 12; rounds++) {
		for (i = rnd_below(12); i; i--)
			step(s, m);
		protect(s->a, RW);
		check_that(holds(s));
		expect_no_lost(w, s->a, m, RESET, "pages that went through all this");
		marks_none(m);
	}
	for (i = 0; i < CHILDREN; i++)
		child_ends(s, i);
	wptrack_close(w);
	must(munmap(s->a.p, PAGES * PAGE));
	free(m);
}

START_TEST(lent_pages_are_shared_with_children_all_the_same)
{
	static struct world s;
	unsigned int lives;
	double end = seconds() + run_seconds(3);

	for (lives = 0; seconds() < end; lives++)
		live(&s);
	note("%u huge pages", lives);
}
END_TEST

void anon_lent(Suite *s)
{
	TCase *tc = tcase_new(s, "lent", TEST_TIMEOUT);

	tcase_add_loop_test(tc, pages_of_a_huge_page_are_exact_while_their_protection_changes,
			    0, PROTS);
	tcase_add_loop_test(tc, pages_of_a_huge_page_are_not_copied_for_that, 0, PROTS);
	tcase_add_unchecked_fixture(tc, swap_setup, swap_teardown);
	tcase_add_test(tc, lent_pages_are_shared_with_children_all_the_same);
}
