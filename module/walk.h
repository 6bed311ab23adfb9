/* SPDX-License-Identifier: GPL-2.0-only */
/* Walks in steps, and their locks. */
#ifndef WPT_WALK_H
#define WPT_WALK_H

#include "harvest.h"

struct mm_struct *wpt_walk_enter(struct wpt_tracker *t);
int wpt_walk_lock(struct wpt_space *space, struct mm_struct *mm);
void wpt_walk_unlock(struct wpt_space *space, struct mm_struct *mm);
void wpt_walk_flush(struct mm_struct *mm, unsigned long start, unsigned long end);
int wpt_walk_run(struct wpt_harvest *h,
		 enum wpt_stop (*walk)(struct wpt_harvest *h),
		 enum wpt_stop *stop);

#endif /* WPT_WALK_H */
