/* SPDX-License-Identifier: GPL-2.0-only */
/* Pages of large folios whose being a mapping's own is hidden for a while. */
#ifndef WPT_LEND_H
#define WPT_LEND_H

#include <linux/mm.h>

#include "chunk_bits.h"
#include "compat/anon.h"

extern bool wpt_lend_used;

void wpt_lend(struct wpt_chunk *chunk, unsigned int i, pte_t *ptep, struct page *page);
void wpt_lend_back(struct wpt_chunk *chunk, unsigned int i, pte_t pte);
void wpt_lend_event(struct wpt_chunk *chunk, unsigned int i, unsigned int n, pte_t *ptep);
void wpt_lend_fault(const struct vm_fault *vmf);

/* Has any page been lent since the module was loaded? */
static __always_inline bool wpt_lends(void)
{
	return WPT_PAGE_LENDS && unlikely(READ_ONCE(wpt_lend_used));
}

#endif /* WPT_LEND_H */
