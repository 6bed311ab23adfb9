// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mm.h>

unsigned long probe(struct folio *folio);
unsigned long probe(struct folio *folio)
{
	return folio->_mm_ids;
}
