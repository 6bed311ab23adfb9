// SPDX-License-Identifier: GPL-2.0-only
/*
 * A chunk mapped by one huge entry in a harvest.
 *
 * Its pages are clean together.  When some of them are to be reset and others
 * not, the entry is split first, unless all who track it asked for huge pages to
 * be kept: then they stay written until they are reset as a whole.
 */
#include <linux/hugetlb.h>

#include "chunk_bits.h"
#include "compat/uffd.h"
#include "inherit.h"
#include "piece.h"
#include "protect.h"
#include "ptwalk.h"
#include "split.h"
#include "stats.h"
#include "trace.h"

/* Splits of an entry that others make huge again: then it stays so. */
#define FILE_SPLITS	4

/* What is known of the pages of a huge entry. */
enum huge_state {
	HUGE_CLEAN,	/* all of them */
	HUGE_WRITTEN,	/* all of them */
	HUGE_MIXED,
};

static unsigned int piece_pages(const struct wpt_piece *p)
{
	return (p->end - p->start) >> PAGE_SHIFT;
}

static bool piece_whole(const struct wpt_piece *p)
{
	return piece_pages(p) == WPT_CHUNK_PAGES;
}

static enum huge_state huge_state(const struct wpt_piece *p, pte_t pte)
{
	unsigned int i = wpt_page_index(p->start);
	unsigned int nr = piece_pages(p), written = 0, k;

	if (!p->tracked)
		return HUGE_CLEAN;
	/* The three answers of nearly all scans, without a look at each page. */
	if (p->chunk && wpt_bits_full(p->chunk->dirty))
		return HUGE_WRITTEN;
	if (!p->chunk || (wpt_bits_empty(p->chunk->dirty) &&
			  ((wpt_bits_full(p->chunk->armed) &&
			    !wpt_chunk_any_away(p->chunk)) ||
			   (wpt_bits_empty(p->chunk->armed) &&
			    !wpt_chunk_any_hazy(p->chunk)))))
		return wpt_page_written(p, i, pte) ? HUGE_WRITTEN : HUGE_CLEAN;

	for (k = 0; k < nr; k++)
		written += wpt_page_written(p, i + k, pte);
	if (!written)
		return HUGE_CLEAN;
	return written == nr ? HUGE_WRITTEN : HUGE_MIXED;
}

static bool pending_mixed(const struct wpt_piece *p)
{
	unsigned int first = wpt_page_index(p->start);
	unsigned int end = first + piece_pages(p);
	unsigned int set;

	if (!p->pending)
		return false;
	set = find_next_bit(p->pending->b, end, first);
	if (set >= end)
		return false;
	return set > first || find_next_zero_bit(p->pending->b, end, first) < end;
}

static bool pending_at(const struct wpt_piece *p, unsigned long addr)
{
	return p->pending && test_bit(wpt_page_index(addr), p->pending->b);
}

/*
 * Must a huge page stay whole?  hugetlb always, others if all who track some of it
 * say so.
 */
static bool huge_kept(struct wpt_harvest *h, const struct wpt_piece *p)
{
	unsigned long start = p->start & WPT_CHUNK_MASK;
	unsigned long end = start + WPT_CHUNK_SIZE;
	struct wpt_interval iv;
	struct wpt_tracker *t;
	unsigned long addr;

	if (is_vm_hugetlb_page(p->vma))
		return true;
	list_for_each_entry(t, &h->t->space->trackers, node)
		for (addr = start; wpt_set_next(&t->ranges, addr, &iv) &&
		     iv.start < end; addr = iv.end)
			if (!wpt_set_covers(&t->keep, max(start, iv.start),
					    min(end, iv.end)))
				return false;
	return true;
}

/*
 * Can an entry be split, so that some of its pages are reset and others are not?  That of a
 * file leaves nothing: whoever comes next may have a huge one again, and while he does so
 * nothing would be gained by splitting that, too.
 */
static bool huge_splits(struct wpt_harvest *h, const struct wpt_piece *p)
{
	const unsigned long start = p->start & WPT_CHUNK_MASK;

	if (!wpt_split_ready() || huge_kept(h, p))
		return false;
	if (vma_is_anonymous(p->vma))
		return true;
	if (h->split_at != start) {
		h->split_at = start;
		h->splits = 0;
	}
	return h->splits < FILE_SPLITS;
}

/* As empty as if nothing were mapped, see page_reset(). */
static void huge_empty_reset(struct wpt_harvest *h, struct wpt_piece *p)
{
	struct wpt_chunk *chunk = p->chunk;

	wpt_bits_zero(chunk->armed);
	wpt_chunk_clear_away_all(chunk);
	wpt_chunk_clear_hazy(chunk, 0, WPT_CHUNK_PAGES);
	wpt_bits_zero(chunk->dirty);
	wpt_record_mark_walk(p->group, chunk, p->start);
	p->flush_start = p->start;
	p->flush_end = p->end;
	smp_mb();
	if (wpt_space_event_over(h->t->space, p->start, p->end))
		wpt_bits_fill(chunk->dirty);
	else
		bitmap_fill(p->cleaned, WPT_CHUNK_PAGES);
}

/*
 * A page of a file, mapped privately: who writes has a page of his own, and the entry is gone
 * by that.  See wpt_page_written().
 */
static bool huge_copies(const struct wpt_piece *p, pmd_t pmd)
{
	struct page *page;

	if (vma_is_anonymous(p->vma) || (p->vma->vm_flags & VM_SHARED) ||
	    !(pmd_flags(pmd) & _PAGE_PRESENT) || pmd_write(pmd) ||
	    wpt_pte_marked(wpt_pmd_as_pte(pmd)) || wpt_pte_uffd(wpt_pmd_as_pte(pmd)))
		return false;
	page = wpt_pmd_page(pmd);
	return page && !wpt_page_anon(page);
}

static enum wpt_stop huge_arm(struct wpt_harvest *h, struct wpt_piece *p,
			      pmd_t *pmdp, bool written)
{
	enum wpt_arm why;

	if (wpt_pmd_zero(READ_ONCE(*pmdp)) || huge_copies(p, READ_ONCE(*pmdp))) {
		if (written)
			huge_empty_reset(h, p);
		return WPT_GO_ON;
	}
	why = wpt_arm_huge(p->vma, pmdp);
	if (why == WPT_ARM_REFERENCED && wpt_harvest_waits(h))
		return WPT_STOP_DRAIN;
	if (written || why == WPT_ARM_DONE) {
		wpt_arm_count(why, WPT_CHUNK_PAGES);
		trace_wptrack_arm(h->t->space->id, p->start & WPT_CHUNK_MASK,
				  WPT_CHUNK_PAGES, why);
	}
	if (why != WPT_ARM_DONE) {
		/* See page_arm_clean(); it is found written the next time. */
		if (why == WPT_ARM_PINNED || why == WPT_ARM_REFERENCED)
			wpt_record_log_all(p->group, p->chunk, p->start);
		return WPT_GO_ON;
	}
	if (huge_kept(h, p))
		set_bit(WPT_CHUNK_KEEP, &p->chunk->flags);
	else
		clear_bit(WPT_CHUNK_KEEP, &p->chunk->flags);
	wpt_bits_fill(p->chunk->armed);
	wpt_chunk_clear_away_all(p->chunk);
	wpt_bits_zero(p->chunk->dirty);
	if (written)
		bitmap_fill(p->cleaned, WPT_CHUNK_PAGES);
	p->flush_start = p->start;
	p->flush_end = p->end;
	p->walked = true;
	return WPT_GO_ON;
}

/* As page_touched(). */
static bool huge_touched(const struct wpt_piece *p, pte_t pte)
{
	if (p->chunk && !wpt_bits_empty(p->chunk->dirty) && !wpt_inherits_anon(pte))
		return true;
	return !wpt_inherited(p->vma, pte, true);
}

/* The most regions that it takes to tell of pages of which some are written. */
static unsigned int huge_runs(const struct wpt_harvest *h, const struct wpt_piece *p,
			      const unsigned long *found, u64 base)
{
	unsigned long word, last = 0;
	unsigned int runs = 1, w;

	for (w = 0; w < WPT_CHUNK_WORDS; w++) {
		word = found[w] | (p->pending ? p->pending->b[w] : 0);
		runs += hweight_long(word & ~(word << 1 | last >> (BITS_PER_LONG - 1)));
		last = word;
	}
	/* Those between them may be asked for as well. */
	return wpt_masks_match(h->masks, base) ? 2 * runs : runs;
}

/*
 * Can a huge page be reset as a whole, of which not all is written?  Only if all that is
 * written (@found) is asked for, and told at once.
 */
static bool huge_resets(struct wpt_harvest *h, const struct wpt_piece *p,
			const unsigned long *found, u64 base)
{
	return h->reset && p->trackable && p->chunk && piece_whole(p) &&
	       wpt_masks_match(h->masks, base | WPTRACK_PAGE_WRITTEN) &&
	       wpt_out_takes(h->out, WPT_CHUNK_PAGES) &&
	       (!h->out || wpt_out_regions(h->out, huge_runs(h, p, found, base)));
}

/* Pages that do not all have the same answer: one by one. */
static enum wpt_stop huge_pages(struct wpt_harvest *h, struct wpt_piece *p,
				pmd_t *pmdp, pte_t pte, u64 base)
{
	const bool touched = h->inherits && p->tracked && huge_touched(p, pte);
	DECLARE_BITMAP(found, WPT_CHUNK_PAGES);
	bool whole = false;
	enum wpt_stop stop;
	unsigned int i;
	u64 cat;

	bitmap_zero(found, WPT_CHUNK_PAGES);
	for (i = wpt_page_index(p->start); i <= wpt_page_index(p->end - PAGE_SIZE); i++) {
		if (!touched && !wpt_page_written(p, i, pte))
			continue;
		wpt_page_note_written(p, i, pte);
		__set_bit(i, found);
	}
	if (!touched && !bitmap_empty(found, WPT_CHUNK_PAGES) &&
	    huge_resets(h, p, found, base)) {
		stop = huge_arm(h, p, pmdp, true);
		if (stop != WPT_GO_ON)
			return stop;
		bitmap_and(p->cleaned, p->cleaned, found, WPT_CHUNK_PAGES);
		whole = true;
	}
	for (; h->addr < p->end; h->addr += PAGE_SIZE) {
		bool written;

		i = wpt_page_index(h->addr);
		written = test_bit(i, found);
		cat = base;
		if (written || h->t->lost || p->unknown || pending_at(p, h->addr))
			cat |= WPTRACK_PAGE_WRITTEN;
		if (!wpt_masks_match(h->masks, cat))
			continue;
		stop = wpt_out_check(h, h->addr, cat & h->masks->ret);
		if (stop != WPT_GO_ON)
			return stop;
		if (h->reset && written && !whole)
			wpt_arm_count(WPT_ARM_HUGE, 1);
		if (h->reset && p->pending)
			clear_bit(i, p->pending->b);
		if (h->out)
			wpt_out_push(h->out, h->addr, h->addr + PAGE_SIZE,
				     cat & h->masks->ret);
		if (!written)
			wpt_count_unsure(h, p, 1);
	}
	return WPT_GO_ON;
}

/* All pages of the piece are written. */
static void note_written(const struct wpt_piece *p, pte_t pte)
{
	unsigned int first = wpt_page_index(p->start), i;
	struct wpt_chunk *chunk = p->chunk;

	if (!chunk || wpt_bits_full(chunk->dirty))
		return;
	/* Nothing to count by cause: nobody knew anything of them. */
	if (piece_whole(p) && wpt_bits_empty(chunk->armed) &&
	    !wpt_chunk_any_hazy(chunk)) {
		wpt_record_log_all(p->group, chunk, p->start);
		return;
	}
	for (i = first; i < first + piece_pages(p); i++)
		wpt_page_note_written(p, i, pte);
}

/* All pages have the same answer. */
static enum wpt_stop huge_whole(struct wpt_harvest *h, struct wpt_piece *p,
				pmd_t *pmdp, pte_t pte, u64 cat, bool written)
{
	const bool touched = h->inherits && p->tracked && huge_touched(p, pte);
	unsigned long addr = h->addr;
	enum wpt_stop stop;

	written |= touched;
	if (p->tracked && (written || h->t->lost || p->unknown ||
			   pending_at(p, p->start)))
		cat |= WPTRACK_PAGE_WRITTEN;
	if (!wpt_masks_match(h->masks, cat)) {
		h->addr = p->end;
		return WPT_GO_ON;
	}
	if (written)
		note_written(p, pte);
	if (touched) {
		/* stays written */
	} else if (h->reset && p->trackable && p->chunk &&
	    (written || !wpt_bits_full(p->chunk->armed))) {
		/* What is not to be told is not split either. */
		stop = wpt_out_check(h, addr, cat & h->masks->ret);
		if (stop != WPT_GO_ON)
			return stop;
		if (piece_whole(p) && addr == p->start &&
		    wpt_out_takes(h->out, WPT_CHUNK_PAGES)) {
			stop = huge_arm(h, p, pmdp, written);
			if (stop != WPT_GO_ON)
				return stop;
		} else if (written && huge_splits(h, p)) {
			return WPT_STOP_SPLITTING;
		} else if (written) {
			wpt_arm_count(WPT_ARM_HUGE, piece_pages(p));
		}
	} else if (h->reset && p->tracked && written) {
		wpt_arm_count(WPT_ARM_UNTRACKABLE, piece_pages(p));
	}
	stop = wpt_do_same(h, p->end, cat);
	if (!written)
		wpt_count_unsure(h, p, (h->addr - addr) >> PAGE_SHIFT);
	if (h->reset && p->pending)
		bitmap_clear(p->pending->b, wpt_page_index(addr),
			     (h->addr - addr) >> PAGE_SHIFT);
	return stop;
}

/* The entry is huge, and locked. */
static enum wpt_stop do_locked(struct wpt_harvest *h, struct wpt_piece *p,
			       pmd_t *pmdp, pmd_t pmd)
{
	enum huge_state state;
	pte_t pte;
	u64 cat;

	if (p->chunk && p->trackable && (p->vma->vm_flags & VM_WRITE) &&
	    (is_vm_hugetlb_page(p->vma) || !(p->vma->vm_flags & VM_SHARED))) {
		wpt_protect_resume_huge(p->chunk, pmdp);
		pmd = READ_ONCE(*pmdp);
	}
	pte = wpt_pmd_as_pte(pmd);
	cat = p->base | WPTRACK_PAGE_HUGE | wpt_pte_categories(pte, h->interest);
	state = huge_state(p, pte);

	wpt_stat_inc(CHUNK_WALKS);
	if (state == HUGE_WRITTEN || (state == HUGE_CLEAN && !pending_mixed(p)))
		return huge_whole(h, p, pmdp, pte, cat, state == HUGE_WRITTEN);
	if (h->reset && p->trackable && state == HUGE_MIXED &&
	    wpt_out_takes(h->out, 1) && huge_splits(h, p))
		return WPT_STOP_SPLITTING;
	return huge_pages(h, p, pmdp, pte, cat);
}

/**
 * wpt_do_huge() - harvest a chunk mapped by one huge entry
 * @h:    the harvest
 * @p:    the chunk
 * @pmdp: the entry
 */
enum wpt_stop wpt_do_huge(struct wpt_harvest *h, struct wpt_piece *p,
			  pmd_t *pmdp)
{
	enum wpt_stop stop;
	spinlock_t *ptl;
	pmd_t pmd;

	wpt_piece_open(h, p);
	ptl = pmd_lock(h->mm, pmdp);
	pmd = READ_ONCE(*pmdp);
	/* If not, it was split or went away just now: look again. */
	if (wpt_pmd_is_huge(pmd))
		stop = do_locked(h, p, pmdp, pmd);
	else
		stop = WPT_STOP_BREATHE;
	if (p->walked)
		wpt_piece_walked(h, p);
	wpt_piece_settle(h, p, PMD_SHIFT);
	spin_unlock(ptl);
	wpt_piece_close(h, p);
	if (stop != WPT_STOP_SPLITTING)
		return stop;
	if (!wpt_split_try(p->vma, pmdp, p->start))
		return WPT_STOP_SPLITTING;
	h->splits++;
	return WPT_STOP_BREATHE;
}
