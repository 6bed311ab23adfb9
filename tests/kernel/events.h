/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The matrix: every event that rewrites ptes, on every kind of memory.
 *
 * A cell is one event on one kind of memory, seen by one oracle: wptrack, or the
 * kernel's own tracking where it has one.  The program writes before the event and
 * after it, asks, writes again, asks with reset, writes and asks once more; all of
 * it without a fork and with one between the event and the first question.
 */
#ifndef TESTS_EVENTS_H
#define TESTS_EVENTS_H

#include "common.h"

/* When a page is written; pages of the last three are not, nor all others. */
enum phase {
	PHASE_NEVER,
	PHASE_BEFORE,		/* before the event */
	PHASE_AFTER,		/* after it */
	PHASE_ASKED,		/* after the first question */
	PHASE_RESET,		/* after the reset */
	PHASE_BOTH,		/* before the event and after the reset */
	PHASE_READ,		/* nor when the memory is populated */
	PHASE_SAME,		/* all these pages hold the same */
	PHASES
};

enum kind_flags {
	KIND_SHARED = 1,
	KIND_FILE = 2,
	KIND_HUGETLB = 4,
	KIND_THP = 8,		/* mapped by huge entries */
	KIND_ALIGNED = 16,	/* huge entries are possible */
	KIND_EMPTY = 32,	/* not populated */
	KIND_ANON = 64,		/* private anonymous, and no hugetlb */
};

struct mem;

struct kind {
	const char *name;
	unsigned int flags;
	unsigned int unit;	/* pages that are written and clean together */
	uint64_t track;		/* flags of WPTRACK_IOC_TRACK */
	void (*make)(const struct kind *k, struct mem *m);
};

struct mem {
	const struct kind *kind;
	struct area a;
	struct area ev;		/* the part that events are to act on */
	int fd;			/* of the file, or -1 */
};

extern const struct kind kinds[];
extern const unsigned int nr_kinds;

/* False if this guest has no such memory. */
bool mem_make(const struct kind *k, struct mem *m);
void mem_free(struct mem *m);
/* Map the memory again, at its place, as it was made. */
void mem_map(const struct mem *m, void *p, size_t pages, size_t first);
/* Which phase a page belongs to, as far as it is one that may be written. */
enum phase mem_phase(const struct mem *m, size_t page);

/* Who tells which pages were written. */
struct oracle {
	const char *name;
	/* NULL, or why it cannot watch this memory here. */
	const char *(*begin)(const struct mem *m);
	struct marks *(*ask)(const struct mem *m, bool reset);
	void (*end)(const struct mem *m);
};

extern const struct oracle oracle_wptrack, oracle_kernel;
/* Does the kernel have UFFD_FEATURE_WP_ASYNC and PAGEMAP_SCAN? */
bool kernel_tracks(void);

struct cell {
	struct mem m;
	const struct oracle *o;
	struct marks *done;	/* written, as far as is known */
	uint64_t *sums;		/* of what the pages held */
};

struct event {
	const char *name;
	/* NULL if it took place, otherwise why it cannot. */
	const char *(*run)(struct cell *c);
	/* How many pages it takes is a matter of chance. */
	bool chance;
};

extern const struct event events[];
extern const unsigned int nr_events;

/* An event writes to all pages of its part, or to one. */
void cell_wrote_all(struct cell *c);
void cell_wrote(struct cell *c, size_t page);
/* One row of the matrix; fails if a write is lost. */
void cell_row(const struct event *e);

/* Returns the reason if a system call is refused, which is the event's end. */
#define try(expr)							\
	do {								\
		if ((long)(expr) == -1)					\
			return refused(#expr);				\
	} while (0)
const char *refused(const char *what);

/* Events, by file. */
const char *ev_nothing(struct cell *c);
const char *ev_fork(struct cell *c);
const char *ev_fork_loop(struct cell *c);
const char *ev_fork_wipe(struct cell *c);
const char *ev_fork_dont(struct cell *c);
const char *ev_exec(struct cell *c);
const char *ev_core(struct cell *c);
const char *ev_ptrace(struct cell *c);
const char *ev_uprobe(struct cell *c);

const char *ev_grow(struct cell *c);
const char *ev_move_back(struct cell *c);
const char *ev_move_over(struct cell *c);
const char *ev_dontunmap(struct cell *c);
const char *ev_remap(struct cell *c);
const char *ev_mprotect_read(struct cell *c);
const char *ev_mprotect_none(struct cell *c);
const char *ev_mprotect_exec(struct cell *c);
const char *ev_mprotect_half(struct cell *c);
const char *ev_mprotect_write(struct cell *c);
const char *ev_pkey(struct cell *c);
const char *ev_mlock(struct cell *c);

const char *ev_dontneed(struct cell *c);
const char *ev_free(struct cell *c);
const char *ev_free_reclaimed(struct cell *c);
const char *ev_cold(struct cell *c);
const char *ev_remove(struct cell *c);
const char *ev_populate_read(struct cell *c);
const char *ev_populate_write(struct cell *c);
const char *ev_collapse(struct cell *c);
const char *ev_hugepage(struct cell *c);
const char *ev_guard(struct cell *c);
const char *ev_soft_offline(struct cell *c);
const char *ev_fsync(struct cell *c);
const char *ev_drop_caches(struct cell *c);
const char *ev_clear_refs(struct cell *c);
const char *ev_soft_dirty(struct cell *c);

const char *ev_pageout(struct cell *c);
const char *ev_swap_read(struct cell *c);
const char *ev_swap_write(struct cell *c);
const char *ev_swapoff(struct cell *c);
const char *ev_zram_read(struct cell *c);
const char *ev_zram_write(struct cell *c);
/* Swap that events of this row use goes away. */
void swap_end(void);
const char *ev_compact(struct cell *c);
const char *ev_move_pages(struct cell *c);
const char *ev_migrate_pages(struct cell *c);
const char *ev_numa(struct cell *c);
const char *ev_khugepaged(struct cell *c);
const char *ev_split(struct cell *c);
const char *ev_ksm(struct cell *c);
const char *ev_unmerge(struct cell *c);

const char *ev_uffd_register(struct cell *c);
const char *ev_uffd_wp(struct cell *c);
const char *ev_uffd_copy(struct cell *c);
const char *ev_uffd_move(struct cell *c);
const char *ev_vmsplice(struct cell *c);

#endif /* TESTS_EVENTS_H */
