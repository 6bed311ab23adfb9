// SPDX-License-Identifier: GPL-2.0-only
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

#include "hook.h"
#include "listing.h"
#include "pte.h"
#include "space.h"
#include "stats.h"
#include "tracker.h"

DEFINE_PER_CPU(struct wpt_stat_cpu, wpt_stat_cpu);

static const char * const stat_names[] = {
#define X(id, name) name,
	WPT_STATS(X)
#undef X
};

static u64 stat_sum(enum wpt_stat stat)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(wpt_stat_cpu, cpu).v[stat]);
	return sum;
}

/* The longest time for which a step has held the locks, in nanoseconds. */
static atomic64_t max_hold = ATOMIC64_INIT(0);

/**
 * wpt_stats_hold() - the locks of a step are about to be given back
 * @since: when they were taken, by ktime_get_ns()
 */
void wpt_stats_hold(u64 since)
{
	s64 held = ktime_get_ns() - since, max = atomic64_read(&max_hold);

	while (held > max && !atomic64_try_cmpxchg(&max_hold, &max, held))
		;
}

/* Sums over all spaces. */
struct totals {
	unsigned long spaces, armed, bytes;
	u64 until;	/* they are not made anew before */
};

/* Records of 400 GiB. */
#define TOTALS_MANY	(32UL << 20)

/* They may take so much of a processor's time: a twentieth. */
#define TOTALS_SHARE	20

/*
 * Anybody may read them, and with terabytes tracked it takes a tenth of a second to go
 * through all records, in which nobody can free what RCU protects: then they are made every
 * few seconds.
 */
static int totals_get(struct totals *out)
{
	static DEFINE_MUTEX(lock);
	static struct totals last;
	u64 begin;

	if (mutex_lock_interruptible(&lock))
		return -EINTR;
	begin = ktime_get_ns();
	if (begin >= last.until) {
		wpt_space_totals(&last.spaces, &last.armed, &last.bytes);
		last.until = 0;
		/* Otherwise who has just reset wants to see it. */
		if (last.bytes >= TOTALS_MANY)
			last.until = ktime_get_ns() + TOTALS_SHARE * (ktime_get_ns() - begin);
	}
	*out = last;
	mutex_unlock(&lock);
	return 0;
}

/* Lines "key value".  The names are part of the interface. */
static int stats_show(struct seq_file *m, void *v)
{
	struct totals totals;
	enum wpt_stat stat;
	int ret = totals_get(&totals);

	if (ret)
		return ret;
	seq_printf(m, "version %s\n", WPT_VERSION);
	seq_printf(m, "trackers %u\n", wpt_tracker_count());
	seq_printf(m, "spaces %lu\n", totals.spaces);
	seq_printf(m, "hooks %s\n",
		   wpt_hook_installed() ? "installed" : "removed");
	seq_printf(m, "pte_bit %d\n", WPT_PTE_BIT);
	seq_printf(m, "armed %lu\n", totals.armed);
	seq_printf(m, "record_bytes %lu\n", totals.bytes);
	seq_printf(m, "max_hold_us %llu\n",
		   div_u64(atomic64_read(&max_hold), NSEC_PER_USEC));
	for (stat = 0; stat < WPT_STAT_NR; stat++)
		seq_printf(m, "%s %llu\n", stat_names[stat], stat_sum(stat));
	return 0;
}

/**
 * wpt_stats_init() - make /proc/wptrack/stats and its neighbour
 *
 * Return: 0 or -ENOMEM.
 */
int wpt_stats_init(void)
{
	struct proc_dir_entry *dir = proc_mkdir("wptrack", NULL);

	if (!dir)
		return -ENOMEM;
	if (!proc_create_single("stats", 0444, dir, stats_show) ||
	    !proc_create_single("trackers", 0444, dir, wpt_listing_show)) {
		remove_proc_subtree("wptrack", NULL);
		return -ENOMEM;
	}
	return 0;
}

/**
 * wpt_stats_exit() - remove them; waits for readers
 */
void wpt_stats_exit(void)
{
	remove_proc_subtree("wptrack", NULL);
}
