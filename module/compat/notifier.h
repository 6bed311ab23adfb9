/* SPDX-License-Identifier: GPL-2.0-only */
/* The mmu notifier bracket around a change of ptes. */
#ifndef WPT_COMPAT_NOTIFIER_H
#define WPT_COMPAT_NOTIFIER_H

#include <linux/hugetlb_inline.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>

/* 5.10 to 6.5: a second argument says that nothing was to be invalidated again */
#ifdef WPT_HAVE_NOTIFIER_END_ONLY
#define WPT_NOTIFIER_END_PARAMS	(struct mmu_notifier_range *range, bool only_end)
#define WPT_NOTIFIER_END_ARGS(range)	((range), false)
#else
#define WPT_NOTIFIER_END_PARAMS	(struct mmu_notifier_range *range)
#define WPT_NOTIFIER_END_ARGS(range)	(range)
#endif

/* up to 6.2 the vma is passed; all its users here accept NULL */
static inline void wpt_notifier_range_init(struct mmu_notifier_range *range,
					   struct mm_struct *mm,
					   unsigned long start,
					   unsigned long end)
{
#ifdef WPT_HAVE_NOTIFIER_RANGE_VMA
	mmu_notifier_range_init(range, MMU_NOTIFY_PROTECTION_VMA, 0, NULL, mm,
				start, end);
#else
	mmu_notifier_range_init(range, MMU_NOTIFY_PROTECTION_VMA, 0, mm, start,
				end);
#endif
	range->flags |= MMU_NOTIFIER_RANGE_BLOCKABLE;
}

/*
 * Up to 6.1 hugetlb says UNMAP also where a hole is made in its file, and who touches a
 * private mapping of it meanwhile is not kept from that.  munmap() names the first of its
 * mappings.
 */
static inline bool wpt_notifier_makes_holes(const struct mmu_notifier_range *range)
{
#ifdef WPT_HAVE_NOTIFIER_RANGE_VMA
	struct vm_area_struct *vma = range->vma;

	return vma && range->event == MMU_NOTIFY_UNMAP && is_vm_hugetlb_page(vma) &&
	       !(vma->vm_flags & VM_MAYSHARE) &&
	       range->start >= vma->vm_start && range->end <= vma->vm_end;
#else
	return false;
#endif
}

#endif /* WPT_COMPAT_NOTIFIER_H */
