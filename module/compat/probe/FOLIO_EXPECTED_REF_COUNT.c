// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mm.h>
int wpt_probe(struct page *page);
int wpt_probe(struct page *page) { return folio_expected_ref_count(page_folio(page)); }
