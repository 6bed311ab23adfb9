/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Waiting for writes: a watch counts the pages of one tracker that are newly
 * written, and wakes who waits when there are enough of them.
 */
#ifndef WPT_WATCH_H
#define WPT_WATCH_H

#include <linux/irq_work.h>
#include <linux/list.h>
#include <linux/rculist.h>
#include <linux/wait.h>

#include "space.h"

struct eventfd_ctx;

/**
 * struct wpt_watch - a part of a tracker
 * @node:      in the watches of its space; space->lock
 * @counting:  in the list that the hooks look at; space->lock to change, RCU to
 *             read
 * @threshold: wake when so many pages are newly written; 0: never
 * @pages:     how many there are
 * @cover:     where they count; space->lock to change, RCU to read
 * @everywhere: there was no memory for @cover: all pages of the space count
 * @wait:      who polls the tracker
 * @eventfd:   what is signalled besides, or NULL; space->lock, and fixed while the
 *             watch is counting
 * @work:      wakes them: the hooks hold a page table lock and cannot
 */
struct wpt_watch {
	struct list_head node;
	struct hlist_node counting;
	unsigned long threshold;
	atomic_long_t pages;
	struct wpt_cover __rcu *cover;
	bool everywhere;
	wait_queue_head_t wait;
	struct eventfd_ctx *eventfd;
	struct irq_work work;
};

void wpt_watch_init(struct wpt_watch *watch);
void wpt_watch_set(struct wpt_space *space, struct wpt_watch *watch,
		   const struct wpt_set *ranges, unsigned long pages,
		   struct eventfd_ctx *eventfd);
void wpt_watch_ranges(struct wpt_space *space, struct wpt_watch *watch,
		      const struct wpt_set *ranges);
void wpt_watch_gone(struct wpt_space *space);
void wpt_watch_count(struct wpt_space *space, unsigned long start,
		     unsigned int pages);

/* A reset begins: what is written from now on is new. */
static inline void wpt_watch_reset(struct wpt_watch *watch)
{
	if (READ_ONCE(watch->threshold))
		atomic_long_set(&watch->pages, 0);
}

/* Are there as many as it waits for? */
static inline bool wpt_watch_ready(const struct wpt_watch *watch)
{
	unsigned long threshold = READ_ONCE(watch->threshold);

	return threshold && atomic_long_read(&watch->pages) >= threshold;
}

/* Does anybody count?  Conditions as for wpt_watch_log(). */
static __always_inline bool wpt_watched(struct wpt_space *space)
{
	return !hlist_empty(&space->counting);
}

/*
 * Pages were newly written.  Called from the hooks: no sleeping, no allocation, no
 * locks; RCU read section.
 */
static __always_inline void wpt_watch_log(struct wpt_space *space,
					  unsigned long start,
					  unsigned int pages)
{
	if (unlikely(wpt_watched(space)))
		wpt_watch_count(space, start, pages);
}

#endif /* WPT_WATCH_H */
