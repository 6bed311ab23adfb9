// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parts of a huge page that are lent (module/lend.c), or not as on other kernels, and meet
 * another event than a change of protection: whose they are may not be believed any more, and
 * nothing is written in place that somebody else has.
 */
#define _GNU_SOURCE
#include "carry.h"
#include "ksm.h"
#include "maps.h"
#include "scanwp.h"
#include "swap.h"
#include "uffd.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define PARTS	PMD_PAGES
#define RW	(PROT_READ | PROT_WRITE)
/* Of the same contents. */
#define EQUAL	100
#define EQUALS	20

struct world {
	struct wptrack *w;
	struct area a;
	struct marks *m;	/* what has changed */
	uint64_t model[PARTS];
	pid_t child;
	int go;
};

static uint64_t *cell(const struct world *s, size_t i)
{
	return (uint64_t *)(s->a.p + i * PAGE + 8);
}

static bool holds(const struct world *s)
{
	size_t i;

	for (i = 0; i < PARTS; i++)
		if (*(volatile uint64_t *)cell(s, i) != s->model[i]) {
			note("page %zu of %d is another", i, getpid());
			return false;
		}
	return true;
}

static void write_some(struct world *s)
{
	size_t i;

	for (i = rnd_below(5); i < PARTS; i += 1 + rnd_below(9)) {
		*(volatile uint64_t *)cell(s, i) = s->model[i] = rnd();
		s->m->w[i] = 1;
	}
}

/* A huge page that is mapped page by page, all of it clean. */
static void begin(struct world *s)
{
	size_t i;

	*s = (struct world){ .a = thp(1), .m = marks_new(PARTS) };
	s->w = tracker_on(s->a);
	touch(s->a, 5);
	for (i = 0; i < PARTS; i++) {
		memset(s->a.p + i * PAGE, 0, PAGE);
		*cell(s, i) = s->model[i] = i >= EQUAL && i < EQUAL + EQUALS ? 77 : i * 1000003;
	}
	reset(s->w, s->a);
	expect_clean(s->w, s->a);
}

/* A child with its memory as it is now, which writes to all of it when it is told. */
static void child_begins(struct world *s)
{
	uint8_t byte;
	int go[2];
	size_t i;

	must(pipe(go));
	s->child = must(fork());
	if (s->child) {
		close(go[0]);
		s->go = go[1];
		return;
	}
	if (read(go[0], &byte, 1) != 1 || mprotect(s->a.p, PARTS * PAGE, RW) || !holds(s))
		_exit(1);
	for (i = 0; i < PARTS; i++)
		*cell(s, i) = s->model[i] = ~i;
	_exit(!holds(s));
}

static void child_ends(struct world *s)
{
	int status;

	if (!s->child)
		return;
	must(write(s->go, "", 1));
	close(s->go);
	must(waitpid(s->child, &status, 0));
	s->child = 0;
	ck_assert_msg(!status, "the child found other memory: status %x", status);
}

/* How they are lent: read-only, inaccessible, or neither; false if there is no such thing. */
enum { LEND_READ, LEND_NONE, LEND_SCAN, LENDS };

static bool lend(struct world *s, int how)
{
	if (how == LEND_SCAN)
		return scanwp(s->a.p, s->a.p + PARTS * PAGE) >= 0;
	must(mprotect(s->a.p, PARTS * PAGE, how == LEND_READ ? PROT_READ : PROT_NONE));
	return true;
}

static const char *ev_fork(struct world *s)
{
	child_begins(s);
	return NULL;
}

static const char *ev_reclaim(struct world *s)
{
	if (swap_missing())
		return swap_missing();
	must(madvise(s->a.p, PARTS * PAGE, 21 /* MADV_PAGEOUT */));
	return NULL;
}

static const char *ev_move(struct world *s)
{
	void *pages[2] = { s->a.p + 7 * PAGE, s->a.p + 300 * PAGE };
	int nodes[2] = { 1, 1 }, status[2];

	if (access("/sys/devices/system/node/node1", F_OK))
		return "one node";
	must(syscall(SYS_move_pages, 0, 2, pages, nodes, status, 2 /* MPOL_MF_MOVE */));
	return NULL;
}

static const char *ev_uffd_move(struct world *s)
{
	struct area to = anon(PARTS);
	size_t i, moved = 0;
	int fd;

	if (!uffd_has_move())
		return "UFFDIO_MOVE came with Linux 6.8";
	fd = must(uffd_on(to, 0, UFFDIO_REGISTER_MODE_MISSING));
	for (i = 0; i < 60; i += 3) {
		if (uffd_move(fd, to.p + i * PAGE, s->a.p + i * PAGE, PAGE))
			continue;
		check_that(*(uint64_t *)(to.p + i * PAGE + 8) == s->model[i]);
		s->model[i] = 0;
		s->m->w[i] = 1;
		moved++;
	}
	close(fd);
	note("%zu pages were moved", moved);
	return NULL;
}

static const char *ev_protect(struct world *s)
{
	must(mprotect(s->a.p + 30 * PAGE, 200 * PAGE, PROT_NONE));
	must(mprotect(s->a.p + 100 * PAGE, 200 * PAGE, PROT_READ));
	return NULL;
}

static const char *ev_ksm(struct world *s)
{
	uint8_t byte;
	struct iovec to = { &byte, 1 }, from = { s->a.p, 1 };

	if (!ksm_exists())
		return "no KSM";
	if (process_vm_readv(getpid(), &to, 1, &from, 1, 0) < 0)
		return "not to be read";
	if (!ksm_merge(area_sub(s->a, EQUAL, EQUALS)))
		note("nothing was merged");
	return NULL;
}

/* Of parts of a mapping, so that the rest stays as it is. */
static const char *ev_drop(struct world *s)
{
	size_t i;

	must(madvise(s->a.p + 50 * PAGE, 20 * PAGE, MADV_DONTNEED));
	for (i = 50; i < 70; i++) {
		s->model[i] = 0;
		s->m->w[i] = 1;
	}
	return NULL;
}

/* He asks whose they are, and pins them. */
static const char *ev_read(struct world *s)
{
	static uint8_t copy[PARTS * PAGE];
	struct iovec to = { copy, PARTS * PAGE }, from = { s->a.p, PARTS * PAGE };
	ssize_t n = process_vm_readv(getpid(), &to, 1, &from, 1, 0);
	size_t i;

	if (n < 0)
		return "not to be read";
	for (i = 0; i < PARTS; i++)
		check_that(*(uint64_t *)(copy + i * PAGE + 8) == s->model[i]);
	return NULL;
}

static const struct {
	const char *name;
	const char *(*fn)(struct world *s);
} events[] = {
	{ "fork", ev_fork }, { "reclaim", ev_reclaim }, { "migration", ev_move },
	{ "UFFDIO_MOVE", ev_uffd_move }, { "mprotect", ev_protect }, { "KSM", ev_ksm },
	{ "MADV_DONTNEED", ev_drop }, { "a reader", ev_read },
};
#define EVENTS ((int)(sizeof(events) / sizeof(*events)))

START_TEST(lent_pages_meet_another_event)
{
	const int how = _i / EVENTS;
	static struct world s;
	const char *why;
	int round;

	begin(&s);
	if (!lend(&s, how))
		skip("no PAGEMAP_SCAN");
	why = events[_i % EVENTS].fn(&s);
	if (why)
		skip("%s", why);
	note("%s, %d", events[_i % EVENTS].name, how);
	expect_no_lost(s.w, s.a, s.m, GET, events[_i % EVENTS].name);
	for (round = 0; round < 2; round++) {
		must(mprotect(s.a.p, PARTS * PAGE, RW));
		check_that(holds(&s));
		write_some(&s);
		child_ends(&s);
		check_that(holds(&s));
		expect_no_lost(s.w, s.a, s.m, GET, events[_i % EVENTS].name);
		/* And what is shared from now on is not written in place, either. */
		child_begins(&s);
		write_some(&s);
		check_that(holds(&s));
		expect_no_lost(s.w, s.a, s.m, RESET, events[_i % EVENTS].name);
		child_ends(&s);
		settle(s.w, s.a);
		marks_none(s.m);
		write_some(&s);
		expect_exact(s.w, s.a, s.m, RESET);
		marks_none(s.m);
		lend(&s, how);
	}
}
END_TEST

void carry_lent(Suite *s)
{
	TCase *tc = tcase_new(s, "lent", TEST_TIMEOUT);

	tcase_add_unchecked_fixture(tc, swap_setup, swap_teardown);
	tcase_add_unchecked_fixture(tc, NULL, ksm_off);
	tcase_add_loop_test(tc, lent_pages_meet_another_event, 0, LENDS * EVENTS);
}
