// SPDX-License-Identifier: GPL-2.0-only
/*
 * One scan of a tracker: what is reported, handed over, and reset.
 */
#include <linux/ktime.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include "stats.h"
#include "walk.h"

/*
 * Pages that were reset are written again.  A little at a time: nobody else asks this
 * tracker meanwhile.
 */
static void take_back(struct wpt_tracker *t, unsigned long start, unsigned long end)
{
	unsigned long next;

	for (; start < end; start = next) {
		next = min(end, start + WPT_STEP_CHUNKS * WPT_CHUNK_SIZE);
		mutex_lock(&t->space->lock);
		wpt_pending_add(t, start, next);
		mutex_unlock(&t->space->lock);
		cond_resched();
	}
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
		for (i = taken; i < out->nr; i++) {
			out->pages -= (out->buf[i].end - out->buf[i].start) >>
				      PAGE_SHIFT;
			if (s->flags & WPTRACK_SCAN_RESET)
				take_back(t, out->buf[i].start, out->buf[i].end);
		}
	}
	out->delivered += taken;
	out->nr = 0;
	return ret;
}

/* What events have left so far is known to a scan from its beginning on. */
static int scan_events(struct wpt_harvest *h)
{
	struct wpt_space *space = h->t->space;
	int ret;

	if (!READ_ONCE(space->hull.end) && !READ_ONCE(space->lost_record))
		return 0;
	ret = wpt_walk_lock(space, h->mm);
	if (!ret)
		wpt_walk_unlock(space, h->mm);
	return ret;
}

/*
 * Has an event found no memory for what it had to record, since a scan began?  Then
 * pages may have been passed over that were written, and were made read-only by that
 * event, say.  All reads written from now on: the scan has to be done anew.
 */
static bool scan_is_void(const struct wpt_tracker *t, bool lost, int records)
{
	/* After what is mapped was looked at: an event does it in the other order. */
	smp_rmb();
	return !lost && atomic_read(&t->space->lost_records) != records;
}

/*
 * Before a reset: memory of which something was not recorded may be held by somebody
 * who goes on writing to it.
 */
static int scan_held(struct wpt_harvest *h)
{
	struct wpt_tracker *t = h->t;
	const unsigned long start = h->addr;
	enum wpt_stop stop;
	int ret;

	h->unsure_gen = READ_ONCE(t->unsure_gen);
	smp_rmb();	/* whoever adds now is not counted, or is seen */
	if (!READ_ONCE(t->lost) && !READ_ONCE(t->unsure.nr))
		return 0;
	ret = wpt_walk_run(h, wpt_held, &stop);
	h->addr = start;
	h->drains = 0;
	return ret;
}

/* Is nothing mapped in [start, end) that is tracked?  The locks of a walk. */
static bool scan_passes(const struct wpt_tracker *t, struct mm_struct *mm,
			unsigned long start, unsigned long end)
{
	struct vm_area_struct *vma;
	struct wpt_interval iv;

	for (; wpt_set_next(&t->ranges, start, &iv) && iv.start < end; start = iv.end) {
		vma = find_vma(mm, max(start, iv.start));
		if (vma && vma->vm_start < min(end, iv.end))
			return false;
	}
	return true;
}

/*
 * A scan has reset all that it has gone through.  If everything reads written, it does
 * so until everything was gone through: by one scan, or by several that go on where
 * those before have stopped, with nothing between them.
 *
 * @losses: of the tracker when the scan began
 */
static void scan_swept(struct wpt_tracker *t, struct mm_struct *mm,
		       const struct wpt_scan *s, unsigned int losses)
{
	struct wpt_space *space = t->space;

	if (wpt_walk_lock(space, mm))
		return;
	if (t->swept_losses != losses && scan_passes(t, mm, 0, s->start)) {
		t->swept_losses = losses;
		t->swept = s->start;
	}
	/* An event that found no memory for its records may still be at work. */
	if (t->losses != losses || t->swept_losses != losses ||
	    atomic_read(&space->events))
		goto out;
	if (s->start <= t->swept || scan_passes(t, mm, t->swept, s->start))
		t->swept = max(t->swept, s->walk_end);
	if (scan_passes(t, mm, t->swept, ULONG_MAX))
		WRITE_ONCE(t->lost, false);
out:
	wpt_walk_unlock(space, mm);
}

/**
 * wpt_tracker_scan() - report, and reset if asked to
 * @t: the tracker
 * @s: what is asked, and where the answer goes
 *
 * Return: 0, -ENOTCONN, -ESRCH, -EINTR, -ENOMEM, -EDQUOT, -EPERM, -EFAULT, -ESTALE,
 * -EAGAIN (to be done anew).
 * Whatever it is, @s->walk_end, @s->out.delivered and @s->out.pages say how far it got.
 */
int wpt_tracker_scan(struct wpt_tracker *t, struct wpt_scan *s)
{
	struct wpt_harvest h = {
		.t = t, .addr = s->start, .end = s->end, .masks = &s->masks,
		.out = &s->out,
		.reset = s->flags & WPTRACK_SCAN_RESET,
		.check = s->flags & WPTRACK_SCAN_CHECK_TRACKED,
		.inherits = s->inherits,
	};
	enum wpt_stop stop = WPT_STOP_END;
	unsigned int losses;
	int ret, err, records;
	bool lost, more, quiet;

	s->walk_end = s->start;
	if (mutex_lock_killable(&t->lock))
		return -EINTR;
	h.mm = wpt_walk_enter(t);
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
	records = atomic_read(&t->space->lost_records);
	ret = scan_events(&h);
	if (ret)
		goto out_mm;
	lost = READ_ONCE(t->lost);
	losses = READ_ONCE(t->losses);
	/* One that found no memory may zap what is written behind the walk. */
	quiet = !atomic_read(&t->space->events);
	if (h.reset) {
		wpt_fork_change_begin(t);
		if (s->clear ? !s->goes_on : !t->resume || s->start != t->resume)
			wpt_watch_reset(&t->watch);
		ret = scan_held(&h);
		if (ret)
			goto out_change;
	}
	do {
		ret = wpt_walk_run(&h, wpt_harvest, &stop);
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
	/* Whatever else is wrong: nobody may go on from where this one has got to. */
	if (!s->clear && scan_is_void(t, lost, records)) {
		ret = -EAGAIN;
		s->walk_end = s->start;
	}
	if (h.reset && !s->clear)
		t->resume = !ret && stop == WPT_STOP_FULL ? s->walk_end : 0;
	if (!ret && stop == WPT_STOP_UNTRACKED)
		ret = -EPERM;
	wpt_stat_add(REPORTED, s->out.pages);

	if (!ret && h.reset && quiet && !s->inherits && wpt_masks_plain(&s->masks) &&
	    READ_ONCE(t->lost))
		scan_swept(t, h.mm, s, losses);
	/* Only now: whoever resumes a scan that failed is in the same epoch. */
	if (!ret && stop == WPT_STOP_END && (s->flags & WPTRACK_SCAN_ADVANCE))
		WRITE_ONCE(t->epoch, t->epoch + 1);
out_change:
	if (h.reset)
		wpt_fork_change_end(t);
out_mm:
	mmput(h.mm);
out:
	mutex_unlock(&t->lock);
	return ret;
}
