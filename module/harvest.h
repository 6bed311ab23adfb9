/* SPDX-License-Identifier: GPL-2.0-only */
/* Finding what was written, and arming it again. */
#ifndef WPT_HARVEST_H
#define WPT_HARVEST_H

#include <linux/ktime.h>

#include "region.h"
#include "tracker.h"

/*
 * How long a step may hold the locks: so many chunks, parts and mappings, or so
 * long.  Others wait meanwhile, among them every mmap() of the target.
 */
#define WPT_STEP_CHUNKS	256
#define WPT_STEP_NS	(2 * NSEC_PER_MSEC)

/* Why a harvest stopped before its end. */
enum wpt_stop {
	WPT_GO_ON = -1,		/* within the harvest: it has not stopped */
	WPT_STOP_END,		/* it did not: the range is done */
	WPT_STOP_FULL,		/* the caller takes no more pages */
	WPT_STOP_FLUSH,		/* the buffer has to be delivered */
	WPT_STOP_BREATHE,	/* long enough under locks */
	WPT_STOP_DRAIN,		/* a page is referenced: give that time to end */
	WPT_STOP_UNTRACKED,	/* CHECK_TRACKED met memory that is not tracked */
	WPT_STOP_SPLITTING,	/* a huge page is being split: wait a little */
	WPT_STOP_NOMEM,
	WPT_STOP_QUOTA,		/* the user has too much memory in records */
};

/**
 * struct wpt_harvest - a walk over the memory of a tracker
 * @t:       the tracker
 * @mm:      its address space
 * @addr:    where the walk is
 * @end:     where it ends
 * @masks:   what matches
 * @out:     where matching pages go, or NULL for none
 * @reset:   arm matching pages again and take them out of the tracker's set
 * @check:   stop at memory that is not tracked
 * @first:   nothing is known of the memory: for wpt_held()
 * @unsure_gen: wpt_tracker.unsure_gen before wpt_held() began: what is unsure since
 *           is not known better after this walk
 * @drains:  how often it has waited for references to end
 */
struct wpt_harvest {
	struct wpt_tracker *t;
	struct mm_struct *mm;
	unsigned long addr;
	unsigned long end;
	const struct wpt_masks *masks;
	struct wpt_out *out;
	bool reset;
	bool check;
	bool inherits;
	bool first;
	unsigned int unsure_gen;
	unsigned int drains;

	/* private to its caller: how often it waited for a split, and where */
	unsigned long waited;
	unsigned int waits;

	/* private to huge.c: how often it has split an entry of a file, and where */
	unsigned long split_at;
	unsigned int splits;

	/* private to the harvest: of the current step */
	unsigned int budget;
	u64 until;
	u64 interest;
	bool only_written;
};

/*
 * Most references without a mapping are held for a moment: by per-CPU batches of the
 * LRU lists, which are drained first, or by somebody who is just looking at the page.
 * What is left after that has a reason to stay.
 */
#define WPT_DRAINS	2

/* For want of a chunk. */
static inline enum wpt_stop wpt_stop_of(long err)
{
	return err == -EDQUOT ? WPT_STOP_QUOTA : WPT_STOP_NOMEM;
}

static inline bool wpt_harvest_waits(const struct wpt_harvest *h)
{
	return h->drains < WPT_DRAINS;
}

enum wpt_stop wpt_harvest(struct wpt_harvest *h);
enum wpt_stop wpt_held(struct wpt_harvest *h);	/* held.c */
unsigned long wpt_harvest_forget(struct wpt_space *space, struct mm_struct *mm,
				 unsigned long start, unsigned long end, bool *held);

#endif /* WPT_HARVEST_H */
