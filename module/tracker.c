// SPDX-License-Identifier: GPL-2.0-only
#include <linux/pid.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "cover.h"
#include "hook.h"
#include "listing.h"
#include "stats.h"
#include "tracker.h"
#include "walk.h"

static atomic_t nr_trackers = ATOMIC_INIT(0);	/* attached */

/**
 * wpt_tracker_create() - a tracker that is not attached
 * @parent: the caller is a child of its target; or NULL
 *
 * The owner of the parent's tracker owns and pays for it, or else the caller.
 *
 * Return: the tracker, ERR_PTR(-ENOMEM), or ERR_PTR(-EDQUOT) if its owner has too
 * many.
 */
struct wpt_tracker *wpt_tracker_create(struct wpt_tracker *parent)
{
	struct wpt_tracker *t = kzalloc(sizeof(*t), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!t)
		return ERR_PTR(-ENOMEM);
	ret = parent ? wpt_account_inherit(&t->account, &parent->account) :
		       wpt_account_open(&t->account);
	if (ret) {
		kfree(t);
		return ERR_PTR(ret);
	}
	t->owner = parent ? get_pid(parent->owner) :
			    get_task_pid(current, PIDTYPE_TGID);
	refcount_set(&t->refs, 1);
	mutex_init(&t->lock);
	INIT_LIST_HEAD(&t->node);
	xa_init_flags(&t->pending, XA_FLAGS_ACCOUNT);
	wpt_watch_init(&t->watch);
	wpt_follow_init(&t->follow);
	t->follow.counted = parent;
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
 * @follow: and its children get trackers, too
 *
 * Return: 0, -EBUSY (already attached), -EINTR, -ENOMEM, -EOPNOTSUPP (forks cannot be
 * followed), or an error of ftrace.
 * After -EINTR the hooks and the probe stay: any signal interrupts the registration of a
 * notifier, and under a fast timer it would never come to its end if it had to
 * wait for them in each attempt.
 */
int wpt_tracker_attach(struct wpt_tracker *t, struct mm_struct *mm,
		       struct pid *target, bool follow)
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
	if (follow && !t->follow.probed) {
		ret = wpt_fork_get();
		if (ret)
			goto out;
		t->follow.probed = true;
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
	t->follow.on = follow;
	/* Readers of the list of trackers hold no lock of ours. */
	smp_store_release(&t->target, get_pid(target));
	/* Pairs with smp_load_acquire() in them, in dev_poll(), in wpt_ioc_forked(). */
	smp_store_release(&t->space, space);
	/* Last: the next fork needs all of it. */
	if (follow)
		wpt_follow_begin(t, space);
	mutex_unlock(&space->lock);
	atomic_inc(&nr_trackers);
	ret = 0;
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
	mm = wpt_walk_enter(t);
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

/* Leaves nothing behind in the address space. */
static void tracker_destroy(struct wpt_tracker *t)
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
		/* What it has reset is forgotten. */
		atomic_inc(&space->resets);
		mutex_lock(&space->lock);
		list_del(&t->node);
		list_del(&t->watch.node);
		wpt_cover_exact(space);
		wpt_tracker_forget_begin(t);
		mutex_unlock(&space->lock);
		wpt_tracker_forget(t, mm);
		wpt_space_put(space);
		if (mm)
			mmput(mm);
		atomic_dec(&nr_trackers);
	}
	if (t->follow.probed)
		wpt_fork_put();
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
	if (t->follow.counted)
		wpt_account_forks(&t->account, -1);
	wpt_account_close(&t->account);
	/* fork_probe() may be looking at it. */
	kfree_rcu(t, rcu);
}

/**
 * wpt_tracker_put() - give back a reference
 * @t: the tracker; it ends with the last one.  May sleep.
 */
void wpt_tracker_put(struct wpt_tracker *t)
{
	if (refcount_dec_and_test(&t->refs))
		tracker_destroy(t);
}

/**
 * wpt_tracker_close() - its owner does not need a tracker any more
 * @t: the tracker, with the reference of its owner
 *
 * It ends at once, or when no fork needs it any more.  With it end the trackers of
 * children that were not fetched, and of their children.  May sleep.
 */
void wpt_tracker_close(struct wpt_tracker *t)
{
	LIST_HEAD(closing);

	/* In a loop: generations have no limit, and the stack has. */
	list_add(&t->follow.wait, &closing);
	while (!list_empty(&closing)) {
		t = list_first_entry(&closing, struct wpt_tracker, follow.wait);
		list_del_init(&t->follow.wait);
		if (t->follow.on)
			wpt_follow_end(t, t->space);
		wpt_follow_close(t, &closing);
		wpt_tracker_put(t);
		cond_resched();
	}
}
