/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Following fork(2): what a space and a tracker keep for it.
 *
 * The child's tracker is made of what the parent's tracker reports a little after the
 * fork.  It may report more than it would have at the fork, and that is allowed; it
 * must not report less.  It does so only if it was reset meanwhile, or lost ranges.
 * So a clock ticks when such a change begins and when it ends, a mark remembers the time
 * at which the page tables were copied, and each tracker that of its last change.
 */
#ifndef WPT_FORK_H
#define WPT_FORK_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/task_work.h>
#include <linux/types.h>

#include "intervals.h"

struct mmu_notifier_range;
struct wpt_space;
struct wpt_tracker;

/* Threads that may fork at a time. */
#define WPT_FORK_MARKS	16

/**
 * struct wpt_fork_mark - a thread is copying its page tables, or has done so
 * @task: the thread, only to be compared; NULL: the mark is free
 * @time: by wpt_forks.clock
 */
struct wpt_fork_mark {
	const struct task_struct *task;
	long time;
};

/**
 * struct wpt_forks - a part of a space
 * @followers: trackers that follow forks; space->lock to change
 * @list:      these trackers; space->lock to change, RCU to read
 * @clock:     how many resets, and changes of ranges, of these have begun or ended
 * @lock:      for the rest; raw, as the probe runs where others may not be taken
 * @full:      a thread has found no mark that was free: none is to be trusted any more
 * @marks:     of the threads that are forking, or could not after all
 */
struct wpt_forks {
	unsigned int followers;
	struct list_head list;
	atomic_long_t clock;
	raw_spinlock_t lock;
	bool full;
	struct wpt_fork_mark marks[WPT_FORK_MARKS];
};

/**
 * struct wpt_follow - a part of a tracker
 * @probed:  it has wpt_fork_get(); tracker's lock
 * @on:      it follows forks; fixed once it is attached
 * @node:    in wpt_forks.list
 * @changing: a reset of it, or a change of its ranges, is under way; tracker's lock
 * @changed: when the last of them has begun, or ended; tracker's lock
 * @lock:    for @waiting and @closed
 * @waiting: trackers of children that nobody has fetched, by their @wait
 * @wait:    this one is the tracker of a child that nobody has fetched
 * @counted: it counts among the uncollected ones of its user; whoever owns it
 * @unborn:  the child has not run yet, nor does anybody else know of this one
 * @closed:  nobody can fetch children any more
 * @missed:  forks that were not followed
 * @told:    how many of them the owner knows of
 */
struct wpt_follow {
	bool probed;
	bool on;
	struct list_head node;
	bool changing;
	long changed;
	spinlock_t lock;
	struct list_head waiting;
	struct list_head wait;
	bool counted;
	bool unborn;
	bool closed;
	atomic_long_t missed;
	unsigned long told;
};

/**
 * struct wpt_fork - a fork that is followed by one tracker, until the child is born
 * @work:    of the child; in the first one
 * @next:    who follows it, too
 * @t:       the parent's tracker, held
 * @child:   the child's, once there is one
 * @ret:     why it is of no use
 * @ranges:  those of both
 * @records: how often an event of the parent's was not recorded before
 * @mm:      the parent's address space, held: it may exit meanwhile
 * @tid:     where the child's thread ID is to be stored; in the first one
 * @time:    when the page tables were copied, by wpt_forks.clock
 * @calm:    that is known, and nothing was changed since that could not be noted
 */
struct wpt_fork {
	struct callback_head work;
	struct wpt_fork *next;
	struct wpt_tracker *t;
	struct wpt_tracker *child;
	int ret;
	struct wpt_set ranges;
	int records;
	struct mm_struct *mm;
	int __user *tid;
	long time;
	bool calm;
};

void wpt_fork_init(void);
void wpt_fork_exit(void);
const char *wpt_fork_why_not(void);
int wpt_fork_get(void);
void wpt_fork_put(void);

void wpt_forks_init(struct wpt_forks *forks);
void wpt_follow_init(struct wpt_follow *follow);
void wpt_follow_begin(struct wpt_tracker *t, struct wpt_space *space);
void wpt_follow_end(struct wpt_tracker *t, struct wpt_space *space);
void wpt_follow_close(struct wpt_tracker *t, struct list_head *orphans);
void wpt_follow_missed(struct wpt_tracker *t);
bool wpt_follow_add(struct wpt_tracker *t, struct wpt_tracker *child);
struct wpt_tracker *wpt_follow_take(struct wpt_tracker *t);
void wpt_follow_untake(struct wpt_tracker *t, struct wpt_tracker *child);
bool wpt_follow_ready(struct wpt_tracker *t);

void wpt_fork_event(struct wpt_space *space, const struct mmu_notifier_range *range);
void wpt_fork_change_begin(struct wpt_tracker *t);
void wpt_fork_change_end(struct wpt_tracker *t);
bool wpt_fork_unchanged(const struct wpt_fork *fork);

/* birth.c */
void wpt_birth(struct callback_head *work);

#endif /* WPT_FORK_H */
