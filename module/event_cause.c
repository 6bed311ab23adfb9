// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who causes an event?  The notifier says little of that: CLEAR is what reclaim, migration,
 * KSM, copies, madvise(), UFFDIO_MOVE and whatever happens to hugetlb say.  So the task is
 * asked that sends it: which system call it is in, whether that is over its own memory, and
 * whether it may use memory that nobody else may (PF_MEMALLOC).  What has to be known of each
 * event is in event_cause.h; who puts another page in the place of one, in copy.c; which
 * advice madvise() was given, in drop.c.
 *
 * Not all answers exclude each other: a task may have to reclaim memory within any system
 * call, and that may be its own.
 *
 * Called by the notifier: nothing here waits for anything.
 */
#include "backing.h"
#include "compat/mmaplock.h"
#include "compat/syscall.h"
#include "drop.h"
#include "event_cause.h"
#include "fills.h"
#include "shared.h"
#include "split.h"

/* Is it a fork, if it is over private hugetlb?  For other memory see wpt_event_forks(). */
static bool event_copies_huge(const struct wpt_space *space)
{
	return !wpt_reclaims() && wpt_mmap_write_held(space->mm) &&
	       wpt_in_fork();
}

/* What the system call tells that an event comes from, if it is over one's own memory. */
static void event_of_call(struct wpt_space *space,
			  const struct mmu_notifier_range *range, struct wpt_event *ev)
{
	if (range->event != MMU_NOTIFY_CLEAR || current->mm != space->mm)
		return;
	ev->copies_huge = event_copies_huge(space);
	ev->frees = wpt_drop_frees(range);
	if (ev->frees)
		wpt_space_event_frees(space, range);
	ev->dontneed = wpt_drop_dontneed(range);
	ev->keeps_file = ev->dontneed;
	if (ev->dontneed || wpt_drop_removes(range))
		ev->file = wpt_backing_find(space->mm, range->start, range->end);
	/* Whoever zaps his memory replaces nothing. */
	if (ev->frees || ev->dontneed)
		ev->copies = WPT_COPY_NOT;
}

/* Tasks that do nothing else now, and have no faults of their own. */
static bool only_migrates(void)
{
	return wpt_reclaims() || wpt_is_kcompactd();
}

/*
 * May an event be one of migration or reclaim, whose task has locked the page that it is
 * about, small or large?  So it is wherever memory that nobody else may use is used to make
 * some (PF_MEMALLOC).
 */
static bool event_migrates(const struct mmu_notifier_range *range)
{
	return range->event == MMU_NOTIFY_CLEAR &&
	       range->end - range->start <= PMD_SIZE &&
	       (only_migrates() || wpt_in_migration());
}

/*
 * May an event be one of whoever puts a huge page in the place of small ones?  Those of a file
 * are locked, and taken one by one; then he has the huge one locked, while the page table goes
 * away.  For anonymous memory he has the mmap_lock for writing.
 *
 * A system call may have been refused in such a way that it seems to be at work (see
 * wpt_in_call()) while there are faults on the way out of it.  These split huge entries.
 */
static bool event_collapses(const struct mmu_notifier_range *range)
{
	return range->event == MMU_NOTIFY_CLEAR &&
	       range->end - range->start <= PMD_SIZE && wpt_in_collapse() &&
	       (range->end - range->start < PMD_SIZE || wpt_is_khugepaged() ||
		wpt_split_none());
}

/*
 * Is it so, and can nobody map the page meanwhile where it is not mapped?  But mremap(): see
 * wpt_event_remaps().  A system call for migration may have faults of its own, where it
 * returns its results: they split huge entries, whatever these are by then.  And they copy
 * pages, which is not told from it, but has passed the hook before, and puts an entry without
 * a mark in the place of the old one.
 */
static bool event_holds(const struct mmu_notifier_range *range)
{
	return (event_migrates(range) && (only_migrates() ||
					  range->end - range->start < PMD_SIZE)) ||
	       event_collapses(range);
}

/**
 * wpt_event_cause() - who causes an event that the record has to learn something from?
 * @space: the space
 * @range: the event's.  It has begun for others: see wpt_space_event_add().
 * @ev:    what is known of it, with protects and copies; the rest of what tells who causes
 *         it is filled in, and what follows from that: still, fills, keeps_file, file.  Nobody
 *         copies anything (copies) if it turns out to be who zaps his memory.
 *
 * If it comes from a system call over the caller's own memory, the mmap_lock is held.
 */
void wpt_event_cause(struct wpt_space *space, const struct mmu_notifier_range *range,
		     struct wpt_event *ev)
{
	ev->still = (ev->protects && wpt_shared_mprotects(space)) || wpt_event_cleans(range);
	ev->fills = ev->protects && wpt_fills(space);
	ev->migrates = event_migrates(range);
	ev->holds = event_holds(range);
	event_of_call(space, range, ev);
}
