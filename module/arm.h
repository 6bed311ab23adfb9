/* SPDX-License-Identifier: GPL-2.0-only */
/* Arming one pte: write-protect it, mark it, and be sure of it. */
#ifndef WPT_ARM_H
#define WPT_ARM_H

#include <linux/mm.h>

/* What became of an attempt to arm a page. */
enum wpt_arm {
	WPT_ARM_DONE,		/* armed now; the TLB has to be flushed */
	WPT_ARM_PINNED,		/* the others: not armed, and why */
	WPT_ARM_REFERENCED,
	WPT_ARM_READONLY,
	WPT_ARM_SWAPPED,
	WPT_ARM_HUGE,		/* huge, and cannot be tracked as a whole here */
	WPT_ARM_UNTRACKABLE,
};

bool wpt_vma_walkable(struct vm_area_struct *vma);
bool wpt_vma_trackable(struct vm_area_struct *vma);
enum wpt_arm wpt_arm_pte(struct vm_area_struct *vma, pte_t *ptep);
unsigned long wpt_arm_word(struct vm_area_struct *vma, pte_t *ptep,
			   unsigned long todo, bool writable);
enum wpt_arm wpt_arm_huge(struct vm_area_struct *vma, pmd_t *pmdp);
bool wpt_arm_cache_held(struct vm_area_struct *vma, unsigned long addr);
void wpt_arm_count(enum wpt_arm why, unsigned int nr);

#endif /* WPT_ARM_H */
