// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ten threads that zap memory as fast as they can, in events that take long, against
 * scanners, writers, and a tracker that comes and goes: some of the events find no place
 * (WPT_EVENT_SLOTS).
 */
#define _GNU_SOURCE
#include "threads.h"
#include "swap.h"

#include <sys/mman.h>

/* The world's memory lies behind page tables that are zapped with a part of it. */
static void zap_long(struct party *p)
{
	struct area a = p->world->a, gap = { a.p - 128 * PMD, 128 * PMD_PAGES };
	size_t i, n;

	for (i = 0; i < 2; i++, p->done++) {
		for (n = 0; n < gap.pages; n += PMD_PAGES)
			(void)*(volatile uint8_t *)(gap.p + n * PAGE);
		n = party_rnd(p, a.pages / 4);
		must(madvise(gap.p, (gap.pages + n) * PAGE, MADV_DONTNEED));
	}
}

static const struct role role_zap_long = { .name = "long MADV_DONTNEED", .work = zap_long };

static void track_again(struct party *p)
{
	struct area a = p->world->a;
	struct wptrack *w = p->mem;
	int i;

	for (i = 0; i < 4; i++, p->done++) {
		size_t n = 1 + party_rnd(p, a.pages / 2);
		struct area part = area_sub(a, party_rnd(p, a.pages - n), n);

		must(-wptrack_track(w, area_start(part), area_end(part), 0));
		must(-!!(wptrack_count(w, area_start(a), area_end(a), NULL) < 0));
		must(-wptrack_untrack(w, area_start(part), area_end(part)));
	}
}

static void track_again_begin(struct party *p)
{
	p->mem = tracker_self();
}

static const struct role role_track_again = {
	.name = "TRACK, UNTRACK", .work = track_again, .begin = track_again_begin,
};

START_TEST(a_crowd_of_events_against_scanners)
{
	struct area all = hole(128 * PMD_PAGES + 1100, 0);
	struct world w = { .a = area_sub(all, 128 * PMD_PAGES, 1100), .file = -1,
			   .scanners = 2 };
	int i;

	map_over(all, PROT_READ | PROT_WRITE);
	must(madvise(all.p, all.pages * PAGE, MADV_NOHUGEPAGE));
	for (i = 0; i < 10; i++)
		world_add(&w, &role_zap_long);
	world_add(&w, &role_writer);
	world_add(&w, &role_writer);
	world_add(&w, &role_protector);
	world_add(&w, &role_pageout);
	world_add(&w, &role_track_again);
	world_run(&w, "a crowd", run_seconds(2));
}
END_TEST

void threads_zaps(Suite *s)
{
	TCase *tc = tcase_new(s, "zaps", 2 * TEST_TIMEOUT);

	tcase_add_unchecked_fixture(tc, swap_setup, swap_teardown);
	tcase_add_test(tc, a_crowd_of_events_against_scanners);
}
