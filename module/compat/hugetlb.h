/* SPDX-License-Identifier: GPL-2.0-only */
/* The write fault of hugetlb, and what its pages count. */
#ifndef WPT_COMPAT_HUGETLB_H
#define WPT_COMPAT_HUGETLB_H

#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/sched/task_stack.h>
#include <linux/version.h>

#include "fault.h"
#include "ftrace.h"
#include "refs.h"

/*
 * A static function that headers say nothing of: its name and parameters are
 * those of the sources that were read, 5.10, 6.1, 6.12, 7.2 and 7.3.  Where neither of
 * the two forms is known to hold hugetlb is not tracked.
 */
#ifdef WPT_HAVE_FAULT_FLAG_UNSHARE
#define WPT_HUGETLB_FUNCTION	"hugetlb_wp"
#else
#define WPT_HUGETLB_FUNCTION	"hugetlb_cow"
#endif

/* (vmf): since 6.17, and in 6.12.y by a backport that came before 6.12.117 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0) ||			\
	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 117) &&		\
	 LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0))
#define WPT_HUGETLB_KNOWN	1
#elif LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)	/* (mm, vma, address, ptep, ...) */
#define WPT_HUGETLB_KNOWN	1
#define WPT_HUGETLB_ARGS	1
#else
#define WPT_HUGETLB_KNOWN	0
#endif

/*
 * Before 6.0 a write to a read-only page of a shared mapping makes a private
 * copy of it: such a page must never be armed.
 */
#define WPT_HUGETLB_SHARED	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 0, 0))

struct wpt_hugetlb_fault {
	bool write;		/* not to unshare a page for a reader's pin */
	struct mm_struct *mm;
	unsigned long addr;
	pte_t *ptep;
};

/*
 * A stable release may have a newer form: (vmf), or (folio, vmf).  That is a local variable of
 * the caller, and no address space and no mapping is.
 */
static __always_inline struct wpt_hugetlb_fault
wpt_hugetlb_fault_of(wpt_ftrace_regs *fregs)
{
	struct vm_fault *vmf = (struct vm_fault *)wpt_ftrace_arg(fregs, 0);

#ifdef WPT_HUGETLB_ARGS
	if (unlikely(object_is_on_stack((void *)wpt_ftrace_arg(fregs, 1))))
		vmf = (struct vm_fault *)wpt_ftrace_arg(fregs, 1);
	else if (likely(!object_is_on_stack(vmf)))
		return (struct wpt_hugetlb_fault){
#ifdef WPT_HAVE_FAULT_FLAG_UNSHARE
			.write = !(wpt_ftrace_arg(fregs, 4) & FAULT_FLAG_UNSHARE),
#else
			.write = true,
#endif
			.mm = (struct mm_struct *)wpt_ftrace_arg(fregs, 0),
			.addr = wpt_ftrace_arg(fregs, 2),
			.ptep = (pte_t *)wpt_ftrace_arg(fregs, 3),
		};
#endif
	return (struct wpt_hugetlb_fault){
		.write = wpt_fault_is_write(vmf),
		.mm = vmf->vma->vm_mm, .addr = vmf->address, .ptep = vmf->pte,
	};
}

/* The unit in which a mapping counts pages of its file: up to 6.6 a huge page. */
static inline unsigned int wpt_cache_shift(struct vm_area_struct *vma)
{
#ifdef WPT_HAVE_HUGETLB_BASEPAGE_INDEX
	if (is_vm_hugetlb_page(vma))
		return huge_page_shift(hstate_vma(vma));
#endif
	return PAGE_SHIFT;
}

/* References that belong to the mappings of a page, or of its huge one, and to its file. */
static inline int wpt_hugetlb_expected_refs(struct page *page)
{
	int refs = wpt_hugetlb_mappings(page);

	if (PageAnon(page))
		return refs;
	/* Up to 6.6 the cache had one reference, then as many as pages. */
#ifdef WPT_HAVE_HUGETLB_BASEPAGE_INDEX
	return refs + 1;
#else
	return refs + compound_nr(compound_head(page));
#endif
}

#endif /* WPT_COMPAT_HUGETLB_H */
