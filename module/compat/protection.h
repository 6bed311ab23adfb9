/* SPDX-License-Identifier: GPL-2.0-only */
/* change_protection() at its entry: its parameters are not the same everywhere. */
#ifndef WPT_COMPAT_PROTECTION_H
#define WPT_COMPAT_PROTECTION_H

#include <linux/mm.h>

#include "ftrace.h"

/* Parameters, counted from 0: the mapping, the protection if there is one, the flags. */
#if defined(WPT_HAVE_CHANGE_PROTECTION_TLB)		/* from 6.3 on */
#define WPT_CP_VMA	1
#define WPT_CP_FLAGS	4
#elif defined(WPT_HAVE_CHANGE_PROTECTION_TLB_PROT)	/* from 5.16 on */
#define WPT_CP_VMA	1
#define WPT_CP_PROT	4
#define WPT_CP_FLAGS	5
#elif defined(WPT_HAVE_CHANGE_PROTECTION_PROT)
#define WPT_CP_VMA	0
#define WPT_CP_PROT	3
#define WPT_CP_FLAGS	4
#endif

#ifdef WPT_CP_VMA
#define WPT_CHANGE_PROTECTION_KNOWN	1

/* The flag of mprotect(): ptes that are dirty may become writable.  Others have others. */
#ifdef MM_CP_TRY_CHANGE_WRITABLE
#define WPT_CP_UPGRADE	MM_CP_TRY_CHANGE_WRITABLE
#else
#define WPT_CP_UPGRADE	MM_CP_DIRTY_ACCT
#endif

static __always_inline struct vm_area_struct *
wpt_change_protection_vma(wpt_ftrace_regs *fregs)
{
	return (struct vm_area_struct *)wpt_ftrace_arg(fregs, WPT_CP_VMA);
}

static __always_inline bool wpt_change_protection_by_mprotect(wpt_ftrace_regs *fregs)
{
	return !(wpt_ftrace_arg(fregs, WPT_CP_FLAGS) & ~WPT_CP_UPGRADE);
}

/* It is to give no write permission. */
static __always_inline void wpt_change_protection_readonly(wpt_ftrace_regs *fregs)
{
	wpt_ftrace_set_arg(fregs, WPT_CP_FLAGS, 0);
#ifdef WPT_CP_PROT
	wpt_ftrace_set_arg(fregs, WPT_CP_PROT,
			   wpt_ftrace_arg(fregs, WPT_CP_PROT) & ~_PAGE_RW);
#endif
}

#endif

#endif /* WPT_COMPAT_PROTECTION_H */
