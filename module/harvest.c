// SPDX-License-Identifier: GPL-2.0-only
/*
 * The harvest walks the memory of one tracker, by mapping and by chunk.  Where
 * only written pages are wanted it visits chunks on the map and memory without
 * a record; a chunk of armed pages that nobody wrote costs nothing.
 *
 * Everything here happens under space->lock and the target's mmap_lock, and
 * changes of ptes under the lock of their page table inside a notifier bracket.
 */
#include <linux/hugetlb.h>
#include <linux/ktime.h>
#include <linux/sched.h>

#include "piece.h"
#include "ptwalk.h"
#include "stats.h"

static bool long_enough(struct wpt_harvest *h)
{
	return !--h->budget || need_resched() || ktime_get_ns() >= h->until;
}

/*
 * A reset takes some pages of an unknown chunk, by its masks, and leaves others:
 * from now on each page has a bit of its own.
 */
static bool unknown_to_pending(struct wpt_harvest *h, struct wpt_piece *p)
{
	p->pending = wpt_pending_get(h->t, p->start);
	if (!p->pending)
		return false;
	bitmap_set(p->pending->b, wpt_page_index(p->start),
		   (p->end - p->start) >> PAGE_SHIFT);
	/* If they cannot be cut, pages read written once more. */
	wpt_set_del(&h->t->unknown, p->start, p->end, WPT_UNKNOWN_MAX);
	/* Not while an event is under way that the record knows nothing of. */
	if (!atomic_read(&h->t->space->events))
		wpt_set_del(&h->t->unsure, p->start, p->end, WPT_UNKNOWN_MAX);
	p->unknown = wpt_set_overlaps(&h->t->unknown, p->start, p->end) ||
		     wpt_set_overlaps(&h->t->unsure, p->start, p->end);
	return true;
}

/* The next chunk of a part that ends at @part_end, from h->addr on. */
static enum wpt_stop do_chunk(struct wpt_harvest *h, struct wpt_piece *p,
			      unsigned long part_end)
{
	unsigned long end = min(part_end, wpt_chunk_end(h->addr));
	struct wpt_record *rec = &h->t->space->rec;
	unsigned long next;
	enum wpt_pmd kind;
	pmd_t *pmdp;

	p->start = h->addr;
	p->end = end;
	p->chunk = NULL;
	p->pending = NULL;
	p->flush_end = 0;
	p->walked = false;
	p->open = false;
	bitmap_zero(p->cleaned, WPT_CHUNK_PAGES);

	kind = wpt_pmd_find(h->mm, p->start, &pmdp, &next);
	if (p->tracked) {
		p->chunk = wpt_record_chunk(rec, p->start);
		/* So that what is seen here can be noted. */
		if (!p->chunk && kind != WPT_PMD_NONE) {
			p->chunk = wpt_record_get(rec, p->start,
						  &h->t->account);
			if (IS_ERR(p->chunk))
				return wpt_stop_of(PTR_ERR(p->chunk));
		}
		p->group = wpt_record_group(rec, p->start);
		if (p->group && h->reset)
			wpt_record_visited(rec, p->group);
		p->pending = wpt_pending_find(h->t, p->start);
		if (p->chunk && h->reset)
			wpt_others_reserve(h, p);
		if (p->unknown && h->reset && kind != WPT_PMD_NONE &&
		    !wpt_masks_plain(h->masks) && !unknown_to_pending(h, p))
			return WPT_STOP_NOMEM;
	}
	switch (kind) {
	case WPT_PMD_HUGE:
		return wpt_do_huge(h, p, pmdp);
	case WPT_PMD_TABLE:
		return wpt_do_ptes(h, p, pmdp);
	default:
		if (p->chunk || p->pending)
			return wpt_do_ptes(h, p, NULL);
		/* Nothing known either up to the next chunk: all in one. */
		if (!wpt_record_group(rec, p->start)) {
			next = min(next, (p->start | (WPT_GROUP_SIZE - 1)) + 1);
			next = min(next, wpt_pending_next(h->t, p->start));
			end = clamp(part_end, end, max(end, next));
		}
		return wpt_do_same(h, end, p->base |
			       (p->tracked && (h->t->lost || p->unknown) ?
				WPTRACK_PAGE_WRITTEN : 0));
	}
}

/*
 * First address from h->addr on where a page can be written: a chunk on the
 * map, a pending page, or something mapped where there is no chunk.  @end if
 * there is none.
 */
static unsigned long next_written(struct wpt_harvest *h, unsigned long end,
				  bool unknown)
{
	struct wpt_record *rec = &h->t->space->rec;
	unsigned long pending = wpt_pending_next(h->t, h->addr);
	unsigned long addr = h->addr, next, todo;
	struct wpt_group *group;
	unsigned int i;

	while (addr < end) {
		if (pending <= addr || h->t->lost || unknown)
			return addr;
		next = min(end, pending);
		group = wpt_record_group(rec, addr);
		if (!group) {
			next = wpt_record_next(rec, addr, next);
			addr = wpt_mapped_next(h->mm, addr, next);
			if (addr < next)
				return addr;
			continue;
		}
		i = wpt_chunk_index(addr);
		todo = (READ_ONCE(group->map) | ~READ_ONCE(group->present)) >> i;
		if (todo & 1) {
			if (test_bit(i, &group->present))
				return addr;
			next = min(next, wpt_chunk_end(addr));
			addr = wpt_mapped_next(h->mm, addr, next);
			if (addr < next)
				return addr;
		} else {
			todo = todo ? __ffs(todo) : WPT_GROUP_CHUNKS - i;
			addr = min(next, (addr & WPT_CHUNK_MASK) +
					 todo * WPT_CHUNK_SIZE);
		}
	}
	return end;
}

/* Part of a mapping that is tracked as a whole, or not at all. */
static enum wpt_stop do_part(struct wpt_harvest *h, struct vm_area_struct *vma,
			     unsigned long end, bool tracked, bool unknown)
{
	struct wpt_piece p = {
		.vma = vma,
		.tracked = tracked,
		.unknown = unknown,
		.trackable = tracked && wpt_vma_trackable(vma),
	};
	enum wpt_stop stop;

	if (is_vm_hugetlb_page(vma))
		p.base |= WPTRACK_PAGE_HUGE;
	if (p.trackable)
		p.base |= WPTRACK_PAGE_WPALLOWED;
	else if (h->check)
		return WPT_STOP_UNTRACKED;
#ifdef VM_SOFTDIRTY
	if (vma->vm_flags & VM_SOFTDIRTY)
		p.base |= WPTRACK_PAGE_SOFT_DIRTY;
#endif
	if (!tracked && h->only_written) {
		h->addr = end;
		return WPT_GO_ON;
	}
	if (!wpt_vma_walkable(vma)) {
		if (h->reset && tracked)
			wpt_stat_add(OVER_UNTRACKABLE,
				     (end - h->addr) >> PAGE_SHIFT);
		return wpt_do_same(h, end, p.base |
			       (tracked ? WPTRACK_PAGE_WRITTEN : 0));
	}

	while (h->addr < end) {
		p.unknown = unknown;
		if (tracked && h->only_written) {
			h->addr = next_written(h, end, unknown);
			if (h->addr >= end)
				break;
		}
		stop = do_chunk(h, &p, end);
		if (stop != WPT_GO_ON)
			return stop;
		if (long_enough(h))
			return WPT_STOP_BREATHE;
	}
	return WPT_GO_ON;
}

/* Is @addr in the set?  *@end is cut to where the answer changes. */
static bool set_part(const struct wpt_set *set, unsigned long addr,
		     unsigned long *end)
{
	struct wpt_interval iv;

	if (!wpt_set_next(set, addr, &iv))
		return false;
	if (iv.start <= addr) {
		*end = min(*end, iv.end);
		return true;
	}
	*end = min(*end, iv.start);
	return false;
}

static enum wpt_stop do_vma(struct wpt_harvest *h, struct vm_area_struct *vma)
{
	unsigned long end = min(h->end, vma->vm_end), part;
	bool tracked, unknown;
	enum wpt_stop stop;

	while (h->addr < end) {
		part = end;
		tracked = set_part(&h->t->ranges, h->addr, &part);
		unknown = set_part(&h->t->unknown, h->addr, &part);
		if ((vma->vm_flags & VM_SHARED) || h->t->unsure_private)
			unknown |= set_part(&h->t->unsure, h->addr, &part);
		stop = do_part(h, vma, part, tracked, tracked && unknown);
		if (stop != WPT_GO_ON)
			return stop;
		if (h->addr < end && long_enough(h))
			return WPT_STOP_BREATHE;
	}
	return WPT_GO_ON;
}

/*
 * A reset passes over unmapped memory: forget what was there, so that a program
 * that walks through its address space does not leave records behind.  Chunks
 * that reach into a mapping stay, and so does what another tracker may ask for.
 */
static void forget_hole(struct wpt_harvest *h, unsigned long start,
			unsigned long end)
{
	struct wpt_space *space = h->t->space;
	unsigned long addr = ALIGN(start, WPT_CHUNK_SIZE), index;
	struct wpt_interval iv;

	if (!list_is_singular(&space->trackers))
		return;
	while (addr < end && end - addr >= WPT_CHUNK_SIZE) {
		if (!wpt_record_group(&space->rec, addr)) {
			index = addr >> WPT_GROUP_SHIFT;
			if (!xa_find_after(&space->rec.groups, &index,
					   ULONG_MAX, XA_PRESENT))
				return;
			addr = index << WPT_GROUP_SHIFT;
			continue;
		}
		if (wpt_set_next(&h->t->ranges, addr, &iv) &&
		    iv.start <= addr && iv.end - addr >= WPT_CHUNK_SIZE) {
			wpt_record_drop(&space->rec, addr);
			wpt_pending_drop(h->t, addr);
		}
		addr += WPT_CHUNK_SIZE;
	}
}

/**
 * wpt_harvest() - go on with a harvest
 * @h: the harvest.  Caller holds space->lock and the mmap_lock of @h->mm, and
 *     does what the answer asks for before it calls again.
 *
 * Return: why it stopped; @h->addr is where to go on.  What was pushed to
 * @h->out has been reset if that was asked for.
 */
enum wpt_stop wpt_harvest(struct wpt_harvest *h)
{
	struct vm_area_struct *vma;
	enum wpt_stop stop;
	unsigned long next;

	h->budget = WPT_STEP_CHUNKS;
	h->until = ktime_get_ns() + WPT_STEP_NS;
	h->interest = wpt_masks_of_interest(h->masks);
	h->only_written = wpt_masks_only_written(h->masks);

	while (h->addr < h->end) {
		vma = find_vma(h->mm, h->addr);
		next = vma ? min(vma->vm_start, h->end) : h->end;
		if (h->reset && h->addr < next)
			forget_hole(h, h->addr, next);
		h->addr = max(h->addr, next);
		if (h->addr >= h->end)
			break;
		stop = do_vma(h, vma);
		if (stop != WPT_GO_ON)
			return stop;
		if (h->addr < h->end && long_enough(h))
			return WPT_STOP_BREATHE;
	}
	return WPT_STOP_END;
}
