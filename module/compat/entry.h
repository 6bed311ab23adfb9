/* SPDX-License-Identifier: GPL-2.0-only */
/* What an entry that is not present stands for: newer kernels have new words for it. */
#ifndef WPT_COMPAT_ENTRY_H
#define WPT_COMPAT_ENTRY_H

#include <linux/mm.h>
#include <linux/swap.h>

#include "page.h"

#if defined(WPT_HAVE_ENTRY_SOFTLEAF)
#include <linux/leafops.h>

static inline struct page *wpt_entry_moves(pte_t pte)
{
	softleaf_t entry = softleaf_from_pte(pte);

	return softleaf_is_migration(entry) && !softleaf_is_migration_write(entry) ?
		softleaf_to_page(entry) : NULL;
}

static inline swp_entry_t wpt_entry(pte_t pte)
{
	return softleaf_from_pte(pte);
}

static inline bool wpt_entry_swapped(pte_t pte)
{
	return softleaf_is_swap(softleaf_from_pte(pte));
}

static inline bool wpt_entry_away(pte_t pte)
{
	softleaf_t entry = softleaf_from_pte(pte);

	return softleaf_is_swap(entry) ||
	       (softleaf_is_migration(entry) && !softleaf_is_migration_write(entry));
}

#else
#include <linux/swapops.h>

#ifdef WPT_HAVE_PFN_SWAP_ENTRY	/* from 5.13 on */
#define wpt_migration_write(entry)	is_writable_migration_entry(entry)
#define wpt_migration_page(entry)	pfn_swap_entry_to_page(entry)
#else
#define wpt_migration_write(entry)	is_write_migration_entry(entry)
#define wpt_migration_page(entry)	migration_entry_to_page(entry)
#endif

static inline struct page *wpt_entry_moves(pte_t pte)
{
	swp_entry_t entry = pte_to_swp_entry(pte);

	return is_migration_entry(entry) && !wpt_migration_write(entry) ?
		wpt_migration_page(entry) : NULL;
}

static inline swp_entry_t wpt_entry(pte_t pte)
{
	return pte_to_swp_entry(pte);
}

static inline bool wpt_entry_swapped(pte_t pte)
{
	return !non_swap_entry(pte_to_swp_entry(pte));
}

static inline bool wpt_entry_away(pte_t pte)
{
	swp_entry_t entry = pte_to_swp_entry(pte);

	if (!non_swap_entry(entry))
		return true;
#ifdef SWP_MIGRATION_READ_EXCLUSIVE
	if (swp_type(entry) == SWP_MIGRATION_READ_EXCLUSIVE)
		return true;
#endif
#ifdef SWP_MIGRATION_READ
	if (swp_type(entry) == SWP_MIGRATION_READ)
		return true;
#endif
	return false;
}

#endif

/* A page of a file's cache that is being moved, and was read-only when it went. */
static inline bool wpt_pte_moves_file(pte_t pte)
{
	struct page *page;

	if (pte_none(pte) || pte_present(pte))
		return false;
	page = wpt_entry_moves(pte);
	return page && !wpt_page_anon(page);
}

/* A page in swap. */
static inline bool wpt_pte_swapped(pte_t pte)
{
	return !pte_none(pte) && !pte_present(pte) && wpt_entry_swapped(pte);
}

/* A page in swap, or one that is being moved and will come back read-only. */
static inline bool wpt_pte_away(pte_t pte)
{
	return !pte_none(pte) && !pte_present(pte) && wpt_entry_away(pte);
}

#endif /* WPT_COMPAT_ENTRY_H */
