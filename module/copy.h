/* SPDX-License-Identifier: GPL-2.0-only */
/* Pages that another one with the same contents takes the place of. */
#ifndef WPT_COPY_H
#define WPT_COPY_H

#include <linux/mmu_notifier.h>
#include <linux/sched.h>

#include "pte.h"
#include "space.h"

/* Who puts the other page there. */
enum wpt_copy {
	WPT_COPY_NOT,		/* nobody: what comes may be anything */
	WPT_COPY_KSM,
	WPT_COPY_UNSHARE,	/* a fault of a reader who wants to pin the page */
};

/*
 * A fault of the current task, and its page, in one word; 0 if there is no room.  A fault
 * is counted when it is over, unless it has failed; not so those of hugetlb that a pin
 * causes before Linux 6.5, whose notes are good until the next that is.  Then the page is
 * known to be the mapping's own, or somebody else's event has come in between.
 */
static __always_inline u64 wpt_copy_key(unsigned long addr, bool huge)
{
	const u64 fault = (u64)current->min_flt + current->maj_flt;
	const u64 page = addr >> PAGE_SHIFT;

	if (page >> 42)
		return 0;
	return (page << 22 | (u32)current->pid) ^ (fault << 1 | huge) * 0x9e3779b97f4a7c15ULL;
}

/*
 * For the fault hooks, when a page is about to be unshared.  If two tasks use the same
 * place, one of them is not helped.
 */
static __always_inline void wpt_copy_note(struct wpt_space *space, unsigned long addr,
					  bool huge)
{
	WRITE_ONCE(space->unshares[current->pid % WPT_UNSHARES], wpt_copy_key(addr, huge));
}

enum wpt_copy wpt_copy_kind(struct wpt_space *space, const struct mmu_notifier_range *range);
void wpt_copy_forget(struct wpt_space *space);
bool wpt_copy_keeps(enum wpt_copy kind, pte_t pte);

#endif /* WPT_COPY_H */
