/* SPDX-License-Identifier: GPL-2.0-only */
/* Guard pages: MADV_GUARD_INSTALL came with 6.13. */
#ifndef WPT_COMPAT_GUARD_H
#define WPT_COMPAT_GUARD_H

#include <linux/mm.h>
#include <linux/swap.h>

#if defined(WPT_HAVE_GUARD_SOFTLEAF)
#include <linux/leafops.h>

static inline bool wpt_pte_guard(pte_t pte)
{
	return !pte_present(pte) &&
	       softleaf_is_guard_marker(softleaf_from_pte(pte));
}

#elif defined(WPT_HAVE_GUARD_SWP_ENTRY)
#include <linux/swapops.h>

static inline bool wpt_pte_guard(pte_t pte)
{
	return !pte_none(pte) && !pte_present(pte) &&
	       is_guard_swp_entry(pte_to_swp_entry(pte));
}

#else

static inline bool wpt_pte_guard(pte_t pte)
{
	return false;
}

#endif

#endif /* WPT_COMPAT_GUARD_H */
