// SPDX-License-Identifier: GPL-2.0-only
/*
 * A child whose parent is followed gets its tracker before its first instruction.
 *
 * All of its memory begins as written.  Then pages are reset, one run after the other,
 * that are clean in the parent's tracker.  What that says a little after the fork holds
 * for the fork as well, if no reset came between: a page that was written stays so until
 * it is reset.  If a reset did come, everything stays written.  So does whatever cannot
 * be done for want of memory: nothing that goes wrong here makes a page clean.
 *
 * The child's memory may differ from the parent's at the fork although the child has
 * not run:
 *
 *  - Mappings with MADV_DONTFORK and what is not mapped is not reset, so what is mapped
 *    there later begins as written.  What the parent has unmapped since the fork is not
 *    reported as clean by its tracker.
 *  - Mappings with MADV_WIPEONFORK are empty now, as if they had been zapped.
 *  - Others may have written to it (process_vm_writev()): see inherit.c.
 *  - Restartable sequences are looked after when the task works are done.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/poll.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "fork.h"
#include "stats.h"
#include "walk.h"

/* Runs of clean pages that are collected under the parent's locks. */
#define BIRTH_REGIONS	128

/*
 * Less memory than this between two of them is reset with them, and then made written
 * again: what is unknown must not come to pieces, of which a tracker has only so many.
 */
#define BIRTH_GAP	WPT_CHUNK_SIZE

/* Attempts against signals that are not fatal. */
#define BIRTH_ATTEMPTS	16

/* Pages that can be tracked and were not written. */
static const struct wpt_masks clean_masks = {
	.inverted = WPTRACK_PAGE_WRITTEN,
	.mask = WPTRACK_PAGE_WPALLOWED | WPTRACK_PAGE_WRITTEN,
};

/* The parent's owner is not interested any more, or the child will not live. */
static bool stillborn(const struct wpt_fork *fork)
{
	return READ_ONCE(fork->t->follow.closed) || !current->mm ||
	       (READ_ONCE(current->flags) & PF_EXITING) || fatal_signal_pending(current);
}

/*
 * Registering the notifier gives way to any signal, and a child of somebody who is
 * traced begins with one.  It waits a little.
 */
static int birth_attach(struct wpt_tracker *child)
{
	unsigned int i;
	int ret;

	for (i = 0; i < BIRTH_ATTEMPTS; i++) {
		bool had = test_and_clear_thread_flag(TIF_SIGPENDING);

		ret = wpt_tracker_attach(child, current->mm, task_tgid(current), true);
		if (had)
			set_thread_flag(TIF_SIGPENDING);
		if (ret != -EINTR || fatal_signal_pending(current))
			break;
	}
	return ret;
}

static int track_set(struct wpt_tracker *child, const struct wpt_set *set, u64 flags)
{
	unsigned long done;
	unsigned int i;
	int ret;

	for (i = 0; i < set->nr; i++) {
		ret = wpt_tracker_track(child, set->iv[i].start, set->iv[i].end,
					flags | WPTRACK_TRACK_START_WRITTEN, &done);
		if (ret)
			return ret;
	}
	return 0;
}

/*
 * Has all that happened to the child's memory left a trace?  Whatever took something away, or
 * made it read-only, before there was anybody to note it was counted by the kernel; what comes
 * after its ranges are in the cover is noted.
 */
static bool birth_watched(const struct wpt_space *space)
{
	/* Pairs with wpt_space_event_add(): an event sees the cover, or we see it. */
	smp_mb();
	return space->untouched && !READ_ONCE(space->disturbed);
}

/* The ranges of the parent's tracker, as they are now, all written. */
static int birth_ranges(struct wpt_tracker *child, struct wpt_tracker *t,
			struct wpt_set *ranges)
{
	struct wpt_set keep = { };
	int ret;

	if (mutex_lock_killable(&t->space->lock))
		return -EINTR;
	ret = wpt_set_union(ranges, &t->ranges);
	if (!ret)
		ret = wpt_set_union(&keep, &t->keep);
	mutex_unlock(&t->space->lock);
	/* Nobody else knows this tracker yet. */
	WRITE_ONCE(child->epoch, READ_ONCE(t->epoch));
	if (!ret)
		ret = track_set(child, ranges, 0);
	if (!ret)
		ret = track_set(child, &keep, WPTRACK_TRACK_KEEP_HUGE);
	wpt_set_destroy(&keep);
	return ret;
}

static int birth_reset(struct wpt_tracker *child, unsigned long start, unsigned long end)
{
	struct wptrack_region unused[1];
	struct wpt_scan scan = {
		.start = start,
		.end = end,
		.masks = {
			.mask = WPTRACK_PAGE_WRITTEN,
			.ret = WPTRACK_PAGE_WRITTEN,
		},
		.flags = WPTRACK_SCAN_RESET,
		.clear = true,
		.inherits = true,
		.out = {
			.buf = unused, .cap = ARRAY_SIZE(unused),
			.max_pages = U64_MAX, .count_only = true,
		},
	};

	return wpt_tracker_scan(child, &scan);
}

/*
 * The next piece of [@start, @end) that was copied from the parent as it is.  Nobody
 * but the child maps and unmaps there, and that is us.
 */
static bool next_copied(unsigned long *start, unsigned long *end)
{
	struct vm_area_struct *vma;
	unsigned long addr = *start, last = *end;
	bool found = false;

	mmap_read_lock(current->mm);
	while (addr < last && (vma = find_vma(current->mm, addr)) &&
	       vma->vm_start < last) {
		bool copied = !(vma->vm_flags & VM_WIPEONFORK);

		if (found && (!copied || vma->vm_start > addr))
			break;
		if (copied && !found)
			*start = max(addr, vma->vm_start);
		found = copied;
		addr = min(vma->vm_end, last);
	}
	mmap_read_unlock(current->mm);
	*end = addr;
	return found;
}

/* A run of pages is clean in the parent's tracker. */
static int birth_clean(struct wpt_tracker *child, unsigned long start,
		       unsigned long last)
{
	unsigned long end = last;
	int ret = 0;

	while (!ret && start < last && next_copied(&start, &end)) {
		ret = birth_reset(child, start, end);
		start = end;
		end = last;
	}
	return ret;
}

/*
 * Runs of pages that are clean in the parent's tracker, in their order.  *@prev: where
 * the last run before them has ended; out: where the last of them ends.
 */
static int birth_runs(struct wpt_tracker *child, const struct wptrack_region *run,
		      unsigned int nr, unsigned long *prev)
{
	unsigned long start, end;
	unsigned int first, i;
	int ret = 0;

	for (first = 0; first < nr && !ret; first = i) {
		/* A short gap before it belongs to it. */
		start = run[first].start - *prev < BIRTH_GAP ? *prev : run[first].start;
		end = run[first].end;
		for (i = first + 1; i < nr && run[i].start - end < BIRTH_GAP; i++)
			end = run[i].end;
		ret = birth_clean(child, start, end);
		/* Whatever has become of that: the gaps are written. */
		mutex_lock(&child->space->lock);
		for (end = start; first < i; end = run[first++].end)
			if (run[first].start > end)
				wpt_pending_add(child, end, run[first].start);
		mutex_unlock(&child->space->lock);
		*prev = end;
	}
	return ret;
}

static int birth_range(struct wpt_tracker *child, const struct wpt_fork *fork,
		       const struct wpt_interval *iv, struct wptrack_region *buf)
{
	struct wpt_out out = {
		.buf = buf, .cap = BIRTH_REGIONS,
		.vec_len = U64_MAX, .max_pages = U64_MAX,
	};
	struct wpt_harvest h = {
		.t = fork->t, .mm = fork->mm, .addr = iv->start, .end = iv->end,
		.masks = &clean_masks, .out = &out,
	};
	unsigned long prev = iv->start;
	enum wpt_stop stop;
	int ret;

	do {
		if (stillborn(fork))
			return -EINTR;
		/* Without the tracker's lock, which others may hold for long. */
		ret = wpt_walk_run(&h, wpt_harvest, &stop);
		if (!ret)
			ret = birth_runs(child, buf, out.nr, &prev);
		out.nr = 0;
	} while (!ret && stop == WPT_STOP_FLUSH);
	return ret;
}

/* Reset what is clean in the parent's tracker. */
static int birth_resets(struct wpt_tracker *child, const struct wpt_fork *fork,
			const struct wpt_set *ranges)
{
	struct wptrack_region *buf;
	unsigned int i;
	int ret = 0;

	buf = kmalloc_array(BIRTH_REGIONS, sizeof(*buf), GFP_KERNEL_ACCOUNT);
	if (!buf)
		return -ENOMEM;
	for (i = 0; i < ranges->nr && !ret; i++)
		ret = birth_range(child, fork, &ranges->iv[i], buf);
	kfree(buf);
	return ret;
}

/*
 * Has what was just read from the parent's tracker been so at the fork?  @records: how
 * often an event was not recorded before.
 */
static bool still_calm(const struct wpt_fork *fork, int records)
{
	struct wpt_space *space = fork->t->space;
	bool calm;

	/* A reset that has taken this lock before us has been counted before. */
	if (mutex_lock_killable(&space->lock))
		return false;
	calm = fork->calm && wpt_fork_unchanged(fork) &&
	       atomic_read(&space->lost_records) == records;
	mutex_unlock(&space->lock);
	return calm;
}

/* All reads written, until it was reset. */
static void forget_all(struct wpt_tracker *child)
{
	mutex_lock(&child->space->lock);
	child->lost = true;
	child->losses++;
	mutex_unlock(&child->space->lock);
}

/* The child's tracker becomes fork->child, all written; or fork->ret is why not. */
static void birth_begin(struct wpt_fork *fork)
{
	struct wpt_tracker *child;

	fork->records = atomic_read(&fork->t->space->lost_records);
	child = wpt_tracker_create(fork->t);
	if (IS_ERR(child)) {
		fork->ret = PTR_ERR(child);
		return;
	}
	fork->child = child;
	child->follow.unborn = true;
	fork->ret = birth_attach(child);
	if (!fork->ret) {
		/* Before birth_watched(): who has not seen it is seen there. */
		WRITE_ONCE(child->space->unborn, true);
		fork->ret = birth_ranges(child, fork->t, &fork->ranges);
	}
	if (fork->ret == -EINTR)
		fork->ret = -EAGAIN;
}

/* It takes over what is clean in the parent's, if all that has happened is known. */
static void birth(struct wpt_fork *fork)
{
	struct wpt_tracker *child = fork->child;
	bool calm = still_calm(fork, fork->records);

	if (calm) {
		/* For want of memory more is written than there has to be. */
		birth_resets(child, fork, &fork->ranges);
		/* Who was there before the fork's own has taken traces away with his resets. */
		calm = still_calm(fork, fork->records) &&
		       !atomic_read(&child->space->resets);
		if (!calm)
			forget_all(child);
	}
	if (!calm)
		wpt_stat_inc(OVER_FORKED);
}

/* The tracker is handed over, or not. */
static void birth_done(struct wpt_fork *fork)
{
	const bool lives = !stillborn(fork);
	struct wpt_tracker *child = fork->child;

	if (child) {
		child->follow.unborn = false;
		if (child->space)
			WRITE_ONCE(child->space->unborn, false);
		if (fork->ret || !lives || !wpt_follow_add(fork->t, child))
			wpt_tracker_close(child);
	}
	if (lives && fork->ret)
		wpt_follow_missed(fork->t);
	else if (lives)
		wpt_stat_inc(FORKS);
	wake_up_poll(&fork->t->watch.wait, EPOLLPRI);
	/* May be the end of the parent: children come before that. */
	mmput(fork->mm);
	wpt_tracker_put(fork->t);
	wpt_set_destroy(&fork->ranges);
}

/* What the kernel would have done: nobody minds if it cannot be stored. */
static void birth_tid(int __user *tid)
{
	current->set_child_tid = tid;
	if (tid && current->mm)
		put_user(task_pid_vnr(current), tid);
}

/**
 * wpt_birth() - give the child of a fork a tracker, or several
 * @work: wpt_fork.work.  Runs in the child, before it first returns to user space, or
 *        when it exits without having done so.
 */
void wpt_birth(struct callback_head *work)
{
	struct wpt_fork *first = container_of(work, struct wpt_fork, work), *fork, *next;

	for (fork = first; fork; fork = fork->next)
		if (!stillborn(fork))
			birth_begin(fork);
	/* What they take over is not always easy on others, see wpt_split_try(). */
	for (fork = first; fork; fork = fork->next)
		fork->calm &= fork->child && !fork->ret && birth_watched(fork->child->space);
	for (fork = first; fork; fork = fork->next)
		if (fork->child && !fork->ret)
			birth(fork);
	birth_tid(first->tid);
	for (fork = first; fork; fork = fork->next)
		birth_done(fork);
	for (fork = first; fork; fork = next) {
		next = fork->next;
		kfree(fork);
		/* The last: see wpt_fork_exit(). */
		module_put(THIS_MODULE);
	}
}
