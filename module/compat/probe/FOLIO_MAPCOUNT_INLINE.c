// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mm.h>
/* an error if it is an external function */
static inline int folio_mapcount(const struct folio *folio);
