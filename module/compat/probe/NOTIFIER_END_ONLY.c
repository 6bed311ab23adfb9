// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mmu_notifier.h>
void wpt_probe(struct mmu_notifier_range *r);
void wpt_probe(struct mmu_notifier_range *r) { __mmu_notifier_invalidate_range_end(r, false); }
