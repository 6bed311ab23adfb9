// SPDX-License-Identifier: GPL-2.0-only
/*
 * Eight trackers with random ranges that overlap, each against its own oracle:
 * step by step against a model, and with writers that never stop against copies
 * of the memory that are kept by reports alone.
 */
#define _GNU_SOURCE
#include "trackers.h"

#include <pthread.h>
#include <stdatomic.h>

#include "shadow.h"

#define TRACKERS	8
#define PAGES		1600

/* What one tracker has, page by page. */
struct model {
	struct wptrack *w;
	uint8_t tracked[PAGES];
	struct marks *m;	/* tracked and written */
};

static struct area random_range(struct area a, size_t longest)
{
	size_t first = rnd_below(a.pages);
	size_t pages = 1 + rnd_below(longest);

	if (pages > a.pages - first)
		pages = a.pages - first;
	return area_sub(a, first, pages);
}

static size_t first_page(struct area a, struct area part)
{
	return (part.p - a.p) / PAGE;
}

static void model_track(struct model *t, struct area a, struct area part,
			bool start_written)
{
	size_t i = first_page(a, part);

	track(t->w, part, start_written ? WPTRACK_TRACK_START_WRITTEN : 0);
	memset(t->tracked + i, 1, part.pages);
	memset(t->m->w + i, start_written, part.pages);
}

static void model_untrack(struct model *t, struct area a, struct area part)
{
	size_t i = first_page(a, part);

	untrack(t->w, part);
	memset(t->tracked + i, 0, part.pages);
	memset(t->m->w + i, 0, part.pages);
}

static void model_scan(struct model *t, struct area a, struct area part,
		       bool reset)
{
	struct marks *want = marks_new(part.pages);
	size_t i = first_page(a, part);

	memcpy(want->w, t->m->w + i, part.pages);
	expect_exact(t->w, part, want, reset);
	if (reset)
		memset(t->m->w + i, 0, part.pages);
	free(want);
}

static void model_write(struct model *t, struct area a, size_t page)
{
	int k;

	touch(a, page);
	for (k = 0; k < TRACKERS; k++)
		t[k].m->w[page] |= t[k].tracked[page];
}

START_TEST(eight_trackers_with_random_ranges_follow_their_models)
{
	struct area a = anon_populated(PAGES);
	struct model t[TRACKERS] = { 0 };
	int step, k;

	for (k = 0; k < TRACKERS; k++) {
		t[k].w = tracker_self();
		t[k].m = marks_new(PAGES);
		model_track(&t[k], a, random_range(a, PAGES), false);
	}
	for (step = 0; step < 300; step++) {
		size_t what = rnd_below(12), n;

		k = rnd_below(TRACKERS);
		if (what < 5) {
			for (n = 0; n < 20; n++)
				model_write(t, a, rnd_below(PAGES));
		} else if (what < 7) {
			model_scan(&t[k], a, random_range(a, PAGES), GET);
		} else if (what < 9) {
			model_scan(&t[k], a, random_range(a, PAGES), RESET);
		} else if (what < 10) {
			model_track(&t[k], a, random_range(a, 300),
				    rnd_below(2));
		} else if (what < 11) {
			model_untrack(&t[k], a, random_range(a, 200));
		} else {
			wptrack_close(t[k].w);
			t[k].w = tracker_self();
			memset(t[k].tracked, 0, PAGES);
			marks_none(t[k].m);
			model_track(&t[k], a, random_range(a, PAGES), true);
		}
	}
	for (k = 0; k < TRACKERS; k++)
		model_scan(&t[k], a, a, RESET);
}
END_TEST

static atomic_bool stop;

/* A generator of its own for each thread. */
static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state >> 16;
}

static void *writes(void *arg)
{
	struct area *a = arg;
	uint64_t state = (uintptr_t)&state | 1, n = 0;

	while (!stop) {
		size_t page = next(&state) % a->pages;
		volatile uint8_t *p = a->p + page * PAGE;

		p[next(&state) % PAGE]++;
		if (++n % 64 == 0)
			usleep(100);
	}
	return (void *)(uintptr_t)n;
}

/* Scans parts of its own range, in no order. */
static void *keeps_a_copy(void *arg)
{
	struct shadow *s = arg;
	uint64_t state = (uintptr_t)s | 1;

	while (!stop) {
		size_t first = next(&state) % s->a.pages;
		size_t pages = 1 + next(&state) % (s->a.pages - first);

		shadow_update_part(s, first, pages);
	}
	return NULL;
}

START_TEST(eight_copies_kept_by_reports_are_true_under_writers)
{
	struct area a = anon_populated(PAGES), part;
	pthread_t writer[2], scanner[TRACKERS];
	struct shadow *s[TRACKERS];
	size_t differ = 0;
	void *written;
	int k;

	for (k = 0; k < TRACKERS; k++) {
		part = random_range(a, PAGES);
		s[k] = shadow_new(tracker_self(), part, false);
		track(s[k]->w, part, WPTRACK_TRACK_START_WRITTEN);
	}
	for (k = 0; k < 2; k++)
		must(-pthread_create(&writer[k], NULL, writes, &a));
	for (k = 0; k < TRACKERS; k++)
		must(-pthread_create(&scanner[k], NULL, keeps_a_copy, s[k]));
	sleep(run_seconds(4));
	stop = true;
	for (k = 0; k < 2; k++) {
		pthread_join(writer[k], &written);
		note("a writer wrote %zu times", (size_t)written);
	}
	for (k = 0; k < TRACKERS; k++) {
		pthread_join(scanner[k], NULL);
		shadow_update(s[k]);
		note("tracker %d: pages %zu to %zu, %zu scans, %zu copied", k,
		     first_page(a, s[k]->a),
		     first_page(a, s[k]->a) + s[k]->a.pages - 1, s[k]->scans,
		     s[k]->copied);
		differ += shadow_differs(s[k], NULL);
	}
	ck_assert_msg(!differ, "%zu pages lost", differ);
}
END_TEST

void trackers_random(Suite *s)
{
	TCase *tc = tcase_new(s, "random", TEST_TIMEOUT);

	tcase_add_test(tc, eight_trackers_with_random_ranges_follow_their_models);
	tcase_add_test(tc, eight_copies_kept_by_reports_are_true_under_writers);
}
