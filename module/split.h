/* SPDX-License-Identifier: GPL-2.0-only */
/* Huge entries that are split: the marks go over to the ptes. */
#ifndef WPT_SPLIT_H
#define WPT_SPLIT_H

#include <linux/mm.h>

#ifdef CONFIG_TRANSPARENT_HUGEPAGE
int wpt_split_init(void);
bool wpt_split_ready(void);
const char *wpt_split_why_not(void);
bool wpt_split_try(struct vm_area_struct *vma, pmd_t *pmdp, unsigned long addr);
void wpt_split_for_write(struct vm_fault *vmf);
bool wpt_split_tracked(struct mm_struct *mm);
bool wpt_split_none(void);
#else
static inline int wpt_split_init(void) { return 0; }
static inline bool wpt_split_ready(void) { return false; }
static inline bool wpt_split_none(void) { return false; }
static inline const char *wpt_split_why_not(void)
{
	return "the kernel was built without CONFIG_TRANSPARENT_HUGEPAGE";
}
static inline bool wpt_split_try(struct vm_area_struct *vma, pmd_t *pmdp,
				 unsigned long addr)
{
	return true;
}
#endif

#endif /* WPT_SPLIT_H */
