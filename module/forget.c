// SPDX-License-Identifier: GPL-2.0-only
/*
 * The opposite of a harvest: marks are taken away and records freed where nobody
 * tracks any more.
 */
#include "chunk_bits.h"
#include "harvest.h"
#include "lend.h"
#include "protect.h"
#include "ptwalk.h"
#include "sym.h"

/* The first range of any tracker that ends after @addr. */
static bool tracked_next(struct wpt_space *space, unsigned long addr,
			 struct wpt_interval *out)
{
	struct wpt_interval iv;
	struct wpt_tracker *t;
	bool found = false;

	list_for_each_entry(t, &space->trackers, node) {
		if (!wpt_set_next(&t->ranges, addr, &iv))
			continue;
		if (!found || iv.start < out->start)
			*out = iv;
		found = true;
	}
	return found;
}

/* What is known of these pages; they are unknown again. */
static void forget_bits(struct wpt_space *space, struct wpt_chunk *chunk,
			unsigned long start, unsigned long end)
{
	unsigned int i = wpt_page_index(start);
	unsigned int n = i + ((end - start) >> PAGE_SHIFT);

	wpt_chunk_clear_hazy(chunk, i, n - i);
	wpt_chunk_clear_lent(chunk, i, n - i);
	for (; i < n; i++) {
		clear_bit(i, chunk->armed);
		wpt_chunk_clear_away(chunk, i);
		clear_bit(i, chunk->dirty);
	}
	wpt_record_mark_walk(wpt_record_group(&space->rec, start), chunk, start);
}

/* Returns false if the entry is not huge any more. */
static bool forget_huge(struct wpt_space *space, struct wpt_chunk *chunk,
			pmd_t *pmdp, unsigned long start, unsigned long end)
{
	spinlock_t *ptl = pmd_lock(space->mm, pmdp);
	pmd_t pmd = READ_ONCE(*pmdp);
	bool huge = wpt_pmd_is_huge(pmd);

	if (huge) {
		forget_bits(space, chunk, start, end);
		/* The mark stays while others of its pages need it. */
		if (pmd_present(pmd) && wpt_pte_marked(__pte(pmd_val(pmd))) &&
		    wpt_bits_empty(chunk->armed))
			wpt_pte_unmark((pte_t *)pmdp);
	}
	spin_unlock(ptl);
	return huge;
}

/*
 * Pages that passed for shared while they were clean, see protect.c, are the mapping's own
 * again: a write would find out, but UFFDIO_MOVE would go on to refuse them.  Returns false
 * if somebody holds one.
 */
static bool forget_share(const struct wpt_chunk *chunk, unsigned long start, pte_t *ptep,
			 unsigned int n)
{
	const unsigned int first = wpt_page_index(start);
	bool done = true;
	enum wpt_own own;
	unsigned int i;
	pte_t *pte;

	for (i = find_next_bit(chunk->armed, first + n, first); i < first + n;
	     i = find_next_bit(chunk->armed, first + n, i + 1)) {
		pte = ptep + (i - first);
		/* In an entry of swap the bit means something else. */
		if (pte_present(ptep_get(pte)) && pte_write(ptep_get(pte)))
			continue;
		own = wpt_protect_own(pte);
		/* A disk takes its time. */
		done &= own == WPT_OWN_DONE || own == WPT_OWN_WRITTEN;
	}
	return done;
}

/*
 * Returns false if the page table has vanished.  *@held: out, unless it is NULL: nothing was
 * forgotten, as somebody holds a page, perhaps a list of the LRU.
 */
static bool forget_ptes(struct wpt_space *space, struct wpt_chunk *chunk, pmd_t *pmdp,
			unsigned long start, unsigned long end, bool *held)
{
	unsigned int n = (end - start) >> PAGE_SHIFT, k;
	spinlock_t *ptl;
	pte_t *ptep;

	ptep = wpt_pte_offset_map_lock(space->mm, pmdp, start, &ptl);
	if (!ptep)
		return false;
	for (k = 0; k < n && unlikely(READ_ONCE(chunk->lent)); k++)
		wpt_lend_back(chunk, wpt_page_index(start) + k, ptep_get(ptep + k));
	if (!forget_share(chunk, start, ptep, n) && held) {
		*held = true;
		goto out;
	}
	/* Those too that came with mremap() and were never reset. */
	for (k = 0; k < n; k++)
		if (pte_present(ptep_get(ptep + k)) &&
		    wpt_pte_marked(ptep_get(ptep + k)))
			wpt_pte_unmark(ptep + k);
	forget_bits(space, chunk, start, end);
out:
	pte_unmap_unlock(ptep, ptl);
	return true;
}

/* The same in a mapping, with the marks of its ptes. */
static void forget_mapped(struct wpt_space *space, struct mm_struct *mm,
			  struct wpt_chunk *chunk, unsigned long start,
			  unsigned long end, bool *held)
{
	unsigned long next;
	pmd_t *pmdp;
	bool done;

	do {
		switch (wpt_pmd_find(mm, start, &pmdp, &next)) {
		case WPT_PMD_HUGE:
			done = forget_huge(space, chunk, pmdp, start, end);
			break;
		case WPT_PMD_TABLE:
			done = forget_ptes(space, chunk, pmdp, start, end, held);
			break;
		default:
			forget_bits(space, chunk, start, end);
			done = true;
			break;
		}
	} while (!done);
}

/*
 * Take the marks out of one chunk's ptes, and what it knows of these pages.  Mapping by
 * mapping: elsewhere no mark can be, and munmap() may be freeing the page tables, which
 * it does with the mmap_lock as we have it.
 */
static void forget_chunk(struct wpt_space *space, struct mm_struct *mm,
			 struct wpt_chunk *chunk, unsigned long start,
			 unsigned long end, bool *held)
{
	struct vm_area_struct *vma;
	unsigned long next;

	/* Page tables of hugetlb that others share may go away. */
	rcu_read_lock();
	for (; start < end; start = next) {
		vma = mm ? find_vma(mm, start) : NULL;
		if (vma && vma->vm_start <= start) {
			next = min(end, vma->vm_end);
			forget_mapped(space, mm, chunk, start, next, held);
		} else {
			next = vma ? min(end, vma->vm_start) : end;
			forget_bits(space, chunk, start, next);
		}
	}
	rcu_read_unlock();
}

/**
 * wpt_harvest_forget() - undo what was done to memory nobody tracks any more
 * @space: the space, locked
 * @mm:    its address space with the mmap_lock held, or NULL if that is gone
 * @start: first address
 * @end:   end (exclusive)
 * @held:  NULL, or out: it stopped where somebody holds a page that is to be the mapping's
 *         own again; to be called again when the lists of the LRU are drained
 *
 * Leaves alone what is in the ranges of a tracker.  The cover of the space must
 * still hold the range: as long as there are records, events have to be recorded,
 * or the next tracker would believe stale ones.  The ptes stay read-only: whether
 * they may be writable is for the next write fault to find out.
 *
 * Return: how far it got; @end when all is done.
 */
unsigned long wpt_harvest_forget(struct wpt_space *space, struct mm_struct *mm,
				 unsigned long start, unsigned long end, bool *held)
{
	unsigned long addr = start, next, index;
	unsigned int budget = WPT_STEP_CHUNKS;
	u64 until = ktime_get_ns() + WPT_STEP_NS;
	struct wpt_interval iv;
	struct wpt_chunk *chunk;

	while (addr < end && budget-- && ktime_get_ns() < until) {
		if (tracked_next(space, addr, &iv) && iv.start <= addr) {
			addr = iv.end;
			continue;
		}
		if (!wpt_record_group(&space->rec, addr)) {
			index = addr >> WPT_GROUP_SHIFT;
			if (!xa_find_after(&space->rec.groups, &index,
					   ULONG_MAX, XA_PRESENT))
				return end;
			addr = index << WPT_GROUP_SHIFT;
			continue;
		}
		next = min(end, wpt_chunk_end(addr));
		if (tracked_next(space, addr, &iv))
			next = min(next, iv.start);
		chunk = wpt_record_chunk(&space->rec, addr);
		if (chunk && (!tracked_next(space, addr & WPT_CHUNK_MASK, &iv) ||
			      iv.start >= wpt_chunk_end(addr))) {
			/* All of it: what others have given up too finds no chunk. */
			forget_chunk(space, mm, chunk, addr & WPT_CHUNK_MASK,
				     wpt_chunk_end(addr), held);
			if (held && *held)
				break;
			wpt_record_drop(&space->rec, addr);
		} else if (chunk) {
			forget_chunk(space, mm, chunk, addr, next, held);
			if (held && *held)
				break;
		}
		addr = next;
	}
	return min(addr, end);
}
