/* SPDX-License-Identifier: GPL-2.0-only */
/* Pages of files that stay clean although their ptes are taken for good. */
#ifndef WPT_DROP_H
#define WPT_DROP_H

#include <linux/mmu_notifier.h>

#include "chunk.h"
#include "pte.h"
#include "space.h"

bool wpt_drop_dontneed(const struct mmu_notifier_range *range);
bool wpt_drop_removes(const struct mmu_notifier_range *range);
bool wpt_drop_frees(const struct mmu_notifier_range *range);
bool wpt_drop_reclaim(const struct wpt_space *space, const struct mmu_notifier_range *range);
bool wpt_drop_reclaims(pte_t pte);
bool wpt_drop_armed(struct wpt_chunk *chunk, unsigned int i, pte_t pte);
void wpt_drop_arm_huge(const struct wpt_space *space, struct wpt_chunk *chunk,
		       struct vm_area_struct *vma, pmd_t *pmdp);
bool wpt_drop_arm(const struct wpt_space *space, struct wpt_chunk *chunk, unsigned int i,
		  pte_t *ptep);
void wpt_drop_gone(struct wpt_chunk *chunk, unsigned int i);

#endif /* WPT_DROP_H */
