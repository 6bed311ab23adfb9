/* SPDX-License-Identifier: GPL-2.0-only */
/* Locking a page table.  A macro up to 6.4, then a function under two names. */
#ifndef WPT_COMPAT_PTLOCK_H
#define WPT_COMPAT_PTLOCK_H

#include <linux/mm.h>
#include <linux/static_call.h>

#if defined(pte_offset_map_lock)
#define WPT_PTLOCK_SYMS(X)
#elif defined(WPT_HAVE_PTE_OFFSET_MAP_LOCK_INNER)
#define WPT_PTLOCK_SYMS(X)						\
	X(pte_offset_map_lock, "__pte_offset_map_lock", pte_t *,	\
	  (struct mm_struct *mm, pmd_t *pmd, unsigned long addr,	\
	   spinlock_t **ptlp), NULL)
#else
#define WPT_PTLOCK_SYMS(X)						\
	X(pte_offset_map_lock, "pte_offset_map_lock", pte_t *,		\
	  (struct mm_struct *mm, pmd_t *pmd, unsigned long addr,	\
	   spinlock_t **ptlp), NULL)
#endif

/* For use behind sym.h; NULL if the page table vanished or is a huge entry now. */
#if defined(pte_offset_map_lock)
/*
 * The macro takes for granted that the entry is a page table.  Callers see to it
 * that one which is here does not go away, but it may have gone before, or the
 * entry may be huge by now.
 */
static inline pte_t *wpt_pte_offset_map_lock(struct mm_struct *mm, pmd_t *pmdp,
					     unsigned long addr, spinlock_t **ptlp)
{
	pmd_t pmd = READ_ONCE(*pmdp);

	if (!pmd_present(pmd) || pmd_leaf(pmd) || pmd_bad(pmd))
		return NULL;
	*ptlp = pte_lockptr(mm, &pmd);
	spin_lock(*ptlp);
	if (pmd_same(pmd, READ_ONCE(*pmdp)))
		return pte_offset_kernel(&pmd, addr);
	spin_unlock(*ptlp);
	return NULL;
}
#else
#define wpt_pte_offset_map_lock(mm, pmd, addr, ptlp)			\
	static_call(wpt_pte_offset_map_lock)(mm, pmd, addr, ptlp)
#endif

#endif /* WPT_COMPAT_PTLOCK_H */
