// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mm.h>
void *wpt_probe(void);
void *wpt_probe(void) { return set_pte_range; }
