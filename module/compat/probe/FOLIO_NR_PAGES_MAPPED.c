// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mm.h>
int wpt_probe(struct folio *folio);
int wpt_probe(struct folio *folio) { return atomic_read(&folio->_nr_pages_mapped); }
