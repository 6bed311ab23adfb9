// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages of files whose ptes are taken, while what they hold stays in the file or goes to
 * swap: nobody has written to them for that.
 */
#define _GNU_SOURCE
#include "maps.h"
#include "shmem.h"
#include "swap.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

#define PAGES 701
#define OFFSET 203

static const enum map_kind kinds[] = {
	MAP_KIND_MEMFD, MAP_KIND_EXT4, MAP_KIND_SHARED_ANON, MAP_KIND_SYSV,
	MAP_KIND_MEMFD_PRIVATE, MAP_KIND_EXT4_PRIVATE,
};
#define KINDS ((int)(sizeof(kinds) / sizeof(*kinds)))
#define STORMS 2

static const int hows[] = { MADV_DONTNEED, 21 /* MADV_PAGEOUT */ };
#define HOWS ((int)(sizeof(hows) / sizeof(*hows)))

static void drop(struct area a, int how)
{
	must(madvise(a.p, a.pages * PAGE, how));
}

/* All of it is mapped, and clean; in a private mapping half of it is of the file. */
static struct map begin(enum map_kind kind, struct wptrack **w)
{
	struct map map = map_make(kind, PAGES, OFFSET);

	if (map_is_shared(kind))
		touch_all(map.a);
	read_all(map.a);
	*w = tracker_on(map.a);
	settle(*w, map.a);
	return map;
}

START_TEST(dropped_pages_stay_clean)
{
	const enum map_kind kind = kinds[_i % KINDS];
	const int how = hows[_i / KINDS];
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	struct area part;
	struct map map;
	int round;

	if (!map_exists(kind))
		skip("no ext4 scratch disk");
	if (how != MADV_DONTNEED && swap_missing())
		skip("%s", swap_missing());
	note("%s memory, %s", map_name(kind), how == MADV_DONTNEED ? "dropped" : "reclaimed");
	map = begin(kind, &w);
	part = area_sub(map.a, 100, 400);
	for (round = 0; round < 3; round++) {
		drop(map.a, how);
		expect_clean(w, map.a);
		/* Once more, when they are not armed.  Empty ones might be filled meanwhile. */
		read_all(part);
		drop(part, how);
		expect_clean(w, map.a);
		read_all(map.a);
		expect_clean(w, map.a);
		settle(w, map.a);
		touch_random(map.a, m, 6);
		expect_exact(w, map.a, m, GET);
		drop(map.a, how);
		touch_random(map.a, m, 9);
		expect_exact(w, map.a, m, GET);
		read_all(map.a);
		expect_exact(w, map.a, m, RESET);
		settle(w, map.a);
		marks_none(m);
		/* What was written to a copy would be lost. */
		if (how == MADV_DONTNEED && !map_is_shared(kind))
			break;
	}
}
END_TEST

/* It looks the same, and nothing is mapped there any more. */
START_TEST(a_hole_is_written_after_pages_were_dropped)
{
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	struct map map = begin(MAP_KIND_MEMFD, &w);

	drop(map.a, hows[_i]);
	expect_clean(w, map.a);
	must(madvise(map.a.p + 30 * PAGE, 200 * PAGE, MADV_REMOVE));
	marks_set(m, 30, 200);
	expect_exact(w, map.a, m, GET);
	read_all(map.a);
	expect_exact(w, map.a, m, RESET);
	must(fallocate(map.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 300 * PAGE,
		       100 * PAGE));
	marks_none(m);
	marks_set(m, 300, 100);
	expect_no_lost(w, map.a, m, RESET, "what was read after a hole was made");
}
END_TEST

struct storm {
	struct area a;
	atomic_bool stop;
	long drops;
};

static void *drops(void *arg)
{
	struct storm *s = arg;
	uint64_t at = 1;

	while (!atomic_load(&s->stop)) {
		at = at * 6364136223846793005 + 1442695040888963407;
		drop(area_sub(s->a, (at >> 33) % 500, 1 + (at >> 50) % 200),
		     hows[(at >> 60) % HOWS]);
		s->drops++;
		if (at >> 62 == 3)
			msync(s->a.p, s->a.pages * PAGE, MS_ASYNC);
	}
	return NULL;
}

/* A page that is clean, dropped and written to within one event, or in any other order. */
START_TEST(no_write_is_lost_while_pages_are_dropped)
{
	const enum map_kind kind = kinds[_i];
	double end = seconds() + run_seconds(2);
	struct marks *m = marks_new(PAGES);
	struct storm s = { 0 };
	struct wptrack *w;
	pthread_t thread;
	struct map map;
	int round;

	if (!map_exists(kind))
		skip("no ext4 scratch disk");
	map = begin(kind, &w);
	s.a = map.a;
	ck_assert(!pthread_create(&thread, NULL, drops, &s));
	for (round = 0; seconds() < end; round++) {
		marks_none(m);
		touch_random(map.a, m, 6);
		expect_no_lost(w, map.a, m, round % 2 ? RESET : GET, "dropped meanwhile");
		if (round % 2 == 0)
			reset(w, map.a);
		if (round % 5 == 0)
			read_all(map.a);
	}
	atomic_store(&s.stop, true);
	pthread_join(thread, NULL);
	note("%d rounds, %ld times dropped", round, s.drops);
	settle(w, map.a);
	marks_none(m);
	touch_random(map.a, m, 9);
	expect_exact(w, map.a, m, RESET);
}
END_TEST

/* Whoever makes a hole relies on its being seen, whatever others do to the same page. */
START_TEST(no_hole_is_lost_while_pages_are_dropped)
{
	double end = seconds() + run_seconds(2);
	struct marks *m = marks_new(PAGES);
	struct storm s = { 0 };
	struct wptrack *w;
	pthread_t thread;
	struct map map = begin(MAP_KIND_MEMFD, &w);
	size_t first, nr;
	int round;

	s.a = map.a;
	ck_assert(!pthread_create(&thread, NULL, drops, &s));
	for (round = 0; seconds() < end; round++) {
		first = rnd_below(PAGES - 100);
		nr = 1 + rnd_below(100);
		touch_all(map.a);
		reset(w, map.a);
		if (round % 2)
			must(fallocate(map.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				       first * PAGE, nr * PAGE));
		else
			must(madvise(map.a.p + first * PAGE, nr * PAGE, MADV_REMOVE));
		marks_none(m);
		marks_set(m, first, nr);
		expect_no_lost(w, map.a, m, GET, "dropped meanwhile");
	}
	atomic_store(&s.stop, true);
	pthread_join(thread, NULL);
	note("%d holes, %ld times dropped", round, s.drops);
}
END_TEST

void shmem_drop(Suite *s)
{
	TCase *tc = tcase_new(s, "drop", TEST_TIMEOUT);

	tcase_add_unchecked_fixture(tc, swap_setup, swap_teardown);
	tcase_add_loop_test(tc, dropped_pages_stay_clean, 0, KINDS * HOWS);
	tcase_add_loop_test(tc, a_hole_is_written_after_pages_were_dropped, 0, HOWS);
	tcase_add_loop_test(tc, no_write_is_lost_while_pages_are_dropped, 0, STORMS);
	tcase_add_test(tc, no_hole_is_lost_while_pages_are_dropped);
}
