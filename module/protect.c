// SPDX-License-Identifier: GPL-2.0-only
/*
 * mprotect(), NUMA balancing and userfaultfd change the protection of pages: pte_modify()
 * takes our mark away, and there is nothing wrong with the page otherwise.  A page stays
 * clean over that if no write can have passed that the fault hook has not seen.
 *
 * Who may write to an anonymous page without a fault?  Its pte is made writable by a
 * write fault, which the hook sees, or by who knows that the page belongs to this mapping
 * alone: mprotect(), the fault of NUMA balancing, and the one that brings it from swap.
 * A debugger writes through the read-only pte of a mapping without write permission on
 * the same condition.  So when a change of protection begins, this knowledge is taken
 * away from clean pages, as fork() does; the next write fault finds it out again and goes
 * on with the same page.  A page that somebody has pinned keeps it.  What is left:
 *
 *  - When the event begins, pages that have lost their mark become dirty.
 *  - When it ends, pages that are not dirty, whose ptes are not writable and that may be
 *    shared, as far as the kernel knows, have not been written.  Nor have the zero page
 *    and pages of a file's cache, to which nobody writes through a private mapping.
 *  - Only if no other event was under way over the chunk meanwhile: it might have made a
 *    page read-only that was written, or shared.
 *
 * In a writable mapping such a page is armed again, if it can be read, and known to be the
 * mapping's own as before.  If it cannot (NUMA balancing, PROT_NONE), or if the mapping is
 * read-only, it is "away", see carry.c: there the pte is what it was armed for as long as it
 * is not writable and the page may be shared, and no other event has come but such that
 * find it so, and change the protection while no other does, or fork.  Nothing but a write
 * fault, or one that unshares a page for who pins it to read, changes the latter; that
 * leaves the pte read-only, or takes away all evidence.  Events that find such a page look
 * at this before they do anything, and once more at their end.
 *
 * A page of a file in a shared mapping is the same page for all, and nothing is taken away
 * from it.  What holds instead: if its pte is not writable when the event ends, it has not
 * become writable in between, as there are no faults while mprotect() holds the mmap_lock for
 * writing, and as other faults than for a write make nothing writable where shared.c has seen
 * to it.  Where neither is so, nothing is kept.  When the event is over, "away" stands for a
 * pte that is not writable, as before: it may become so, but not read-only again without
 * another event.  A reset leaves pages alone that it cannot mark: somebody may have passed the
 * hook and go on with the pte as he has found it.
 *
 * Entries of hugetlb become writable by a write fault alone, whoever has the page, and by
 * mprotect() in shared mappings, where shared.c sees to it.  But a debugger may write through
 * others (Linux 7.2), so that the same is done to private ones, by mprotect() alone.
 *
 * A page in a mapping without write permission may be written in the fault that brings it
 * back from swap, by a debugger, and be read-only again at once.  The reverse map knows
 * no mappings, so nothing is carried over that, and no page is armed again by an event, in
 * a chunk where some page is away so.
 */
#include <linux/hugetlb.h>
#include <linux/sched.h>

#include "arm.h"
#include "carry.h"
#include "chunk_bits.h"
#include "compat/anon.h"
#include "lend.h"
#include "protect.h"
#include "ptwalk.h"
#include "shared.h"
#include "stats.h"
#include "swap.h"
#include "sym.h"

/**
 * wpt_protect_held() - can nobody have written to a page of a private mapping, since it
 *                      was clean, without the fault hook?
 * @pte: what is found at its address, its page table locked
 */
bool wpt_protect_held(pte_t pte)
{
	struct page *page;

	if (!pte_present(pte) || pte_write(pte))
		return false;
	if (wpt_pte_zero(pte))
		return true;
	page = wpt_pte_page(pte);
	if (!page || is_zone_device_page(page))
		return false;
	return !wpt_page_anon(page) || wpt_page_may_be_shared(page);
}

/**
 * wpt_protect_file() - is it a page of a file's cache?
 * @pte: of which wpt_protect_held() is true
 */
bool wpt_protect_file(pte_t pte)
{
	struct page *page = wpt_pte_zero(pte) ? NULL : wpt_pte_page(pte);

	return page && !wpt_page_anon(page);
}

/*
 * What mappings there are in a range.  The mmap_lock is held.  @readonly: something is
 * without write permission.  Returns true if shared pages may become writable while the
 * event lasts, and read-only again.
 */
static bool look_at_mappings(struct wpt_space *space, unsigned long addr,
			     unsigned long end, bool *readonly)
{
	const bool mprotects = wpt_shared_mprotects(space);
	struct vm_area_struct *vma;
	bool open = false;

	*readonly = false;
	for (; addr < end; addr = vma->vm_end) {
		vma = find_vma(space->mm, addr);
		if (!vma || vma->vm_start >= end)
			break;
		if (vma->vm_flags & VM_SHARED)
			open |= (vma->vm_flags & VM_WRITE) && !mprotects &&
				!wpt_shared_lowered(vma);
		/* Where nothing is anonymous, who writes by force passes the hook. */
		else if (!(vma->vm_flags & VM_WRITE) && vma->anon_vma)
			*readonly = true;
	}
	return open;
}

/**
 * wpt_protect_begin() - a change of protection begins, over some of a chunk
 * @space: the space
 * @chunk: the chunk, in which the event has been counted
 * @start: first address
 * @end:   end (exclusive)
 * @key:   of the event
 * @again: the same event has been here just before, for another part of it
 *
 * If another one is under way in the chunk, of whatever pages, nothing is kept.  Who
 * changes the protection of mappings holds their mmap_lock, and has changed them first.
 */
void wpt_protect_begin(struct wpt_space *space, struct wpt_chunk *chunk,
		       unsigned long start, unsigned long end, const void *key, bool again)
{
	unsigned long nr = wpt_chunk_events(chunk);
	bool readonly, open;

	open = look_at_mappings(space, start, end, &readonly);
	if (readonly)
		set_bit(WPT_CHUNK_READONLY, &chunk->flags);
	/* Whoever begins after this look counts an event more. */
	smp_mb();
	if (open || !wpt_space_event_alone(space, key, start & WPT_CHUNK_MASK, wpt_chunk_end(start)))
		WRITE_ONCE(chunk->protect, 0);
	else if (!again)
		WRITE_ONCE(chunk->protect, nr);
	else if (cmpxchg(&chunk->protect, nr - 1, nr) != nr - 1)
		WRITE_ONCE(chunk->protect, 0);
}

/**
 * wpt_protect_page() - the same, for a page that is armed, not dirty, and not away
 * @chunk: its chunk
 * @i:     the page
 * @pte:   its pte, with the page table locked, or what a huge entry says of it
 */
void wpt_protect_page(struct wpt_chunk *chunk, unsigned int i, pte_t pte)
{
	/* An entry that is not present may have the bit, and it says nothing. */
	if (wpt_pte_armed(pte))
		return;
	set_bit(i, chunk->dirty);
	if (pte_present(pte))
		wpt_stat_inc(OVER_UNMARKED);
	else
		wpt_stat_inc(OVER_SWAPPED);
}

/**
 * wpt_protect_hide() - who a page belongs to is hidden from the kernel
 * @ptep: its pte, not writable, with the page table locked
 * @page: it, anonymous, known to be the mapping's own, and not of a device
 *
 * It stays as it is if somebody has pinned it.
 */
void wpt_protect_hide(pte_t *ptep, struct page *page)
{
	/* Who looks at the pte without the lock is to find that it has changed. */
	pteval_t pte = xchg(&ptep->pte, 0);

	wpt_page_try_share(page, false);
	/* Full barriers lie between; hardware changes nothing in an empty entry. */
	WRITE_ONCE(ptep->pte, pte);
}

/**
 * wpt_protect_unshared() - a page may be shared from now on, as far as the kernel knows
 * @ptep: its pte, not writable, with the page table locked
 * @page: it, anonymous, and not of a device
 *
 * It stays as it is if somebody has pinned it, or if it would be copied when it is written.
 */
void wpt_protect_unshared(pte_t *ptep, struct page *page)
{
	if (!wpt_page_may_be_shared(page) && wpt_page_reused(page))
		wpt_protect_hide(ptep, page);
}

/* What an armed entry maps, if it can be shared; or NULL. */
static struct page *armed_page(pte_t pte)
{
	struct page *page = wpt_pte_armed(pte) ? wpt_pte_page(pte) : NULL;

	return page && wpt_page_anon(page) && !is_zone_device_page(page) ? page : NULL;
}

/**
 * wpt_protect_share() - the same, of an armed page
 * @chunk: its chunk, in which a change of protection has begun
 * @i:     the page
 * @ptep:  its pte, with the page table locked; nothing happens to others
 */
void wpt_protect_share(struct wpt_chunk *chunk, unsigned int i, pte_t *ptep)
{
	struct page *page = armed_page(ptep_get(ptep));

	if (page && wpt_page_reused(page))
		wpt_protect_unshared(ptep, page);
	else if (page)
		wpt_lend(chunk, i, ptep, page);
}

/**
 * wpt_protect_share_huge() - the same for a huge page
 * @pmdp: its entry, locked
 *
 * Whoever looks at the entry without the lock is to find a huge page there.
 */
void wpt_protect_share_huge(pmd_t *pmdp)
{
	struct page *page = armed_page(wpt_pmd_as_pte(READ_ONCE(*pmdp)));
	pmdval_t pmd;

	if (!page || wpt_page_may_be_shared(page))
		return;
	pmd = READ_ONCE(pmdp->pmd);
	while (!try_cmpxchg(&pmdp->pmd, &pmd, native_pmd_val(pmd_mkinvalid(__pmd(pmd)))))
		;
	wpt_page_try_share(page, true);
	WRITE_ONCE(pmdp->pmd, pmd);
}

/**
 * wpt_protect_share_hugetlb() - the same for one of hugetlb
 * @pmdp: its entry, locked.  Nobody has a fault there: mprotect() is at work.
 */
void wpt_protect_share_hugetlb(pmd_t *pmdp)
{
	struct page *page = armed_page(wpt_pmd_as_pte(READ_ONCE(*pmdp)));
	pmdval_t pmd;

	if (!page || wpt_page_may_be_shared(page))
		return;
	/* As for a small page: see wpt_protect_hide(). */
	pmd = xchg(&pmdp->pmd, 0);
	wpt_page_try_share_hugetlb(page);
	WRITE_ONCE(pmdp->pmd, pmd);
}

/**
 * wpt_protect_resume_huge() - pages that are away and were not written are armed if they
 *                             are back, in a huge entry
 * @chunk: their chunk
 * @pmdp:  the entry, locked, of hugetlb or of a private mapping; with write permission
 */
void wpt_protect_resume_huge(struct wpt_chunk *chunk, pmd_t *pmdp)
{
	unsigned long stray;
	unsigned int w;
	pte_t pte;

	if (!wpt_chunk_any_away(chunk))
		return;
	pte = wpt_pmd_as_pte(READ_ONCE(*pmdp));
	if (!(wpt_pte_flags(pte) & _PAGE_PRESENT) ||
	    (!wpt_protect_held(pte) &&
	     (!wpt_carry_back(pte) || test_bit(WPT_CHUNK_READONLY, &chunk->flags))))
		return;
	/* Those that are not away have lost the mark for another reason. */
	for (w = 0; w < WPT_CHUNK_WORDS; w++) {
		stray = READ_ONCE(chunk->armed[w]) & ~wpt_chunk_away_word(chunk, w);
		if (stray && !wpt_pte_marked(pte))
			atomic_long_or(stray, (atomic_long_t *)&chunk->dirty[w]);
	}
	wpt_chunk_clear_away_all(chunk);
	wpt_pte_mark((pte_t *)pmdp);
}

/*
 * A page of a chunk that is armed and not dirty, or all that a huge entry maps of it: @ptep
 * is locked, and @pte what it says.  Returns false if memory is short.
 */
static bool keep_page(struct wpt_chunk *chunk, const struct vm_area_struct *vma,
		      unsigned int i, pte_t *ptep, pte_t pte, bool huge)
{
	struct page *page = wpt_pte_page(pte);

	if (!(wpt_pte_flags(pte) & _PAGE_PRESENT) ||
	    (!(vma->vm_flags & VM_WRITE) && !wpt_protect_file(pte)))
		return wpt_chunk_set_away(chunk, i);
	wpt_chunk_clear_away(chunk, i);
	/* As before: all that is marked is armed. */
	if (page && wpt_page_anon(page) && (huge || wpt_page_reused(page)))
		wpt_page_own(page);
	else
		wpt_lend_back(chunk, i, pte);
	wpt_pte_mark(ptep);
	return true;
}

/*
 * Pages of a chunk, from @i to @n, whose entries are locked: @ptep is the pte of the first,
 * or a huge entry for all of them, which says @pte.
 */
static void keep_pages(struct wpt_chunk *chunk, const struct vm_area_struct *vma,
		       unsigned int i, unsigned int n, pte_t *ptep, pte_t pte, bool huge)
{
	bool held = wpt_protect_held(pte);
	unsigned int nr = 0;

	for (; i < n; i++, ptep += !huge) {
		if (!test_bit(i, chunk->armed) || test_bit(i, chunk->dirty))
			continue;
		if (!huge) {
			pte = ptep_get(ptep);
			if (wpt_pte_armed(pte))
				continue;
			held = wpt_protect_held(pte);
		}
		if (held) {
			if (!keep_page(chunk, vma, i, ptep, pte, huge))
				break;
			nr++;
		} else if (wpt_chunk_away(chunk, i)) {
			/* It is not what it has to be for that. */
			set_bit(i, chunk->dirty);
		}
	}
	wpt_stat_add(CARRIED, nr);
}

/* The same, of which only the caller knows the locked entries. */
static void keep_piece(struct wpt_chunk *chunk, const struct vm_area_struct *vma,
		       unsigned long start, unsigned long end, pte_t *ptep, bool huge)
{
	const unsigned int i = wpt_page_index(start);
	const unsigned int n = i + ((end - start) >> PAGE_SHIFT);
	pte_t pte;

	/* An event that begins from now on is still to look at these pages. */
	if (READ_ONCE(chunk->protect) != wpt_chunk_events(chunk))
		return;
	pte = huge ? wpt_pmd_as_pte(READ_ONCE(*(pmd_t *)ptep)) : ptep_get(ptep);
	keep_pages(chunk, vma, i, n, ptep, pte, huge);
	/* All of it may be written to again. */
	if ((vma->vm_flags & VM_WRITE) && n - i == WPT_CHUNK_PAGES)
		clear_bit(WPT_CHUNK_READONLY, &chunk->flags);
}

/* Part of a chunk and of a mapping. */
static void protect_piece(struct wpt_space *space, struct wpt_chunk *chunk,
			  struct vm_area_struct *vma, unsigned long start,
			  unsigned long end)
{
	unsigned long next;
	spinlock_t *ptl;
	pmd_t *pmdp;
	pte_t *ptep;

	switch (wpt_pmd_find(space->mm, start, &pmdp, &next)) {
	case WPT_PMD_TABLE:
		ptep = wpt_pte_offset_map_lock(space->mm, pmdp, start, &ptl);
		if (!ptep)
			return;
		keep_piece(chunk, vma, start, end, ptep, false);
		pte_unmap_unlock(ptep, ptl);
		break;
	case WPT_PMD_HUGE:
		/* In parts it would have been split. */
		if (end - start != WPT_CHUNK_SIZE ||
		    ((vma->vm_flags & VM_SHARED) && !is_vm_hugetlb_page(vma)))
			return;
		ptl = pmd_lock(space->mm, pmdp);
		if (wpt_pmd_is_huge(READ_ONCE(*pmdp)) &&
		    !wpt_pmd_marked(READ_ONCE(*pmdp)))
			keep_piece(chunk, vma, start, end, (pte_t *)pmdp, true);
		spin_unlock(ptl);
		break;
	default:
		break;
	}
}

/* All small pages of huge ones that are lent are given back; their ptes are locked. */
static void own_lent(struct wpt_space *space, unsigned long addr, pte_t *ptep)
{
	struct wpt_chunk *chunk;
	unsigned int i;

	rcu_read_lock();
	chunk = wpt_record_chunk(&space->rec, addr);
	if (chunk && READ_ONCE(chunk->lent))
		for (i = 0, ptep -= wpt_page_index(addr); i < WPT_CHUNK_PAGES; i++, ptep++)
			wpt_lend_back(chunk, i, ptep_get(ptep));
	rcu_read_unlock();
}

/**
 * wpt_protect_own() - a small page is the mapping's own again, if nobody else refers to it
 * @ptep: its pte, with the page table locked; nothing happens to what is no such page
 *
 * Return: what is in the way.
 */
enum wpt_own wpt_protect_own(pte_t *ptep)
{
	pte_t pte = ptep_get(ptep);
	struct page *page;

	if (pte_present(pte)) {
		page = wpt_pte_page(pte);
		if (!page || !wpt_page_anon(page) || PageCompound(page) ||
		    is_zone_device_page(page))
			return WPT_OWN_DONE;
		wpt_page_own(page);
	}
	return wpt_swap_own(ptep);
}

/*
 * Pages that UFFDIO_MOVE may take next, as far as they are small: from @addr on, up to the
 * first that is not present; or just the first.  Returns what was in the way of the first:
 * the others are left for the next time if need be.
 */
static enum wpt_own own_pages(struct wpt_space *space, unsigned long addr, unsigned long end)
{
	enum wpt_own own, ret = WPT_OWN_DONE;
	unsigned long next;
	pte_t *ptep, *pte;
	spinlock_t *ptl;
	pmd_t *pmdp;

	if (wpt_pmd_find(space->mm, addr, &pmdp, &next) != WPT_PMD_TABLE)
		return WPT_OWN_DONE;
	ptep = wpt_pte_offset_map_lock(space->mm, pmdp, addr, &ptl);
	if (!ptep)
		return WPT_OWN_DONE;
	own_lent(space, addr, ptep);
	for (pte = ptep; addr < end; addr += PAGE_SIZE, pte++) {
		if (!pte_present(ptep_get(pte)) && pte != ptep)
			break;
		own = wpt_protect_own(pte);
		if (pte == ptep)
			ret = own;
		if (!pte_present(ptep_get(pte)))
			break;
	}
	pte_unmap_unlock(ptep, ptl);
	return ret;
}

#define OWN_TRIES	8

/*
 * Waits a little for what is in the way.  @tries: how often somebody was; @until: how long a
 * disk may be, in jiffies.  Returns false if it is to be left there.
 */
static bool own_wait(enum wpt_own own, unsigned int *tries, unsigned long until)
{
	if (own == WPT_OWN_DONE ||
	    (own == WPT_OWN_WRITTEN ? !time_before(jiffies, until) : ++*tries > OWN_TRIES))
		return false;
	schedule_timeout_killable(1);
	return !fatal_signal_pending(current);
}

/**
 * wpt_protect_moves() - pages are about to be moved by UFFDIO_MOVE
 * @space: the space
 * @start: where they are, within one page table
 * @end:   their end
 *
 * It refuses pages that may be shared.  Nobody shares those that we have made so; the
 * small ones can be told apart.  From now on none are in this address space: huge pages
 * are refused before anybody is told.
 *
 * Sleeps, as it does.  What is just being read from swap is locked, and will not be soon, and
 * reclaim and compaction hold a page for a moment; but as others are locked that this event may
 * come from (a huge page is split), or who wait for them, not for ever.  A disk to which a page
 * is being written waits for none of these, and gets a second.
 */
void wpt_protect_moves(struct wpt_space *space, unsigned long start, unsigned long end)
{
	const unsigned long until = jiffies + HZ;
	unsigned int tries = 0;
	bool drained = false;
	enum wpt_own own;

	WRITE_ONCE(space->moves, true);
	end = min(end, wpt_chunk_end(start));
	for (;;) {
		own = own_pages(space, start, end);
		if (own == WPT_OWN_HELD && !drained) {
			static_call(wpt_lru_add_drain_all)();
			drained = true;
		} else if (!own_wait(own, &tries, until)) {
			return;
		}
	}
}

/**
 * wpt_protect_end() - a change of protection is done
 * @space: the space
 * @range: the event's, which is still under way.  Who changes the protection of
 *         mappings holds their mmap_lock.  May sleep if the range says so.
 */
void wpt_protect_end(struct wpt_space *space, const struct mmu_notifier_range *range)
{
	unsigned long addr = range->start, end, part;
	struct vm_area_struct *vma;
	struct wpt_chunk *chunk;

	while (addr < range->end && (vma = find_vma(space->mm, addr)) &&
	       vma->vm_start < range->end) {
		addr = max(addr, vma->vm_start);
		end = min(range->end, vma->vm_end);
		if (!wpt_vma_trackable(vma)) {
			addr = end;
		} else {
			rcu_read_lock();
			addr = wpt_record_next(&space->rec, addr, end);
			part = min(end, wpt_chunk_end(addr));
			chunk = addr < end ? wpt_record_chunk(&space->rec, addr) : NULL;
			if (chunk && READ_ONCE(chunk->protect))
				protect_piece(space, chunk, vma, addr, part);
			rcu_read_unlock();
			addr = part;
		}
		if (mmu_notifier_range_blockable(range))
			cond_resched();
	}
}
