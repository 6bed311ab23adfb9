/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A tracker: one open file.  Its ranges, and the pages that are written for it
 * although the record no longer says so.
 *
 * A page is written for a tracker if the record says it is written now, or if
 * it is in the pending set: another tracker's reset has armed it again, or it
 * could not be delivered.
 */
#ifndef WPT_TRACKER_H
#define WPT_TRACKER_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/xarray.h>

#include "chunk.h"
#include "fork.h"
#include "intervals.h"
#include "region.h"
#include "space.h"
#include "user.h"
#include "watch.h"

/* Beyond this many separate pieces of unknown memory all reads written. */
#define WPT_UNKNOWN_MAX	4096

/* One bit a page of a chunk. */
struct wpt_bits {
	DECLARE_BITMAP(b, WPT_CHUNK_PAGES);
};

struct wpt_tracker {
	refcount_t refs;		/* its file, and forks that are under way */
	struct rcu_head rcu;
	u64 id;				/* never used again */
	struct list_head listed;	/* listing.c */
	struct wpt_account account;	/* fixed */
	struct pid *owner;		/* who opened it; fixed */
	struct pid *target;		/* set once by attach, before @space */
	u64 scans;			/* @lock */
	u64 last_scan;			/* when the last one began, or 0; @lock */

	struct mutex lock;		/* one operation at a time */
	struct wpt_space *space;	/* set once by attach; @lock */
	bool hooked;			/* it keeps the hooks in place; @lock */
	struct list_head node;		/* space->trackers; space->lock */
	struct wpt_set ranges;		/* space->lock */
	struct wpt_set keep;		/* where huge pages are not to be split; space->lock */
	struct xarray pending;		/* struct wpt_bits by chunk; space->lock */
	/*
	 * Where nothing is known of pages that are not armed: they read written
	 * until they are reset.  @unsure: where an event has passed over memory
	 * without a record; counts in shared mappings, where what is read-only
	 * proves nothing by itself.  space->lock
	 */
	struct wpt_set unknown;
	struct wpt_set unsure;
	unsigned int unsure_gen;	/* counts what is added to it */
	bool unsure_private;		/* in private mappings as well, for once */
	struct wpt_set leaving;		/* given up, and not forgotten yet; @lock */
	bool forgetting;		/* it counts in space->forgetting; space->lock */
	struct wpt_watch watch;
	struct wpt_follow follow;
	u64 epoch;			/* begins with 1; @lock */
	unsigned long resume;		/* where a reset goes on that was full, or 0; @lock */
	/* All pages are written until scans have reset everything; space->lock */
	bool lost;
	unsigned int losses;		/* how often that was set */
	unsigned long swept;		/* they have got there; @lock */
	unsigned int swept_losses;	/* @losses when they began; @lock */
};

/**
 * struct wpt_scan - one scan
 * @start:   first address
 * @end:     end (exclusive), page aligned
 * @walk_end: out: where it ended
 * @masks:   what to match and return
 * @flags:   WPTRACK_SCAN_*
 * @epoch:   in: the epoch that it must be, or 0; out: the epoch that it was
 * @clear:   it is for a WPTRACK_IOC_CLEAR
 * @inherits: of a child that has not run: what others have written to stays written
 * @goes_on: which has begun with another region
 * @out:     limits in, counts out; the buffer belongs to the caller
 * @deliver: hand over the regions of the buffer.  Called without locks other
 *           than the tracker's.  Returns how many were taken; fewer than given
 *           is an error and ends the scan with -EFAULT.
 * @ctx:     for @deliver
 */
struct wpt_scan {
	unsigned long start;
	unsigned long end;
	unsigned long walk_end;
	struct wpt_masks masks;
	u64 flags;
	u64 epoch;
	bool clear;
	bool inherits;
	bool goes_on;
	struct wpt_out out;
	unsigned int (*deliver)(void *ctx, const struct wptrack_region *regions,
				unsigned int nr);
	void *ctx;
};

struct wpt_tracker *wpt_tracker_create(struct wpt_tracker *parent);
void wpt_tracker_close(struct wpt_tracker *t);
void wpt_tracker_put(struct wpt_tracker *t);
int wpt_tracker_attach(struct wpt_tracker *t, struct mm_struct *mm,
		       struct pid *target, bool follow);
int wpt_tracker_notify(struct wpt_tracker *t, u64 pages,
		       struct eventfd_ctx *eventfd);
int wpt_tracker_epoch(struct wpt_tracker *t, u64 *epoch, bool advance);
unsigned int wpt_tracker_count(void);

/* ranges.c */
int wpt_tracker_track(struct wpt_tracker *t, unsigned long start,
		      unsigned long end, u64 flags, unsigned long *done);
int wpt_tracker_untrack(struct wpt_tracker *t, unsigned long start,
			unsigned long end, unsigned long *done);
void wpt_tracker_forget_begin(struct wpt_tracker *t);
void wpt_tracker_forget(struct wpt_tracker *t, struct mm_struct *mm);

/* scan.c */
int wpt_tracker_scan(struct wpt_tracker *t, struct wpt_scan *scan);

/* pending.c */
void wpt_tracker_lose(struct wpt_tracker *t);
struct wpt_bits *wpt_pending_get(struct wpt_tracker *t, unsigned long addr);
void wpt_pending_drop(struct wpt_tracker *t, unsigned long addr);
void wpt_pending_drop_empty(struct wpt_tracker *t, unsigned long addr);
unsigned long wpt_pending_seek(struct wpt_tracker *t, unsigned long addr);
unsigned long wpt_pending_trim(struct wpt_tracker *t, unsigned long start,
			       unsigned long end);
void wpt_pending_add(struct wpt_tracker *t, unsigned long start,
		     unsigned long end);

/* Pending pages of the chunk of an address, or NULL.  The space is locked. */
static inline struct wpt_bits *wpt_pending_find(struct wpt_tracker *t,
						unsigned long addr)
{
	/* Mostly nothing is pending at all. */
	return xa_empty(&t->pending) ? NULL :
				       xa_load(&t->pending, addr >> WPT_CHUNK_SHIFT);
}

/* As wpt_pending_seek(). */
static inline unsigned long wpt_pending_next(struct wpt_tracker *t, unsigned long addr)
{
	return xa_empty(&t->pending) ? ULONG_MAX : wpt_pending_seek(t, addr);
}

#endif /* WPT_TRACKER_H */
