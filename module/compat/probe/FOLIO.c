// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mm.h>
bool wpt_probe(struct page *page);
bool wpt_probe(struct page *page) { return folio_maybe_dma_pinned(page_folio(page)); }
