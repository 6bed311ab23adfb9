/* SPDX-License-Identifier: GPL-2.0-only */
/* Anonymous pages that are in swap. */
#ifndef WPT_SWAP_H
#define WPT_SWAP_H

#include "pte.h"

/* What is in the way of finding out that a page belongs to one mapping alone. */
enum wpt_own {
	WPT_OWN_DONE,		/* nothing: it does, or it does not */
	WPT_OWN_HELD,		/* somebody holds it, perhaps a list of the LRU */
	WPT_OWN_LOCKED,		/* it may be on its way from swap */
	WPT_OWN_WRITTEN,	/* it is back, and still being written there */
};

bool wpt_swap_ready(void);
struct page *wpt_swap_cached(pte_t pte, struct vm_area_struct *vma, unsigned long addr);
bool wpt_swap_held(pte_t pte);
bool wpt_swap_shared(pte_t pte);
void wpt_swap_share(pte_t *ptep);
enum wpt_own wpt_swap_own(pte_t *ptep);
void wpt_swap_init(void);

#endif /* WPT_SWAP_H */
