// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages of files that somebody was holding before they were tracked.
 *
 * A device may be writing to them: the pin was taken through this mapping, but
 * neither its pte nor an event tells of it.  Writeback, mprotect() and others have
 * made the pte read-only in spite of the pin, or have taken it away.  From then on
 * the page looks as if nobody had written to it.
 *
 * So before anything in a range is believed, such pages become dirty.  They stay
 * so, as all that cannot be armed, until a reset finds them let go.  Who takes a pin
 * later is seen: by the hook, or because the page is found writable.  Where an event
 * found no room in the record the same is done before a reset believes in it again.
 *
 * Private mappings need none of this.  Who wrote there has a page of his own, which
 * is no page of the file and never clean without being armed.
 */
#include <linux/hugetlb.h>
#include <linux/pagemap.h>
#include <linux/xarray.h>

#include "arm.h"
#include "backing.h"
#include "compat/hugetlb.h"
#include "harvest.h"

#define HELD_BUDGET	1024	/* pages of the cache looked at under locks */

static enum wpt_stop held_note(struct wpt_harvest *h, unsigned long addr,
			       unsigned long end)
{
	struct wpt_record *rec = &h->t->space->rec;
	struct wpt_chunk *chunk;
	unsigned int i, n;

	chunk = wpt_record_get(rec, addr, &h->t->account);
	if (IS_ERR(chunk))
		return wpt_stop_of(PTR_ERR(chunk));
	i = wpt_page_index(addr);
	n = i + ((end - addr) >> PAGE_SHIFT);
	for (; i < n; i++)
		set_bit(i, chunk->dirty);
	/* Orders the bits before the look at the map. */
	smp_mb__after_atomic();
	wpt_group_visit(wpt_record_group(rec, addr), addr);
	return WPT_GO_ON;
}

/* The part of a shared mapping of a file from h->addr to @end. */
static enum wpt_stop held_part(struct wpt_harvest *h, struct vm_area_struct *vma,
			       unsigned long end)
{
	struct xarray *cache = &vma->vm_file->f_mapping->i_pages;
	unsigned long first = linear_page_index(vma, vma->vm_start);
	unsigned long last = linear_page_index(vma, end - 1);
	unsigned long index = linear_page_index(vma, h->addr), addr, next;
	unsigned int shift = wpt_cache_shift(vma);
	enum wpt_stop stop;
	void *entry;
	bool changes;

	while ((entry = xa_find(cache, &index, last, XA_PRESENT))) {
		addr = max(h->addr, vma->vm_start + ((index - first) << shift));
		next = min(end, vma->vm_start + ((index + 1 - first) << shift));
		if (WARN_ON_ONCE(addr >= next))
			return WPT_STOP_NOMEM;
		h->addr = addr;
		changes = wpt_backing_changes(vma);
		/* Nobody holds a value: those stand for pages that are not in memory. */
		if (wpt_set_overlaps(&h->t->ranges, addr, next) &&
		    (changes || (!xa_is_value(entry) && wpt_arm_cache_held(vma, addr)))) {
			if (!changes && wpt_harvest_waits(h))
				return WPT_STOP_DRAIN;
			stop = held_note(h, addr, next);
			if (stop != WPT_GO_ON)
				return stop;
		}
		h->addr = next;
		if (index++ == last)
			break;
		if (!--h->budget || need_resched())
			return WPT_STOP_BREATHE;
	}
	h->addr = end;
	return WPT_GO_ON;
}

/*
 * The next piece of memory, from @addr on, where nobody has looked for holders: all
 * that is tracked at first, or if all was lost; later what an event found no record of.
 */
static bool held_next(const struct wpt_harvest *h, unsigned long addr,
		      struct wpt_interval *out)
{
	const struct wpt_tracker *t = h->t;

	return wpt_set_next(h->first || t->lost ? &t->ranges : &t->unsure, addr, out);
}

static enum wpt_stop held_vmas(struct wpt_harvest *h, unsigned long end)
{
	struct vm_area_struct *vma;
	unsigned long part;
	enum wpt_stop stop;

	while (h->addr < end) {
		vma = find_vma(h->mm, h->addr);
		if (!vma || vma->vm_start >= end)
			break;
		h->addr = max(h->addr, vma->vm_start);
		part = min(end, vma->vm_end);
		if ((vma->vm_flags & VM_SHARED) && vma->vm_file &&
		    wpt_vma_walkable(vma)) {
			stop = held_part(h, vma, part);
			if (stop != WPT_GO_ON)
				return stop;
		}
		h->addr = part;
		if (!--h->budget)
			return WPT_STOP_BREATHE;
	}
	h->addr = end;
	return WPT_GO_ON;
}

/**
 * wpt_held() - pages that somebody holds already become dirty
 * @h: the walk, over ranges that are in the cover; @h->first: nothing is known of
 *     them.  Conditions and answers are those of wpt_harvest(), and @h->addr is
 *     where to go on.
 *
 * Return: why it stopped.
 */
enum wpt_stop wpt_held(struct wpt_harvest *h)
{
	struct wpt_interval iv;
	enum wpt_stop stop;

	h->budget = HELD_BUDGET;
	while (h->addr < h->end && held_next(h, h->addr, &iv) && iv.start < h->end) {
		h->addr = max(h->addr, iv.start);
		stop = held_vmas(h, min(h->end, iv.end));
		if (stop != WPT_GO_ON)
			return stop;
	}
	h->addr = h->end;
	return WPT_STOP_END;
}
