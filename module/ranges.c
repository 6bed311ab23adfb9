// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ranges of a tracker: what it tracks, and what is forgotten when it does no
 * longer.
 */
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include "cover.h"
#include "shared.h"
#include "stats.h"
#include "sym.h"
#include "walk.h"

static unsigned int max_ranges = 8192;
module_param(max_ranges, uint, 0644);
MODULE_PARM_DESC(max_ranges, "most separate ranges of one tracker");

/* Pages that were written, and nothing else. */
static const struct wpt_masks written_masks = {
	.mask = WPTRACK_PAGE_WRITTEN,
	.ret = WPTRACK_PAGE_WRITTEN,
};

/* Huge pages are to be split, whatever other trackers asked for: a step of a walk. */
static enum wpt_stop keep_not(struct wpt_harvest *h)
{
	h->addr = wpt_record_split(&h->t->space->rec, h->addr, h->end);
	return h->addr < h->end ? WPT_STOP_BREATHE : WPT_STOP_END;
}

/*
 * Events that are under way have not been recorded where nothing was tracked when
 * they began, and may still take pages away.
 */
static void start_unsure(struct wpt_tracker *t, unsigned long start,
			 unsigned long end)
{
	struct wpt_interval iv[WPT_EVENT_SLOTS];
	unsigned int i, n = wpt_space_event_get(t->space, start, end, iv);

	for (i = 0; i < n; i++) {
		t->unsure_private = true;
		if (wpt_set_add(&t->unsure, iv[i].start, iv[i].end, WPT_UNKNOWN_MAX))
			wpt_tracker_lose(t);
	}
}

/*
 * A tracker is to have other ranges than it has.  Its user pays for more of them
 * before the tracker gets them, and no longer for fewer after: for those of a set
 * that it has not, or no more.
 */
static int ranges_pay(struct wpt_tracker *t, const struct wpt_set *new)
{
	return new->nr > t->ranges.nr ?
	       wpt_account_ranges(&t->account, new->nr - t->ranges.nr) : 0;
}

static void ranges_repay(struct wpt_tracker *t, const struct wpt_set *new)
{
	if (new->nr > t->ranges.nr)
		wpt_account_ranges(&t->account, -(int)(new->nr - t->ranges.nr));
}

static void ranges_swap(struct wpt_tracker *t, struct wpt_set *new)
{
	wpt_set_swap(&t->ranges, new);
	/* Before any of them is armed: no write goes uncounted. */
	wpt_watch_ranges(t->space, &t->watch, &t->ranges);
}

static void ranges_replace(struct wpt_tracker *t, struct wpt_set *new)
{
	if (new->nr < t->ranges.nr)
		wpt_account_ranges(&t->account, -(int)(t->ranges.nr - new->nr));
	ranges_swap(t, new);
}

/* The locks of forgetting, whatever happens. */
static void forget_lock(struct wpt_space *space, struct mm_struct *mm)
{
	mutex_lock(&space->lock);
	if (mm)
		mmap_read_lock(mm);
	space->held_since = ktime_get_ns();
}

/* So often a page that somebody holds, or has locked, is waited for; in all. */
#define FORGET_WAITS	8

/*
 * Forget what no tracker has any more of the ranges in a set, and what is pending there
 * for this one, a piece at a time.  @mm is NULL if the address space is gone.  @killable:
 * give up if the caller is killed, with -EINTR.
 */
static int forget_set(struct wpt_tracker *t, struct mm_struct *mm,
		      const struct wpt_set *set, bool killable)
{
	struct wpt_space *space = t->space;
	unsigned long addr, next;
	unsigned int i, waits = 0;
	bool held = false;

	for (i = 0; i < set->nr; i++) {
		addr = set->iv[i].start;
		while (addr < set->iv[i].end) {
			if (killable && fatal_signal_pending(current))
				return -EINTR;
			if (!killable)
				forget_lock(space, mm);
			else if (wpt_walk_lock(space, mm))
				return -EINTR;
			next = wpt_harvest_forget(space, mm, addr, set->iv[i].end,
						  waits < FORGET_WAITS ? &held : NULL);
			next = wpt_shared_restore(space, mm, addr, next);
			addr = wpt_pending_trim(t, addr, next);
			wpt_stats_hold(space->held_since);
			if (mm)
				mmap_read_unlock(mm);
			mutex_unlock(&space->lock);
			if (held) {
				static_call(wpt_lru_add_drain_all)();
				schedule_timeout_uninterruptible(1);
				held = false;
				waits++;
			}
			cond_resched();
		}
	}
	return 0;
}

/**
 * wpt_tracker_forget_begin() - a tracker gives up ranges
 * @t: the tracker, attached, its space locked
 *
 * Events in them are recorded until nothing is left of them.
 */
void wpt_tracker_forget_begin(struct wpt_tracker *t)
{
	if (!t->forgetting)
		t->space->forgetting++;
	t->forgetting = true;
}

/* All is forgotten that a tracker gave up.  Only now the cover may shrink. */
static void forget_end(struct wpt_tracker *t)
{
	mutex_lock(&t->space->lock);
	t->forgetting = false;
	t->space->forgetting--;
	wpt_set_destroy(&t->leaving);
	wpt_cover_shrink(t->space);
	mutex_unlock(&t->space->lock);
}

/* A range could not be tracked: what is tracked is what was, @before. */
static void track_undo(struct wpt_tracker *t, struct wpt_set *before,
		       struct mm_struct *mm, unsigned long start,
		       unsigned long end)
{
	struct wpt_interval iv = { start, end };
	struct wpt_set one = { .iv = &iv, .nr = 1 };
	struct wpt_space *space = t->space;

	mutex_lock(&space->lock);
	ranges_swap(t, before);
	ranges_repay(t, before);
	wpt_cover_exact(space);
	space->forgetting++;
	mutex_unlock(&space->lock);

	forget_set(t, mm, &one, false);

	mutex_lock(&space->lock);
	space->forgetting--;
	wpt_cover_shrink(space);
	mutex_unlock(&space->lock);
}

/* Not under the mmap_lock: there may be many trackers with many ranges. */
static void cover_exact(struct wpt_space *space)
{
	mutex_lock(&space->lock);
	wpt_cover_exact(space);
	mutex_unlock(&space->lock);
}

/* A walk that is not stopped by anything but errors. */
static int walk_over(struct wpt_harvest *h, unsigned long start,
		     enum wpt_stop (*step)(struct wpt_harvest *h))
{
	enum wpt_stop stop;

	h->addr = start;
	return wpt_walk_run(h, step, &stop);
}

/**
 * wpt_tracker_track() - track a range
 * @t:     the tracker
 * @start: first address, page aligned
 * @end:   end (exclusive), page aligned
 * @flags: WPTRACK_TRACK_*
 * @done:  out: how far it got
 *
 * Return: 0, -ENOTCONN, -ESRCH, -EINTR, -ENOMEM, -ENOSPC, -EDQUOT.
 */
int wpt_tracker_track(struct wpt_tracker *t, unsigned long start,
		      unsigned long end, u64 flags, unsigned long *done)
{
	struct wpt_harvest h = {
		.t = t, .addr = start, .end = end, .masks = &written_masks,
		.first = true,
	};
	struct wpt_set ranges = { };
	int ret;

	*done = start;
	if (mutex_lock_killable(&t->lock))
		return -EINTR;
	h.mm = wpt_walk_enter(t);
	if (IS_ERR(h.mm)) {
		ret = PTR_ERR(h.mm);
		goto out;
	}
	wpt_fork_change_begin(t);

	/*
	 * From the moment the range is in the cover, events are recorded; from
	 * then on what is found in it may be believed.
	 */
	ret = wpt_walk_lock(t->space, h.mm);
	if (ret)
		goto out_mm;
	ret = wpt_set_union(&ranges, &t->ranges);
	if (!ret)
		ret = wpt_set_add(&ranges, start, end, READ_ONCE(max_ranges));
	if (!ret)
		ret = ranges_pay(t, &ranges);
	if (!ret) {
		ret = wpt_cover_grow(t->space, start, end);
		if (ret)
			ranges_repay(t, &ranges);
	}
	if (!ret) {
		ranges_swap(t, &ranges);
		/* If that fails for want of memory, huge pages are split. */
		if (flags & WPTRACK_TRACK_KEEP_HUGE)
			wpt_set_add(&t->keep, start, end, WPT_UNKNOWN_MAX);
		else
			wpt_set_del(&t->keep, start, end, WPT_UNKNOWN_MAX);
		/* Pages that are armed for others too, in the same hold of the lock. */
		if ((flags & WPTRACK_TRACK_START_WRITTEN) &&
		    wpt_set_add(&t->unknown, start, end, WPT_UNKNOWN_MAX))
			wpt_tracker_lose(t);
		/* Older events may be at work in the range, beyond its first reset. */
		start_unsure(t, start, end);
		h.unsure_gen = t->unsure_gen;
	}
	wpt_walk_unlock(t->space, h.mm);
	if (ret)
		goto out_mm;

	cover_exact(t->space);

	/* Nothing is believed before this is known of all of it. */
	if (!(flags & WPTRACK_TRACK_KEEP_HUGE))
		ret = walk_over(&h, start, keep_not);
	if (!ret)
		ret = walk_over(&h, start, wpt_held);
	if (ret) {
		track_undo(t, &ranges, h.mm, start, end);
		goto out_mm;
	}
	ranges_repay(t, &ranges);
	if (!(flags & WPTRACK_TRACK_START_WRITTEN)) {
		/* What is empty is clean as it is. */
		wpt_walk_flush(h.mm, start, end);
		h.drains = 0;
		h.reset = true;
		ret = walk_over(&h, start, wpt_harvest);
	}
	*done = h.addr;
out_mm:
	wpt_fork_change_end(t);
	wpt_set_destroy(&ranges);
	mmput(h.mm);
out:
	mutex_unlock(&t->lock);
	return ret;
}

/**
 * wpt_tracker_untrack() - track a range no longer
 * @t:     the tracker
 * @start: first address, page aligned
 * @end:   end (exclusive), page aligned
 * @done:  out: how far it got: @start after an error, else @end
 *
 * If the caller is killed on the way, what is left of the range is forgotten by the
 * next call, or when the tracker ends.
 *
 * Return: 0, -ENOTCONN, -ESRCH, -EINTR, -ENOMEM, -ENOSPC, -EDQUOT.
 */
int wpt_tracker_untrack(struct wpt_tracker *t, unsigned long start,
			unsigned long end, unsigned long *done)
{
	struct wpt_set ranges = { };
	struct mm_struct *mm;
	int ret;

	*done = start;
	if (mutex_lock_killable(&t->lock))
		return -EINTR;
	mm = wpt_walk_enter(t);
	if (IS_ERR(mm)) {
		ret = PTR_ERR(mm);
		goto out;
	}
	wpt_fork_change_begin(t);
	ret = wpt_walk_lock(t->space, mm);
	if (ret)
		goto out_mm;
	ret = wpt_set_union(&ranges, &t->ranges);
	if (!ret)
		ret = wpt_set_del(&ranges, start, end, READ_ONCE(max_ranges));
	if (!ret)
		ret = ranges_pay(t, &ranges);
	if (!ret) {
		ret = wpt_set_add(&t->leaving, start, end, WPT_UNKNOWN_MAX);
		if (ret)
			ranges_repay(t, &ranges);
	}
	if (!ret) {
		ranges_replace(t, &ranges);
		wpt_set_del(&t->keep, start, end, WPT_UNKNOWN_MAX);
		/* If they cannot be cut, pages read written once more. */
		wpt_set_del(&t->unknown, start, end, WPT_UNKNOWN_MAX);
		wpt_set_del(&t->unsure, start, end, WPT_UNKNOWN_MAX);
		wpt_tracker_forget_begin(t);
	}
	wpt_walk_unlock(t->space, mm);
	if (!ret)
		cover_exact(t->space);
	if (!ret)
		ret = forget_set(t, mm, &t->leaving, true);
	if (!ret) {
		forget_end(t);
		*done = end;
	}
	wpt_set_destroy(&ranges);
out_mm:
	wpt_fork_change_end(t);
	mmput(mm);
out:
	mutex_unlock(&t->lock);
	return ret;
}

/*
 * What mremap(), a split or a merge has taken out of the ranges, and what mprotect() has
 * changed while they were given up.
 */
static void restore_all(struct wpt_space *space, struct mm_struct *mm)
{
	unsigned long addr = 0;

	while (mm && READ_ONCE(space->lowered) && addr < PAGE_MASK) {
		forget_lock(space, mm);
		addr = list_empty(&space->trackers) ?
			wpt_shared_restore(space, mm, addr, PAGE_MASK) : PAGE_MASK;
		wpt_stats_hold(space->held_since);
		mmap_read_unlock(mm);
		mutex_unlock(&space->lock);
		cond_resched();
	}
}

/**
 * wpt_tracker_forget() - a tracker that ends gives up all that it has
 * @t:  the tracker, attached and no longer among those of its space, after
 *      wpt_tracker_forget_begin()
 * @mm: its address space, held, or NULL if that is gone
 *
 * May sleep.
 */
void wpt_tracker_forget(struct wpt_tracker *t, struct mm_struct *mm)
{
	forget_set(t, mm, &t->ranges, false);
	forget_set(t, mm, &t->leaving, false);
	forget_end(t);
	restore_all(t->space, mm);
}
