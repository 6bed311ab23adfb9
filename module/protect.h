/* SPDX-License-Identifier: GPL-2.0-only */
/* Pages that stay clean although their protection changes. */
#ifndef WPT_PROTECT_H
#define WPT_PROTECT_H

#include <linux/mmu_notifier.h>

#include "space.h"
#include "swap.h"

bool wpt_protect_held(pte_t pte);
bool wpt_protect_file(pte_t pte);
void wpt_protect_begin(struct wpt_space *space, struct wpt_chunk *chunk,
		       unsigned long start, unsigned long end, const void *key, bool again);
void wpt_protect_page(struct wpt_chunk *chunk, unsigned int i, pte_t pte);
void wpt_protect_unshared(pte_t *ptep, struct page *page);
void wpt_protect_hide(pte_t *ptep, struct page *page);
void wpt_protect_share(struct wpt_chunk *chunk, unsigned int i, pte_t *ptep);
void wpt_protect_share_huge(pmd_t *pmdp);
void wpt_protect_share_hugetlb(pmd_t *pmdp);
void wpt_protect_resume_huge(struct wpt_chunk *chunk, pmd_t *pmdp);
enum wpt_own wpt_protect_own(pte_t *ptep);
void wpt_protect_moves(struct wpt_space *space, unsigned long start, unsigned long end);
void wpt_protect_end(struct wpt_space *space, const struct mmu_notifier_range *range);

#endif /* WPT_PROTECT_H */
