/* SPDX-License-Identifier: GPL-2.0-only */
/* What an architecture counts of an address space. */
#ifndef WPT_COMPAT_TLB_H
#define WPT_COMPAT_TLB_H

#include <linux/mm_types.h>

/*
 * Has nothing that is mapped ever been taken away or restricted?  On x86 that counts up in
 * each address space, before its locks are let go, and fork() begins with 0.
 */
static inline bool wpt_mm_untouched(struct mm_struct *mm)
{
	return !atomic64_read(&mm->context.tlb_gen);
}

#endif /* WPT_COMPAT_TLB_H */
