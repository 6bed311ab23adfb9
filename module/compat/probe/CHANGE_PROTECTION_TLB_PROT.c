// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mm.h>
void wpt_probe(struct mmu_gather *tlb, struct vm_area_struct *vma, pgprot_t prot, unsigned long flags);
void wpt_probe(struct mmu_gather *tlb, struct vm_area_struct *vma, pgprot_t prot, unsigned long flags)
{
	change_protection(tlb, vma, vma->vm_start, vma->vm_end, prot, flags);
}
