// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mm.h>
pte_t *wpt_probe(struct mm_struct *mm, pmd_t *pmd, spinlock_t **ptl);
pte_t *wpt_probe(struct mm_struct *mm, pmd_t *pmd, spinlock_t **ptl)
{
	return __pte_offset_map_lock(mm, pmd, 0, ptl);
}
