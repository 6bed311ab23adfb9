/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A sorted set of disjoint address intervals.  Knows nothing of page tables,
 * trackers or locks; compiles in user space for the unit tests.
 */
#ifndef WPT_INTERVALS_H
#define WPT_INTERVALS_H

#include "port.h"

/* [start, end), start < end */
struct wpt_interval {
	unsigned long start;
	unsigned long end;
};

/**
 * struct wpt_set - sorted, disjoint, non-adjacent intervals
 * @iv:  the intervals
 * @nr:  how many there are
 * @cap: room in @iv
 *
 * The caller provides the locking; @nr may be looked at without.  A zeroed structure is
 * the empty set.
 */
struct wpt_set {
	struct wpt_interval *iv;
	unsigned int nr;
	unsigned int cap;
};

void wpt_set_destroy(struct wpt_set *set);
void wpt_set_swap(struct wpt_set *a, struct wpt_set *b);
int wpt_set_add(struct wpt_set *set, unsigned long start, unsigned long end,
		unsigned int max);
int wpt_set_del(struct wpt_set *set, unsigned long start, unsigned long end,
		unsigned int max);
int wpt_set_union(struct wpt_set *set, const struct wpt_set *other);
int wpt_set_subtract(struct wpt_set *set, const struct wpt_set *other);
bool wpt_set_next(const struct wpt_set *set, unsigned long addr,
		  struct wpt_interval *out);

/* True if all of the range is in the set. */
static inline bool wpt_set_covers(const struct wpt_set *set,
				  unsigned long start, unsigned long end)
{
	struct wpt_interval iv;

	return wpt_set_next(set, start, &iv) && iv.start <= start &&
	       iv.end >= end;
}

/* Does the set hold any address of [start, end)? */
static inline bool wpt_set_overlaps(const struct wpt_set *set,
				    unsigned long start, unsigned long end)
{
	struct wpt_interval iv;

	return wpt_set_next(set, start, &iv) && iv.start < end;
}

#endif /* WPT_INTERVALS_H */
