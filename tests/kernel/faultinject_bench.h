/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory with two trackers, and what must be true of it whatever fails. */
#ifndef TESTS_FAULTINJECT_BENCH_H
#define TESTS_FAULTINJECT_BENCH_H

#include "maps.h"

/* Few, for there are many failures, and in two chunks. */
#define PAGES	48UL
#define OFFSET	490
#define VEC	100

/* What is written comes in single pages, so that regions are many. */
#define ONE_IN	3

/*
 * Of the last two nothing was mapped yet when they were tracked, so there is no record
 * of what was written.
 */
enum memory {
	MEM_ANON, MEM_THP, MEM_HUGETLB, MEM_FILE, MEM_SHMEM, MEM_NEW_ANON, MEM_NEW_SHMEM,
	MEMS
};

extern const char *const memory_name[MEMS];

static inline bool is_new(enum memory memory)
{
	return memory == MEM_NEW_ANON || memory == MEM_NEW_SHMEM;
}

/* Two trackers; the command is one of the first. */
struct bench {
	enum memory memory;
	struct area a;
	int fd;			/* behind the memory, or -1 */
	int t, other;
	/* Written since the last report to the tracker. */
	struct marks *mine, *others;
	struct wptrack_region vec[VEC];
	bool reset;		/* what is in vec was reset */
};

/* System calls: what they return, or -errno. */
long command(int fd, unsigned long cmd, void *arg);
int device(void);
long attach(int fd, int pidfd, uint64_t flags);
long range(int fd, unsigned long cmd, struct area a, uint64_t flags);
long scan(int fd, struct area a, struct wptrack_region *vec, uint64_t flags,
	  uint64_t max_pages);

/*
 * What is to be seen of a scan that failed: if the structure could not be written
 * back, the regions are there, and nobody has said how many.
 */
void in_vec(const struct bench *b, struct marks *m);
/* Everything tracked. */
void bench_new(struct bench *b, enum memory memory);
/* Everything is clean, and then some of it is written. */
void bench_write(struct bench *b);
/*
 * After the command: nothing of what was written before, or is written now, is
 * lost; and when all is reset only what is written then is reported.
 */
void bench_check(struct bench *b, const char *what, unsigned int n);
void bench_end(struct bench *b);

#endif /* TESTS_FAULTINJECT_BENCH_H */
