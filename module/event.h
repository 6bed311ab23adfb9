/* SPDX-License-Identifier: GPL-2.0-only */
/* The mmu notifier: what the kernel is about to do to ptes that we armed. */
#ifndef WPT_EVENT_H
#define WPT_EVENT_H

#include <linux/mmu_notifier.h>

int wpt_event_start(struct mmu_notifier *mn,
		    const struct mmu_notifier_range *range);
void wpt_event_end(struct mmu_notifier *mn,
		   const struct mmu_notifier_range *range);

#endif /* WPT_EVENT_H */
