// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reclaim takes the pte of a page of a file and leaves nothing in its place; so does
 * MADV_DONTNEED.  What the page holds is found again in the file, or in the swap of tmpfs.
 * Truncation and punched holes look the same, and change it.
 *
 * A page that was clean when such an event began, with a read-only pte over the file's
 * cache, becomes what it was before it was mapped: empty, and not armed.  From then on
 * all holds that holds for empty pages: in a private mapping, who writes has a page of his
 * own; in a shared one, the pte becomes writable, or an event is over it that sees it.  See
 * wpt_page_written() and event.c.
 *
 * Which event is it?
 *
 *  - MADV_DONTNEED is known by the system call of who owns the memory.  It passes over each
 *    pte once.  A write before that finds our mark, or the hook without it, and the page is
 *    dirty; a pte that is made after it stays.  Of pages that were empty when it began, and
 *    may be filled and written before it comes along, the file tells: see backing.c.
 *    Huge entries are not helped.  Pages are forgotten when it begins, so no other event may be
 *    under way over the chunk: it might take the page, for another reason, and counts on
 *    finding an armed one gone.  One that has not been under way before the page table was
 *    locked is still to look, and finds a page that is empty, or marked without being armed.
 *  - Reclaim holds the lock of the page, has it isolated, and is allowed to use memory that
 *    nobody else may use (PF_MEMALLOC; not MADV_PAGEOUT of Linux 5.10, which is known by its
 *    call).  Migration may be done by the same task and leaves an entry, so it is the end of
 *    the event that tells, as for other pages that are carried: see carry.c.  No fault can
 *    map the page again while its lock is held.
 *
 *  - Whoever makes a huge page of small ones (khugepaged, MADV_COLLAPSE) takes them as reclaim
 *    does, locked and isolated, and copies what they hold.  Until all of it is in the huge page
 *    they stay locked, or those that he has put there instead.
 *
 * Who punches a hole unmaps it first, and takes pages out of the file after that, which is
 * an event only for those that have come to be mapped again in between, with what they held
 * before.  So nothing is forgotten while the file is locked (i_rwsem), as it is by whoever
 * makes holes: if he locks it after we have looked, his first event is still to come.
 *
 * Some drivers empty files in a shrinker, where reclaim comes along (ashmem, i915): their
 * owners have told them so, and write to them again, or find that they have lost what was in
 * them.  It is no write, and whether the page is isolated just then is a matter of chance.
 */
#include <linux/mman.h>
#include <linux/sched.h>

#include "bits.h"
#include "carry.h"
#include "chunk_bits.h"
#include "compat/page.h"
#include "compat/syscall.h"
#include "compat/uffd.h"
#include "drop.h"
#include "fills.h"
#include "ptwalk.h"

#define ADVICE_PAGEOUT	21	/* not in the headers of each kernel that has it */

static bool in_madvise(const struct mmu_notifier_range *range, u32 advice)
{
	return wpt_in_madvise(advice, range->start, range->end);
}

/**
 * wpt_drop_dontneed() - does an event take ptes for MADV_DONTNEED?
 * @range: the event's, which takes pages away, from the caller's own memory
 */
bool wpt_drop_dontneed(const struct mmu_notifier_range *range)
{
#ifdef MADV_DONTNEED_LOCKED
	if (in_madvise(range, MADV_DONTNEED_LOCKED))
		return true;
#endif
	return in_madvise(range, MADV_DONTNEED);
}

/**
 * wpt_drop_frees() - is an event one of MADV_FREE?
 * @range: the event's, as above
 *
 * What it does not find in swap stays mapped.  It is for private memory, where who fills an
 * empty page, and has it dropped again, has left nothing.
 */
bool wpt_drop_frees(const struct mmu_notifier_range *range)
{
	return in_madvise(range, MADV_FREE);
}

/**
 * wpt_drop_removes() - does an event make a hole in a file for MADV_REMOVE?
 * @range: the event's, as above
 */
bool wpt_drop_removes(const struct mmu_notifier_range *range)
{
	return in_madvise(range, MADV_REMOVE);
}

/**
 * wpt_drop_reclaim() - may an event be one of reclaim, or of a collapse?
 * @space: the space
 * @range: the event's, which takes pages away
 */
bool wpt_drop_reclaim(const struct wpt_space *space, const struct mmu_notifier_range *range)
{
	return wpt_reclaims() || wpt_in_collapse() ||
	       (current->mm == space->mm && in_madvise(range, ADVICE_PAGEOUT));
}

/* A page of a file's cache, whose file nobody is changing now. */
static struct page *settled(pte_t pte)
{
	struct page *page = wpt_carry_file(pte) ? wpt_pte_page(pte) : NULL;

	return page && wpt_page_settled(page) ? page : NULL;
}

/**
 * wpt_drop_reclaims() - is it a page of a file, which such an event is reclaiming?
 * @pte: of a page of its range; the page table is locked
 */
bool wpt_drop_reclaims(pte_t pte)
{
	struct page *page = settled(pte);

	return page && wpt_page_isolated(page);
}

/**
 * wpt_drop_gone() - a page is clean and empty
 * @chunk: its chunk, which is walked by the next scan
 * @i:     the page, which was armed and not dirty, with its page table locked
 */
void wpt_drop_gone(struct wpt_chunk *chunk, unsigned int i)
{
	wpt_chunk_clear_stale_hazy(chunk, i);
	clear_bit(i, chunk->armed);
}

/**
 * wpt_drop_armed() - MADV_DONTNEED is about to take an armed page
 * @chunk: its chunk
 * @i:     the page
 * @pte:   its pte, with the page table locked.  It keeps the mark: a write until then is
 *         to be seen, and if it should stay it says that the page was written.
 *
 * Return: true if the page is forgotten.
 */
bool wpt_drop_armed(struct wpt_chunk *chunk, unsigned int i, pte_t pte)
{
	if (!wpt_pte_armed(pte) || !settled(pte))
		return false;
	wpt_drop_gone(chunk, i);
	return true;
}

/**
 * wpt_drop_arm() - a page that is not armed is, if it is clean and mapped
 * @space: the space
 * @chunk: its chunk
 * @i:     the page
 * @ptep:  its pte, with the page table locked
 *
 * As wpt_page_written(), for any mapping.  So that what comes in the way finds more than a
 * read-only pte: it might become writable and be taken before this event is over.
 *
 * Return: true if it is armed now.
 */
bool wpt_drop_arm(const struct wpt_space *space, struct wpt_chunk *chunk, unsigned int i,
		  pte_t *ptep)
{
	pte_t pte = ptep_get(ptep);
	struct page *page;

	if (test_bit(i, chunk->armed) || wpt_chunk_hazy(chunk, i) || wpt_pte_marked(pte) ||
	    wpt_pte_uffd(pte) || pte_dirty(pte))
		return false;
	page = settled(pte);
	/* Who has filled it was seen before it was mapped; but what others did to a child before. */
	if (!page || (wpt_page_fillable(page) && (wpt_fills(space) || READ_ONCE(space->unborn))))
		return false;
	wpt_pte_mark(ptep);
	set_bit(i, chunk->armed);
	wpt_chunk_clear_away(chunk, i);
	return true;
}

static bool any_armed_clean(const struct wpt_chunk *chunk)
{
	unsigned long any = 0;
	unsigned int w;

	for (w = 0; w < WPT_CHUNK_WORDS; w++)
		any |= READ_ONCE(chunk->armed[w]) & ~READ_ONCE(chunk->dirty[w]);
	return any;
}

/**
 * wpt_drop_arm_huge() - the same of all pages of a huge entry, but those that are dirty
 * @space: the space
 * @chunk: its chunk, all of which is tracked
 * @vma:   its mapping
 * @pmdp:  the entry, locked
 */
void wpt_drop_arm_huge(const struct wpt_space *space, struct wpt_chunk *chunk,
		       struct vm_area_struct *vma, pmd_t *pmdp)
{
	const pte_t pte = wpt_pmd_as_pte(READ_ONCE(*pmdp));
	struct page *page;

	/* One that is armed has lost its mark. */
	if (any_armed_clean(chunk) || wpt_chunk_any_hazy(chunk) ||
	    wpt_pte_marked(pte) || wpt_pte_uffd(pte) || pte_dirty(pte))
		return;
	page = settled(pte);
	if (!page || wpt_page_filled(vma, page) ||
	    (wpt_page_fillable(page) && READ_ONCE(space->unborn)))
		return;
	wpt_pte_mark((pte_t *)pmdp);
	wpt_chunk_clear_away_all(chunk);
	wpt_bits_fill(chunk->armed);
}
