/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The record: what is known of each page of tracked memory.
 *
 * A chunk is the record of one 2 MiB-aligned piece of address space, which is
 * what one page table maps.  Three bits a page:
 *
 *   dirty armed hazy
 *     1     x    x    written
 *     0     1    x    armed: clean as long as its pte is armed
 *     0     0    0    empty when it was last looked at: clean as long as there is
 *                     nothing there that this mapping can have written
 *     0     0    1    the same, but an event has passed over it since: it may
 *                     have been written between the event's start and its end.
 *                     In a shared mapping the data lives on: written.
 *
 * A page that is armed and not dirty can be away as well: it went to swap, is being moved,
 * or cannot be read or written now, and no event has passed over it since that might hide
 * a write.  See carry.c and protect.c.
 *
 * Most memory is never hazy, nor away: see chunk_bits.h.
 *
 * No chunk means that all its pages are 0 0 0.  Where a page table exists, the
 * bits of a chunk change under its lock.  Elsewhere (no page table, nothing to
 * race with but the mmu notifier) they change atomically.
 *
 * A group holds the chunks of 128 MiB and a map of those worth visiting: chunks
 * that have a dirty page or that must be walked.
 */
#ifndef WPT_CHUNK_H
#define WPT_CHUNK_H

#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/xarray.h>

#include "user.h"

#define WPT_CHUNK_SHIFT		PMD_SHIFT
#define WPT_CHUNK_SIZE		(1UL << WPT_CHUNK_SHIFT)
#define WPT_CHUNK_MASK		(~(WPT_CHUNK_SIZE - 1))
#define WPT_CHUNK_PAGES		(1U << (WPT_CHUNK_SHIFT - PAGE_SHIFT))
/* Memory of the pages whose bits share a word */
#define WPT_WORD_SIZE		((unsigned long)BITS_PER_LONG << PAGE_SHIFT)
#define WPT_GROUP_CHUNKS	BITS_PER_LONG
#define WPT_GROUP_SHIFT		(WPT_CHUNK_SHIFT + ilog2(WPT_GROUP_CHUNKS))
#define WPT_GROUP_SIZE		(1UL << WPT_GROUP_SHIFT)

static_assert(WPT_CHUNK_PAGES == PTRS_PER_PTE);

/*
 * Chunks and groups of one address space that may be free of charge, and chunks made by
 * events that may be more than it has page tables: a few MiB.
 */
#define WPT_UNPAID_MAX		16384

/* Bits of wpt_chunk.flags */
#define WPT_CHUNK_WALK		0	/* dirty and armed do not tell everything: look at the ptes */
#define WPT_CHUNK_KEEP		1	/* a huge page here is not to be split */
#define WPT_CHUNK_SPLITTING	2	/* its marks are on their way from the pmd to the ptes */
#define WPT_CHUNK_UNPAID	3	/* no memory cgroup is charged for it */
#define WPT_CHUNK_HOLE		4	/* an event passed where nothing was mapped */
#define WPT_CHUNK_HAZY		5	/* all pages are hazy, for want of memory */
#define WPT_CHUNK_READONLY	6	/* some may be away without write permission: protect.c */
#define WPT_CHUNK_REMAPPED	7	/* what was mapped here was unmapped, or moved */
/* From here up: the number of events that have passed over it. */
#define WPT_CHUNK_EVENTS_SHIFT	8

/* Where the notifier makes room for what it has to note, one may not sleep. */
#define WPT_GFP_EVENT	(GFP_NOWAIT | __GFP_NOWARN | __GFP_NOMEMALLOC)

struct wpt_chunk {
	DECLARE_BITMAP(dirty, WPT_CHUNK_PAGES);
	DECLARE_BITMAP(armed, WPT_CHUNK_PAGES);
	unsigned long flags;
	unsigned long protect;	/* number of the event that began alone here, or 0: protect.c */
	unsigned long *hazy;	/* these three: see chunk_bits.h */
	unsigned long *away;
	unsigned long *lent;
	struct wpt_user *user;	/* who pays for it, or NULL */
	struct rcu_head rcu;
};

struct wpt_group {
	unsigned long map;	/* chunks worth visiting */
	unsigned long present;	/* chunks that exist */
	unsigned long index;	/* its place in wpt_record.groups; never changes */
	struct wpt_chunk __rcu *chunk[WPT_GROUP_CHUNKS];
	struct wpt_user *user;	/* who pays for it, or NULL */
	bool unpaid;		/* no memory cgroup is charged for it either */
	struct rcu_head rcu;
};

/* Groups whose way through the tree is not gone twice; a power of two. */
#define WPT_RECENT_GROUPS	16

/*
 * All chunks of an address space: groups by address >> WPT_GROUP_SHIFT.  Chunks
 * come and go under the lock of @groups, and so does a group with its last one.
 * Those of @recent are in the tree, or were when their RCU grace period began; one that
 * no address belongs to stands for none.
 */
struct wpt_record {
	struct xarray groups;
	struct wpt_group __rcu *recent[WPT_RECENT_GROUPS];
	atomic_long_t nr_groups;
	atomic_long_t nr_chunks;
	struct mm_struct *mm;		/* not held: for events, which are over its page tables */
	atomic_long_t nr_events;	/* chunks that events have made, and nobody pays for */
	atomic_long_t nr_unpaid;	/* chunks and groups that nobody was charged for */
	atomic_long_t nr_holes;		/* chunks with WPT_CHUNK_HOLE */
};

static inline unsigned int wpt_page_index(unsigned long addr)
{
	return (addr >> PAGE_SHIFT) & (WPT_CHUNK_PAGES - 1);
}

static inline unsigned int wpt_chunk_index(unsigned long addr)
{
	return (addr >> WPT_CHUNK_SHIFT) & (WPT_GROUP_CHUNKS - 1);
}

static inline unsigned long wpt_chunk_end(unsigned long addr)
{
	return (addr & WPT_CHUNK_MASK) + WPT_CHUNK_SIZE;
}

unsigned long wpt_record_split(struct wpt_record *rec, unsigned long start,
			       unsigned long end);
void wpt_record_log_all(struct wpt_group *group, struct wpt_chunk *chunk,
			unsigned long addr);

int wpt_chunk_init(void);
void wpt_chunk_exit(void);

void wpt_record_init(struct wpt_record *rec, struct mm_struct *mm);
void wpt_record_destroy(struct wpt_record *rec);
void wpt_record_clear(struct wpt_record *rec);
struct wpt_chunk *wpt_record_get(struct wpt_record *rec, unsigned long addr,
				 const struct wpt_account *acct);
void wpt_record_adopt(struct wpt_record *rec, struct wpt_chunk *chunk,
		      const struct wpt_account *acct);
void wpt_record_drop(struct wpt_record *rec, unsigned long addr);
unsigned long wpt_record_next(struct wpt_record *rec, unsigned long addr,
			      unsigned long end);
unsigned long wpt_record_bytes(struct wpt_record *rec);
unsigned long wpt_record_armed(struct wpt_record *rec);

void wpt_record_visited(struct wpt_record *rec, struct wpt_group *group);

/*
 * What is remembered in the place of the group of @addr, never NULL: ask wpt_group_has().
 * Called from the fault hook too: no sleeping, no allocation, no locks.
 */
static inline struct wpt_group *wpt_record_recent(struct wpt_record *rec,
						  unsigned long addr)
{
	unsigned long index = addr >> WPT_GROUP_SHIFT;

	return rcu_dereference_check(rec->recent[index % WPT_RECENT_GROUPS], true);
}

static inline bool wpt_group_has(const struct wpt_group *group, unsigned long addr)
{
	return group->index == addr >> WPT_GROUP_SHIFT;
}

/* The group of @addr or NULL.  The same conditions. */
static inline struct wpt_group *wpt_record_group(struct wpt_record *rec,
						 unsigned long addr)
{
	struct wpt_group *group = wpt_record_recent(rec, addr);

	return likely(wpt_group_has(group, addr)) ?
		group : xa_load(&rec->groups, addr >> WPT_GROUP_SHIFT);
}

static inline struct wpt_chunk *wpt_chunk_in(struct wpt_group *group,
					     unsigned long addr)
{
	return rcu_dereference_check(group->chunk[wpt_chunk_index(addr)], true);
}

/*
 * The chunk of @addr or NULL.  Caller: in an RCU read section, or holding the
 * space lock, which keeps chunks from being freed.
 */
static inline struct wpt_chunk *wpt_group_chunk(struct wpt_group *group,
						unsigned long addr)
{
	return group ? wpt_chunk_in(group, addr) : NULL;
}

static inline struct wpt_chunk *wpt_record_chunk(struct wpt_record *rec,
						 unsigned long addr)
{
	return wpt_group_chunk(wpt_record_group(rec, addr), addr);
}

static inline void wpt_chunk_count_event(struct wpt_chunk *chunk)
{
	atomic_long_add(1L << WPT_CHUNK_EVENTS_SHIFT,
			(atomic_long_t *)&chunk->flags);
}

/* Wraps after 2^56 events. */
static inline unsigned long wpt_chunk_events(const struct wpt_chunk *chunk)
{
	return READ_ONCE(chunk->flags) >> WPT_CHUNK_EVENTS_SHIFT;
}

/*
 * Make the harvest visit a chunk.  Comes after what it is to see there: the
 * harvest clears the map before it looks (wpt_record_settle()).
 */
static inline void wpt_group_visit(struct wpt_group *group, unsigned long addr)
{
	unsigned int i = wpt_chunk_index(addr);

	if (!test_bit(i, &group->map))
		set_bit(i, &group->map);
}

/* What the log has made of a write. */
enum wpt_logged {
	WPT_LOGGED_NOT,		/* there is no record */
	WPT_LOGGED_AGAIN,	/* the page was dirty */
	WPT_LOGGED_NEW,
};

/* The log: a page was written.  Called from the fault hook.  Was it clean before? */
static __always_inline bool wpt_chunk_log(struct wpt_group *group,
					  struct wpt_chunk *chunk,
					  unsigned long addr)
{
	/* Atomic and a full barrier: orders the bit before the look at the map. */
	bool was = test_and_set_bit(wpt_page_index(addr), chunk->dirty);

	wpt_group_visit(group, addr);
	return !was;
}

/* The same, wherever the group is. */
static inline enum wpt_logged wpt_record_log(struct wpt_record *rec,
					     unsigned long addr)
{
	struct wpt_group *group = wpt_record_group(rec, addr);
	struct wpt_chunk *chunk = wpt_group_chunk(group, addr);

	if (!chunk)
		return WPT_LOGGED_NOT;
	return wpt_chunk_log(group, chunk, addr) ? WPT_LOGGED_NEW : WPT_LOGGED_AGAIN;
}

void wpt_record_mark_walk(struct wpt_group *group, struct wpt_chunk *chunk,
			  unsigned long addr);
void wpt_record_settle(struct wpt_group *group, struct wpt_chunk *chunk,
		       unsigned long addr);

#endif /* WPT_CHUNK_H */
