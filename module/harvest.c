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
#include "shared.h"
#include "stats.h"
#include "walk.h"

/* Empty page tables are gone through at once up to here: then the clock is looked at. */
#define LOOK_AHEAD	(16UL << 30)

static bool long_enough(struct wpt_harvest *h)
{
	if (h->budget)
		h->budget--;
	return !h->budget || need_resched() || ktime_get_ns() >= h->until;
}

/*
 * A reset takes some pages of an unknown chunk, by its masks, and leaves others:
 * from now on each page has a bit of its own.
 */
static enum wpt_stop unknown_to_pending(struct wpt_harvest *h, struct wpt_piece *p)
{
	p->pending = wpt_pending_get(h->t, p->start);
	if (IS_ERR(p->pending)) {
		enum wpt_stop stop = wpt_stop_of(PTR_ERR(p->pending));

		p->pending = NULL;
		return stop;
	}
	bitmap_set(p->pending->b, wpt_page_index(p->start),
		   (p->end - p->start) >> PAGE_SHIFT);
	/* Some pages are taken without a look at their ptes: as in learn(). */
	wpt_walk_flush(h->mm, p->start, p->end);
	/* If they cannot be cut, pages read written once more. */
	wpt_set_del(&h->t->unknown, p->start, p->end, WPT_UNKNOWN_MAX);
	/* Not while an event is under way that the record knows nothing of. */
	if (!atomic_read(&h->t->space->events) &&
	    h->unsure_gen == h->t->unsure_gen)
		wpt_set_del(&h->t->unsure, p->start, p->end, WPT_UNKNOWN_MAX);
	p->unknown = wpt_set_overlaps(&h->t->unknown, p->start, p->end) ||
		     wpt_set_overlaps(&h->t->unsure, p->start, p->end);
	return WPT_GO_ON;
}

/* The next chunk of a part that ends at @part_end, from h->addr on. */
static enum wpt_stop do_chunk(struct wpt_harvest *h, struct wpt_piece *p,
			      unsigned long part_end)
{
	unsigned long end = min(part_end, wpt_chunk_end(h->addr));
	struct wpt_record *rec = &h->t->space->rec;
	unsigned long next;
	enum wpt_stop stop;
	enum wpt_pmd kind;
	pmd_t *pmdp;

	p->start = h->addr;
	p->end = end;
	p->chunk = NULL;
	p->pending = NULL;
	p->flush_end = 0;
	p->walked = false;
	p->open = false;
	if (p->others)
		bitmap_zero(p->cleaned, WPT_CHUNK_PAGES);

	if (p->tracked) {
		p->group = wpt_record_group(rec, p->start);
		p->chunk = wpt_group_chunk(p->group, p->start);
		if (p->chunk && !h->reset && wpt_told(h, p))
			return wpt_do_told(h, p);
	}
	kind = wpt_pmd_find(h->mm, p->start, &pmdp, &next);
	if (p->tracked && !p->chunk) {
		/* An event makes it before it takes away what is mapped. */
		smp_rmb();
		p->group = wpt_record_group(rec, p->start);
		p->chunk = wpt_group_chunk(p->group, p->start);
	}
	if (p->tracked) {
		/* So that what is seen here can be noted. */
		if (!p->chunk && kind != WPT_PMD_NONE) {
			p->chunk = wpt_record_get(rec, p->start,
						  &h->t->account);
			if (IS_ERR(p->chunk))
				return wpt_stop_of(PTR_ERR(p->chunk));
			p->group = wpt_record_group(rec, p->start);
		}
		if (p->group && h->reset)
			wpt_record_visited(rec, p->group);
		if (p->chunk && h->reset && unlikely(!p->chunk->user))
			wpt_record_adopt(rec, p->chunk, &h->t->account);
		p->pending = wpt_pending_find(h->t, p->start);
		if (p->chunk && h->reset && p->others)
			wpt_others_reserve(h, p);
		if (p->unknown && h->reset && kind != WPT_PMD_NONE &&
		    !wpt_masks_plain(h->masks)) {
			stop = unknown_to_pending(h, p);
			if (stop != WPT_GO_ON)
				return stop;
		}
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
		stop = wpt_do_same(h, end, p->base |
			       (p->tracked && (h->t->lost || p->unknown) ?
				WPTRACK_PAGE_WRITTEN : 0));
		wpt_count_unsure(h, p, (h->addr - p->start) >> PAGE_SHIFT);
		return stop;
	}
}

/*
 * First address from @addr on, where no chunk was, up to @end where something is mapped
 * or where a chunk is by now.  An event makes that before it takes away what is mapped:
 * asked in the other order, neither might be seen.
 */
static unsigned long next_mapped(struct wpt_harvest *h, unsigned long addr,
				 unsigned long end)
{
	unsigned long mapped = wpt_mapped_next(h->mm, addr, end);

	smp_rmb();
	return min(mapped, wpt_record_next(&h->t->space->rec, addr, end));
}

/*
 * First address from h->addr on where a page can be written: a chunk on the
 * map, a pending page, or something mapped where there is no chunk.  @end if
 * there is none.  Where it has looked for long enough it ends as well.
 */
static unsigned long next_written(struct wpt_harvest *h, unsigned long end,
				  bool unknown)
{
	struct wpt_record *rec = &h->t->space->rec;
	unsigned long pending = wpt_pending_next(h->t, h->addr);
	unsigned long addr = h->addr, next, todo, present;
	struct wpt_group *group;
	unsigned int i;

	while (addr < end) {
		if (pending <= addr || h->t->lost || unknown)
			return addr;
		if (addr > h->addr && long_enough(h))
			return addr;
		next = min3(end, pending, addr + LOOK_AHEAD);
		group = wpt_record_group(rec, addr);
		if (!group) {
			next = wpt_record_next(rec, addr, next);
			addr = next_mapped(h, addr, next);
			if (addr < next)
				return addr;
			continue;
		}
		i = wpt_chunk_index(addr);
		present = READ_ONCE(group->present) >> i;
		todo = READ_ONCE(group->map) >> i;
		if (present & todo & 1)
			return addr;
		if (!(present & 1)) {
			present = present ? __ffs(present) : WPT_GROUP_CHUNKS - i;
			next = min(next, (addr & WPT_CHUNK_MASK) +
					 present * WPT_CHUNK_SIZE);
			addr = next_mapped(h, addr, next);
			if (addr < next)
				return addr;
		} else {
			/* Chunks that exist and need no visit, up to one of another kind. */
			todo |= ~present;
			todo = todo ? __ffs(todo) : WPT_GROUP_CHUNKS - i;
			addr = min(next, (addr & WPT_CHUNK_MASK) +
					 todo * WPT_CHUNK_SIZE);
		}
	}
	return end;
}

/* Part of a mapping that is tracked as a whole, or not at all. */
static enum wpt_stop do_part(struct wpt_harvest *h, struct vm_area_struct *vma,
			     unsigned long end, bool tracked, bool unknown, bool unsure)
{
	struct wpt_piece p = {
		.vma = vma,
		.tracked = tracked,
		.unknown = unknown || unsure,
		.unsure = unsure && !unknown,
		.trackable = tracked && wpt_vma_trackable(vma),
		.others = !list_is_singular(&h->t->space->trackers),
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

	if (h->reset && p.trackable)
		wpt_shared_lower(h->t->space, vma);
	while (h->addr < end) {
		p.unknown = unknown || unsure;
		if (tracked && h->only_written) {
			h->addr = next_written(h, end, p.unknown);
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
	bool tracked, unknown, unsure;
	enum wpt_stop stop;

	while (h->addr < end) {
		part = end;
		tracked = set_part(&h->t->ranges, h->addr, &part);
		unknown = set_part(&h->t->unknown, h->addr, &part);
		unsure = ((vma->vm_flags & VM_SHARED) || h->t->unsure_private) &&
			 set_part(&h->t->unsure, h->addr, &part);
		stop = do_part(h, vma, part, tracked, tracked && unknown,
			       tracked && unsure);
		if (stop != WPT_GO_ON)
			return stop;
		if (h->addr < end && long_enough(h))
			return WPT_STOP_BREATHE;
	}
	return WPT_GO_ON;
}

static bool others_track(const struct wpt_harvest *h, unsigned long addr)
{
	const struct wpt_tracker *t;

	list_for_each_entry(t, &h->t->space->trackers, node)
		if (t != h->t && wpt_set_overlaps(&t->ranges, addr,
						  addr + WPT_CHUNK_SIZE))
			return true;
	return false;
}

/*
 * A reset passes over unmapped memory: forget what was there, so that a program
 * that walks through its address space does not leave records behind.  Chunks
 * that reach into a mapping stay, and so does what another tracker may ask for.
 * Returns how far it got before it was long enough, or @end.
 */
static unsigned long forget_hole(struct wpt_harvest *h, unsigned long start,
				 unsigned long end)
{
	struct wpt_space *space = h->t->space;
	unsigned long addr = ALIGN(start, WPT_CHUNK_SIZE);
	struct wpt_interval iv;

	while (addr < end && end - addr >= WPT_CHUNK_SIZE) {
		addr = wpt_record_next(&space->rec, addr, end);
		if (end - addr < WPT_CHUNK_SIZE)
			break;
		if (!wpt_set_next(&h->t->ranges, addr, &iv) ||
		    iv.start > addr || iv.end - addr < WPT_CHUNK_SIZE) {
			/* It is somebody else's, who pays for it. */
		} else if (others_track(h, addr)) {
			wpt_record_adopt(&space->rec, wpt_record_chunk(&space->rec, addr),
					 &h->t->account);
		} else {
			wpt_record_drop(&space->rec, addr);
			wpt_pending_drop(h->t, addr);
		}
		addr += WPT_CHUNK_SIZE;
		if (long_enough(h))
			return min(addr, end);
	}
	return end;
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
		if (h->reset && h->addr < next) {
			h->addr = forget_hole(h, h->addr, next);
			if (h->addr < next)
				return WPT_STOP_BREATHE;
		}
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
