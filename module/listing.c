// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/wptrack/trackers has one line for each open tracker.  Whoever may look into
 * any process sees all of them, everybody else his own.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/pid_namespace.h>
#include <linux/seq_file.h>
#include <linux/user_namespace.h>

#include "listing.h"
#include "tracker.h"

static LIST_HEAD(trackers);
/*
 * Protects the list and keeps its trackers from being destroyed.  Nothing that a
 * user can hold up may be waited for under it.
 */
static DEFINE_MUTEX(trackers_lock);
static u64 last_id;		/* trackers_lock */

/* A reader waits, and counts pages, no longer than this, in milliseconds. */
#define PATIENCE	50

/**
 * wpt_listing_add() - a tracker was opened
 * @t: the tracker, which gets its number
 */
void wpt_listing_add(struct wpt_tracker *t)
{
	mutex_lock(&trackers_lock);
	t->id = ++last_id;
	list_add_tail(&t->listed, &trackers);
	mutex_unlock(&trackers_lock);
}

/**
 * wpt_listing_del() - a tracker is about to be destroyed
 * @t: the tracker
 */
void wpt_listing_del(struct wpt_tracker *t)
{
	mutex_lock(&trackers_lock);
	list_del(&t->listed);
	mutex_unlock(&trackers_lock);
}

/* Does not rely on who holds the space: that may be waiting for the target. */
static bool space_lock(struct wpt_space *space, ktime_t until)
{
	while (!mutex_trylock(&space->lock)) {
		if (ktime_after(ktime_get(), until))
			return false;
		usleep_range(500, 1000);
	}
	return true;
}

/* The part [start, end) of one chunk.  Space locked. */
static void count_chunk(struct wpt_tracker *t, unsigned long start,
			unsigned long end, unsigned long *armed,
			unsigned long *written)
{
	const struct wpt_chunk *chunk = wpt_record_chunk(&t->space->rec, start);
	const struct wpt_bits *pending = wpt_pending_find(t, start);
	bool unknown = wpt_set_overlaps(&t->unknown, start, end);
	unsigned int i = wpt_page_index(start);
	unsigned int n = i + ((end - start) >> PAGE_SHIFT);

	for (; i < n; i++) {
		bool dirty = chunk && test_bit(i, chunk->dirty);
		bool armed_now = chunk && !dirty && test_bit(i, chunk->armed);

		if (dirty || (unknown && armed_now) ||
		    (pending && test_bit(i, pending->b)))
			++*written;
		*armed += armed_now;
	}
}

/* One step; returns where to go on.  Space locked. */
static unsigned long count_step(struct wpt_tracker *t, unsigned long addr,
				unsigned long *armed, unsigned long *written)
{
	unsigned int budget = 64;
	struct wpt_interval iv;
	unsigned long next;

	while (budget--) {
		if (!wpt_set_next(&t->ranges, addr, &iv))
			return ULONG_MAX;
		addr = max(addr, iv.start);
		next = min(wpt_record_next(&t->space->rec, addr, iv.end),
			   wpt_pending_next(t, addr));
		if (next < iv.end) {
			addr = next;
			next = min(iv.end, wpt_chunk_end(addr));
			count_chunk(t, addr, next, armed, written);
		} else {
			next = iv.end;
		}
		addr = next;
	}
	return addr;
}

/**
 * wpt_listing_count() - pages of a tracker as far as they are known
 * @t:       the tracker, which cannot go away
 * @until:   when to give up.  What needs but one step is counted even later.
 * @armed:   out: pages that are write-protected
 * @written: out: pages that are known to be written
 *
 * Return: false if the space was busy, or its records too many.
 */
bool wpt_listing_count(struct wpt_tracker *t, ktime_t until,
		       unsigned long *armed, unsigned long *written)
{
	/* Pairs with wpt_tracker_attach(). */
	struct wpt_space *space = smp_load_acquire(&t->space);
	unsigned long addr = 0;

	*armed = 0;
	*written = 0;
	while (space && addr < ULONG_MAX) {
		if (addr && !ktime_before(ktime_get(), until))
			return false;
		if (!space_lock(space, until))
			return false;
		addr = count_step(t, addr, armed, written);
		mutex_unlock(&space->lock);
		cond_resched();
	}
	return true;
}

static const char *target_state(const struct wpt_tracker *t)
{
	const struct wpt_space *space = READ_ONCE(t->space);

	if (!space)
		return "none";
	return READ_ONCE(space->dead) ? "gone" : "attached";
}

static void show_one(struct seq_file *m, struct wpt_tracker *t, ktime_t until)
{
	struct pid_namespace *ns = task_active_pid_ns(current);
	u64 last_scan = READ_ONCE(t->last_scan);
	unsigned long armed, written;
	struct pid *target;

	/* Pairs with wpt_tracker_attach(). */
	target = smp_load_acquire(&t->target);
	seq_printf(m, "%llu %u %d %d %s %u ", t->id,
		   from_kuid_munged(seq_user_ns(m), t->account.user->uid),
		   pid_nr_ns(t->owner, ns), pid_nr_ns(target, ns),
		   target_state(t), READ_ONCE(t->ranges.nr));
	if (wpt_listing_count(t, until, &armed, &written))
		seq_printf(m, "%lu %lu ", armed, written);
	else
		seq_puts(m, "- - ");
	seq_printf(m, "%llu ", READ_ONCE(t->scans));
	if (last_scan)
		seq_printf(m, "%llu ",
			   div_u64(ktime_get_ns() - last_scan, NSEC_PER_MSEC));
	else
		seq_puts(m, "- ");
	seq_printf(m, "%llu\n", READ_ONCE(t->epoch));
}

/**
 * wpt_listing_show() - the file /proc/wptrack/trackers
 * @m: its sequence
 * @v: not used
 *
 * Who reads is who has opened the file.
 *
 * Return: 0 or -EINTR.
 */
int wpt_listing_show(struct seq_file *m, void *v)
{
	const struct cred *cred = m->file->f_cred;
	bool all = file_ns_capable(m->file, &init_user_ns, CAP_SYS_PTRACE);
	ktime_t until = ktime_add_ms(ktime_get(), PATIENCE);
	struct wpt_tracker *t;

	seq_puts(m, "id uid pid target state ranges armed written scans last_scan_ms epoch\n");
	if (mutex_lock_killable(&trackers_lock))
		return -EINTR;
	list_for_each_entry(t, &trackers, listed)
		if (all || uid_eq(t->account.user->uid, cred->euid))
			show_one(m, t, until);
	mutex_unlock(&trackers_lock);
	return 0;
}
