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
	};
	enum wpt_stop stop = WPT_STOP_END;
	unsigned int losses;
	int ret, err, records;
	bool lost, more;

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
	if (h.reset) {
		wpt_fork_change_begin(t);
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
	if (!ret && stop == WPT_STOP_UNTRACKED)
		ret = -EPERM;
	wpt_stat_add(REPORTED, s->out.pages);

	if (!ret && stop == WPT_STOP_END && scan_is_total(t, s)) {
		mutex_lock(&t->space->lock);
		/* An event that found no memory for its records may still be at work. */
		if (t->losses == losses && !atomic_read(&t->space->events))
			t->lost = false;
		mutex_unlock(&t->space->lock);
	}
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
