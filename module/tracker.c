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
		wpt_tracker_forget_begin(t);
		mutex_unlock(&space->lock);
		wpt_tracker_forget(t, mm);
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
