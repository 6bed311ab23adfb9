// SPDX-License-Identifier: GPL-2.0-only
/*
 * One page when an event begins: what event.c says, of each state that it may have.
 */
#include <linux/userfaultfd_k.h>

#include "carry.h"
#include "chunk_bits.h"
#include "compat/entry.h"
#include "compat/uffd.h"
#include "drop.h"
#include "event_page.h"
#include "protect.h"
#include "ptwalk.h"
#include "space.h"
#include "stats.h"

/* A page that is away.  Returns true if it is armed again. */
static bool event_away(struct wpt_chunk *chunk, unsigned int i, pte_t pte, pte_t *ptep,
		       const struct wpt_event *ev)
{
	bool held = wpt_protect_held(pte), forks = ev->forks, alone;

	if (ev->took && ptep && wpt_copy_keeps(ev->copies, pte)) {
		/* Its pte is not touched: see copy.c. */
		*ev->copied = true;
		wpt_chunk_clear_away(chunk, i);
		__set_bit(i, ev->took);
		return false;
	}
	if (ptep && (wpt_carry_file(pte) || (wpt_carry_back(pte) &&
	    !test_bit(WPT_CHUNK_READONLY, &chunk->flags)))) {
		wpt_carry_resume(chunk, i, ptep);
		return true;
	}
	/* Writeback looks the same, and holds nothing that keeps others from shared pages. */
	forks &= held ? !wpt_protect_file(pte) : wpt_pte_away(pte) && !wpt_pte_moves_file(pte);
	/* Over that of another event it would have to be looked at again. */
	alone = ev->protects && READ_ONCE(chunk->protect) == wpt_chunk_events(chunk);
	/* Huge pages of files are armed, and nothing else, but those of hugetlb. */
	if (forks || (alone && held && (ptep || ev->hugetlb || !wpt_protect_file(pte))))
		return false;
	wpt_chunk_clear_away(chunk, i);
	if (ev->took && (wpt_pte_away(pte) || held)) {
		__set_bit(i, ev->took);
	} else {
		set_bit(i, chunk->dirty);
		if (ev->kind == WPT_EVENT_UNMAP || pte_none(pte))
			wpt_stat_inc(OVER_ZAPPED);
		else
			wpt_stat_inc(OVER_SWAPPED);
	}
	return false;
}

/* Is all that may have been written to an empty page, when it ends, still in its file? */
static bool keeps_data(const struct wpt_event *ev, unsigned long addr)
{
	if (ev->kind == WPT_EVENT_PROTECT || ev->kind == WPT_EVENT_UNMAP || ev->frees)
		return true;
	return (ev->file.mapping && ev->keeps_file) || wpt_backing_lacks(&ev->file, addr);
}

/*
 * May userfaultfd have put the page there while nobody might write (see wpt_page_fillable()),
 * if mprotect() may be about to allow it?  From then on nothing tells any more.
 */
static bool filled(const struct wpt_event *ev, pte_t pte)
{
	struct page *page = ev->fills ? wpt_pte_page(pte) : NULL;

	return page && !wpt_page_anon(page) && wpt_page_fillable(page);
}

/*
 * Who writes to a zero page passes the hook; so one event may take it, and nothing is lost.  Of
 * two that are over it at once one may take what is written after the other had taken it.
 * The later of them finds the earlier.  The page table is locked: if that is over by now, it
 * had taken the page before.  So it had if it is not counted any more.
 */
static bool taken_twice(const struct wpt_event *ev, unsigned long addr)
{
	return !ev->holds && atomic_read(&ev->space->events) != 1 &&
	       wpt_space_event_takes(ev->space, addr, addr + PAGE_SIZE);
}

/**
 * wpt_event_page() - what the record learns of a page when an event begins
 * @chunk: its chunk
 * @addr:  the page, which is not dirty
 * @pte:   what its entry says; the page table is locked
 * @ptep:  its pte, or NULL if there is none, or if the page is part of a huge entry
 * @ev:    the event
 */
void wpt_event_page(struct wpt_chunk *chunk, unsigned long addr, pte_t pte,
		    pte_t *ptep, const struct wpt_event *ev)
{
	unsigned int i = wpt_page_index(addr);
	enum wpt_event_kind kind = ev->kind;

	if (wpt_chunk_away(chunk, i) && test_bit(i, chunk->armed)) {
		if (!event_away(chunk, i, pte, ptep, ev))
			return;
		pte = ptep_get(ptep);
	}
	/* Of one that is armed the end of the event tells what became of it. */
	if (ptep && (ev->dontneed || ev->holds || ev->took) &&
	    wpt_drop_arm(ev->space, chunk, i, ptep))
		pte = ptep_get(ptep);
	if (test_bit(i, chunk->armed)) {
		if (ev->dontneed && ptep && wpt_drop_armed(chunk, i, pte))
			return;
		if (ev->protects && !pte_none(pte))
			wpt_protect_page(chunk, i, pte);
		if (ev->protects && ev->shares && ptep)
			wpt_protect_share(chunk, i, ptep);
		if (ev->took && ptep && wpt_pte_armed(pte) &&
		    (wpt_carry_back(pte) || wpt_carry_file(pte))) {
			__set_bit(i, ev->took);
			if (ev->drops && wpt_drop_reclaims(pte))
				__set_bit(i, ev->drops);
		}
		if (kind == WPT_EVENT_UNMAP || pte_none(pte)) {
			set_bit(i, chunk->dirty);
			wpt_stat_inc(OVER_ZAPPED);
		} else if (kind != WPT_EVENT_REPLACE || !ptep || !wpt_pte_armed(pte)) {
			return;
		} else if (ev->took && wpt_copy_keeps(ev->copies, pte)) {
			*ev->copied = true;
		} else if (!ev->holds) {
			/*
			 * What comes back may be the very same pte over other
			 * data: a uprobe writes to the page while it is away
			 * (7.2).  Not so for larger ranges: each split of a
			 * mapping is an event of 2 MiB, huge or not.
			 */
			wpt_pte_unmark(ptep);
		}
		return;
	}
	if (wpt_pte_empty(pte)) {
		/* It may be filled before the end, and emptied again. */
		if (ev->holds)
			return;
		if (!keeps_data(ev, addr)) {
			set_bit(i, chunk->dirty);
			wpt_stat_inc(OVER_ZAPPED);
		} else if (!ev->still) {
			wpt_chunk_set_hazy(chunk, i);
		}
	} else if (kind != WPT_EVENT_PROTECT) {
		if (!wpt_pte_zero(pte)) {
			set_bit(i, chunk->dirty);
		} else if (taken_twice(ev, addr)) {
			set_bit(i, chunk->dirty);
			wpt_stat_inc(OVER_ZAPPED);
		}
	} else if (!pte_present(pte) || pte_write(pte) || pte_dirty(pte) ||
		   wpt_pte_uffd(pte) || wpt_pte_marked(pte)) {
		/*
		 * Read-only, or clean, or without userfaultfd's mark, or ours of a page
		 * that was moved here, it would look as if nobody had written to it.
		 */
		set_bit(i, chunk->dirty);
	} else if ((!(wpt_pte_flags(pte) & _PAGE_PRESENT) && !(ev->protects && ev->still)) ||
		   filled(ev, pte)) {
		/* protnone: it may become writable without passing the hook, if anybody faults */
		wpt_chunk_set_hazy(chunk, i);
	}
}
