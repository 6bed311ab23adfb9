/* SPDX-License-Identifier: GPL-2.0-only */
/* Counters of /proc/wptrack/stats.  Per CPU: the fault hook adds to them. */
#ifndef WPT_STATS_H
#define WPT_STATS_H

#include <linux/percpu.h>
#include <linux/types.h>

/*
 * WPT_OVER_*: pages reported written although nobody was seen writing them, by
 * cause.  Each is counted when it happens, so a page that stays pinned counts
 * once in every scan.
 */
#define WPT_STATS(X)				\
	/* first writes seen by the hook */	\
	X(FAULTS, "faults")			\
	/* marked ptes met outside tracked memory: children after fork() */ \
	X(FAULTS_FOREIGN, "faults_foreign")	\
	/* first writes to huge pages that stay whole */ \
	X(FAULTS_HUGE, "faults_huge")		\
	/* huge entries of clean pages that were split */ \
	X(SPLITS, "splits")			\
	/* pages that stayed clean in a split, in swap or while they were moved */ \
	X(CARRIED, "carried")			\
	/* children that were born with a tracker, and others */ \
	X(FORKS, "forks_followed")		\
	X(FORKS_MISSED, "forks_missed")		\
	X(SCANS, "scans")			\
	X(REPORTED, "reported")			\
	X(ARMS, "arms")				\
	X(EVENTS, "events")			\
	X(WAKEUPS, "wakeups")			\
	X(LRU_DRAINS, "lru_drains")		\
	X(CHUNK_WALKS, "chunk_walks")		\
	/* the pte lost its mark without a write: mprotect, NUMA hinting, ... */ \
	X(OVER_UNMARKED, "overreport_unmarked")	\
	/* the page was taken away: munmap, MADV_DONTNEED, hole punch */ \
	X(OVER_ZAPPED, "overreport_zapped")	\
	/* an empty page of shared memory that an event has passed over */ \
	X(OVER_HAZY, "overreport_hazy")		\
	/* swapped out or in migration */	\
	X(OVER_SWAPPED, "overreport_swapped")	\
	/* a device may write to the page at any time */ \
	X(OVER_PINNED, "overreport_pinned")	\
	/* somebody holds a reference that may mean a write in flight */ \
	X(OVER_REFERENCED, "overreport_referenced") \
	/* a private page without write permission: ptrace can write it */ \
	X(OVER_READONLY, "overreport_readonly")	\
	/* mapped by a huge entry */		\
	X(OVER_HUGE, "overreport_huge")		\
	/* the mapping or page cannot be write-protected */ \
	X(OVER_UNTRACKABLE, "overreport_untrackable") \
	/* memory for the record was short */	\
	X(OVER_NOMEM, "overreport_nomem")	\
	/* an event passed where nothing was mapped, and left no record of its own */ \
	X(OVER_UNSURE, "overreport_unsure")	\
	/* forks during which the parent was reset: all of the child's memory */ \
	X(OVER_FORKED, "overreport_forked")	\
	/* a marked pte was writable: must stay 0 */ \
	X(ANOMALIES, "anomalies")

enum wpt_stat {
#define X(id, name) WPT_STAT_##id,
	WPT_STATS(X)
#undef X
	WPT_STAT_NR
};

struct wpt_stat_cpu {
	u64 v[WPT_STAT_NR];
};

DECLARE_PER_CPU(struct wpt_stat_cpu, wpt_stat_cpu);

#define wpt_stat_inc(id)	this_cpu_inc(wpt_stat_cpu.v[WPT_STAT_##id])
#define wpt_stat_add(id, n)	this_cpu_add(wpt_stat_cpu.v[WPT_STAT_##id], n)

void wpt_stats_hold(u64 since);
int wpt_stats_init(void);
void wpt_stats_exit(void);

#endif /* WPT_STATS_H */
