/* SPDX-License-Identifier: GPL-2.0-only */
/* Pages that stay clean although their pte goes away for a while. */
#ifndef WPT_CARRY_H
#define WPT_CARRY_H

#include "space.h"

bool wpt_carry_back(pte_t pte);
bool wpt_carry_file(pte_t pte);
void wpt_carry_resume(struct wpt_chunk *chunk, unsigned int i, pte_t *ptep);
void wpt_carry_begin(struct wpt_space *space, const void *key,
		     const unsigned long *pages, bool drops, bool copies);
void wpt_carry_end(struct wpt_space *space, const void *key);

#endif /* WPT_CARRY_H */
