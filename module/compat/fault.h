/* SPDX-License-Identifier: GPL-2.0-only */
/* What a page fault tells of itself. */
#ifndef WPT_COMPAT_FAULT_H
#define WPT_COMPAT_FAULT_H

#include <linux/mm.h>

/* From 6.0 do_wp_page() also unshares a page for a reader who wants to pin it. */
static __always_inline bool wpt_fault_is_write(const struct vm_fault *vmf)
{
#ifdef WPT_HAVE_FAULT_FLAG_UNSHARE
	return !(vmf->flags & FAULT_FLAG_UNSHARE);
#else
	return true;
#endif
}

/* From 6.6 the kernel has a function for the pages of a folio, of which a fault may map all. */
#ifdef WPT_HAVE_SET_PTE_RANGE
#define WPT_FAULT_MAPS_FOLIOS	true
#else
#define WPT_FAULT_MAPS_FOLIOS	false
#endif

#endif /* WPT_COMPAT_FAULT_H */
