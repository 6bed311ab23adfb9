/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Locking a page table.  The kernel's own way was a macro up to 6.4, which takes for
 * granted that the entry is a page table; then it became a function that modules cannot
 * call.
 */
#ifndef WPT_COMPAT_PTLOCK_H
#define WPT_COMPAT_PTLOCK_H

#include <linux/mm.h>

/* Since then page tables are freed by RCU, and pte_unmap() ends a read section. */
#if defined(pte_offset_map_lock)
static inline void wpt_ptes_enter(void) { }
static inline void wpt_ptes_leave(void) { }
#else
static inline void wpt_ptes_enter(void)
{
	rcu_read_lock();
}

static inline void wpt_ptes_leave(void)
{
	rcu_read_unlock();
}
#endif

/*
 * To be undone by pte_unmap_unlock().  NULL if the page table vanished or is a huge entry
 * now.  Before Linux 6.5 callers see to it that one which is here does not go away.
 */
static inline pte_t *wpt_pte_offset_map_lock(struct mm_struct *mm, pmd_t *pmdp,
					     unsigned long addr, spinlock_t **ptlp)
{
	pmd_t pmd;

	wpt_ptes_enter();
	for (;;) {
		pmd = READ_ONCE(*pmdp);
		if (!pmd_present(pmd) || pmd_leaf(pmd) || pmd_bad(pmd))
			break;
		*ptlp = pte_lockptr(mm, &pmd);
		spin_lock(*ptlp);
		if (likely(pmd_same(pmd, READ_ONCE(*pmdp))))
			return pte_offset_kernel(&pmd, addr);
		/* It may just have been found to be accessed, or not. */
		spin_unlock(*ptlp);
	}
	wpt_ptes_leave();
	return NULL;
}

#endif /* WPT_COMPAT_PTLOCK_H */
