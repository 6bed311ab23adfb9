/* SPDX-License-Identifier: GPL-2.0-only */
/* Arming one pte: write-protect it, mark it, and be sure of it. */
#ifndef WPT_ARM_H
#define WPT_ARM_H

#include <linux/mm.h>

#include "pte.h"

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
enum wpt_arm wpt_arm_sure(struct vm_area_struct *vma, pte_t *ptep, pte_t old,
			  struct page *page);
enum wpt_arm wpt_arm_unmarked(struct vm_area_struct *vma, pte_t *ptep, enum wpt_arm why);
enum wpt_arm wpt_arm_huge(struct vm_area_struct *vma, pmd_t *pmdp);
bool wpt_page_held(struct page *page, int ours);
bool wpt_arm_cache_held(struct vm_area_struct *vma, unsigned long addr);
void wpt_arm_count(enum wpt_arm why, unsigned int nr);

/*
 * An entry holds one reference.  If that is all there are after its exchange, nobody else
 * holds the page, and it is not pinned, whatever page it is: one look tells, and no number
 * has to be expected.  See wpt_arm_pte().
 *
 * Of a larger page only the first part has the references of all; the others have none.
 */
static __always_inline bool wpt_page_alone(struct page *page)
{
	return page_ref_count(page) == 1;
}

/**
 * wpt_arm_word() - as wpt_arm_pte() for many ptes, as long as that is easy
 * @vma:  their mapping, which is writable: anonymous pages of others are not armed
 * @ptep: the first of 64 ptes
 * @todo: a bit for each of them that is to be armed
 * @want: bits that the ptes must have; %_PAGE_PRESENT is one
 *
 * In their order, up to the first that maps no ordinary page or that cannot be armed:
 * for this wpt_arm_pte() has the answer.
 *
 * Return: those that are armed now, as after %WPT_ARM_DONE.
 */
static __always_inline unsigned long wpt_arm_word(struct vm_area_struct *vma, pte_t *ptep,
						  unsigned long todo, pteval_t want)
{
	unsigned long left = todo;
	struct page *page;
	pte_t *pte, old;

	while (left) {
		pte = ptep + __ffs(left);
		old = READ_ONCE(*pte);
		/* protnone lacks the first; the zero page is special */
		if ((wpt_pte_flags(old) & (want | _PAGE_SPECIAL)) != want)
			break;
		page = pfn_to_page((wpt_pte_flags(old) & PTE_PFN_MASK) >> PAGE_SHIFT);
		while (!wpt_pte_cmpxchg(pte, &old, wpt_pte_mkarmed(old)))
			;
		if (unlikely(!wpt_page_alone(page)) &&
		    wpt_arm_sure(vma, pte, old, page) != WPT_ARM_DONE)
			break;
		left &= left - 1;
	}
	return todo & ~left;
}

#endif /* WPT_ARM_H */
