// SPDX-License-Identifier: GPL-2.0-only
#include <linux/delay.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "cover.h"
#include "harvest.h"
#include "hook.h"
#include "listing.h"
#include "stats.h"
#include "sym.h"
#include "trace.h"
#include "tracker.h"

static unsigned int max_ranges = 8192;
module_param(max_ranges, uint, 0644);
MODULE_PARM_DESC(max_ranges, "most separate ranges of one tracker");

static atomic_t nr_trackers = ATOMIC_INIT(0);	/* attached */

/* Pages that were written, and nothing else. */
static const struct wpt_masks written_masks = {
	.mask = WPTRACK_PAGE_WRITTEN,
	.ret = WPTRACK_PAGE_WRITTEN,
};

/*
 * Hold the address space and lock the tracker's space.  Returns the mm, to be
 * given back by tracker_leave(), or an error.
 */
static struct mm_struct *tracker_enter(struct wpt_tracker *t)
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
	space->hull = (struct wpt_interval){ };
	space->hull_clears = false;
	spin_unlock(&space->hull_lock);
	if (!hull.end)
		return;
	list_for_each_entry(t, &space->trackers, node) {
		t->unsure_private |= clears;
		t->unsure_gen++;
		if (wpt_set_add(&t->unsure, hull.start, hull.end, WPT_UNKNOWN_MAX))
			wpt_tracker_lose(t);
	}
}

/* The locks of a harvest. */
static int harvest_lock(struct wpt_space *space, struct mm_struct *mm)
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

static void harvest_unlock(struct wpt_space *space, struct mm_struct *mm)
{
	wpt_stats_hold(space->held_since);
	mmap_read_unlock(mm);
	mutex_unlock(&space->lock);
}

/*
 * A reset of all that was written has passed: from now on everything is known
 * there.  Unsure it stays while an event is under way, which may have begun
 * before the range was tracked, or before the page was looked at; and what became so
 * after wpt_held() was there.  If there is no memory to cut a set, pages read written
 * once more.
 */
static void learn(struct wpt_harvest *h, unsigned long from)
{
	if (from >= h->addr || !wpt_masks_plain(h->masks))
		return;
	/* As in page_reset(): what was zapped may still be read. */
	if (mm_tlb_flush_pending(h->mm))
		return;
	wpt_set_del(&h->t->unknown, from, h->addr, WPT_UNKNOWN_MAX);
	if (!atomic_read(&h->t->space->events) &&
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

/*
 * Run a harvest, or another walk, until it needs its caller.  Returns 0 with *@stop set, or an
 * error.  All locks but the tracker's are free afterwards.
 */
static int harvest_run(struct wpt_harvest *h,
		       enum wpt_stop (*walk)(struct wpt_harvest *h),
		       enum wpt_stop *stop)
{
	struct wpt_space *space = h->t->space;
	unsigned long from;
	int ret;

	for (;;) {
		ret = harvest_lock(space, h->mm);
		if (ret)
			return ret;
		from = h->addr;
		*stop = walk(h);
		if (h->reset && walk == wpt_harvest)
			learn(h, from);
		harvest_unlock(space, h->mm);
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

/**
 * wpt_tracker_create() - a tracker that is not attached
 *
 * The caller owns and pays for it.
 *
 * Return: the tracker, ERR_PTR(-ENOMEM), or ERR_PTR(-EDQUOT) if its owner has too
 * many.
 */
struct wpt_tracker *wpt_tracker_create(void)
{
	struct wpt_tracker *t = kzalloc(sizeof(*t), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!t)
		return ERR_PTR(-ENOMEM);
	ret = wpt_account_open(&t->account);
	if (ret) {
		kfree(t);
		return ERR_PTR(ret);
	}
	t->owner = get_task_pid(current, PIDTYPE_TGID);
	mutex_init(&t->lock);
	INIT_LIST_HEAD(&t->node);
	xa_init_flags(&t->pending, XA_FLAGS_ACCOUNT);
	wpt_watch_init(&t->watch);
	t->epoch = 1;
	wpt_listing_add(t);
	return t;
}

/* For the statistics. */
unsigned int wpt_tracker_count(void)
{
	return atomic_read(&nr_trackers);
}

/**
 * wpt_tracker_attach() - choose the address space
 * @t:      the tracker
 * @mm:     the address space; the caller holds it (mm_users)
 * @target: whose it is
 *
 * Return: 0, -EBUSY (already attached), -EINTR, -ENOMEM, or an error of ftrace.
 * After -EINTR the hooks stay: any signal interrupts the registration of a
 * notifier, and under a fast timer it would never come to its end if it had to
 * wait for them in each attempt.
 */
int wpt_tracker_attach(struct wpt_tracker *t, struct mm_struct *mm,
		       struct pid *target)
{
	struct wpt_space *space;
	int ret;

	if (mutex_lock_killable(&t->lock))
		return -EINTR;
	ret = -EBUSY;
	if (t->space)
		goto out;
	if (!t->hooked) {
		ret = wpt_hook_get();
		if (ret)
			goto out;
		t->hooked = true;
	}
	space = wpt_space_get(mm);
	if (IS_ERR(space)) {
		ret = PTR_ERR(space);
		if (ret != -EINTR) {
			wpt_hook_put();
			t->hooked = false;
		}
		goto out;
	}
	/* A signal that is not fatal does not get here: see ioc_attach(). */
	if (mutex_lock_killable(&space->lock)) {
		wpt_space_put(space);
		ret = -EINTR;
		goto out;
	}
	list_add_tail(&t->node, &space->trackers);
	list_add_tail(&t->watch.node, &space->watches);
	mutex_unlock(&space->lock);
	/* Readers of the list of trackers hold no lock of ours. */
	smp_store_release(&t->target, get_pid(target));
	smp_store_release(&t->space, space);
	atomic_inc(&nr_trackers);
	ret = 0;
out:
	mutex_unlock(&t->lock);
	return ret;
}

/* Pages that are armed for others begin as written for this tracker. */
static void start_written(struct wpt_tracker *t, unsigned long start,
			  unsigned long end)
{
	struct wpt_record *rec = &t->space->rec;
	unsigned long addr = start, next, index;
	struct wpt_chunk *chunk;
	struct wpt_bits *bits;
	unsigned int i, stop;

	if (wpt_set_add(&t->unknown, start, end, WPT_UNKNOWN_MAX))
		wpt_tracker_lose(t);
	while (addr < end) {
		if (!wpt_record_group(rec, addr)) {
			index = addr >> WPT_GROUP_SHIFT;
			if (!xa_find_after(&rec->groups, &index, ULONG_MAX,
					   XA_PRESENT))
				break;
			addr = index << WPT_GROUP_SHIFT;
			continue;
		}
		next = min(end, wpt_chunk_end(addr));
		chunk = wpt_record_chunk(rec, addr);
		if (chunk) {
			bits = wpt_pending_get(t, addr);
			if (IS_ERR(bits)) {
				wpt_tracker_lose(t);
				return;
			}
			i = wpt_page_index(addr);
			stop = i + ((next - addr) >> PAGE_SHIFT);
			for_each_set_bit_from(i, chunk->armed, stop)
				__set_bit(i, bits->b);
			wpt_pending_drop_empty(t, addr);
		}
		addr = next;
	}
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
	swap(t->ranges, *new);
	/* Before any of them is armed: no write goes uncounted. */
	wpt_watch_ranges(t->space, &t->watch, &t->ranges);
}

static void ranges_replace(struct wpt_tracker *t, struct wpt_set *new)
{
	if (new->nr < t->ranges.nr)
		wpt_account_ranges(&t->account, -(int)(t->ranges.nr - new->nr));
	ranges_swap(t, new);
}

/* Huge pages of a range are to be split, whatever other trackers asked for. */
static void keep_not(struct wpt_tracker *t, unsigned long start,
		     unsigned long end)
{
	wpt_set_del(&t->keep, start, end, WPT_UNKNOWN_MAX);
	wpt_record_split(&t->space->rec, start, end);
}

/* The locks of forgetting, whatever happens. */
static void forget_lock(struct wpt_space *space, struct mm_struct *mm)
{
	mutex_lock(&space->lock);
	if (mm)
		mmap_read_lock(mm);
	space->held_since = ktime_get_ns();
}

/*
 * Forget what no tracker has any more of the ranges in a set, a piece at a time.
 * @mm is NULL if the address space is gone.  @killable: give up if the caller is
 * killed, with -EINTR.
 */
static int forget_set(struct wpt_space *space, struct mm_struct *mm,
		      const struct wpt_set *set, bool killable)
{
	unsigned long addr;
	unsigned int i;

	for (i = 0; i < set->nr; i++) {
		addr = set->iv[i].start;
		while (addr < set->iv[i].end) {
			if (killable && fatal_signal_pending(current))
				return -EINTR;
			if (!killable)
				forget_lock(space, mm);
			else if (harvest_lock(space, mm))
				return -EINTR;
			addr = wpt_harvest_forget(space, mm, addr,
						  set->iv[i].end);
			wpt_stats_hold(space->held_since);
			if (mm)
				mmap_read_unlock(mm);
			mutex_unlock(&space->lock);
			cond_resched();
		}
	}
	return 0;
}

/*
 * A tracker gives up ranges: events in them are recorded until nothing is left of
 * them.  Space locked.
 */
static void forget_begin(struct wpt_tracker *t)
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

	forget_set(space, mm, &one, false);

	mutex_lock(&space->lock);
	space->forgetting--;
	wpt_cover_shrink(space);
	mutex_unlock(&space->lock);
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
	enum wpt_stop stop;
	int ret;

	*done = start;
	if (mutex_lock_killable(&t->lock))
		return -EINTR;
	h.mm = tracker_enter(t);
	if (IS_ERR(h.mm)) {
		ret = PTR_ERR(h.mm);
		goto out;
	}

	/*
	 * From the moment the range is in the cover, events are recorded; from
	 * then on what is found in it may be believed.
	 */
	ret = harvest_lock(t->space, h.mm);
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
			keep_not(t, start, end);
		wpt_cover_exact(t->space);
		if (flags & WPTRACK_TRACK_START_WRITTEN)
			start_written(t, start, end);
		/* Older events may be at work in the range, beyond its first reset. */
		start_unsure(t, start, end);
		h.unsure_gen = t->unsure_gen;
	}
	harvest_unlock(t->space, h.mm);
	if (ret)
		goto out_mm;

	/* Nothing is believed before this is known of all of it. */
	ret = harvest_run(&h, wpt_held, &stop);
	if (ret) {
		track_undo(t, &ranges, h.mm, start, end);
		goto out_mm;
	}
	ranges_repay(t, &ranges);
	if (!(flags & WPTRACK_TRACK_START_WRITTEN)) {
		h.addr = start;
		h.drains = 0;
		h.reset = true;
		ret = harvest_run(&h, wpt_harvest, &stop);
	}
	*done = h.addr;
out_mm:
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
	mm = tracker_enter(t);
	if (IS_ERR(mm)) {
		ret = PTR_ERR(mm);
		goto out;
	}
	ret = harvest_lock(t->space, mm);
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
		wpt_cover_exact(t->space);
		wpt_pending_clear(t, start, end);
		/* If they cannot be cut, pages read written once more. */
		wpt_set_del(&t->unknown, start, end, WPT_UNKNOWN_MAX);
		wpt_set_del(&t->unsure, start, end, WPT_UNKNOWN_MAX);
		forget_begin(t);
	}
	harvest_unlock(t->space, mm);
	if (!ret)
		ret = forget_set(t->space, mm, &t->leaving, true);
	if (!ret) {
		forget_end(t);
		*done = end;
	}
	wpt_set_destroy(&ranges);
out_mm:
	mmput(mm);
out:
	mutex_unlock(&t->lock);
	return ret;
}

/*
 * Hand over what is in the buffer.  What cannot be handed over is written for
 * this tracker again.
 */
static int scan_deliver(struct wpt_tracker *t, struct wpt_scan *s)
{
	struct wpt_out *out = &s->out;
	unsigned int taken = out->nr, i;
	int ret = 0;

	if (out->nr && !out->count_only)
		taken = s->deliver(s->ctx, out->buf, out->nr);
	if (taken < out->nr) {
		ret = -EFAULT;
		s->walk_end = out->buf[taken].start;
		mutex_lock(&t->space->lock);
		for (i = taken; i < out->nr; i++) {
			out->pages -= (out->buf[i].end - out->buf[i].start) >>
				      PAGE_SHIFT;
			if (s->flags & WPTRACK_SCAN_RESET)
				wpt_pending_add(t, out->buf[i].start,
					    out->buf[i].end);
		}
		mutex_unlock(&t->space->lock);
	}
	out->delivered += taken;
	out->nr = 0;
	return ret;
}

/*
 * Before a reset: memory of which something was not recorded may be held by somebody
 * who goes on writing to it.
 */
static int scan_held(struct wpt_harvest *h)
{
	struct wpt_tracker *t = h->t;
	struct wpt_space *space = t->space;
	const unsigned long start = h->addr;
	enum wpt_stop stop;
	int ret;

	if (READ_ONCE(space->hull.end) || READ_ONCE(space->lost_record)) {
		ret = harvest_lock(space, h->mm);
		if (ret)
			return ret;
		harvest_unlock(space, h->mm);
	}
	h->unsure_gen = READ_ONCE(t->unsure_gen);
	smp_rmb();	/* whoever adds now is not counted, or is seen */
	if (!READ_ONCE(t->lost) && !READ_ONCE(t->unknown.nr) && !READ_ONCE(t->unsure.nr))
		return 0;
	ret = harvest_run(h, wpt_held, &stop);
	h->addr = start;
	h->drains = 0;
	return ret;
}

/* Will this scan, if it reaches its end, have reset every page? */
static bool scan_is_total(struct wpt_tracker *t, const struct wpt_scan *s)
{
	const struct wpt_set *r = &t->ranges;

	return (s->flags & WPTRACK_SCAN_RESET) && wpt_masks_plain(&s->masks) &&
	       (!r->nr || (s->start <= r->iv[0].start &&
			   s->end >= r->iv[r->nr - 1].end));
}

/**
 * wpt_tracker_scan() - report, and reset if asked to
 * @t: the tracker
 * @s: what is asked, and where the answer goes
 *
 * Return: 0, -ENOTCONN, -ESRCH, -EINTR, -ENOMEM, -EDQUOT, -EPERM, -EFAULT, -ESTALE.
 * Whatever it is, @s->walk_end, @s->out.delivered and @s->out.pages say how far it got.
 */
int wpt_tracker_scan(struct wpt_tracker *t, struct wpt_scan *s)
{
	struct wpt_harvest h = {
		.t = t, .addr = s->start, .end = s->end, .masks = &s->masks,
		.out = &s->out,
		.reset = s->flags & WPTRACK_SCAN_RESET,
		.check = s->flags & WPTRACK_SCAN_CHECK_TRACKED,
	};
	enum wpt_stop stop = WPT_STOP_END;
	unsigned int losses;
	bool more;
	int ret, err;

	s->walk_end = s->start;
	if (mutex_lock_killable(&t->lock))
		return -EINTR;
	h.mm = tracker_enter(t);
	if (IS_ERR(h.mm)) {
		ret = PTR_ERR(h.mm);
		goto out;
	}
	if (s->epoch && s->epoch != t->epoch) {
		ret = -ESTALE;
		goto out_mm;
	}
	s->epoch = t->epoch;
	if (!s->clear) {
		wpt_stat_inc(SCANS);
		WRITE_ONCE(t->scans, t->scans + 1);
		WRITE_ONCE(t->last_scan, ktime_get_ns());
	}
	losses = READ_ONCE(t->losses);
	if (h.reset) {
		wpt_watch_reset(&t->watch);
		ret = scan_held(&h);
		if (ret)
			goto out_mm;
	}
	do {
		ret = harvest_run(&h, wpt_harvest, &stop);
		s->walk_end = h.addr;
		more = !ret && stop == WPT_STOP_FLUSH;
		if (more && fatal_signal_pending(current)) {
			ret = -EINTR;
			more = false;
		}
		err = scan_deliver(t, s);
		if (err) {
			ret = err;
			break;
		}
	} while (more);
	if (!ret && stop == WPT_STOP_UNTRACKED)
		ret = -EPERM;
	wpt_stat_add(REPORTED, s->out.pages);

	if (!ret && stop == WPT_STOP_END && scan_is_total(t, s)) {
		mutex_lock(&t->space->lock);
		if (t->losses == losses)
			t->lost = false;
		mutex_unlock(&t->space->lock);
	}
	/* Only now: whoever resumes a scan that failed is in the same epoch. */
	if (!ret && stop == WPT_STOP_END && (s->flags & WPTRACK_SCAN_ADVANCE))
		WRITE_ONCE(t->epoch, t->epoch + 1);
out_mm:
	mmput(h.mm);
out:
	mutex_unlock(&t->lock);
	return ret;
}

/**
 * wpt_tracker_notify() - wake who waits for so many newly written pages
 * @t:       the tracker
 * @pages:   how many; 0: none
 * @eventfd: what to signal besides, or NULL.  Taken over if it succeeds.
 *
 * Return: 0, -ENOTCONN, -ESRCH, -EINTR.
 */
int wpt_tracker_notify(struct wpt_tracker *t, u64 pages,
		       struct eventfd_ctx *eventfd)
{
	struct mm_struct *mm;
	int ret = 0;

	if (mutex_lock_killable(&t->lock))
		return -EINTR;
	mm = tracker_enter(t);
	if (IS_ERR(mm)) {
		ret = PTR_ERR(mm);
		goto out;
	}
	wpt_watch_set(t->space, &t->watch, &t->ranges, min_t(u64, pages, LONG_MAX),
		      eventfd);
	mmput(mm);
out:
	mutex_unlock(&t->lock);
	return ret;
}

/**
 * wpt_tracker_epoch() - which epoch is it?
 * @t:       the tracker
 * @epoch:   in: the epoch that it must be, or 0; out: which it was
 * @advance: and it is over now
 *
 * Return: 0, -ENOTCONN, -ESTALE, -EINTR.
 */
int wpt_tracker_epoch(struct wpt_tracker *t, u64 *epoch, bool advance)
{
	int ret = 0;

	if (mutex_lock_killable(&t->lock))
		return -EINTR;
	if (!t->space)
		ret = -ENOTCONN;
	else if (*epoch && *epoch != t->epoch)
		ret = -ESTALE;
	if (t->space)
		*epoch = t->epoch;
	if (!ret && advance)
		WRITE_ONCE(t->epoch, t->epoch + 1);
	mutex_unlock(&t->lock);
	return ret;
}

/**
 * wpt_tracker_destroy() - end a tracker
 * @t: the tracker; nobody else uses it any more
 *
 * Leaves nothing behind in the address space.  May sleep.
 */
void wpt_tracker_destroy(struct wpt_tracker *t)
{
	struct wpt_space *space = t->space;
	struct mm_struct *mm = NULL;
	struct wpt_bits *bits;
	unsigned long index;

	wpt_listing_del(t);
	if (space) {
		if (mmget_not_zero(space->mm))
			mm = space->mm;
		wpt_watch_set(space, &t->watch, &t->ranges, 0, NULL);
		mutex_lock(&space->lock);
		list_del(&t->node);
		list_del(&t->watch.node);
		wpt_cover_exact(space);
		forget_begin(t);
		mutex_unlock(&space->lock);
		forget_set(space, mm, &t->ranges, false);
		forget_set(space, mm, &t->leaving, false);
		forget_end(t);
		wpt_space_put(space);
		if (mm)
			mmput(mm);
		atomic_dec(&nr_trackers);
	}
	if (t->hooked)
		wpt_hook_put();
	xa_for_each(&t->pending, index, bits)
		wpt_pending_drop(t, index << WPT_CHUNK_SHIFT);
	xa_destroy(&t->pending);
	wpt_account_ranges(&t->account, -(int)t->ranges.nr);
	wpt_set_destroy(&t->ranges);
	wpt_set_destroy(&t->unknown);
	wpt_set_destroy(&t->unsure);
	wpt_set_destroy(&t->keep);
	put_pid(t->target);
	put_pid(t->owner);
	wpt_account_close(&t->account);
	kfree(t);
}
