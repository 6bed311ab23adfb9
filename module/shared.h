/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared memory whose new ptes are read-only. */
#ifndef WPT_SHARED_H
#define WPT_SHARED_H

#include "space.h"

void wpt_shared_init(void);
void wpt_shared_lower(struct wpt_space *space, struct vm_area_struct *vma);
bool wpt_shared_lowered(struct vm_area_struct *vma);
bool wpt_shared_mprotects(const struct wpt_space *space);
unsigned long wpt_shared_restore(struct wpt_space *space, struct mm_struct *mm,
				 unsigned long start, unsigned long end);

#endif /* WPT_SHARED_H */
