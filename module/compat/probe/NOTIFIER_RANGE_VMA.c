// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mmu_notifier.h>
void wpt_probe(struct mmu_notifier_range *r, struct mm_struct *mm);
void wpt_probe(struct mmu_notifier_range *r, struct mm_struct *mm)
{
	mmu_notifier_range_init(r, MMU_NOTIFY_CLEAR, 0, NULL, mm, 0UL, 1UL);
}
