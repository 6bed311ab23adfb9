// SPDX-License-Identifier: GPL-2.0-only
#include <linux/rmap.h>

int probe(struct page *page);
int probe(struct page *page)
{
	return page_try_share_anon_rmap(page);
}
