// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is an entry of a child's page tables still what fork() has left there?  The child has not
 * run yet, but others may have written to its memory, who can find it as soon as it has a
 * number (process_vm_writev(), /proc/PID/mem): before there was anybody to see it, too.
 *
 * fork() leaves no entry of private memory writable but copies of what is pinned, and no page
 * or place in swap to one of the two alone.  A write makes it so; but KSM may share it again.
 * Of shared memory it leaves nothing, but for what is protected by userfaultfd or has guard
 * pages: whatever is there, somebody has touched.
 *
 * What was taken away again before there was anybody to see that: see birth_watched().
 */
#include <linux/mm.h>

#include "compat/anon.h"
#include "compat/entry.h"
#include "inherit.h"
#include "ptwalk.h"
#include "swap.h"

/**
 * wpt_inherited() - is an entry as fork() has left it?
 * @vma:  a mapping of a child that has not run yet
 * @pte:  the entry, or a huge one in its form; its page table is locked
 * @huge: which of them
 *
 * Return: false if that is not sure.
 */
bool wpt_inherited(struct vm_area_struct *vma, pte_t pte, bool huge)
{
	const bool merges = vma->vm_flags & VM_MERGEABLE;
	struct page *page;

	if (pte_none(pte))
		return true;
	if (!pte_present(pte))
		return wpt_pte_empty(pte) ||
		       (!(vma->vm_flags & VM_SHARED) && !merges && wpt_pte_swapped(pte) &&
			wpt_swap_shared(pte));
	if ((vma->vm_flags & VM_SHARED) || pte_write(pte))
		return false;
	page = wpt_pte_page(pte);
	/* The zero page. */
	if (!page)
		return !merges && vma_is_anonymous(vma);
	return !wpt_page_anon(page) ||
	       (wpt_page_inherited(page, huge) && !(merges && wpt_page_ksm(page)));
}

/**
 * wpt_inherits_anon() - does an entry stand for data of private memory, and tell of it?
 * @pte: the entry, or a huge one in its form; its page table is locked
 *
 * Such say themselves whether they were touched.  Others may stand where they have been.
 */
bool wpt_inherits_anon(pte_t pte)
{
	struct page *page;

	if (!pte_present(pte))
		return wpt_pte_swapped(pte);
	page = wpt_pte_page(pte);
	return page && wpt_page_anon(page) && wpt_page_owned_shows(page);
}
