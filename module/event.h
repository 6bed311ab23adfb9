/* SPDX-License-Identifier: GPL-2.0-only */
/* The mmu notifier: what the kernel is about to do to ptes that we armed. */
#ifndef WPT_EVENT_H
#define WPT_EVENT_H

#include <linux/mmu_notifier.h>

/*
 * In the flags of a range, where the kernel has but one: a change of ours that leaves
 * the record true.  Only other notifiers need to hear of it.
 */
#define WPT_RANGE_OURS	(1U << 31)

int wpt_event_start(struct mmu_notifier *mn,
		    const struct mmu_notifier_range *range);
void wpt_event_end(struct mmu_notifier *mn,
		   const struct mmu_notifier_range *range);

#endif /* WPT_EVENT_H */
