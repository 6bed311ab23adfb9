// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hooks only count.  Whoever makes the count reach the threshold queues an
 * irq_work, which wakes the waiters: in interrupt context after the hook, or in a
 * thread where interrupt handlers must not take sleeping locks (PREEMPT_RT).  The
 * count goes on, so the threshold is crossed once between two resets, and queueing
 * a work that is queued already does nothing: there are never more wake-ups than
 * resets.
 */
#include <linux/poll.h>

#include "compat/eventfd.h"
#include "stats.h"
#include "watch.h"

static void wake(struct wpt_watch *watch, __poll_t why)
{
	wake_up_poll(&watch->wait, why);
	if (watch->eventfd)
		wpt_eventfd_signal(watch->eventfd);
	wpt_stat_inc(WAKEUPS);
}

static void watch_work(struct irq_work *work)
{
	wake(container_of(work, struct wpt_watch, work), EPOLLIN | EPOLLRDNORM);
}

/**
 * wpt_watch_init() - a watch that waits for nothing
 * @watch: the watch
 */
void wpt_watch_init(struct wpt_watch *watch)
{
	INIT_LIST_HEAD(&watch->node);
	INIT_HLIST_NODE(&watch->counting);
	init_waitqueue_head(&watch->wait);
	init_irq_work(&watch->work, watch_work);
}

/**
 * wpt_watch_count() - newly written pages are counted by who waits for them
 * @space: the space
 * @start: the first page
 * @pages: how many, in one chunk
 *
 * See wpt_watch_log().
 */
void notrace wpt_watch_count(struct wpt_space *space, unsigned long start,
			     unsigned int pages)
{
	unsigned long end = start + ((unsigned long)pages << PAGE_SHIFT);
	struct wpt_watch *watch;
	struct wpt_cover *cover;
	long now;

	hlist_for_each_entry_rcu(watch, &space->counting, counting) {
		cover = rcu_dereference(watch->cover);
		if (!READ_ONCE(watch->everywhere) &&
		    !(cover && wpt_set_overlaps(&cover->set, start, end)))
			continue;
		now = atomic_long_add_return(pages, &watch->pages);
		if (now >= watch->threshold && now - pages < watch->threshold)
			irq_work_queue(&watch->work);
	}
}

/**
 * wpt_watch_ranges() - a tracker has other ranges now
 * @space:  its space, locked
 * @watch:  its watch
 * @ranges: its ranges
 *
 * If memory is short, pages elsewhere count too, and who waits is woken early.
 */
void wpt_watch_ranges(struct wpt_space *space, struct wpt_watch *watch,
		      const struct wpt_set *ranges)
{
	struct wpt_set set = { };

	if (!watch->threshold)
		return;
	WRITE_ONCE(watch->everywhere, wpt_set_union(&set, ranges) ||
		   wpt_space_publish(space, &watch->cover, &set));
	wpt_set_destroy(&set);
}

/* The hooks and the work have seen it for the last time.  May sleep. */
static void watch_stop(struct wpt_space *space, struct wpt_watch *watch)
{
	struct eventfd_ctx *eventfd;
	struct wpt_set none = { };

	mutex_lock(&space->lock);
	if (watch->threshold)
		hlist_del_rcu(&watch->counting);
	mutex_unlock(&space->lock);
	synchronize_rcu();
	irq_work_sync(&watch->work);

	mutex_lock(&space->lock);
	eventfd = watch->eventfd;
	watch->eventfd = NULL;
	WRITE_ONCE(watch->threshold, 0);
	WRITE_ONCE(watch->everywhere, false);
	wpt_space_publish(space, &watch->cover, &none);
	mutex_unlock(&space->lock);
	if (eventfd)
		eventfd_ctx_put(eventfd);
}

/**
 * wpt_watch_set() - wait for so many pages
 * @space:   the space of the tracker
 * @watch:   its watch
 * @ranges:  its ranges
 * @pages:   how many; 0: do not
 * @eventfd: what to signal then, and when the target is gone; taken over; or NULL
 *
 * Nobody else is setting the same watch.  Counts from 0.  May sleep.
 */
void wpt_watch_set(struct wpt_space *space, struct wpt_watch *watch,
		   const struct wpt_set *ranges, unsigned long pages,
		   struct eventfd_ctx *eventfd)
{
	if (watch->threshold || watch->eventfd)
		watch_stop(space, watch);
	if (!pages && !eventfd)
		return;
	mutex_lock(&space->lock);
	watch->eventfd = eventfd;
	if (pages) {
		atomic_long_set(&watch->pages, 0);
		WRITE_ONCE(watch->threshold, pages);
		wpt_watch_ranges(space, watch, ranges);
		hlist_add_head_rcu(&watch->counting, &space->counting);
	}
	mutex_unlock(&space->lock);
}

/**
 * wpt_watch_gone() - the address space was torn down
 * @space: the space
 *
 * Wakes everybody who waits for something in it.  May sleep.
 */
void wpt_watch_gone(struct wpt_space *space)
{
	struct wpt_watch *watch;

	mutex_lock(&space->lock);
	list_for_each_entry(watch, &space->watches, node)
		wake(watch, EPOLLHUP);
	mutex_unlock(&space->lock);
}
