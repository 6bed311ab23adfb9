/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared memory that is mapped nowhere: what its file holds. */
#ifndef WPT_BACKING_H
#define WPT_BACKING_H

#include <linux/mm.h>

/**
 * struct wpt_backing - what a range of shared memory shows
 * @mapping: the pages of its file; NULL: not known
 * @offset:  of a page: its index in the file, less its number in the address space
 */
struct wpt_backing {
	struct address_space *mapping;
	unsigned long offset;
};

bool wpt_backing_changes(struct vm_area_struct *vma);
bool wpt_backing_void(struct vm_area_struct *vma, unsigned long addr);
struct wpt_backing wpt_backing_find(struct mm_struct *mm, unsigned long start,
				    unsigned long end);
bool wpt_backing_lacks(const struct wpt_backing *b, unsigned long addr);

#endif /* WPT_BACKING_H */
