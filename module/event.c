// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mmu notifier calls wpt_event_start() before ptes are taken away or
 * restricted, and wpt_event_end() after.  Here the record learns what the ptes
 * will not tell afterwards:
 *
 *  - Pages that are unmapped (munmap, the old and new place of mremap) become
 *    dirty: an armed pte that is later found there was moved in from elsewhere
 *    and says nothing about this place.
 *  - Pages that hold data although they were empty when last looked at were
 *    written since; they become dirty before they can become empty again, or
 *    read-only.
 *  - Empty pages become dirty if the event takes pages away: whoever fills one
 *    now may find it zapped by this same event, after others have seen what was
 *    written.  Otherwise they become hazy: it may be made read-only.  So they do if
 *    what is written stays in a file, or if nothing was there (backing.c).  Nothing
 *    happens to them while a page that is mapped elsewhere is migrated, reclaimed or made
 *    part of a huge one, as far as that is known, or written back.  For memory without a
 *    chunk see unseen.c.
 *  - The zero page is as good as empty if another task is taking pages away there.
 *  - Pages that were away become armed again, or dirty; which pages may go away and
 *    stay clean is noted.  See carry.c.
 *  - What a change of protection leaves of private pages is looked at when it ends:
 *    see protect.c.
 *  - Everything else keeps its state, and the chunk must be walked: an armed
 *    page that comes back without its mark is found there.  (Not so if all pages
 *    are dirty already, as in each copy-on-write fault.)
 *
 * Who causes an event decides some of it: see event_cause.c.
 *
 * Against a harvest that runs meanwhile: if an event is under way it leaves the
 * walk flag set, and sets it itself where it has armed pages that we may have
 * seen dirty.  See wpt_piece_walked() and wpt_piece_settle() in piece.c.  Against the fault
 * hook: both only ever set dirty bits.
 *
 * These callbacks may run with a reverse-map lock held, or where sleeping is
 * forbidden (OOM reaper): they do not wait for anything, but in UFFDIO_MOVE, where they may sleep,
 * for a bounded time: see wpt_protect_moves().
 */
#include <linux/hugetlb.h>

#include "carry.h"
#include "chunk.h"
#include "chunk_bits.h"
#include "compat/entry.h"
#include "compat/hugetlb.h"
#include "compat/notifier.h"
#include "drop.h"
#include "event.h"
#include "event_cause.h"
#include "event_page.h"
#include "lend.h"
#include "protect.h"
#include "ptwalk.h"
#include "space.h"
#include "stats.h"
#include "sym.h"
#include "trace.h"
#include "unseen.h"

static void mark_walk(struct wpt_space *space, struct wpt_chunk *chunk,
		      unsigned long addr)
{
	struct wpt_group *group = wpt_record_group(&space->rec, addr);

	if (group)
		wpt_record_mark_walk(group, chunk, addr);
}

/* The next page of a chunk that is not dirty, from @addr on; @end if none is. */
static unsigned long not_dirty(const struct wpt_chunk *chunk, unsigned long addr,
			       unsigned long end)
{
	unsigned int i = wpt_page_index(addr);
	unsigned int n = i + ((end - addr) >> PAGE_SHIFT);

	return addr + ((unsigned long)(wpt_bits_next_zero(chunk->dirty, n, i) - i) << PAGE_SHIFT);
}

/*
 * Pages with equal entries, without a page table of their own.
 * Returns true if any of them may change without our knowing.
 */
static bool event_pages(struct wpt_chunk *chunk, unsigned long start,
			unsigned long end, pte_t pte, const struct wpt_event *ev)
{
	unsigned long first = not_dirty(chunk, start, end), addr;

	/* To armed pages of an entry that stays one, or is split, nothing happens. */
	if (ev->kind != WPT_EVENT_UNMAP && !pte_none(pte) &&
	    (!ev->protects || wpt_pte_armed(pte)) &&
	    wpt_bits_full(chunk->armed) && !wpt_chunk_any_away(chunk))
		return first < end;
	for (addr = first; addr < end;
	     addr = not_dirty(chunk, addr + PAGE_SIZE, end))
		wpt_event_page(chunk, addr, pte, NULL, ev);
	return first < end;
}

/*
 * What is moved by mremap() takes a mark along, armed or not: at its new place
 * there may be no record, and a read-only page of a file would look as if it had
 * always been there.  One that is writable too: writeback may make it read-only before
 * it moves, and not find it at its new place any more.  Only if that is what the event
 * is about: whoever copies a page sends one too, and then wants to find its entry as it
 * was.
 */
static void mark_moving(pte_t *ptep)
{
	pte_t pte = ptep_get(ptep);

	if (pte_present(pte) && wpt_pte_page(pte))
		wpt_pte_mark(ptep);
}

/*
 * Pages of a word of the record, from index @base on: the part of it below @end, from
 * @i on.  @ptep: the pte of @base.  Returns true if any of them was not dirty.
 */
static bool event_word(struct wpt_chunk *chunk, unsigned long addr, unsigned int i,
		       unsigned int end, pte_t *ptep, const struct wpt_event *ev)
{
	const unsigned int base = round_down(i, BITS_PER_LONG);
	const unsigned int w = base / BITS_PER_LONG;
	unsigned long quiet = 0, todo, left;
	pte_t pte;

	todo = ~READ_ONCE(chunk->dirty[w]) & BITMAP_FIRST_WORD_MASK(i);
	if (end - base < BITS_PER_LONG)
		todo &= BITMAP_LAST_WORD_MASK(end);
	/* See wpt_event_page(): if they are still there, nothing happens to those. */
	if ((ev->kind == WPT_EVENT_PROTECT && !ev->protects) ||
	    (ev->kind == WPT_EVENT_CLEAR && !ev->took && !ev->dontneed))
		quiet = READ_ONCE(chunk->armed[w]) & ~wpt_chunk_away_word(chunk, w);
	for (left = todo; left; left &= left - 1) {
		i = __ffs(left);
		pte = ptep_get(ptep + i);
		if (!(quiet >> i & 1) || pte_none(pte))
			wpt_event_page(chunk, addr + ((unsigned long)i << PAGE_SHIFT), pte,
				   ptep + i, ev);
	}
	return todo;
}

/* Returns false if the page table has vanished. */
static bool event_ptes(struct wpt_space *space, struct wpt_chunk *chunk,
		       pmd_t *pmdp, unsigned long start, unsigned long end,
		       const struct wpt_event *ev)
{
	const unsigned int first = wpt_page_index(start);
	const unsigned int n = first + ((end - start) >> PAGE_SHIFT);
	bool open = false, unseen = false;
	struct wpt_event others;
	unsigned int i, base;
	unsigned long addr;
	pte_t *ptep, *pte;
	spinlock_t *ptl;

	ptep = wpt_pte_offset_map_lock(space->mm, pmdp, start, &ptl);
	if (!ptep)
		return false;
	/* Whoever begins from now on looks after us. */
	if (ev->dontneed && !wpt_space_event_alone(space, ev->key, start & WPT_CHUNK_MASK,
						   wpt_chunk_end(start))) {
		others = *ev;
		others.dontneed = false;
		ev = &others;
	}
	for (i = first; i < n; i = base + BITS_PER_LONG) {
		base = round_down(i, BITS_PER_LONG);
		open |= event_word(chunk, (start & WPT_CHUNK_MASK) +
				   ((unsigned long)base << PAGE_SHIFT), i, n,
				   ptep - first + base, ev);
	}
	if (unlikely(READ_ONCE(chunk->lent)) && !ev->protects)
		wpt_lend_event(chunk, first, n, ptep);
	for (addr = start, pte = ptep; addr < end && ev->kind == WPT_EVENT_UNMAP;
	     addr += PAGE_SIZE, pte++) {
		/* One without access loses a mark without an event. */
		unseen |= !(wpt_pte_flags(ptep_get(pte)) & _PAGE_PRESENT);
		mark_moving(pte);
	}
	if (open)
		mark_walk(space, chunk, start);
	pte_unmap_unlock(ptep, ptl);
	if (unseen)
		wpt_unseen_moves(space, start, end);
	return true;
}

/* A huge entry may become one of migration, or be split into such. */
static void event_huge_took(const struct wpt_chunk *chunk, unsigned long start,
			    unsigned long end, pmd_t pmd, unsigned long *took)
{
	unsigned int i = wpt_page_index(start);
	unsigned int n = i + ((end - start) >> PAGE_SHIFT);
	const pte_t pte = wpt_pmd_as_pte(pmd);

	if (!wpt_pmd_armed(pmd) || !(wpt_carry_back(pte) || wpt_carry_file(pte)))
		return;
	for (; i < n; i++)
		if (test_bit(i, chunk->armed) && !test_bit(i, chunk->dirty))
			__set_bit(i, took);
}

/*
 * Is a huge entry one of hugetlb?  Of those that are not present only if it is one of
 * migration without write permission: no other stands for anything clean, where it is.
 */
static bool is_hugetlb(pmd_t pmd)
{
	struct page *page = wpt_pmd_page(pmd);

	if (!page && !pmd_present(pmd))
		page = wpt_entry_moves(wpt_pmd_as_pte(pmd));
	return page && PageHuge(page);
}

/* Returns false if the entry is not huge any more. */
static bool event_huge(struct wpt_space *space, struct wpt_chunk *chunk,
		       pmd_t *pmdp, unsigned long start, unsigned long end,
		       const struct wpt_event *event)
{
	struct wpt_event ev = *event;
	spinlock_t *ptl = pmd_lock(space->mm, pmdp);
	pmd_t pmd = READ_ONCE(*pmdp);
	bool huge = wpt_pmd_is_huge(pmd);
	struct page *page = wpt_pmd_page(pmd);
	bool moving = ev.kind == WPT_EVENT_UNMAP, unseen = false;

	/*
	 * mremap() moves hugetlb pages with no more than this; nothing that a page
	 * of hugetlb keeps survives any other, but fork(): that makes it read-only; and
	 * mprotect(), see protect.c; migration: see carry.c; and a copy: see copy.c.
	 */
	if (huge && is_hugetlb(pmd)) {
		if (ev.took && page && wpt_copy_keeps(ev.copies, wpt_pmd_as_pte(pmd)) &&
		    wpt_page_refs(page) > wpt_hugetlb_expected_refs(page)) {
			*ev.copied = true;
		} else if (ev.kind == WPT_EVENT_CLEAR && !ev.migrates) {
			ev.kind = ev.copies_huge ? WPT_EVENT_PROTECT : WPT_EVENT_UNMAP;
			ev.took = NULL;
			/* There are no faults, which would want to find the entry as it was. */
			moving = wpt_unseen_marks(space, start, end);
			unseen = !moving;
		}
		/* While mprotect() is at work nobody faults.  Others are not looked at here. */
		if (ev.protects && !ev.still) {
			WRITE_ONCE(chunk->protect, 0);
			ev.protects = false;
		}
		ev.hugetlb = true;
	}
	if (huge && page && (wpt_page_anon(page) ? !test_bit(WPT_CHUNK_READONLY, &chunk->flags) :
						   ev.hugetlb)) {
		wpt_protect_resume_huge(chunk, pmdp);
		pmd = READ_ONCE(*pmdp);
	}
	if (huge && ev.protects && ev.shares && ev.hugetlb)
		wpt_protect_share_hugetlb(pmdp);
	else if (huge && ev.protects && ev.shares && end - start == WPT_CHUNK_SIZE)
		wpt_protect_share_huge(pmdp);
	if (huge && ev.took)
		event_huge_took(chunk, start, end, pmd, ev.took);
	if (huge && event_pages(chunk, start, end, wpt_pmd_as_pte(pmd), &ev))
		mark_walk(space, chunk, start);
	if (huge && moving && page)
		mark_moving((pte_t *)pmdp);
	spin_unlock(ptl);
	/* What is not present may be moved, or dropped, whatever it is; its file has the rest. */
	unseen |= huge && !(page && (pmd_flags(pmd) & _PAGE_PRESENT)) &&
		  (event->kind == WPT_EVENT_UNMAP || event->kind == WPT_EVENT_CLEAR);
	if (unseen)
		wpt_unseen_moves(space, start, end);
	return huge;
}

/* May it take away what comes to be mapped where nothing is? */
static bool empties(const struct wpt_event *ev)
{
	return ev->kind == WPT_EVENT_CLEAR || ev->kind == WPT_EVENT_REPLACE || ev->punches;
}

/* No record, and nothing mapped. */
static void event_nothing(struct wpt_space *space, unsigned long start,
			  unsigned long end, const struct wpt_event *ev)
{
	const enum wpt_event_kind kind = ev->kind;

	if (ev->frees || ev->holds)
		return;
	if (empties(ev))
		wpt_unseen_hole(space, start, end);
	else if (kind == WPT_EVENT_PROTECT && !ev->still)
		wpt_unseen_hull(space, start, end, false);
	/* Of hugetlb it says CLEAR. */
	if (kind == WPT_EVENT_UNMAP || kind == WPT_EVENT_CLEAR)
		wpt_unseen_moves(space, start, end);
}

/* The part [start, end) of one chunk. */
static void event_chunk(struct wpt_space *space, unsigned long start,
			unsigned long end, struct wpt_event *event)
{
	struct wpt_chunk *chunk = wpt_record_chunk(&space->rec, start);
	const struct wpt_event *ev = event;
	struct wpt_event stays;
	unsigned long next;
	enum wpt_pmd kind;
	pmd_t *pmdp;
	bool done;

	kind = wpt_pmd_find(space->mm, start, &pmdp, &next);
	if (!chunk) {
		/* Nothing armed and nothing mapped, so far. */
		if (kind == WPT_PMD_NONE) {
			event_nothing(space, start, end, ev);
			return;
		}
		chunk = wpt_record_get(&space->rec, start, NULL);
		if (IS_ERR(chunk)) {
			wpt_unseen_lost(space);
			return;
		}
	}

	if (ev->kind == WPT_EVENT_UNMAP && !test_bit(WPT_CHUNK_REMAPPED, &chunk->flags))
		set_bit(WPT_CHUNK_REMAPPED, &chunk->flags);
	/* Before the entries are looked at: see split_begin() in split.c. */
	wpt_chunk_count_event(chunk);
	if (ev->protects)
		wpt_protect_begin(space, chunk, start, end, ev->key, ev->last == chunk);
	event->last = chunk;
	if (ev->took && test_bit(WPT_CHUNK_READONLY, &chunk->flags)) {
		stays = *ev;
		stays.took = NULL;
		ev = &stays;
	}
	for (;;) {
		if (kind == WPT_PMD_TABLE)
			done = event_ptes(space, chunk, pmdp, start, end, ev);
		else if (kind == WPT_PMD_HUGE)
			done = event_huge(space, chunk, pmdp, start, end, ev);
		else
			break;
		if (done)
			return;
		/* Split, collapsed or taken away just now. */
		kind = wpt_pmd_find(space->mm, start, &pmdp, &next);
	}
	/* No page table: what was armed there is gone. */
	event_pages(chunk, start, end, __pte(0), ev);
	mark_walk(space, chunk, start);
	if (ev->kind == WPT_EVENT_UNMAP || ev->kind == WPT_EVENT_CLEAR)
		wpt_unseen_moves(space, start, end);
}

/*
 * First address from @addr on where a chunk exists or something is mapped; @end
 * if there is none.
 */
static unsigned long event_next(struct wpt_space *space, unsigned long addr,
				unsigned long end)
{
	end = wpt_record_next(&space->rec, addr, end);
	return wpt_mapped_next(space->mm, addr, end);
}

/*
 * The next piece of an event, from @addr on.  Returns where to go on.
 */
static unsigned long event_piece(struct wpt_space *space, unsigned long addr,
				 unsigned long end, struct wpt_event *ev)
{
	struct wpt_cover *cover;
	struct wpt_interval iv;
	unsigned long next;

	rcu_read_lock();
	cover = rcu_dereference(space->cover);
	if (!cover || !wpt_set_next(&cover->set, addr, &iv) || iv.start >= end) {
		rcu_read_unlock();
		return end;
	}
	addr = max(addr, iv.start);
	end = min(end, iv.end);
	next = event_next(space, addr, end);
	if (addr < next)
		event_nothing(space, addr, next, ev);
	if (addr < next && !ev->frees && !ev->holds && empties(ev)) {
		/* What was filled meanwhile, before a scan could know of this. */
		smp_mb();
		next = wpt_mapped_next(space->mm, addr, next);
	}
	if (next < end) {
		end = min(end, wpt_chunk_end(next));
		event_chunk(space, next, end, ev);
	}
	rcu_read_unlock();
	return end;
}

/*
 * A page that was just written is copied, say.  If it is dirty already and nothing moves,
 * the record has nothing to learn but that there is an event.
 */
static bool event_known(struct wpt_space *space, unsigned long addr, unsigned long end,
			enum wpt_event_kind kind)
{
	struct wpt_chunk *chunk;
	bool known;

	if (end - addr != PAGE_SIZE || kind == WPT_EVENT_UNMAP)
		return false;
	rcu_read_lock();
	chunk = wpt_record_chunk(&space->rec, addr);
	known = chunk && test_bit(wpt_page_index(addr), chunk->dirty);
	/* In this order: a page that is lent was reset since it was dirty. */
	smp_rmb();
	known = known && !wpt_chunk_lent(chunk, wpt_page_index(addr));
	if (known)
		wpt_chunk_count_event(chunk);
	rcu_read_unlock();
	return known;
}

/* Is all of an event's range tracked? */
static bool event_covered(struct wpt_space *space, unsigned long start, unsigned long end)
{
	struct wpt_cover *cover;
	bool covered;

	rcu_read_lock();
	cover = rcu_dereference(space->cover);
	covered = cover && wpt_set_covers(&cover->set, start, end);
	rcu_read_unlock();
	return covered;
}

static void event_pieces(struct wpt_space *space, unsigned long addr, unsigned long end,
			 struct wpt_event *ev, bool blockable)
{
	while (addr < end) {
		addr = event_piece(space, addr, end, ev);
		if (blockable)
			cond_resched();
	}
}

/*
 * PAGEMAP_SCAN's may be over many mappings, with holes between them, where munmap() may be
 * freeing page tables: it has given up the mmap_lock but for reading by then.  Nothing can
 * be mapped there meanwhile.  Others are about part of a mapping.
 */
static void event_mappings(struct wpt_space *space, unsigned long addr, unsigned long end,
			   struct wpt_event *ev)
{
	struct vm_area_struct *vma;
	unsigned long next;

	for (; addr < end; addr = next) {
		vma = find_vma(space->mm, addr);
		if (!vma || vma->vm_start >= end)
			break;
		next = min(end, vma->vm_end);
		event_pieces(space, max(addr, vma->vm_start), next, ev, true);
	}
}

/* Kept out of the way of our own brackets, for which nothing has to be done. */
static noinline void event_begin(struct wpt_space *space,
				 const struct mmu_notifier_range *range)
{
	unsigned long addr = range->start & PAGE_MASK;
	unsigned long end = range->end > PAGE_MASK ? PAGE_MASK :
						     PAGE_ALIGN(range->end);
	bool copied = false;
	struct wpt_event ev = {
		.kind = wpt_event_kind_of(range), .forks = wpt_event_forks(range),
		.protects = wpt_event_protects(range), .space = space, .key = range,
		.copied = &copied, .punches = wpt_notifier_makes_holes(range),
	};
	const bool moves = wpt_event_moves(space, range);
	const bool remaps = wpt_event_remaps(space, range);
	DECLARE_BITMAP(drops, WPT_CHUNK_PAGES);
	DECLARE_BITMAP(took, WPT_CHUNK_PAGES);

	if (READ_ONCE(space->forks.followers))
		wpt_fork_event(space, range);

	/* Before the look at the cover: see birth_watched(). */
	if (!READ_ONCE(space->disturbed))
		WRITE_ONCE(space->disturbed, true);
	/* A harvest sees the event under way, or we see what it did. */
	wpt_space_event_add(space, range, addr, end, ev.kind != WPT_EVENT_PROTECT, moves || remaps);
	wpt_stat_inc(EVENTS);
	trace_wptrack_event(space->id, addr, end, range->event);

	if (moves)
		wpt_protect_moves(space, addr, end);
	/* Where nobody tracks nothing is known of what is moved, nor who holds it. */
	if (remaps && !event_covered(space, wpt_unseen_start(space, addr, end), end))
		wpt_unseen_moves(space, range->start, range->end);
	if (ev.kind == WPT_EVENT_UNMAP)
		wpt_copy_forget(space);
	else
		ev.copies = wpt_copy_kind(space, range);
	if (event_known(space, addr, end, ev.kind))
		return;
	ev.shares = !READ_ONCE(space->moves);
	wpt_event_cause(space, range, &ev);
	if (wpt_event_carries(range)) {
		bitmap_zero(took, WPT_CHUNK_PAGES);
		ev.took = took;
	}
	if (ev.took && wpt_drop_reclaim(space, range)) {
		bitmap_zero(drops, WPT_CHUNK_PAGES);
		ev.drops = drops;
	}
	if (ev.protects)
		event_mappings(space, addr, end, &ev);
	else
		event_pieces(space, addr, end, &ev, mmu_notifier_range_blockable(range));
	if (ev.took && !bitmap_empty(took, WPT_CHUNK_PAGES))
		wpt_carry_begin(space, range, took,
				ev.drops && bitmap_equal(took, drops, WPT_CHUNK_PAGES),
				copied);
}

/**
 * wpt_event_start() - ptes are about to change
 * @mn:    our notifier
 * @range: where, and what for
 *
 * Return: 0.
 */
int wpt_event_start(struct mmu_notifier *mn,
		    const struct mmu_notifier_range *range)
{
	struct wpt_space *space = container_of(mn, struct wpt_space, mn);

	if (!(range->flags & WPT_RANGE_OURS) && READ_ONCE(space->armer) != current)
		event_begin(space, range);
	return 0;
}

/**
 * wpt_event_end() - the change is done
 * @mn:    our notifier
 * @range: as at the start
 */
void wpt_event_end(struct mmu_notifier *mn,
		   const struct mmu_notifier_range *range)
{
	struct wpt_space *space = container_of(mn, struct wpt_space, mn);

	if ((range->flags & WPT_RANGE_OURS) || READ_ONCE(space->armer) == current)
		return;
	if (wpt_event_carries(range))
		wpt_carry_end(space, range);
	if (wpt_event_protects(range))
		wpt_protect_end(space, range);
	if (wpt_event_remaps(space, range) && wpt_space_event_met(space, range))
		wpt_unseen_moves(space, range->start, range->end);
	wpt_space_event_del(space, range);
}
