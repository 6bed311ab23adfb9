/* SPDX-License-Identifier: MIT */
/* A PAGEMAP_SCAN done by trackers. */
#ifndef PRELOAD_SCAN_H
#define PRELOAD_SCAN_H

struct pm_scan_arg;

/*
 * Scan by @nr trackers of one process, at least one.  Sets walk_end.  Returns the
 * number of regions in the caller's array, or -errno.
 */
int scan_by_trackers(struct pm_scan_arg *pm, const int *fds, int nr);

#endif
