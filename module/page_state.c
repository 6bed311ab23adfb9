// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the record and the pte of a page tell: its categories, and whether it was written.
 */
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/userfaultfd_k.h>

#include "backing.h"
#include "carry.h"
#include "chunk_bits.h"
#include "compat/entry.h"
#include "compat/uffd.h"
#include "piece.h"
#include "protect.h"
#include "ptwalk.h"
#include "stats.h"

u64 wpt_pte_categories(pte_t pte, u64 interest)
{
	struct page *page;
	u64 cat;

	if (pte_none(pte))
		return 0;
	if (!pte_present(pte)) {
		cat = WPTRACK_PAGE_SWAPPED;
		if (wpt_pte_guard(pte))
			cat |= WPTRACK_PAGE_GUARD;
		if (pte_swp_soft_dirty(pte))
			cat |= WPTRACK_PAGE_SOFT_DIRTY;
		return cat;
	}
	cat = WPTRACK_PAGE_PRESENT;
	if (pte_soft_dirty(pte))
		cat |= WPTRACK_PAGE_SOFT_DIRTY;
	if (is_zero_pfn(pte_pfn(pte)))
		cat |= WPTRACK_PAGE_PFNZERO;
	if (interest & (WPTRACK_PAGE_FILE | WPTRACK_PAGE_PINNED)) {
		page = wpt_pte_page(pte);
		if (page && !wpt_page_anon(page))
			cat |= WPTRACK_PAGE_FILE;
		if (page && wpt_page_maybe_pinned(page))
			cat |= WPTRACK_PAGE_PINNED;
	}
	return cat;
}

/* A page that is away: see carry.c and protect.c. */
static bool stays_clean(const struct wpt_piece *p, unsigned int i, pte_t pte)
{
	if (!p->trackable)
		return false;
	if (wpt_protect_held(pte))
		return true;
	/* Who writes by force to a page of a file writes to a copy. */
	if (wpt_pte_moves_file(pte))
		return true;
	return (p->vma->vm_flags & VM_WRITE) &&
	       (wpt_pte_away(pte) ||
		(wpt_carry_back(pte) && !test_bit(WPT_CHUNK_READONLY, &p->chunk->flags)));
}

/* An empty page of a file that has nothing there, and is the same file as before. */
static bool shows_nothing(const struct wpt_piece *p, unsigned int i)
{
	const unsigned long start = p->start & WPT_CHUNK_MASK;

	return !test_bit(WPT_CHUNK_REMAPPED, &p->chunk->flags) &&
	       wpt_backing_void(p->vma, start + ((unsigned long)i << PAGE_SHIFT));
}

/*
 * Was the page written, as far as the record and its pte tell?  Called with the
 * page table locked; if there is none, @pte is none.
 *
 * The only ways to "no" are a pte that we armed at this address and that still
 * is armed, one that went away armed (see carry.c), and a page that was empty and maps
 * nothing that this mapping can have written to: nothing, the zero page where it is what
 * nothing shows, or the cache of a file behind a read-only pte.
 *
 * In a private mapping these prove it: who wrote had a page of his own, and if
 * that is gone again, so is what was written.  In a shared mapping the data
 * would still be there.  But then the pte was writable in between, and only an
 * event can have changed that: it has found the page writable, and made it
 * dirty; or still empty, and made it hazy; or read-only, and then the hook has
 * seen the write.  If the file has nothing there, nothing was written: see backing.c.
 */
bool wpt_page_written(const struct wpt_piece *p, unsigned int i, pte_t pte)
{
	struct page *page;

	if (p->chunk && test_bit(i, p->chunk->dirty))
		return true;
	if (p->chunk && test_bit(i, p->chunk->armed)) {
		/* A mark says nothing of one that is away: see protect.c. */
		if (wpt_chunk_away(p->chunk, i))
			return !stays_clean(p, i, pte);
		return !wpt_pte_armed(pte);
	}
	if (p->chunk && wpt_chunk_hazy(p->chunk, i) &&
	    ((p->vma->vm_flags & VM_SHARED) || is_vm_hugetlb_page(p->vma)))
		return !wpt_pte_empty(pte) || !shows_nothing(p, i);
	if (wpt_pte_empty(pte))
		return false;
	/* UFFDIO_ZEROPAGE hides what a private mapping shows of its file. */
	if (wpt_pte_zero(pte))
		return !vma_is_anonymous(p->vma);
	if (!(wpt_pte_flags(pte) & _PAGE_PRESENT) || pte_write(pte))
		return true;
	/* Tracked at another address, and moved here since: see mark_moving(). */
	if (wpt_pte_marked(pte))
		return true;
	/* UFFDIO_COPY may have filled it, behind a read-only pte and without an event. */
	if (wpt_pte_uffd(pte) || ((p->vma->vm_flags & VM_SHARED) && pte_dirty(pte)))
		return true;
	if (is_vm_hugetlb_page(p->vma) && !p->trackable)
		return true;
	page = wpt_pte_page(pte);
	if (!page || wpt_page_anon(page))
		return true;
	/* Nor does a page of a driver tell that belongs to no file. */
	return (p->vma->vm_flags & VM_SHARED) &&
	       (!wpt_page_owned(page) || wpt_page_filled(p->vma, page));
}

/* Put down what wpt_page_written() found out, and why. */
void wpt_page_note_written(const struct wpt_piece *p, unsigned int i, pte_t pte)
{
	struct wpt_chunk *chunk = p->chunk;

	if (!chunk || test_bit(i, chunk->dirty))
		return;
	if (test_bit(i, chunk->armed)) {
		if (pte_none(pte))
			wpt_stat_inc(OVER_ZAPPED);
		else if (!pte_present(pte))
			wpt_stat_inc(OVER_SWAPPED);
		else if (wpt_pte_marked(pte) && pte_write(pte))
			wpt_stat_inc(ANOMALIES);
		else
			wpt_stat_inc(OVER_UNMARKED);
	} else if (!pte_write(pte) && wpt_chunk_hazy(chunk, i)) {
		wpt_stat_inc(OVER_HAZY);
	}
	set_bit(i, chunk->dirty);
	/* Orders the bit before the look at the map. */
	smp_mb__after_atomic();
	wpt_group_visit(p->group, p->start);
}
