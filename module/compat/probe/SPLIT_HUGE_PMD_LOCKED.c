// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mm.h>
#include <linux/huge_mm.h>
void *wpt_probe(void);
void *wpt_probe(void) { return split_huge_pmd_locked; }
