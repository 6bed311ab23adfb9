// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rounds, scanners and their copies.
 */
#define _GNU_SOURCE
#include "threads.h"

#include <signal.h>

size_t party_rnd(struct party *p, size_t n)
{
	p->rnd ^= p->rnd << 13;
	p->rnd ^= p->rnd >> 7;
	p->rnd ^= p->rnd << 17;
	return (p->rnd >> 16) % n;
}

volatile uint64_t *party_place(struct party *p, size_t page)
{
	/* The first 1024 bytes are for direct I/O. */
	return (uint64_t *)(p->world->a.p + page * PAGE + 1024) +
	       p->id * 24 + page % 24;
}

void world_add(struct world *w, const struct role *role)
{
	struct party *p = &w->party[w->parties];

	ck_assert_uint_lt(w->parties, PARTIES_MAX);
	*p = (struct party){
		.world = w, .name = role->name, .work = role->work,
		.begin = role->begin, .end = role->end, .id = w->parties,
		.rnd = rnd() | 1, .fd = -1,
	};
	w->holes |= role->holes;
	w->parties++;
}

static void *party_main(void *arg)
{
	struct party *p = arg;
	struct world *w = p->world;

	for (;;) {
		pthread_barrier_wait(&w->start);
		if (w->stop)
			return NULL;
		p->work(p);
		atomic_fetch_sub(&w->running, 1);
		pthread_barrier_wait(&w->end);
	}
}

struct scanner {
	struct world *world;
	struct shadow *shadow;
	pthread_t thread;
};

static void scan_until_done(struct scanner *s)
{
	while (atomic_load(&s->world->running))
		shadow_update(s->shadow);
}

static void *scanner_main(void *arg)
{
	struct scanner *s = arg;
	struct world *w = s->world;

	for (;;) {
		pthread_barrier_wait(&w->start);
		if (w->stop)
			return NULL;
		scan_until_done(s);
		pthread_barrier_wait(&w->end);
	}
}

static void check(struct scanner *s, int n, size_t round)
{
	int i;

	for (i = 0; i < n; i++) {
		size_t lost;

		shadow_update(s[i].shadow);
		lost = shadow_differs(s[i].shadow, NULL);
		ck_assert_msg(!lost, "round %zu, tracker %d: %zu pages lost",
			      round, i, lost);
	}
}

/* A page may be away, or not writable, for a moment: try again. */
static void try_again(int sig, siginfo_t *si, void *uc)
{
	sched_yield();
}

static void report(struct world *w, struct scanner *s, const char *name,
		   size_t rounds, double secs)
{
	unsigned int i;

	note("%s: %zu rounds in %.1f s, no write lost", name, rounds, secs);
	for (i = 0; i < w->parties; i++)
		note("  %s: %zu", w->party[i].name, w->party[i].done);
	for (i = 0; i < (unsigned int)w->scanners; i++)
		note("  tracker %u: %zu scans, %zu pages copied", i,
		     s[i].shadow->scans, s[i].shadow->copied);
}

void world_run(struct world *w, const char *name, int secs)
{
	struct sigaction sa = { .sa_sigaction = try_again,
				.sa_flags = SA_SIGINFO };
	struct scanner s[2] = { { 0 } };
	unsigned int everybody = w->parties + w->scanners;
	double t = seconds();
	size_t rounds = 0;
	unsigned int i;

	must(sigaction(SIGSEGV, &sa, NULL));
	pthread_mutex_init(&w->layout, NULL);
	pthread_barrier_init(&w->start, NULL, everybody);
	pthread_barrier_init(&w->end, NULL, everybody);
	for (i = 0; i < w->parties; i++)
		if (w->party[i].begin)
			w->party[i].begin(&w->party[i]);
	for (i = 0; i < (unsigned int)w->scanners; i++) {
		struct wptrack *tracker = tracker_self();

		track(tracker, w->a, WPTRACK_TRACK_START_WRITTEN | w->flags);
		s[i].world = w;
		s[i].shadow = shadow_new(tracker, w->a, w->holes);
	}
	check(s, w->scanners, 0);
	for (i = 0; i < w->parties; i++)
		ck_assert(!pthread_create(&w->party[i].thread, NULL, party_main,
					  &w->party[i]));
	for (i = 1; i < (unsigned int)w->scanners; i++)
		ck_assert(!pthread_create(&s[i].thread, NULL, scanner_main,
					  &s[i]));
	/* On a busy machine the time alone would buy few of them. */
	while (seconds() - t < secs || rounds < 4) {
		atomic_store(&w->running, w->parties);
		pthread_barrier_wait(&w->start);
		scan_until_done(&s[0]);
		pthread_barrier_wait(&w->end);
		check(s, w->scanners, ++rounds);
	}
	w->stop = true;
	pthread_barrier_wait(&w->start);
	for (i = 0; i < w->parties; i++) {
		pthread_join(w->party[i].thread, NULL);
		if (w->party[i].end)
			w->party[i].end(&w->party[i]);
	}
	for (i = 1; i < (unsigned int)w->scanners; i++)
		pthread_join(s[i].thread, NULL);
	report(w, s, name, rounds, seconds() - t);
}
