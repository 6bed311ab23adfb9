/* SPDX-License-Identifier: GPL-2.0-only */
/* What a child has from its parent. */
#ifndef WPT_INHERIT_H
#define WPT_INHERIT_H

#include <linux/mm.h>

bool wpt_inherited(struct vm_area_struct *vma, pte_t pte, bool huge);
bool wpt_inherits_anon(pte_t pte);

#endif /* WPT_INHERIT_H */
