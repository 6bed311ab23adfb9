// SPDX-License-Identifier: MIT
#include <errno.h>

#include "../lib/handle.h"
#include "abi.h"
#include "ask.h"
#include "scan.h"

/* The flags and the categories have the same numbers in both interfaces. */
_Static_assert(PM_SCAN_WP_MATCHING == WPTRACK_SCAN_RESET, "flags differ");
_Static_assert(PM_SCAN_CHECK_WPASYNC == WPTRACK_SCAN_CHECK_TRACKED, "flags differ");

/* wptrack's own categories are no part of PAGEMAP_SCAN. */
#define OWN_CATEGORIES	(~0ULL << 32)

/* What was delivered so far. */
struct progress {
	uint64_t regions;
	uint64_t pages;
};

/* What wptrack would take and the kernel does not. */
static int check(const struct pm_scan_arg *pm)
{
	const uint64_t categories = pm->category_inverted | pm->category_mask |
				    pm->category_anyof_mask | pm->return_mask;

	if (pm->size != sizeof(*pm) || categories & OWN_CATEGORIES)
		return -EINVAL;
	if (pm->flags & ~(uint64_t)(PM_SCAN_WP_MATCHING | PM_SCAN_CHECK_WPASYNC))
		return -EINVAL;
	/* An address of the kernel. */
	if ((int64_t)pm->end < 0)
		return -EFAULT;
	return 0;
}

/*
 * The kernel passes over memory that is not registered when it protects what
 * matches; wptrack reports it.  False if nothing can match then.
 */
static bool only_tracked(struct wptrack_scan *arg)
{
	const uint64_t bit = WPTRACK_PAGE_WPALLOWED;

	if (arg->category_inverted & bit) {
		if (arg->category_mask & bit || arg->category_anyof_mask == bit)
			return false;
		arg->category_inverted &= ~bit;
		arg->category_anyof_mask &= ~bit;
	}
	arg->category_mask |= bit;
	return true;
}

/* Scan a part of the range by one tracker. */
static int scan_part(struct pm_scan_arg *pm, int fd, uint64_t start,
		     uint64_t end, struct progress *done)
{
	struct wptrack_scan arg = {
		.size = sizeof(arg),
		.flags = pm->flags,
		.start = start,
		.end = end,
		.category_inverted = pm->category_inverted,
		.category_mask = pm->category_mask,
		.category_anyof_mask = pm->category_anyof_mask,
		.return_mask = pm->return_mask,
	};
	int ret;

	/* The kernel counts nothing, and knows no limit, without an array. */
	if (pm->vec_len) {
		arg.vec = pm->vec + done->regions * sizeof(struct wptrack_region);
		arg.vec_len = pm->vec_len - done->regions;
		arg.max_pages = pm->max_pages ? pm->max_pages - done->pages : 0;
	}
	if (pm->flags == PM_SCAN_WP_MATCHING && !only_tracked(&arg)) {
		pm->walk_end = end;
		return 0;
	}
	ret = wpt_scan_once(fd, &arg);
	pm->walk_end = arg.walk_end;
	done->regions += arg.regions;
	done->pages += arg.pages;
	return ret;
}

/* Who tracks what lies at @at, up to *@end?  Any tracker knows what nobody tracks. */
static int owner(const int *fds, int nr, uint64_t at, uint64_t *end)
{
	int i;

	for (i = 0; i < nr; i++) {
		uint64_t from = at, to = *end;

		if (!ask_tracked(fds[i], &from, &to))
			continue;
		if (from == at) {
			*end = to;
			return fds[i];
		}
		*end = from;
	}
	return fds[0];
}

static bool room(const struct pm_scan_arg *pm, const struct progress *done)
{
	return !pm->vec_len ||
	       (done->regions < pm->vec_len &&
		(!pm->max_pages || done->pages < pm->max_pages));
}

int scan_by_trackers(struct pm_scan_arg *pm, const int *fds, int nr)
{
	struct progress done = { 0 };
	uint64_t at = pm->start, end;
	int fd, ret = check(pm);

	if (ret)
		return ret;
	do {
		end = pm->end;
		fd = nr > 1 ? owner(fds, nr, at, &end) : fds[0];
		ret = scan_part(pm, fd, at, end, &done);
		at = end;
	} while (!ret && end < pm->end && pm->walk_end >= end && room(pm, &done));
	if (ret)
		return ret;
	return pm->vec_len ? done.regions : 0;
}
