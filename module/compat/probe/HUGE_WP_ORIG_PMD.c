// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mm.h>
#include <linux/huge_mm.h>
vm_fault_t wpt_probe(struct vm_fault *vmf, pmd_t pmd);
vm_fault_t wpt_probe(struct vm_fault *vmf, pmd_t pmd) { return do_huge_pmd_wp_page(vmf, pmd); }
