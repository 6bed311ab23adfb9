/* SPDX-License-Identifier: GPL-2.0-only */
/* What events pass over where there is no record. */
#ifndef WPT_UNSEEN_H
#define WPT_UNSEEN_H

#include <linux/types.h>

struct wpt_space;

void wpt_unseen_lost(struct wpt_space *space);
void wpt_unseen_hull(struct wpt_space *space, unsigned long start,
		     unsigned long end, bool clears);
void wpt_unseen_hole(struct wpt_space *space, unsigned long start, unsigned long end);
bool wpt_unseen_marks(const struct wpt_space *space, unsigned long start, unsigned long end);
bool wpt_unseen_remaps(const struct wpt_space *space, unsigned long start, unsigned long end);
unsigned long wpt_unseen_start(const struct wpt_space *space, unsigned long start,
			       unsigned long end);
void wpt_unseen_moves(struct wpt_space *space, unsigned long start, unsigned long end);

#endif /* WPT_UNSEEN_H */
