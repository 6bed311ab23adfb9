// SPDX-License-Identifier: GPL-2.0-only
/*
 * What events pass over and nobody can see: memory that has no record and maps nothing,
 * when they begin.  Of large parts of it a hull is kept, until the next walk gives it to
 * the trackers.
 *
 * Called by the notifier: nothing here waits for anything.
 */
#include <linux/mm.h>

#include "arm.h"
#include "chunk.h"
#include "compat/mmaplock.h"
#include "compat/syscall.h"
#include "space.h"
#include "stats.h"
#include "unseen.h"

/*
 * Nobody tracks the memory of a chunk that was dropped meanwhile, and its group
 * may have gone with it: then there is nothing to visit.
 */
static void visit(struct wpt_space *space, unsigned long addr)
{
	struct wpt_group *group = wpt_record_group(&space->rec, addr);

	if (group)
		wpt_group_visit(group, addr);
}

/**
 * wpt_unseen_lost() - there is no memory for what has to be recorded
 * @space: the space, of which nobody knows anything any more
 */
void wpt_unseen_lost(struct wpt_space *space)
{
	WRITE_ONCE(space->lost_record, true);
	/* Before anything changes: see scan_is_void(). */
	atomic_inc(&space->lost_records);
	smp_mb__after_atomic();
}

/**
 * wpt_unseen_hull() - an event passes over memory that has no record and maps nothing
 * @space:  the space
 * @start:  where
 * @end:    its end
 * @clears: it may take away what comes to be mapped there meanwhile
 */
void wpt_unseen_hull(struct wpt_space *space, unsigned long start,
		     unsigned long end, bool clears)
{
	struct wpt_interval *hull = &space->hull;

	spin_lock(&space->hull_lock);
	hull->start = hull->end ? min(hull->start, start) : start;
	WRITE_ONCE(hull->end, max(hull->end, end));
	space->hull_clears |= clears;
	spin_unlock(&space->hull_lock);
}

/*
 * Larger holes than this get no records of their own, nor do more of them than that
 * in all: nobody is charged for these, and holes cost the program nothing.
 */
#define HOLE_CHUNKS	32
#define HOLE_CHUNKS_MAX	4096

/**
 * wpt_unseen_hole() - the same, by an event that takes pages away
 * @space: the space
 * @start: where
 * @end:   its end
 *
 * What comes to be mapped there meanwhile may be taken away, too: as for pages with a
 * record, see wpt_event_page().  Under the RCU read lock.
 */
void wpt_unseen_hole(struct wpt_space *space, unsigned long start, unsigned long end)
{
	struct wpt_chunk *chunk;
	unsigned long next;
	unsigned int i, n;

	if (end - start > HOLE_CHUNKS * WPT_CHUNK_SIZE ||
	    atomic_long_read(&space->rec.nr_holes) >= HOLE_CHUNKS_MAX) {
		wpt_unseen_hull(space, start, end, true);
		return;
	}
	for (; start < end; start = next) {
		next = min(end, wpt_chunk_end(start));
		chunk = wpt_record_get(&space->rec, start, NULL);
		if (IS_ERR(chunk)) {
			wpt_unseen_lost(space);
			return;
		}
		if (!test_and_set_bit(WPT_CHUNK_HOLE, &chunk->flags))
			atomic_long_inc(&space->rec.nr_holes);
		i = wpt_page_index(start);
		n = i + ((next - start) >> PAGE_SHIFT);
		for (; i < n; i++)
			set_bit(i, chunk->dirty);
		wpt_stat_add(OVER_ZAPPED, (next - start) >> PAGE_SHIFT);
		visit(space, start);
	}
}

/* Its own events come with the mmap_lock held, those of reclaim by the same task may not. */
static bool in_mremap(const struct wpt_space *space)
{
	return current->mm == space->mm && !wpt_reclaims() && wpt_in_mremap();
}

/*
 * Is a system call at work, and holds the lock of the memory that an event is over?  What only
 * looks like one has faults, on its way out, which do so too on all kernels that are known.
 */
static bool in_call(const struct wpt_space *space)
{
	return wpt_in_call() && wpt_mmap_held(space->mm);
}

/* The mapping that an event of mremap() is about. */
static struct vm_area_struct *remapped(const struct wpt_space *space, unsigned long start,
				       unsigned long end)
{
	struct vm_area_struct *vma = find_vma(space->mm, start);

	return vma && vma->vm_start < end ? vma : NULL;
}

/**
 * wpt_unseen_remaps() - is an event mremap()'s, which moves ptes of shared memory?
 * @space: the space
 * @start: where they are moved from: may begin before the mapping, at a page table's start
 * @end:   its end
 *
 * If it is not sure that the system call is still at work, whose lock may be held or not,
 * it is taken for one.
 */
bool wpt_unseen_remaps(const struct wpt_space *space, unsigned long start, unsigned long end)
{
	struct vm_area_struct *vma;

	if (!in_mremap(space))
		return false;
	if (!in_call(space))
		return true;
	vma = remapped(space, start, end);
	return vma && (vma->vm_flags & VM_SHARED);
}

/**
 * wpt_unseen_start() - where does what mremap() moves begin?
 * @space: the space
 * @start: where its event does, for which wpt_unseen_remaps() is true
 * @end:   the event's end
 */
unsigned long wpt_unseen_start(const struct wpt_space *space, unsigned long start,
			       unsigned long end)
{
	struct vm_area_struct *vma = in_call(space) ? remapped(space, start, end) : NULL;

	return vma ? max(start, vma->vm_start) : start;
}

/**
 * wpt_unseen_marks() - does what is present of hugetlb take a mark along when it is moved?
 * @space: the space
 * @start: where, in an event
 * @end:   its end
 *
 * Not so page tables that other mappings may use as well: these are not moved, but let go
 * of, and found again at the new place by whoever touches it.
 *
 * Return: false as well if nothing is moved.
 */
bool wpt_unseen_marks(const struct wpt_space *space, unsigned long start, unsigned long end)
{
	struct vm_area_struct *vma;

	if (!in_mremap(space) || !in_call(space))
		return false;
	vma = remapped(space, start, end);
	return vma && (vma->vm_flags & VM_SHARED) && wpt_vma_walkable(vma);
}

/**
 * wpt_unseen_moves() - mremap() may be moving pages without a pte
 * @space: the space
 * @start: where they are moved from
 * @end:   its end
 *
 * Nothing can take a mark along: they are swapped out or away for a moment, or were
 * dropped.  They may have been written, for a tracker at least that has not reset them
 * yet.  In shared memory that is found again at the new place, behind a pte that knows
 * nothing of it.  The place is not known here: all shared memory is unsure until it is
 * reset.  Called by who holds the mmap_lock for it.
 */
void wpt_unseen_moves(struct wpt_space *space, unsigned long start, unsigned long end)
{
	if (wpt_unseen_remaps(space, start, end))
		wpt_unseen_hull(space, 0, PAGE_MASK, false);
}
