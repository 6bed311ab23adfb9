/* SPDX-License-Identifier: MIT */
/*
 * Which pages differ between two snapshots, and what the report of wptrack says
 * of them.  Pure: it looks at copies only.
 */
#ifndef COMPARE_H
#define COMPARE_H

#include "ranges.h"
#include "snapshot.h"

/* A page that differs: its first byte that does. */
struct change {
	uint64_t addr;
	unsigned int offset;
	unsigned char was, is;
};

struct compare {
	const struct snapshot *old, *new;
	struct ranges common;	/* private and writable in both snapshots */
	struct ranges changed;	/* pages whose content differs */
	struct ranges gone;	/* those of them that hold nothing any more */
	size_t at;		/* the run of @old to go on with */
	void (*on_change)(const struct change *change, void *ctx);
	void *ctx;
};

/* Both snapshots are indexed; @old is read.  Finds what is @gone. */
void compare_start(struct compare *c, const struct snapshot *old,
		   const struct snapshot *new);

/* Part of a run of @new, which has been read; parts in the order of addresses. */
void compare_part(struct compare *c, const struct page_run *run, uint64_t start,
		  uint64_t end);

/*
 * All parts were compared.  @unreadable (of @new) is left out of the result, as
 * are pages whose content before or after cannot be known.
 */
void compare_finish(struct compare *c, const struct ranges *unreadable);

void compare_free(struct compare *c);

/* In pages. */
struct verdict {
	uint64_t compared;	/* held something before or after */
	uint64_t changed;	/* content differs */
	uint64_t reported;	/* reported written */
	uint64_t missed;	/* changed and not reported */
	uint64_t over;		/* reported and not changed */
	uint64_t late;		/* changed and reported only by the second scan */
};

/*
 * @report: what the scan at the end of the round reported; @second: what a scan
 * after the copy reported.  @missed receives the missed pages.
 */
struct verdict compare_judge(const struct compare *c,
			     const struct ranges *report,
			     const struct ranges *second,
			     struct ranges *missed);

#endif
