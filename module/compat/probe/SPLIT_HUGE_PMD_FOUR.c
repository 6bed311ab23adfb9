// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mm.h>
#include <linux/huge_mm.h>
void wpt_probe(struct vm_area_struct *vma, pmd_t *pmd);
void wpt_probe(struct vm_area_struct *vma, pmd_t *pmd) { __split_huge_pmd(vma, pmd, 0, false); }
