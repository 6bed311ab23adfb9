/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writers against a scanner that resets.  Work is done in rounds: all parties
 * do a little, the scanner scans as fast as it can until they are done, and then
 * its copy must equal the memory.  A round is short, so that a lost write is
 * seldom hidden by a later one to the same page.
 */
#ifndef TESTS_THREADS_H
#define TESTS_THREADS_H

#include <pthread.h>
#include <stdatomic.h>

#include "maps.h"
#include "shadow.h"

#define PARTIES_MAX 16

struct world;

struct party {
	struct world *world;
	const char *name;
	/* The work of one round; counts what it did. */
	void (*work)(struct party *p);
	/* Called once before the first round, and after the last; may be NULL. */
	void (*begin)(struct party *p);
	void (*end)(struct party *p);
	pthread_t thread;
	unsigned int id;
	uint64_t rnd;
	size_t done;
	/* For the party itself. */
	int fd;
	void *mem;
};

struct world {
	struct area a;
	int file;		/* behind the area, or -1 */
	bool holes;		/* parties unmap pages for a moment */
	int scanners;		/* trackers, each with its own copy */
	uint64_t flags;		/* how they track: WPTRACK_TRACK_* */
	struct party party[PARTIES_MAX];
	unsigned int parties;
	/* Held by those who could not bear each other's changes of mappings. */
	pthread_mutex_t layout;
	pthread_barrier_t start, end;
	atomic_uint running;
	bool stop;
};

size_t party_rnd(struct party *p, size_t n);
/* A place in a page that no other party writes to. */
volatile uint64_t *party_place(struct party *p, size_t page);

/* A kind of party: how it is called, what it does. */
struct role {
	const char *name;
	void (*work)(struct party *p);
	void (*begin)(struct party *p);
	void (*end)(struct party *p);
	bool holes;
};

extern const struct role role_writer, role_reader, role_forker, role_dontneed,
	role_protector, role_readonly, role_mover, role_remote, role_compactor,
	role_merger, role_pageout, role_collapser, role_direct, role_fsync;

void world_add(struct world *w, const struct role *role);
/* Rounds for so many seconds. */
void world_run(struct world *w, const char *name, int secs);

void threads_crowd(Suite *s);
void threads_zaps(Suite *s);

#endif /* TESTS_THREADS_H */
