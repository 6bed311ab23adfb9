// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reclaim and migration take a page's pte, and our mark with it, and bring back another
 * one later.  The page was not written for that.  It is carried over if all of this
 * holds:
 *
 *  1. When an event began that takes pages away, the page was armed.
 *  2. No other event was under way over the page from then until this one ended, and
 *     nothing that might have filled it if it was empty (UFFDIO_MOVE tells of where it
 *     takes pages from, and not of where it puts them).
 *  3. When it ended, the page was not dirty, and its pte was an entry of swap, or one of
 *     migration that does not remember write permission.  (For pages of files that are
 *     gone see drop.c, for pages that were replaced copy.c.)
 *
 * Now the page is "away", and the entry stands for the data that the page held when it
 * was armed.  Until its pte was taken, writes had to pass the hook, which makes the page
 * dirty.  Such an entry is put in the place of a pte by reclaim or migration of the page
 * that is mapped there, in an event over it, so it was this one; a page that came to be
 * mapped there by copy-on-write did so in an event of its own; and if the pte became
 * empty, nobody but UFFDIO_MOVE and mremap(), which unmaps first, puts an entry there.
 * Who takes pages away holds the lock of the page from before the event begins until
 * after it ends, and without it a fault cannot map it again, to be written and taken a
 * second time within the same event.
 *
 * There is one event that ends before its change is done: the collapse into a huge page.
 * But the mmap_lock and the mapping stay locked for writing until it is, and so does the
 * reverse map, or else every page is locked and isolated by then.  When it ends there is
 * no page table in its place, so nothing is carried; what was away has been decided at
 * its start (4.); and the huge page, or the small ones if it fails, are writable or as
 * they were.
 *
 * What can become of an entry without an event?  Swap comes back by a fault or by
 * swapoff, read-only or writable, with the data that went.  A migration entry that
 * remembers no write permission becomes a read-only pte, or an entry or a page of a
 * device, which is not "away" nor "back".  A read-only pte is made writable by a write
 * fault alone, which passes the hook.  A pte that came back writable says nothing and is
 * written.  It cannot become read-only again, or go away, without an event, and
 *
 *  4. the first event that passes over a page that is away ends this: it looks before
 *     it does anything.  If the page is back and read-only, it is armed again, and the
 *     event finds an armed page as any other.  If not, the page becomes dirty: it might
 *     come back, be written and be made read-only before this event is over.
 *
 * There are two exceptions to the latter.  An event that takes pages away may find the
 * entry of another: a huge page is split into migration entries, and then these are
 * looked through.  The same three conditions hold for it, with an entry in the place of
 * the armed pte: if that was exchanged for another one, which reclaim or migration would
 * have to do, the page would have been mapped, and they hold its lock from before they
 * tell of the event, without which nobody can map it.  And fork(): it copies page tables
 * with the mmap_lock held for writing, so that nothing comes back from swap meanwhile.  Not
 * so of pages of files: writeback looks the same, and locks nothing that keeps others from
 * the ptes.
 *
 * A harvest has the page table locked and does likewise: back and read-only is clean,
 * and armed again; an entry is clean; all else is written.
 *
 * The pte that comes back is not flushed from any TLB: the page was read-only when its
 * pte was taken, and has been nothing else since.
 *
 * Who may write to the page without a fault?  Nobody had it when it was armed, and who
 * has asked to write to it since has passed the hook.
 *
 * To private memory without write permission a debugger writes through a read-only pte.
 * Such pages are not armed, mprotect() takes the mark of those that are, and is an event
 * for those that are away, or are about to be.
 *
 * A huge page may be moved as a whole, by one entry of migration.  Of hugetlb nothing else
 * takes pages away and brings them back, and mremap() takes entries elsewhere that look like
 * any other.  So there the event has to be known for one of migration.
 *
 * Pages of a file's cache are carried over migration.  What takes them away otherwise
 * (reclaim, truncation) leaves nothing behind: see drop.c.  Who writes to a private
 * mapping of them writes to a copy, with or without permission.  In a shared mapping they
 * come back writable, and say nothing, or read-only where shared.c has seen to it.
 */
#include "carry.h"
#include "chunk_bits.h"
#include "compat/entry.h"
#include "compat/uffd.h"
#include "drop.h"
#include "protect.h"
#include "ptwalk.h"
#include "stats.h"
#include "swap.h"

/* What a pte maps that can be read and not be written; NULL: nothing that counts here. */
static struct page *back(pte_t pte)
{
	struct page *page;

	if (!pte_present(pte) || !(wpt_pte_flags(pte) & _PAGE_PRESENT) || pte_write(pte))
		return NULL;
	page = wpt_pte_page(pte);
	return page && !is_zone_device_page(page) ? page : NULL;
}

/**
 * wpt_carry_back() - can this be a page that was away, or that may go away, unwritten?
 * @pte: what is found at its address
 *
 * Devices write to pages of their own through their own page tables.
 */
bool wpt_carry_back(pte_t pte)
{
	struct page *page = back(pte);

	return page && wpt_page_anon(page);
}

/**
 * wpt_carry_file() - the same of a page of a file's cache
 * @pte: what is found at its address
 */
bool wpt_carry_file(pte_t pte)
{
	struct page *page = back(pte);

	return page && !wpt_page_anon(page);
}

/**
 * wpt_carry_resume() - a page that is away and was not written is armed if it is back
 * @chunk: its chunk
 * @i:     the page, which is mapped for writing
 * @ptep:  its pte, with the page table locked
 */
void wpt_carry_resume(struct wpt_chunk *chunk, unsigned int i, pte_t *ptep)
{
	pte_t pte = ptep ? ptep_get(ptep) : __pte(0);

	if (!(wpt_pte_flags(pte) & _PAGE_PRESENT) ||
	    (!wpt_carry_back(pte) && !wpt_protect_held(pte)))
		return;
	wpt_chunk_clear_away(chunk, i);
	wpt_pte_mark(ptep);
}

/**
 * wpt_carry_begin() - an event has begun that may take clean pages away
 * @space: the space
 * @key:   of the event, which is over a part of one chunk
 * @pages: the pages, a bit each
 * @drops: all are pages of files that are being reclaimed: see drop.c
 * @copies: it is one, and what comes in its place holds the same: see copy.c
 */
void wpt_carry_begin(struct wpt_space *space, const void *key,
		     const unsigned long *pages, bool drops, bool copies)
{
	struct wpt_event_slot *slot = wpt_space_event_slot(space, key);

	if (!slot)
		return;
	bitmap_copy(slot->pages, pages, WPT_CHUNK_PAGES);
	slot->took = true;
	slot->drops = drops;
	slot->copies = copies;
}

/* Can it be another page with the same contents, if one has come? */
static bool is_copy(pte_t pte)
{
	return !wpt_pte_armed(pte) && !wpt_pte_uffd(pte) && wpt_carry_back(pte);
}

/* Its page table is locked; @ptep is the pte of the chunk's first page. */
static void carry_pages(struct wpt_chunk *chunk, const struct wpt_event_slot *slot,
			pte_t *ptep, bool share)
{
	unsigned int i, nr = 0;
	pte_t pte;

	for_each_set_bit(i, slot->pages, WPT_CHUNK_PAGES) {
		if (!test_bit(i, chunk->armed) || test_bit(i, chunk->dirty))
			continue;
		pte = ptep_get(ptep + i);
		if (slot->drops && pte_none(pte))
			wpt_drop_gone(chunk, i);
		else if (!wpt_pte_away(pte) && !(slot->copies && is_copy(pte)))
			continue;
		else if (!wpt_chunk_set_away(chunk, i))
			break;
		else if (share)
			wpt_swap_share(ptep + i);
		nr++;
	}
	wpt_stat_add(CARRIED, nr);
}

/* The same where a huge entry is, locked, which all of them share. */
static void carry_huge(struct wpt_chunk *chunk, const struct wpt_event_slot *slot, pmd_t pmd)
{
	const pte_t pte = wpt_pmd_as_pte(pmd);
	unsigned int i, nr = 0;

	if (!wpt_pte_away(pte) && !(slot->copies && is_copy(pte)))
		return;
	for_each_set_bit(i, slot->pages, WPT_CHUNK_PAGES) {
		if (!test_bit(i, chunk->armed) || test_bit(i, chunk->dirty))
			continue;
		if (!wpt_chunk_set_away(chunk, i))
			break;
		nr++;
	}
	wpt_stat_add(CARRIED, nr);
}

/**
 * wpt_carry_end() - such an event ends
 * @space: the space
 * @key:   of the event, which still has its place
 *
 * Called where the event's start was called: the reverse map or the mappings are
 * locked, page tables are not.  Does not sleep.
 */
void wpt_carry_end(struct wpt_space *space, const void *key)
{
	struct wpt_event_slot *slot = wpt_space_event_slot(space, key);
	struct wpt_chunk *chunk;
	unsigned long next;
	spinlock_t *ptl;
	pmd_t *pmdp;
	pte_t *ptep;

	if (!slot || !slot->took || READ_ONCE(slot->spoilt))
		return;
	rcu_read_lock();
	chunk = wpt_record_chunk(&space->rec, slot->start);
	if (!chunk)
		goto out;
	switch (wpt_pmd_find(space->mm, slot->start, &pmdp, &next)) {
	case WPT_PMD_TABLE:
		break;
	case WPT_PMD_HUGE:
		ptl = pmd_lock(space->mm, pmdp);
		if (wpt_pmd_is_huge(READ_ONCE(*pmdp)) && !wpt_space_event_spoilt(space, slot))
			carry_huge(chunk, slot, READ_ONCE(*pmdp));
		spin_unlock(ptl);
		goto out;
	default:
		goto out;
	}
	ptep = wpt_pte_offset_map_lock(space->mm, pmdp, slot->start & WPT_CHUNK_MASK, &ptl);
	if (!ptep)
		goto out;
	/* One that begins from now on is still to look at these pages. */
	if (!wpt_space_event_spoilt(space, slot))
		carry_pages(chunk, slot, ptep, !READ_ONCE(space->moves));
	pte_unmap_unlock(ptep, ptl);
out:
	rcu_read_unlock();
}
