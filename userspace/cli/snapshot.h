/* SPDX-License-Identifier: MIT */
/* A copy of the private writable memory of a process. */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H

#include "maps.h"
#include "ranges.h"

/* Neighbouring pages that hold something: in memory or swapped out. */
struct page_run {
	uint64_t start, end;
	bool file;		/* pages of a file, not (yet) of the process */
	unsigned char *data;
};

struct snapshot {
	uint64_t page_size;
	struct maps maps;
	struct ranges private;	/* private writable mappings, as far as they */
				/* could be read */
	struct ranges files;	/* those of them that map a file */
	struct page_run *runs;	/* in the order of addresses */
	size_t n, room;
	uint64_t shared;	/* bytes of writable shared mappings: left out */
	unsigned char *data;
	size_t bytes;
	size_t dropped;		/* bytes of data that were given back */
};

/* Find out what there is to copy, without copying.  0, or -1 and errno. */
int snapshot_index(struct snapshot *s, pid_t pid, uint64_t page_size);

/* Get memory for the copy; false: not enough, and a sentence was said. */
bool snapshot_reserve(struct snapshot *s, size_t already_held);

/*
 * Copy part of a run.  Pages that cannot be read leave @s->private; they are
 * appended to @unreadable.
 */
void snapshot_read(struct snapshot *s, int memfd, const struct page_run *run,
		   uint64_t start, uint64_t end, struct ranges *unreadable);

/* Give back the copy below @addr, which will not be used again. */
void snapshot_drop_below(struct snapshot *s, uint64_t addr);

/* The pages that hold something, as a set. */
struct ranges snapshot_populated(const struct snapshot *s);

void snapshot_free(struct snapshot *s);

#endif
