// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mm.h>

int probe(struct page *page);
int probe(struct page *page)
{
	return PageAnonExclusive(page);
}
