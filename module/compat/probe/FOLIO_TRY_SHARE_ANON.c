// SPDX-License-Identifier: GPL-2.0-only
#include <linux/rmap.h>

int probe(struct folio *folio, struct page *page);
int probe(struct folio *folio, struct page *page)
{
	return folio_try_share_anon_rmap_pte(folio, page);
}
