/* SPDX-License-Identifier: GPL-2.0-only */
/* userfaultfd's bit in a pte: since Linux 7.3 it can take away all access, too. */
#ifndef WPT_COMPAT_UFFD_H
#define WPT_COMPAT_UFFD_H

#include <linux/mm.h>

#ifdef VM_UFFD_RWP
#define WPT_VM_UFFD_PROTECTS	(VM_UFFD_WP | VM_UFFD_RWP)
#else
#define WPT_VM_UFFD_PROTECTS	VM_UFFD_WP
#endif

static inline bool wpt_pte_uffd(pte_t pte)
{
#ifdef WPT_HAVE_PTE_UFFD
	return pte_uffd(pte);
#else
	return pte_uffd_wp(pte);
#endif
}

#endif /* WPT_COMPAT_UFFD_H */
