/* SPDX-License-Identifier: GPL-2.0-only */
/* hugetlb: written or clean by whole huge pages. */
#ifndef WPT_HUGETLB_H
#define WPT_HUGETLB_H

#include <linux/mm.h>

bool wpt_hugetlb_walkable(struct vm_area_struct *vma);
bool wpt_hugetlb_trackable(struct vm_area_struct *vma);
const char *wpt_hugetlb_why_not(void);
void wpt_hugetlb_init(void);

#endif /* WPT_HUGETLB_H */
