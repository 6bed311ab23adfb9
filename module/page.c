// SPDX-License-Identifier: GPL-2.0-only
/*
 * One page in a harvest: its answer and its reset.  What it is: page_state.c.
 */
#include <linux/mm.h>

#include "arm.h"
#include "backing.h"
#include "carry.h"
#include "chunk_bits.h"
#include "compat/entry.h"
#include "inherit.h"
#include "piece.h"
#include "protect.h"
#include "ptwalk.h"
#include "stats.h"
#include "swap.h"
#include "trace.h"

/* A page that is away and was not written: is it back? */
static void page_resume(const struct wpt_piece *p, unsigned int i, pte_t *ptep)
{
	/* Who writes by force to a page of a file writes to a copy. */
	if ((p->vma->vm_flags & VM_WRITE) || (ptep && wpt_carry_file(ptep_get(ptep))))
		wpt_carry_resume(p->chunk, i, ptep);
}

static void piece_flush(struct wpt_piece *p, unsigned long addr, unsigned long end)
{
	if (!p->flush_end)
		p->flush_start = addr;
	p->flush_end = end;
}

static void piece_armed(struct wpt_piece *p, unsigned long addr)
{
	set_bit(wpt_page_index(addr), p->chunk->armed);
	wpt_chunk_clear_away(p->chunk, wpt_page_index(addr));
	piece_flush(p, addr, addr + PAGE_SIZE);
}

/*
 * Make pages clean, a bit each of those whose bits share word @w of the record, as long as
 * that is easy.  Returns those that are clean now, up to the first that is not: for this
 * page_reset() has the answer.  @ptep: the pte of the first bit, at @addr.  @want: bits
 * that the ptes must have.
 */
static __always_inline unsigned long word_reset(struct wpt_piece *p, unsigned int w,
						unsigned long addr, pte_t *ptep,
						unsigned long pages, pteval_t want)
{
	struct wpt_chunk *chunk = p->chunk;

	pages = wpt_arm_word(p->vma, ptep, pages, want);
	if (!pages)
		return 0;
	/* Atomic, as elsewhere one bit at a time. */
	atomic_long_or(pages, (atomic_long_t *)&chunk->armed[w]);
	atomic_long_andnot(pages, (atomic_long_t *)&chunk->dirty[w]);
	p->cleaned[w] |= pages;
	piece_flush(p, addr + (__ffs(pages) << PAGE_SHIFT),
		    addr + ((__fls(pages) + 1) << PAGE_SHIFT));
	wpt_stat_add(ARMS, hweight_long(pages));
	return pages;
}

/*
 * May word_reset() be tried?  Each page has a line of its own in a trace, and those that
 * were away are to forget it.
 */
static bool word_resets(const struct wpt_piece *p)
{
	return p->trackable && (p->vma->vm_flags & VM_WRITE) &&
	       !wpt_chunk_any_away(p->chunk) && !trace_wptrack_arm_enabled();
}

/*
 * In swap: until it is back nobody writes to it but who holds it.  Reclaim may not have
 * flushed its pte from all TLBs yet, which the caller does.
 */
static enum wpt_arm reset_swapped(const struct wpt_piece *p, pte_t *ptep)
{
	const pte_t pte = ptep_get(ptep);

	if (!wpt_swap_ready() || !(p->vma->vm_flags & VM_WRITE) || !wpt_pte_swapped(pte))
		return WPT_ARM_SWAPPED;
	if (wpt_swap_held(pte))
		return WPT_ARM_REFERENCED;
	wpt_swap_share(ptep);
	return WPT_ARM_DONE;
}

/*
 * A page that cannot be armed, as it is in swap, cannot be read now or may not be written,
 * becomes clean and is away: see carry.c and protect.c.  Returns why not.
 */
static enum wpt_arm reset_away(struct wpt_harvest *h, struct wpt_piece *p,
			       unsigned long addr, pte_t *ptep, enum wpt_arm why)
{
	struct wpt_chunk *chunk = p->chunk;
	unsigned int i = wpt_page_index(addr);
	enum wpt_arm ret;

	/* As for an event: see wpt_protect_moves(). */
	if (READ_ONCE(h->t->space->moves))
		return why;
	ret = why == WPT_ARM_SWAPPED ? reset_swapped(p, ptep) :
				       wpt_arm_unmarked(p->vma, ptep, why);
	if (ret != WPT_ARM_DONE)
		return ret;
	/* Only its pte tells from now on. */
	if (!(p->vma->vm_flags & VM_WRITE))
		set_bit(WPT_CHUNK_READONLY, &chunk->flags);
	wpt_record_mark_walk(p->group, chunk, addr);
	if (!wpt_chunk_set_away(chunk, i))
		return why;
	set_bit(i, chunk->armed);
	clear_bit(i, chunk->dirty);
	piece_flush(p, addr, addr + PAGE_SIZE);
	/* One that is under way has seen another page. */
	smp_mb__after_atomic();
	if (wpt_space_event_over(h->t->space, addr, addr + PAGE_SIZE))
		set_bit(i, chunk->dirty);
	else
		__set_bit(i, p->cleaned);
	return WPT_ARM_DONE;
}

/*
 * Make a written page clean, if that can be.  @ptep is NULL where there is no
 * page table.  Returns WPT_STOP_DRAIN to be called again after draining.
 */
static enum wpt_stop page_reset(struct wpt_harvest *h, struct wpt_piece *p,
				unsigned long addr, pte_t *ptep, pte_t pte)
{
	struct wpt_chunk *chunk = p->chunk;
	unsigned int i = wpt_page_index(addr);
	bool away = false;
	enum wpt_arm why;

	if (!chunk)
		return WPT_GO_ON;
	if (!p->trackable) {
		wpt_arm_count(WPT_ARM_UNTRACKABLE, 1);
		return WPT_GO_ON;
	}
	if (wpt_pte_empty(pte)) {
		/*
		 * A transfer into a page of the cache needs no pte to go on, nor does
		 * who makes a hole in the file, and has taken the pte first.
		 */
		const bool changes = wpt_backing_changes(p->vma);

		if (changes || wpt_arm_cache_held(p->vma, addr)) {
			if (!changes && wpt_harvest_waits(h))
				return WPT_STOP_DRAIN;
			wpt_arm_count(WPT_ARM_REFERENCED, 1);
			return WPT_GO_ON;
		}
		clear_bit(i, chunk->armed);
		wpt_chunk_clear_away(chunk, i);
		wpt_chunk_clear_hazy(chunk, i, 1);
		clear_bit(i, chunk->dirty);
		/* From now on only its pte tells whether it is written. */
		wpt_record_mark_walk(p->group, chunk, addr);
		/*
		 * Who has zapped it may have ended the event, and flush only
		 * now, or in a batch with others (reclaim).  Until then others
		 * read what was there, and would keep that as what the page
		 * holds.
		 */
		piece_flush(p, addr, addr + PAGE_SIZE);
		/*
		 * A zap that began before may find data here that is written
		 * from now on, and make it empty again without our knowing.
		 * Where there is no page table it may have come and gone since
		 * the file was asked.
		 */
		if (wpt_space_event_over(h->t->space, addr, addr + PAGE_SIZE) ||
		    wpt_backing_changes(p->vma))
			set_bit(i, chunk->dirty);
		else
			__set_bit(i, p->cleaned);
		return WPT_GO_ON;
	}
	why = wpt_arm_pte(p->vma, ptep);
	if (why == WPT_ARM_READONLY || why == WPT_ARM_UNTRACKABLE || why == WPT_ARM_SWAPPED) {
		why = reset_away(h, p, addr, ptep, why);
		away = why == WPT_ARM_DONE;
	}
	if (why == WPT_ARM_REFERENCED && wpt_harvest_waits(h))
		return WPT_STOP_DRAIN;
	trace_wptrack_arm(h->t->space->id, addr, 1, why);
	if (why != WPT_ARM_DONE || away) {
		wpt_arm_count(why, 1);
	} else {
		wpt_stat_inc(ARMS);
		piece_armed(p, addr);
		clear_bit(i, chunk->dirty);
		__set_bit(i, p->cleaned);
	}
	return WPT_GO_ON;
}

/*
 * A clean page that is not armed, in a reset: the next walk need not look.  Or it turns
 * out that somebody holds it, who has come with mremap() or before anybody could know:
 * then it is not clean.  *@written: out.
 */
static enum wpt_stop page_arm_clean(struct wpt_harvest *h, struct wpt_piece *p,
				    unsigned long addr, pte_t *ptep, bool *written)
{
	enum wpt_arm why = wpt_arm_pte(p->vma, ptep);

	if (why == WPT_ARM_DONE) {
		piece_armed(p, addr);
		trace_wptrack_arm(h->t->space->id, addr, 1, why);
	} else if (why == WPT_ARM_PINNED || why == WPT_ARM_REFERENCED) {
		if (why == WPT_ARM_REFERENCED && wpt_harvest_waits(h))
			return WPT_STOP_DRAIN;
		wpt_page_note_written(p, wpt_page_index(addr), ptep_get(ptep));
		*written = true;
	}
	return WPT_GO_ON;
}

/*
 * An empty page is clean after all, though an event has passed over it: what that can have
 * left is known.  So the next scan need not look.  The page table is locked: what is filled
 * and taken now is so by an event that is under way.
 */
static void page_not_hazy(struct wpt_harvest *h, struct wpt_piece *p, unsigned long addr)
{
	const unsigned int i = wpt_page_index(addr);

	wpt_chunk_clear_hazy(p->chunk, i, 1);
	smp_mb__after_atomic();
	if (wpt_space_event_over(h->t->space, addr, addr + PAGE_SIZE))
		wpt_chunk_set_hazy(p->chunk, i);
}

/* Written pages, one by one: a bit each, that of @addr first.  @ptep: its pte, or NULL. */
static noinline enum wpt_stop pages_written(struct wpt_harvest *h, struct wpt_piece *p,
					    unsigned long addr, pte_t *ptep,
					    unsigned long pages)
{
	const u64 categories = h->masks->ret;
	enum wpt_stop stop;
	unsigned int i;

	for (; pages; pages &= pages - 1) {
		i = __ffs(pages);
		h->addr = addr + ((unsigned long)i << PAGE_SHIFT);
		stop = wpt_out_check(h, h->addr, categories);
		if (stop == WPT_GO_ON && h->reset)
			stop = page_reset(h, p, h->addr, ptep ? ptep + i : NULL,
					  ptep ? ptep_get(ptep + i) : __pte(0));
		if (stop != WPT_GO_ON)
			return stop;
		if (h->out)
			wpt_out_push(h->out, h->addr, h->addr + PAGE_SIZE, categories);
	}
	return WPT_GO_ON;
}

/*
 * wpt_do_written() of a piece.  @ptep: the pte of the chunk's first page, or NULL.
 * @resets: word_reset() may be tried, of pages with a page table.
 */
static __always_inline enum wpt_stop do_words(struct wpt_harvest *h, struct wpt_piece *p,
					      pte_t *ptep, bool resets)
{
	const unsigned int end = wpt_page_index(p->end - PAGE_SIZE) + 1;
	unsigned long mask = BITMAP_FIRST_WORD_MASK(wpt_page_index(p->start));
	const unsigned int last = (end - 1) / BITS_PER_LONG;
	unsigned int w = wpt_page_index(p->start) / BITS_PER_LONG;
	unsigned long addr = p->start & ~(WPT_WORD_SIZE - 1);
	struct wpt_out *out = h->out;
	/* Room for all that a chunk can have: no word has to be asked for. */
	const bool roomy = !out || wpt_out_roomy(out, WPT_CHUNK_PAGES);
	unsigned long word, done;
	enum wpt_stop stop;

	for (; w <= last; w++, addr += WPT_WORD_SIZE, mask = ~0UL) {
		if (w == last)
			mask &= BITMAP_LAST_WORD_MASK(end);
		word = READ_ONCE(p->chunk->dirty[w]) & mask;
		if (!word)
			continue;
		done = 0;
		if (roomy || wpt_out_fits(out, word)) {
			if (resets)
				done = word_reset(p, w, addr, ptep + w * BITS_PER_LONG,
						  word, _PAGE_PRESENT);
			else if (!h->reset)
				done = word;
			if (out)
				wpt_out_push_word(out, addr, done, h->masks->ret);
		}
		if (likely(done == word))
			continue;
		stop = pages_written(h, p, addr, ptep ? ptep + w * BITS_PER_LONG : NULL,
				     word & ~done);
		if (stop != WPT_GO_ON)
			return stop;
	}
	h->addr = p->end;
	return WPT_GO_ON;
}

/**
 * wpt_do_written() - report all pages that are dirty in the record
 * @h:    the harvest, which asks for nothing else
 * @p:    the chunk
 * @ptep: the pte of its first page, locked; or NULL if there is no page table, or no
 *        reset: then none is read
 *
 * With a reset they become clean.
 *
 * Return: %WPT_GO_ON, or why it stopped; @h->addr is where.
 */
enum wpt_stop wpt_do_written(struct wpt_harvest *h, struct wpt_piece *p, pte_t *ptep)
{
	if (ptep)
		ptep -= wpt_page_index(p->start);
	if (h->reset && ptep && word_resets(p))
		return do_words(h, p, ptep, true);
	return do_words(h, p, ptep, false);
}

/**
 * wpt_first_word() - as wpt_first_reset(), of pages that share a word of the record
 * @p:    the chunk
 * @addr: the first of them
 * @ptep: its pte, locked
 *
 * Only where nothing is armed, and only pages that are writable, which are written
 * whatever the record says.
 *
 * Return: true if all are clean now; else wpt_first_reset() is to go on.
 */
bool wpt_first_word(struct wpt_piece *p, unsigned long addr, pte_t *ptep)
{
	unsigned int w = wpt_page_index(addr) / BITS_PER_LONG;

	return !p->chunk->armed[w] && word_resets(p) &&
	       word_reset(p, w, addr, ptep, ~0UL, _PAGE_PRESENT | _PAGE_RW) == ~0UL;
}

/**
 * wpt_first_reset() - as wpt_do_page(), if only a written page would match and
 *                     nobody wants to hear of it
 * @h:    the harvest
 * @p:    the chunk, which has a record
 * @addr: the page
 * @ptep: its pte, locked
 */
enum wpt_stop wpt_first_reset(struct wpt_harvest *h, struct wpt_piece *p,
			      unsigned long addr, pte_t *ptep)
{
	unsigned int i = wpt_page_index(addr);
	pte_t pte = ptep_get(ptep);
	bool written;

	if (wpt_page_written(p, i, pte)) {
		wpt_page_note_written(p, i, pte);
		return page_reset(h, p, addr, ptep, pte);
	}
	if (wpt_chunk_away(p->chunk, i))
		page_resume(p, i, ptep);
	if (unlikely(wpt_chunk_hazy(p->chunk, i)) && wpt_pte_empty(pte))
		page_not_hazy(h, p, addr);
	if (wpt_pte_empty(pte) || test_bit(i, p->chunk->armed))
		return WPT_GO_ON;
	/* One that is held is counted when it is found written, the next time. */
	return page_arm_clean(h, p, addr, ptep, &written);
}

enum wpt_stop wpt_out_check(struct wpt_harvest *h, unsigned long addr,
			       u64 categories)
{
	if (!h->out)
		return WPT_GO_ON;
	switch (wpt_out_room(h->out, addr, categories)) {
	case WPT_ROOM_NONE:
		return WPT_STOP_FULL;
	case WPT_ROOM_FLUSH:
		return WPT_STOP_FLUSH;
	default:
		return WPT_GO_ON;
	}
}

/* Has somebody written to memory of a child that has not run?  See inherit.c. */
static bool page_touched(const struct wpt_piece *p, unsigned int i, pte_t pte)
{
	/* It may be none again. */
	if (p->chunk && (p->vma->vm_flags & VM_SHARED) &&
	    (test_bit(i, p->chunk->dirty) || wpt_chunk_hazy(p->chunk, i)))
		return true;
	/* What was private is gone, and what stands in for it is not what the parent has. */
	if (p->chunk && test_bit(i, p->chunk->dirty) && !wpt_inherits_anon(pte))
		return true;
	return !wpt_inherited(p->vma, pte, false);
}

enum wpt_stop wpt_do_page(struct wpt_harvest *h, struct wpt_piece *p,
			     unsigned long addr, pte_t *ptep)
{
	pte_t pte = ptep ? ptep_get(ptep) : __pte(0);
	u64 cat = p->base | wpt_pte_categories(pte, h->interest);
	unsigned int i = wpt_page_index(addr);
	const bool touched = h->inherits && p->tracked && page_touched(p, i, pte);
	bool written = false;
	enum wpt_stop stop;

	if (p->tracked) {
		if (touched || wpt_page_written(p, i, pte)) {
			wpt_page_note_written(p, i, pte);
			written = true;
		} else if (h->reset && p->trackable && p->chunk &&
			   !wpt_pte_empty(pte) && !test_bit(i, p->chunk->armed)) {
			stop = page_arm_clean(h, p, addr, ptep, &written);
			if (stop != WPT_GO_ON)
				return stop;
		} else if (p->chunk && wpt_chunk_away(p->chunk, i)) {
			page_resume(p, i, ptep);
		} else if (h->reset && ptep && p->chunk && wpt_chunk_hazy(p->chunk, i) &&
			   wpt_pte_empty(pte)) {
			page_not_hazy(h, p, addr);
		}
		if (written || h->t->lost || p->unknown ||
		    (p->pending && test_bit(i, p->pending->b)))
			cat |= WPTRACK_PAGE_WRITTEN;
	}
	if (!wpt_masks_match(h->masks, cat))
		return WPT_GO_ON;

	stop = wpt_out_check(h, addr, cat & h->masks->ret);
	if (stop != WPT_GO_ON)
		return stop;
	if (h->reset && written && !touched) {
		stop = page_reset(h, p, addr, ptep, pte);
		if (stop != WPT_GO_ON)
			return stop;
	}
	if (h->reset && p->pending)
		clear_bit(i, p->pending->b);
	if (h->out)
		wpt_out_push(h->out, addr, addr + PAGE_SIZE, cat & h->masks->ret);
	if (!written)
		wpt_count_unsure(h, p, 1);
	return WPT_GO_ON;
}

/* Pages [h->addr, end) that all have the same categories. */
enum wpt_stop wpt_do_same(struct wpt_harvest *h, unsigned long end, u64 cat)
{
	enum wpt_stop stop;

	if (!h->out || !wpt_masks_match(h->masks, cat)) {
		h->addr = end;
		return WPT_GO_ON;
	}
	cat &= h->masks->ret;
	while (h->addr < end) {
		stop = wpt_out_check(h, h->addr, cat);
		if (stop != WPT_GO_ON)
			return stop;
		h->addr = wpt_out_push(h->out, h->addr, end, cat);
	}
	return WPT_GO_ON;
}
