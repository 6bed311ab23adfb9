// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is an entry of a child's page tables still what fork() has left there?  The child has not
 * run yet, but others may have written to its memory, who can find it as soon as it has a
 * number (process_vm_writev(), /proc/PID/mem): before there was anybody to see it, too.
 *
 * fork() leaves no entry of private memory writable but copies of what is pinned, which is
 * not clean in the parent either; and no page is left to one of the two alone.  A write makes
 * it so.  Of shared memory it leaves nothing but the entries of hugetlb: whatever else is
 * there, somebody has touched.
 */
#include <linux/hugetlb.h>

#include "compat/anon.h"
#include "compat/entry.h"
#include "inherit.h"
#include "ptwalk.h"

/**
 * wpt_inherited() - is an entry as fork() has left it?
 * @vma: a mapping of a child that has not run yet
 * @pte: the entry, or a huge one in its form; its page table is locked
 *
 * Return: false if that is not sure.
 */
bool wpt_inherited(struct vm_area_struct *vma, pte_t pte)
{
	struct page *page;

	if (pte_none(pte))
		return true;
	if ((vma->vm_flags & VM_SHARED) && !is_vm_hugetlb_page(vma))
		return false;
	if (!pte_present(pte))
		return wpt_entry_inherited(pte);
	if (pte_write(pte))
		return false;
	page = wpt_pte_page(pte);
	return !page || !wpt_page_anon(page) || wpt_page_inherited(page);
}
