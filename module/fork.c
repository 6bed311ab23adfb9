// SPDX-License-Identifier: GPL-2.0-only
/*
 * Following fork(2): how a fork is noticed, and who waits for the child's tracker.
 *
 * What happens, in this order:
 *
 *  1. The forking thread copies its page tables.  It holds its mmap_lock for writing,
 *     so no reset of the parent's trackers is at work there, and the notifier tells us
 *     of each private mapping: a mark notes the time.
 *  2. The tracepoint sched_process_fork is called, before the child can run.  The probe
 *     holds the parent's tracker and address space, and gives the child a task work.
 *     Nor is its thread ID stored by the kernel (CLONE_CHILD_SETTID), but by that.
 *  3. The child runs it before it first returns to user space, see birth.c.
 *
 * The probe is there while a tracker follows forks.  It does not sleep; all that can
 * take long, or fail, is left to the child.
 */
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/rculist.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/tracepoint.h>

#include "fork.h"
#include "stats.h"
#include "tracker.h"

static struct tracepoint *fork_point;
static DEFINE_MUTEX(probe_lock);
static unsigned int probe_users;	/* @probe_lock */
static bool probe_used;			/* ever; @probe_lock */

/**
 * wpt_forks_init() - nobody follows
 * @forks: of a new space
 */
void wpt_forks_init(struct wpt_forks *forks)
{
	INIT_LIST_HEAD(&forks->list);
	raw_spin_lock_init(&forks->lock);
}

/**
 * wpt_follow_init() - it does not follow
 * @follow: of a new tracker
 */
void wpt_follow_init(struct wpt_follow *follow)
{
	INIT_LIST_HEAD(&follow->node);
	INIT_LIST_HEAD(&follow->waiting);
	INIT_LIST_HEAD(&follow->wait);
	spin_lock_init(&follow->lock);
}

/**
 * wpt_fork_event() - an event begins in a space with followers
 * @space: the space
 * @range: the event
 *
 * Is it of a fork by this thread?  Such events are those of whole mappings, under the
 * mmap_lock for writing.  Others that look the same come from writeback of a large folio
 * by the thread itself.  If it has a mark already, that stays: one that is too old only
 * makes the child report more, and one that is too young might hide a reset.  For the
 * same reason no mark is taken away from a thread; those of forks that have failed stay
 * until the thread forks again.
 */
void wpt_fork_event(struct wpt_space *space, const struct mmu_notifier_range *range)
{
	struct wpt_forks *forks = &space->forks;
	struct wpt_fork_mark *mark, *last = forks->marks + WPT_FORK_MARKS;
	struct wpt_fork_mark *free = NULL;

	if (range->event != MMU_NOTIFY_PROTECTION_PAGE || current->mm != space->mm ||
	    range->end - range->start <= PAGE_SIZE)
		return;
	if (mmap_read_trylock(space->mm)) {
		mmap_read_unlock(space->mm);
		return;
	}
	raw_spin_lock(&forks->lock);
	for (mark = forks->marks; mark < last && mark->task != current; mark++)
		if (!mark->task)
			free = mark;
	if (mark == last && free) {
		free->task = current;
		free->time = atomic_long_read(&forks->clock);
		/* Changes that have ended by then have changed their pages: see change_tick(). */
		smp_rmb();
	} else if (mark == last) {
		forks->full = true;
	}
	raw_spin_unlock(&forks->lock);
}

/* Take the mark of this thread.  Without one nothing is known. */
static void take_mark(struct wpt_forks *forks, struct wpt_fork_mark *out)
{
	struct wpt_fork_mark *mark;

	*out = (struct wpt_fork_mark){ };
	raw_spin_lock(&forks->lock);
	for (mark = forks->marks; mark < forks->marks + WPT_FORK_MARKS; mark++)
		if (mark->task == current) {
			*out = *mark;
			mark->task = NULL;
		}
	if (forks->full)
		out->task = NULL;
	raw_spin_unlock(&forks->lock);
}

/* Who follows from now on was not there when these forks began. */
static void clear_marks(struct wpt_forks *forks)
{
	raw_spin_lock(&forks->lock);
	memset(forks->marks, 0, sizeof(forks->marks));
	forks->full = false;
	raw_spin_unlock(&forks->lock);
}

/* A full barrier, between what comes before and after. */
static void change_tick(struct wpt_tracker *t)
{
	WRITE_ONCE(t->follow.changed, atomic_long_inc_return(&t->space->forks.clock));
}

/**
 * wpt_fork_change_begin() - a reset of a tracker begins, or a change of its ranges
 * @t: the tracker, attached and locked
 *
 * Before any page of it is reset.
 */
void wpt_fork_change_begin(struct wpt_tracker *t)
{
	if (!t->follow.unborn) {
		atomic_inc(&t->space->resets);
		/* Before any page changes: see birth(). */
		smp_mb__after_atomic();
	}
	if (!t->follow.on)
		return;
	WRITE_ONCE(t->follow.changing, true);
	change_tick(t);
}

/**
 * wpt_fork_change_end() - all of it is done, and delivered
 * @t: the tracker, locked
 */
void wpt_fork_change_end(struct wpt_tracker *t)
{
	if (!t->follow.on)
		return;
	change_tick(t);
	/* Pairs with wpt_fork_unchanged(). */
	smp_store_release(&t->follow.changing, false);
}

/**
 * wpt_fork_unchanged() - has the parent's tracker not been changed since the fork?
 * @fork: the fork.  Its space is locked: a change that has had this lock has begun
 *        before.
 *
 * One that was under way at the fork either still is, or has ended at a later time.
 */
bool wpt_fork_unchanged(const struct wpt_fork *fork)
{
	const struct wpt_follow *follow = &fork->t->follow;

	return !smp_load_acquire(&follow->changing) &&
	       READ_ONCE(follow->changed) <= fork->time;
}

/**
 * wpt_follow_missed() - a fork is not followed
 * @t: the parent's tracker
 */
void wpt_follow_missed(struct wpt_tracker *t)
{
	wpt_stat_inc(FORKS_MISSED);
	atomic_long_inc(&t->follow.missed);
	wake_up_poll(&t->watch.wait, EPOLLPRI);
}

/* The child is to be born with a tracker.  RCU read section. */
static struct wpt_fork *fork_follow(struct wpt_tracker *t, const struct wpt_fork_mark *mark)
{
	struct wpt_fork *fork;

	/* Whoever holds the tracker may let go of the module with it. */
	if (!try_module_get(THIS_MODULE))
		return NULL;
	fork = kzalloc(sizeof(*fork), GFP_ATOMIC | __GFP_ACCOUNT | __GFP_NOWARN);
	if (!fork)
		wpt_follow_missed(t);
	if (!fork || !refcount_inc_not_zero(&t->refs)) {
		kfree(fork);
		module_put(THIS_MODULE);
		return NULL;
	}
	fork->t = t;
	fork->mm = current->mm;
	mmget(fork->mm);
	fork->time = mark->time;
	fork->calm = mark->task;
	return fork;
}

/*
 * All of them come with one work: none of the child's trackers is anybody's before all have
 * what they need.  Its thread ID would be stored on its way there, and be the only thing
 * that happens to its memory.
 */
static void fork_give(struct task_struct *child, struct wpt_fork *first)
{
	init_task_work(&first->work, wpt_birth);
	first->tid = child->set_child_tid;
	child->set_child_tid = NULL;
	/* It fails only for a task that exits, and this one has not begun. */
	WARN_ON_ONCE(task_work_add(child, &first->work, TWA_RESUME));
}

/* The child cannot run yet, and nobody else changes its mm. */
static void fork_probe(void *data, struct task_struct *parent,
		       struct task_struct *child)
{
	struct mm_struct *mm = current->mm;
	struct wpt_fork *first = NULL, **last = &first;
	struct wpt_fork_mark mark;
	struct wpt_space *space;
	struct wpt_tracker *t;

	if (!mm || !child->mm || child->mm == mm || parent != current)
		return;
	rcu_read_lock();
	space = wpt_space_find(mm);
	if (space && READ_ONCE(space->forks.followers)) {
		take_mark(&space->forks, &mark);
		list_for_each_entry_rcu(t, &space->forks.list, follow.node) {
			*last = fork_follow(t, &mark);
			if (*last)
				last = &(*last)->next;
		}
		if (first)
			fork_give(child, first);
	}
	rcu_read_unlock();
}

static void find_point(struct tracepoint *point, void *unused)
{
	if (!strcmp(point->name, "sched_process_fork"))
		fork_point = point;
}

/**
 * wpt_fork_why_not() - can forks be followed here?
 *
 * Return: NULL, or why not.
 */
const char *wpt_fork_why_not(void)
{
	/* There the probe may not allocate memory. */
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		return "the kernel is built for real time";
	return fork_point ? NULL : "this kernel has no tracepoint sched_process_fork";
}

/**
 * wpt_fork_get() - see to it that forks are noticed
 *
 * Return: 0, to be undone by wpt_fork_put(), or -EOPNOTSUPP.  May sleep.
 */
int wpt_fork_get(void)
{
	int ret = 0;

	if (wpt_fork_why_not())
		return -EOPNOTSUPP;
	mutex_lock(&probe_lock);
	if (!probe_users)
		ret = tracepoint_probe_register(fork_point, fork_probe, NULL);
	if (!ret) {
		probe_users++;
		probe_used = true;
	}
	mutex_unlock(&probe_lock);
	return ret ? -EOPNOTSUPP : 0;
}

/**
 * wpt_fork_put() - one follower less.  May sleep.
 */
void wpt_fork_put(void)
{
	mutex_lock(&probe_lock);
	if (!--probe_users)
		tracepoint_probe_unregister(fork_point, fork_probe, NULL);
	mutex_unlock(&probe_lock);
}

/**
 * wpt_follow_begin() - a tracker follows forks from now on
 * @t:     the tracker, attached and with wpt_fork_get()
 * @space: its space, locked
 */
void wpt_follow_begin(struct wpt_tracker *t, struct wpt_space *space)
{
	list_add_tail_rcu(&t->follow.node, &space->forks.list);
	WRITE_ONCE(space->forks.followers, space->forks.followers + 1);
}

/**
 * wpt_follow_end() - a tracker does not follow forks any more
 * @t:     the tracker, following
 * @space: its space
 *
 * The probe may still find it, but cannot get hold of it once its last reference is gone.
 */
void wpt_follow_end(struct wpt_tracker *t, struct wpt_space *space)
{
	mutex_lock(&space->lock);
	list_del_rcu(&t->follow.node);
	WRITE_ONCE(space->forks.followers, space->forks.followers - 1);
	if (!space->forks.followers)
		clear_marks(&space->forks);
	mutex_unlock(&space->lock);
}

/**
 * wpt_follow_close() - nobody will fetch the children of a tracker any more
 * @t:       the tracker
 * @orphans: their trackers are added to this list, by follow.wait
 */
void wpt_follow_close(struct wpt_tracker *t, struct list_head *orphans)
{
	spin_lock(&t->follow.lock);
	WRITE_ONCE(t->follow.closed, true);
	list_splice_tail_init(&t->follow.waiting, orphans);
	spin_unlock(&t->follow.lock);
}

/**
 * wpt_follow_add() - a child is born
 * @t:     the parent's tracker
 * @child: the child's; handed over
 *
 * Return: false if nobody can fetch it any more: then it is still the caller's.
 */
bool wpt_follow_add(struct wpt_tracker *t, struct wpt_tracker *child)
{
	bool closed;

	spin_lock(&t->follow.lock);
	closed = t->follow.closed;
	if (!closed)
		list_add_tail(&child->follow.wait, &t->follow.waiting);
	spin_unlock(&t->follow.lock);
	return !closed;
}

/**
 * wpt_follow_take() - take the tracker of a child that waits
 * @t: the parent's tracker
 *
 * Return: the tracker, or NULL if none waits.
 */
struct wpt_tracker *wpt_follow_take(struct wpt_tracker *t)
{
	struct wpt_tracker *child;

	spin_lock(&t->follow.lock);
	child = list_first_entry_or_null(&t->follow.waiting, struct wpt_tracker,
					 follow.wait);
	if (child)
		list_del_init(&child->follow.wait);
	spin_unlock(&t->follow.lock);
	return child;
}

/**
 * wpt_follow_untake() - it waits again, before all others
 * @t:     the parent's tracker, in use by the caller and so not closed
 * @child: what wpt_follow_take() gave
 */
void wpt_follow_untake(struct wpt_tracker *t, struct wpt_tracker *child)
{
	spin_lock(&t->follow.lock);
	list_add(&child->follow.wait, &t->follow.waiting);
	spin_unlock(&t->follow.lock);
	/* Others may have looked meanwhile. */
	wake_up_poll(&t->watch.wait, EPOLLPRI);
}

/* Is there something that the owner does not know of yet? */
bool wpt_follow_ready(struct wpt_tracker *t)
{
	return !list_empty_careful(&t->follow.waiting) ||
	       atomic_long_read(&t->follow.missed) != READ_ONCE(t->follow.told);
}

/**
 * wpt_fork_init() - look for the tracepoint
 */
void wpt_fork_init(void)
{
	for_each_kernel_tracepoint(find_point, NULL);
}

/**
 * wpt_fork_exit() - nothing of this is running any more
 *
 * No follower is left.  The last children have let go of the module, but may not have
 * returned from wpt_birth(): they have when they were switched away of their own
 * accord, or are in user space.
 */
void wpt_fork_exit(void)
{
	if (!probe_used)
		return;
	tracepoint_synchronize_unregister();
	synchronize_rcu_tasks();
}
