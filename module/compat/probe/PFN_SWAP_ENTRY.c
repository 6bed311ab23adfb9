// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mm.h>
#include <linux/swap.h>
#include <linux/swapops.h>
struct page *wpt_probe(swp_entry_t entry);
struct page *wpt_probe(swp_entry_t entry)
{
	return is_writable_migration_entry(entry) ? pfn_swap_entry_to_page(entry) : NULL;
}
