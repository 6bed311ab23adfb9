/* SPDX-License-Identifier: GPL-2.0-only */
/* Faults that would map more than the page that is accessed. */
#ifndef WPT_MAPIN_H
#define WPT_MAPIN_H

#include <linux/mm_types.h>

void wpt_mapin_init(void);
void wpt_mapin_small(struct mm_struct *mm, pmd_t *pmdp);

#endif /* WPT_MAPIN_H */
