// SPDX-License-Identifier: GPL-2.0-only
/*
 * More events at once than a space has places for (WPT_EVENT_SLOTS): of those beyond it
 * nothing is known but that there are some.
 *
 * A crowd of threads zaps gigabytes of empty page tables, for which none of them needs the
 * mmap_lock for itself alone.  They run only while the test sleeps (SCHED_IDLE, on the same
 * processor), so it finds them all in the middle of it and has all the time it wants.
 */
#define _GNU_SOURCE
#include "threads.h"
#include "swap.h"
#include "uffd.h"

#include <sched.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#define SLOTS	8		/* WPT_EVENT_SLOTS */
#define LONG	(4096 * PMD_PAGES)
#define LATE	(2 * PMD_PAGES)
#define TRIES	6

struct crowd {
	struct area a;		/* all of them zap all of it */
	unsigned int n;
	pthread_t thread[SLOTS];
	sem_t go;
	atomic_uint done;
};

/* Empty memory with page tables, and what lies behind. */
static struct area passed, behind;

static void *zaps(void *arg)
{
	struct sched_param none = { 0 };
	struct crowd *c = arg;

	sched_setscheduler(0, SCHED_IDLE, &none);
	while (sem_wait(&c->go))
		;
	if (madvise(c->a.p, c->a.pages * PAGE, MADV_DONTNEED))
		abort();
	atomic_fetch_add(&c->done, 1);
	return NULL;
}

/* Are all of them still at it? */
static bool crowd_there(struct crowd *c)
{
	return !atomic_load(&c->done);
}

static void crowd_make(struct crowd *c, struct area a, unsigned int n)
{
	size_t i;

	*c = (struct crowd){ .a = a, .n = n };
	sem_init(&c->go, 0, 0);
	for (i = 0; i < n; i++)
		ck_assert(!pthread_create(&c->thread[i], NULL, zaps, c));
	/* Page tables for them to go through. */
	for (i = 0; i < a.pages; i += PMD_PAGES)
		(void)*(volatile uint8_t *)(a.p + i * PAGE);
	usleep(20000);
}

/* Returns when an event of each of them has begun: has none ended? */
static bool crowd_begin(struct crowd *c)
{
	long before = stats_value("events");
	double end = seconds() + 60;
	unsigned int i;

	for (i = 0; i < c->n; i++)
		sem_post(&c->go);
	while (stats_value("events") < before + c->n) {
		ck_assert_msg(seconds() < end, "nothing begins");
		usleep(200);
	}
	return crowd_there(c);
}

static void crowd_end(struct crowd *c)
{
	while (c->n)
		pthread_join(c->thread[--c->n], NULL);
}

static struct area reserve(size_t pages)
{
	struct area a = hole(pages, 0);

	must((long)mmap(a.p, pages * PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0));
	must(madvise(a.p, pages * PAGE, MADV_NOHUGEPAGE));
	return a;
}

/* All places are taken, by events elsewhere. */
static bool fill_slots(struct crowd *c)
{
	crowd_make(c, passed, SLOTS);
	return crowd_begin(c);
}

/* With a tracker, which has what they pass over: events take longer where they are recorded. */
static struct wptrack *crowd_setup(void)
{
	cpu_set_t cpu;

	CPU_ZERO(&cpu);
	CPU_SET(0, &cpu);
	must(sched_setaffinity(0, sizeof(cpu), &cpu));
	passed = reserve(LONG);
	return tracker_on(passed);
}

/* As good as new when all have gone. */
static void expect_works(struct wptrack *w, struct area a)
{
	struct marks *m = marks_new(a.pages);

	settle(w, a);
	touch_random(a, m, 9);
	expect_exact(w, a, m, RESET);
	expect_clean(w, a);
	free(m);
}

/* A run of pages is zapped: what it held is gone. */
static void zap(struct area a, size_t first, size_t pages, struct marks *m)
{
	must(madvise(a.p + first * PAGE, pages * PAGE, MADV_DONTNEED));
	if (m)
		marks_set(m, first, pages);
}

static void write_some(struct area a, size_t first, size_t pages, struct marks *m)
{
	touch_all(area_sub(a, first, pages));
	marks_set(m, first, pages);
}

static const enum map_kind crowd_kinds[] = { MAP_KIND_ANON, MAP_KIND_MEMFD };

/* Returns false if the crowd was too fast. */
static bool events_unplaced(struct wptrack *w, struct area a, bool private)
{
	struct marks *m = marks_new(a.pages);
	struct crowd c;
	bool there;
	size_t i;

	settle(w, a);
	there = fill_slots(&c);
	touch_random(a, m, 9);
	zap(a, 0, 50, private ? m : NULL);
	if (private)
		must(madvise(a.p + 100 * PAGE, 50 * PAGE, MADV_FREE));
	madvise(a.p + 200 * PAGE, 50 * PAGE, 21 /* MADV_PAGEOUT, Linux 5.4 */);
	write_some(a, 20, 10, m);
	write_some(a, 110, 10, m);
	write_some(a, 210, 10, m);
	expect_no_lost(w, a, m, RESET, "events without a place");
	/* What was reset meanwhile, and was zapped or is zapped now. */
	marks_none(m);
	write_some(a, 25, 10, m);
	write_some(a, 240, 20, m);
	zap(a, 45, 10, NULL);
	for (i = 30; private && i < 60; i += 3)
		write_some(a, i, 1, m);
	expect_no_lost(w, a, m, RESET, "events without a place");
	there &= crowd_there(&c);
	/* Before Linux 6.17 or so it waits until they have gone. */
	marks_none(m);
	write_some(a, 300, 7, m);
	if (!private) {
		struct area to = hole(50, 0);

		must((long)mremap(a.p + 300 * PAGE, 50 * PAGE, 50 * PAGE,
				  MREMAP_MAYMOVE | MREMAP_FIXED, to.p));
		must((long)mremap(to.p, 50 * PAGE, 50 * PAGE,
				  MREMAP_MAYMOVE | MREMAP_FIXED, a.p + 300 * PAGE));
	}
	expect_no_lost(w, a, m, RESET, "events without a place");
	crowd_end(&c);
	expect_works(w, a);
	free(m);
	return there;
}

START_TEST(events_that_find_no_place)
{
	struct map map = map_make(crowd_kinds[_i], 400, 200);
	struct wptrack *w = crowd_setup();
	int tries, met = 0;

	touch_all(map.a);
	track(w, map.a, 0);
	for (tries = 0; tries < TRIES && !met; tries++)
		met += events_unplaced(w, map.a, !map_is_shared(map.kind));
	note("all places were taken in one of %d tries", tries);
	ck_assert_int_gt(met, 0);
}
END_TEST

/*
 * Events that have no place zap what is written after they have begun.  0: where nobody
 * tracked then; 1: the same, with a reset before they get there; 2: where was tracked.
 */
static bool zapped_later(struct wptrack *w, struct area a, int how)
{
	struct area both = { passed.p + passed.pages * PAGE, a.pages + LONG / 2 };
	static const uint8_t zeros[PAGE];
	struct marks *m = marks_new(a.pages);
	struct crowd places, late;
	size_t i, gone = 0;
	bool there;

	if (how == 2)
		track(w, a, 0);
	crowd_make(&late, both, 3);
	there = fill_slots(&places);
	there &= crowd_begin(&late);
	if (how != 2)
		track(w, a, 0);
	if (how != 2)
		write_random(a, m, 3);
	if (how) {
		reset(w, a);
		marks_none(m);
		write_random(a, m, 5);
	}
	there &= crowd_there(&late) && crowd_there(&places);
	crowd_end(&late);
	crowd_end(&places);
	for (i = 0; i < a.pages; i++)
		gone += m->w[i] && !memcmp(a.p + i * PAGE, zeros, PAGE);
	note("%zu of %zu pages are gone", gone, marks_count(m));
	expect_no_lost(w, a, m, RESET, "events without a place");
	expect_works(w, a);
	untrack(w, a);
	must(madvise(a.p, a.pages * PAGE, MADV_DONTNEED));
	free(m);
	return there && gone;
}

/* In one mapping: a half that is tracked, one that is not, and what comes behind. */
static struct wptrack *behind_setup(void)
{
	struct wptrack *w = crowd_setup();

	untrack(w, passed);
	munmap(passed.p, passed.pages * PAGE);
	passed = reserve(LONG + LONG / 2 + LATE);
	behind = area_sub(passed, LONG + LONG / 2, LATE);
	passed.pages = LONG;
	track(w, passed, 0);
	return w;
}

START_TEST(events_without_a_place_zap_what_is_written_meanwhile)
{
	struct wptrack *w = behind_setup();
	int tries, met = 0;

	for (tries = 0; tries < TRIES && !met; tries++)
		met += zapped_later(w, behind, _i);
	note("met in one of %d tries", tries);
	ck_assert_int_gt(met, 0);
}
END_TEST

/*
 * One zap begins over a zero page and gets there late; another takes that page meanwhile, and
 * what is written in its place then is zapped by the first.  Returns false if it was too fast.
 */
static bool zapped_again(struct wptrack *w, struct area a, bool huge)
{
	struct area both = { passed.p + passed.pages * PAGE, a.pages + LONG / 2 };
	struct marks *m = marks_new(a.pages);
	struct crowd late;
	bool there, gone;

	if (huge)
		must(madvise(a.p, a.pages * PAGE, MADV_HUGEPAGE));
	/* Before anything is mapped there, or it would be armed. */
	track(w, a, 0);
	/* Reads a page of each huge page. */
	crowd_make(&late, both, 1);
	there = crowd_begin(&late);
	zap(a, 0, huge ? PMD_PAGES : 1, NULL);
	/* No read before, which would map another zero page. */
	*(volatile uint8_t *)a.p = 1;
	m->w[0] = 1;
	there &= crowd_there(&late);
	crowd_end(&late);
	gone = !*(volatile uint8_t *)a.p;
	expect_no_lost(w, a, m, RESET, "another zap was under way");
	expect_works(w, a);
	untrack(w, a);
	zap(a, 0, a.pages, NULL);
	free(m);
	return there && gone;
}

/* _i: of a huge zero page. */
START_TEST(zero_page_is_zapped_and_written_while_a_zap_is_under_way)
{
	struct wptrack *w = behind_setup();
	int tries, met = 0;

	if (_i)
		must(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0));
	for (tries = 0; tries < TRIES && !met; tries++)
		met += zapped_again(w, behind, _i);
	note("met in one of %d tries", tries);
	ck_assert_int_gt(met, 0);
}
END_TEST

START_TEST(huge_pages_are_split_while_all_places_are_taken)
{
	struct wptrack *w = crowd_setup();
	struct area a = thp(2);
	struct marks *m = marks_new(a.pages);
	long splits;
	int tries;
	bool met = false;

	if (!thp_bytes(a))
		skip("no huge pages");
	for (tries = 0; tries < TRIES && !met; tries++) {
		struct crowd c;

		if (tries) {
			wptrack_close(w);
			w = tracker_on(passed);
			a = thp(2);
		}
		track(w, a, 0);
		settle(w, a);
		marks_none(m);
		splits = stats_value("splits");
		met = fill_slots(&c);
		write_some(a, 5, 1, m);
		write_some(a, PMD_PAGES + 7, 3, m);
		met &= stats_value("splits") > splits;
		expect_no_lost(w, a, m, GET, "huge pages split without a place");
		write_some(a, 300, 5, m);
		expect_no_lost(w, a, m, RESET, "huge pages split without a place");
		marks_none(m);
		write_some(a, 301, 5, m);
		expect_no_lost(w, a, m, RESET, "huge pages split without a place");
		met &= crowd_there(&c);
		crowd_end(&c);
		expect_works(w, a);
	}
	ck_assert(met);
}
END_TEST

START_TEST(userfaultfd_moves_while_all_places_are_taken)
{
	struct wptrack *w = crowd_setup();
	struct area a = anon_populated(100), b = anon(100);
	struct marks *from = marks_new(100), *to = marks_new(100);
	bool met = false;
	int tries, fd;
	size_t i;

	if (!uffd_has_move())
		skip("no UFFDIO_MOVE");
	fd = must(uffd_on(b, 0, UFFDIO_REGISTER_MODE_MISSING));
	track(w, a, 0);
	track(w, b, 0);
	for (tries = 0; tries < TRIES && !met; tries++) {
		struct crowd c;

		zap(b, 0, 100, NULL);
		touch_all(a);
		settle(w, a);
		settle(w, b);
		marks_none(from);
		marks_none(to);
		met = fill_slots(&c);
		for (i = tries; i < 90; i += 7) {
			if (uffd_move(fd, b.p + i * PAGE, a.p + i * PAGE, PAGE))
				continue;
			marks_set(from, i, 1);
			marks_set(to, i, 1);
		}
		ck_assert_uint_gt(marks_count(to), 0);
		expect_no_lost(w, b, to, RESET, "moved without a place");
		expect_no_lost(w, a, from, RESET, "moved without a place");
		marks_none(to);
		write_some(b, tries, 1, to);
		expect_no_lost(w, b, to, GET, "moved without a place");
		met &= crowd_there(&c);
		crowd_end(&c);
	}
	close(fd);
	expect_works(w, a);
	ck_assert(met);
}
END_TEST

void threads_crowd(Suite *s)
{
	TCase *tc = tcase_new(s, "crowd", 2 * TEST_TIMEOUT);

	tcase_add_unchecked_fixture(tc, swap_setup, swap_teardown);
	tcase_add_loop_test(tc, events_that_find_no_place, 0, 2);
	tcase_add_loop_test(tc, events_without_a_place_zap_what_is_written_meanwhile, 0, 3);
	tcase_add_loop_test(tc, zero_page_is_zapped_and_written_while_a_zap_is_under_way, 0, 2);
	tcase_add_test(tc, huge_pages_are_split_while_all_places_are_taken);
	tcase_add_test(tc, userfaultfd_moves_while_all_places_are_taken);
}
