// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mm.h>
bool wpt_probe(pte_t pte);
bool wpt_probe(pte_t pte) { return pte_uffd(pte); }
