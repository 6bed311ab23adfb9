// SPDX-License-Identifier: GPL-2.0-only
/*
 * Small pages of a huge one, before Linux 6.15.
 *
 * protect.c takes from clean pages that they are known to belong to their mapping alone,
 * so that nothing but a write fault makes them writable.  The fault finds it out again, but
 * for a page of a large folio these kernels do not try, and copy it.  So it is noted that the
 * page was the mapping's own (lent), and the hook says so before the kernel looks.
 *
 * It is as true as when it was noted, if the page has not been shared since, and is the same.
 * Both need an event that is no change of protection, and each of these ends it: when it
 * begins, with the page table locked, the page is given back, unless that it may be shared
 * is all that still tells that it was not written.  Nothing is noted while another event is
 * under way.  One that has begun but not been counted by then is still to lock the page
 * table; or it finds the page dirty, and then the reset that has made it clean since looks
 * for events afterwards (event_known() in event.c, wpt_piece_settle() in piece.c).
 */
#include "arm.h"
#include "lend.h"
#include "protect.h"
#include "ptwalk.h"
#include "space.h"

bool wpt_lend_used;

/**
 * wpt_lend() - a page of a large folio may be shared from now on, as far as the kernel knows
 * @chunk: its chunk, in which a change of protection has begun
 * @i:     the page
 * @ptep:  its pte, armed, with the page table locked
 * @page:  it, anonymous
 *
 * Nothing happens if another event is under way in the chunk, or if memory is short.
 */
void wpt_lend(struct wpt_chunk *chunk, unsigned int i, pte_t *ptep, struct page *page)
{
	if (!WPT_PAGE_LENDS || wpt_page_may_be_shared(page) ||
	    READ_ONCE(chunk->protect) != wpt_chunk_events(chunk) ||
	    !wpt_chunk_set_lent(chunk, i))
		return;
	wpt_protect_hide(ptep, page);
	if (wpt_page_may_be_shared(page))
		WRITE_ONCE(wpt_lend_used, true);
	else
		/* Somebody has pinned it. */
		wpt_chunk_clear_lent(chunk, i, 1);
}

/**
 * wpt_lend_back() - a page that was lent is the mapping's own again
 * @chunk: its chunk
 * @i:     the page
 * @pte:   its pte, with the page table locked
 */
void notrace wpt_lend_back(struct wpt_chunk *chunk, unsigned int i, pte_t pte)
{
	struct page *page;

	if (likely(!wpt_chunk_lent(chunk, i)))
		return;
	wpt_chunk_clear_lent(chunk, i, 1);
	page = pte_present(pte) ? wpt_pte_page(pte) : NULL;
	if (page && wpt_page_anon(page) && wpt_page_may_be_shared(page))
		wpt_page_set_own(page);
}

/**
 * wpt_lend_event() - another event than a change of protection begins
 * @chunk: the chunk, in which it has been counted, and has looked at its pages
 * @i:     its first page
 * @n:     its end
 * @ptep:  the pte of the first, locked
 */
void wpt_lend_event(struct wpt_chunk *chunk, unsigned int i, unsigned int n, pte_t *ptep)
{
	for (; i < n; i++, ptep++) {
		if (!wpt_chunk_lent(chunk, i))
			continue;
		/* Away, or it was until now and may be so again when the event ends. */
		if (test_bit(i, chunk->armed) && !test_bit(i, chunk->dirty) &&
		    !wpt_pte_armed(ptep_get(ptep)))
			wpt_chunk_clear_lent(chunk, i, 1);
		else
			wpt_lend_back(chunk, i, ptep_get(ptep));
	}
}

/**
 * wpt_lend_fault() - the same, in a fault that asks whose the page is
 * @vmf: the fault; its pte is locked
 */
void notrace wpt_lend_fault(const struct vm_fault *vmf)
{
	struct wpt_space *space = wpt_space_find(vmf->vma->vm_mm);
	struct wpt_chunk *chunk;

	chunk = space ? wpt_record_chunk(&space->rec, vmf->address) : NULL;
	if (chunk)
		wpt_lend_back(chunk, wpt_page_index(vmf->address), READ_ONCE(*vmf->pte));
}
