// SPDX-License-Identifier: GPL-2.0-only
/*
 * A walk over the memory of a tracker goes in steps: each takes the locks for a short
 * while, and what a step needs from its caller is done between two of them.
 */
#include <linux/delay.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include "stats.h"
#include "sym.h"
#include "trace.h"
#include "walk.h"

/**
 * wpt_walk_enter() - hold the address space of a tracker
 * @t: the tracker, locked
 *
 * Return: the mm, to be given back by mmput(), ERR_PTR(-ENOTCONN), or ERR_PTR(-ESRCH).
 */
struct mm_struct *wpt_walk_enter(struct wpt_tracker *t)
{
	struct wpt_space *space = t->space;

	lockdep_assert_held(&t->lock);
	if (!space)
		return ERR_PTR(-ENOTCONN);
	if (READ_ONCE(space->dead) || !mmget_not_zero(space->mm))
		return ERR_PTR(-ESRCH);
	return space->mm;
}

/*
 * What the notifier had no place for, now that there is one.  Space locked.
 */
static void take_events(struct wpt_space *space)
{
	struct wpt_interval hull;
	struct wpt_tracker *t;
	bool clears;

	/* An event found no memory: nobody knows anything any more. */
	if (xchg(&space->lost_record, false))
		list_for_each_entry(t, &space->trackers, node)
			wpt_tracker_lose(t);

	spin_lock(&space->hull_lock);
	hull = space->hull;
	clears = space->hull_clears;
	space->hull.start = 0;
	WRITE_ONCE(space->hull.end, 0);
	space->hull_clears = false;
	spin_unlock(&space->hull_lock);
	if (!hull.end)
		return;
	list_for_each_entry(t, &space->trackers, node) {
		if (!wpt_set_overlaps(&t->ranges, hull.start, hull.end))
			continue;
		t->unsure_private |= clears;
		if (wpt_set_add(&t->unsure, hull.start, hull.end, WPT_UNKNOWN_MAX))
			wpt_tracker_lose(t);
		smp_wmb();	/* who does not see it yet has the old number */
		WRITE_ONCE(t->unsure_gen, t->unsure_gen + 1);
	}
}

/**
 * wpt_walk_lock() - the locks of a walk, with all that events have left known
 * @space: the space
 * @mm:    its address space, held
 *
 * Return: 0 or -EINTR.
 */
int wpt_walk_lock(struct wpt_space *space, struct mm_struct *mm)
{
	if (mutex_lock_killable(&space->lock))
		return -EINTR;
	if (mmap_read_lock_killable(mm)) {
		mutex_unlock(&space->lock);
		return -EINTR;
	}
	space->held_since = ktime_get_ns();
	take_events(space);
	return 0;
}

/**
 * wpt_walk_unlock() - give them back, and count how long they were held
 * @space: the space
 * @mm:    its address space
 */
void wpt_walk_unlock(struct wpt_space *space, struct mm_struct *mm)
{
	wpt_stats_hold(space->held_since);
	mmap_read_unlock(mm);
	mutex_unlock(&space->lock);
}

/**
 * wpt_walk_flush() - nobody reads any more what was zapped in a range
 * @mm:    the address space, held
 * @start: first address
 * @end:   end (exclusive)
 *
 * Who zaps flushes after the event has ended, or in a batch with others.  What is
 * reported before that, and copied, would be a copy of what is gone.
 */
void wpt_walk_flush(struct mm_struct *mm, unsigned long start, unsigned long end)
{
	static_call(wpt_flush_tlb_mm_range)(mm, start, end, PAGE_SHIFT, false);
}

/*
 * A reset of all that was written has passed: from now on everything is known
 * there.  Unsure it stays if an event is under way, which may have begun before the
 * range was tracked, or was when the step began (not @quiet), before the page was looked
 * at; and what became so after wpt_held() was there.  If there is no memory to cut a set,
 * pages read written once more.
 *
 * Who takes over what a child has from its parent tells nobody of its pages: those that
 * are unsure stay so.
 */
static void learn(struct wpt_harvest *h, unsigned long from, bool quiet)
{
	if (from >= h->addr || !wpt_masks_plain(h->masks))
		return;
	/* As in page_reset(): what was zapped may still be read. */
	if (wpt_set_overlaps(&h->t->unknown, from, h->addr) ||
	    wpt_set_overlaps(&h->t->unsure, from, h->addr))
		wpt_walk_flush(h->mm, from, h->addr);
	wpt_set_del(&h->t->unknown, from, h->addr, WPT_UNKNOWN_MAX);
	if (quiet && !h->inherits && !atomic_read(&h->t->space->events) &&
	    h->unsure_gen == h->t->unsure_gen) {
		wpt_set_del(&h->t->unsure, from, h->addr, WPT_UNKNOWN_MAX);
		h->t->unsure_private &= h->t->unsure.nr > 0;
	}
}

/*
 * A fault is about to put marks into ptes.  It may be waiting for a page lock;
 * in the end the pages read written rather than that we wait for ever.
 */
static void wait_for_split(struct wpt_harvest *h)
{
	struct wpt_chunk *chunk;

	schedule_timeout_killable(1);
	if (h->waited != h->addr) {
		h->waited = h->addr;
		h->waits = 0;
	}
	if (h->waits++ < HZ)
		return;
	mutex_lock(&h->t->space->lock);
	chunk = wpt_record_chunk(&h->t->space->rec, h->addr);
	if (chunk)
		clear_bit(WPT_CHUNK_SPLITTING, &chunk->flags);
	mutex_unlock(&h->t->space->lock);
}

static void wait_for_references(struct wpt_harvest *h)
{
	if (h->drains++) {
		usleep_range(500, 2000);
		return;
	}
	static_call(wpt_lru_add_drain_all)();
	wpt_stat_inc(LRU_DRAINS);
}

/**
 * wpt_walk_run() - run a harvest, or another walk, until it needs its caller
 * @h:    the walk
 * @walk: one step of it, under the locks
 * @stop: out: why it stopped
 *
 * Return: 0 with *@stop set, -EINTR, -ENOMEM, -EDQUOT.  All locks but the tracker's are
 * free afterwards.
 */
int wpt_walk_run(struct wpt_harvest *h,
		 enum wpt_stop (*walk)(struct wpt_harvest *h),
		 enum wpt_stop *stop)
{
	struct wpt_space *space = h->t->space;
	unsigned long from;
	bool quiet;
	int ret;

	for (;;) {
		ret = wpt_walk_lock(space, h->mm);
		if (ret)
			return ret;
		from = h->addr;
		quiet = !atomic_read(&space->events);
		*stop = walk(h);
		if (h->reset && walk == wpt_harvest)
			learn(h, from, quiet);
		wpt_walk_unlock(space, h->mm);
		trace_wptrack_harvest(space->id, h->t->id, from, h->addr,
				      h->reset, *stop);

		switch (*stop) {
		case WPT_STOP_DRAIN:
			wait_for_references(h);
			break;
		case WPT_STOP_BREATHE:
			break;
		case WPT_STOP_SPLITTING:
			wait_for_split(h);
			break;
		case WPT_STOP_NOMEM:
			return -ENOMEM;
		case WPT_STOP_QUOTA:
			return -EDQUOT;
		default:
			return 0;
		}
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
}
