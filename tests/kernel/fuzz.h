/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of the fuzz suite. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdatomic.h>

#include "maps.h"

#define FUZZ_FDS	24
#define FUZZ_PAGES	2048UL

enum fuzz_call {
	CALL_OPEN, CALL_CLOSE, CALL_INFO, CALL_ATTACH, CALL_TRACK, CALL_UNTRACK,
	CALL_SCAN, CALL_CLEAR, CALL_NOTIFY, CALL_FORKED, CALL_UNKNOWN, CALL_FILE,
	CALL_MEMORY, CALL_WRITE, CALL_FORK,
	CALLS
};

extern const char *const fuzz_call_name[CALLS];

/* Of all worlds together; in shared memory. */
struct fuzz_count {
	atomic_ulong calls[CALLS], good[CALLS];
	/* The first answer that no documentation allows: command and -errno. */
	atomic_long wrong_call, wrong;
};

/* What the threads of one process play with. */
struct fuzz_world {
	struct area a;		/* memory of all kinds, that comes and goes */
	atomic_int fd[FUZZ_FDS];	/* -1: nothing open here */
	atomic_int peer;	/* pidfd of another process, or -1 */
	struct fuzz_count *count;
};

/* A random generator for each thread. */
struct fuzz_rnd {
	uint64_t state;
};

uint64_t fuzz_rnd(struct fuzz_rnd *r);
size_t fuzz_below(struct fuzz_rnd *r, size_t n);

/* Memory to play with, of all kinds. */
void fuzz_world_init(struct fuzz_world *w, struct fuzz_count *count);
/* One call. */
void fuzz_step(struct fuzz_world *w, struct fuzz_rnd *r);

#endif /* TESTS_FUZZ_H */
