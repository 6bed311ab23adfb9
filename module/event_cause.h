/* SPDX-License-Identifier: GPL-2.0-only */
/* What an event is, and what its system call or its task tells of who causes it. */
#ifndef WPT_EVENT_CAUSE_H
#define WPT_EVENT_CAUSE_H

#include <linux/mmu_notifier.h>
#include <linux/sched.h>

#include "chunk.h"
#include "compat/syscall.h"
#include "event_page.h"
#include "space.h"
#include "unseen.h"

/*
 * Called by the notifier, in the task that the event comes from: nothing here waits for
 * anything.  What has to be known of each event is inlined.
 */

/**
 * wpt_event_kind_of() - what may an event leave behind?
 * @range: the event's
 */
static inline enum wpt_event_kind wpt_event_kind_of(const struct mmu_notifier_range *range)
{
	switch (range->event) {
	case MMU_NOTIFY_PROTECTION_VMA:
	case MMU_NOTIFY_PROTECTION_PAGE:
	case MMU_NOTIFY_SOFT_DIRTY:
		return WPT_EVENT_PROTECT;
	case MMU_NOTIFY_UNMAP:
		return WPT_EVENT_UNMAP;
	default:
		return range->end - range->start == PAGE_SIZE ? WPT_EVENT_REPLACE :
								WPT_EVENT_CLEAR;
	}
}

/**
 * wpt_event_forks() - is it a fork, if it is over private memory?
 * @range: the event's
 *
 * Private memory is made read-only by PROTECTION_PAGE for fork() alone, which holds the
 * mmap_lock for writing, and has locked the mapping.  Not of hugetlb: there it says CLEAR.
 */
static inline bool wpt_event_forks(const struct mmu_notifier_range *range)
{
	return range->event == MMU_NOTIFY_PROTECTION_PAGE;
}

/**
 * wpt_event_cleans() - is it a fork, or writeback that makes the ptes of a page clean?
 * @range: the event's
 *
 * Writeback has locked the page, and who maps it has to lock it.  So what is empty stays so;
 * but mremap(), as below.  Others hold no lock: DAX, graphics, and framebuffers that write back
 * what was drawn.  wpt_vma_walkable() has none of their mappings.
 */
static inline bool wpt_event_cleans(const struct mmu_notifier_range *range)
{
	return range->event == MMU_NOTIFY_PROTECTION_PAGE;
}

/**
 * wpt_event_protects() - does an event leave the same pages with other permissions?
 * @range: the event's
 */
static inline bool wpt_event_protects(const struct mmu_notifier_range *range)
{
	return range->event == MMU_NOTIFY_PROTECTION_VMA;
}

/**
 * wpt_event_moves() - does an event fill empty pages elsewhere?
 * @space: the space
 * @range: the event's
 *
 * UFFDIO_MOVE is for one's own memory.  While it is under way the task may have to reclaim
 * some.
 */
static inline bool wpt_event_moves(const struct wpt_space *space,
				   const struct mmu_notifier_range *range)
{
	return range->event == MMU_NOTIFY_CLEAR && current->mm == space->mm &&
	       !wpt_reclaims() && wpt_in_uffd_move();
}

/**
 * wpt_event_remaps() - does an event move ptes of shared memory?
 * @space: the space
 * @range: the event's.  If it is mremap()'s, that holds the mmap_lock.
 *
 * Who reclaims or migrates a page meanwhile takes its pte before it is moved, and then there
 * is nothing to move, or after, where it was not seen when that event began.  So if there is
 * anybody, it is as where nothing was mapped: see wpt_unseen_moves().
 */
static inline bool wpt_event_remaps(const struct wpt_space *space,
				    const struct mmu_notifier_range *range)
{
	/* Of hugetlb it says CLEAR. */
	return (range->event == MMU_NOTIFY_UNMAP ||
		(range->event == MMU_NOTIFY_CLEAR && range->end - range->start >= PMD_SIZE)) &&
	       wpt_unseen_remaps(space, range->start, range->end);
}

/**
 * wpt_event_carries() - may pages stay clean that an event takes?
 * @range: the event's
 *
 * Reclaim, or migration by and to the CPU.  Not so MMU_NOTIFY_MIGRATE, which locks the pages
 * only after it has begun: see carry.c.
 */
static inline bool wpt_event_carries(const struct mmu_notifier_range *range)
{
	return range->event == MMU_NOTIFY_CLEAR &&
	       range->end <= wpt_chunk_end(range->start);
}

void wpt_event_cause(struct wpt_space *space, const struct mmu_notifier_range *range,
		     struct wpt_event *ev);

#endif /* WPT_EVENT_CAUSE_H */
