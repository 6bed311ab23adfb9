// SPDX-License-Identifier: GPL-2.0-only
/*
 * A chunk with a page table in a harvest.
 */
#include "chunk_bits.h"
#include "piece.h"
#include "ptwalk.h"
#include "stats.h"
#include "sym.h"

/*
 * Is "written" all that is asked, and all that is returned?  Then no other category
 * of a page has to be found out.
 */
static bool asks_written(const struct wpt_harvest *h)
{
	return wpt_masks_plain(h->masks) &&
	       !(h->masks->ret & ~WPTRACK_PAGE_WRITTEN);
}

/**
 * wpt_told() - does the record alone say which pages match?
 * @h: the harvest
 * @p: a chunk with a record
 *
 * Asked without a lock.  Before something happens to ptes that the record does not know
 * of, an event sets the flag; what was written before this call was preceded by that, or
 * is dirty.
 */
bool wpt_told(const struct wpt_harvest *h, const struct wpt_piece *p)
{
	return h->only_written && asks_written(h) && !h->t->lost && !p->unknown &&
	       xa_empty(&h->t->pending) &&
	       !test_bit(WPT_CHUNK_WALK, &p->chunk->flags);
}

/**
 * wpt_do_told() - harvest such a chunk, without a reset
 * @h: the harvest
 * @p: the chunk
 *
 * No page table is looked for, be it small pages or a huge one.
 */
enum wpt_stop wpt_do_told(struct wpt_harvest *h, struct wpt_piece *p)
{
	enum wpt_stop stop = wpt_do_written(h, p, NULL);

	wpt_record_settle(p->group, p->chunk, p->start);
	return stop;
}

/* Only pages with a bit in the record can match: visit just these. */
static enum wpt_stop do_logged(struct wpt_harvest *h, struct wpt_piece *p,
			       pte_t *ptep)
{
	unsigned int first = wpt_page_index(p->start);
	unsigned int i = first;
	unsigned int end = first + ((p->end - p->start) >> PAGE_SHIFT);
	DECLARE_BITMAP(todo, WPT_CHUNK_PAGES);
	enum wpt_stop stop;

	wpt_bits_copy(todo, p->chunk->dirty);
	if (p->pending)
		bitmap_or(todo, todo, p->pending->b, WPT_CHUNK_PAGES);
	for_each_set_bit_from(i, todo, end) {
		h->addr = p->start + ((unsigned long)(i - first) << PAGE_SHIFT);
		stop = wpt_do_page(h, p, h->addr, ptep ? ptep + (i - first) : NULL);
		if (stop != WPT_GO_ON)
			return stop;
	}
	h->addr = p->end;
	return WPT_GO_ON;
}

/*
 * Do pages that are empty, of which the record knows nothing, need no look?  They are
 * clean, do not match, and a reset leaves them as they are.
 */
static bool passes_empty(const struct wpt_harvest *h, const struct wpt_piece *p)
{
	return h->only_written && p->tracked && p->chunk && !p->pending &&
	       !h->t->lost && !p->unknown && !wpt_chunk_any_hazy(p->chunk);
}

/* The next page from index @i on, up to @n, that is dirty or armed. */
static unsigned int next_known(const struct wpt_chunk *chunk, unsigned int i, unsigned int n)
{
	unsigned long word, skip = BITMAP_FIRST_WORD_MASK(i);
	unsigned int w;

	for (w = i / BITS_PER_LONG; w * BITS_PER_LONG < n; w++, skip = ~0UL) {
		word = (READ_ONCE(chunk->dirty[w]) | READ_ONCE(chunk->armed[w])) & skip;
		if (word)
			return min_t(unsigned int, n, w * BITS_PER_LONG + __ffs(word));
	}
	return n;
}

/* From h->addr on, which is empty, to the next page that needs a look. */
static pte_t *pass_empty(struct wpt_harvest *h, const struct wpt_piece *p, pte_t *ptep)
{
	const unsigned int i = wpt_page_index(h->addr);
	const unsigned int n = i + ((p->end - h->addr) >> PAGE_SHIFT);
	pte_t *end = ptep + next_known(p->chunk, i, n) - i, *pte;

	for (pte = ptep; pte < end && pte_none(ptep_get(pte)); pte++)
		;
	h->addr += (unsigned long)(pte - ptep) << PAGE_SHIFT;
	return pte;
}

static enum wpt_stop do_all(struct wpt_harvest *h, struct wpt_piece *p, pte_t *ptep)
{
	const bool first = h->reset && !h->out && ptep && p->chunk && p->tracked &&
			   p->trackable && !p->pending && asks_written(h);
	const bool passes = ptep && passes_empty(h, p);
	enum wpt_stop stop;

	while (h->addr < p->end) {
		if (passes && pte_none(ptep_get(ptep))) {
			ptep = pass_empty(h, p, ptep);
			if (h->addr >= p->end)
				break;
		}
		if (first && !(wpt_page_index(h->addr) % BITS_PER_LONG) &&
		    p->end - h->addr >= WPT_WORD_SIZE && wpt_first_word(p, h->addr, ptep)) {
			h->addr += WPT_WORD_SIZE;
			ptep += BITS_PER_LONG;
			continue;
		}
		stop = first ? wpt_first_reset(h, p, h->addr, ptep) :
			       wpt_do_page(h, p, h->addr, ptep);
		if (stop != WPT_GO_ON)
			return stop;
		h->addr += PAGE_SIZE;
		if (ptep)
			ptep++;
	}
	return WPT_GO_ON;
}

/* The ptes are locked; @ptep is NULL if there are none. */
static enum wpt_stop do_locked(struct wpt_harvest *h, struct wpt_piece *p,
			       pte_t *ptep)
{
	bool walk = !h->only_written || h->t->lost || p->unknown || !p->chunk ||
		    test_bit(WPT_CHUNK_WALK, &p->chunk->flags);
	enum wpt_stop stop;

	if (!walk)
		return p->pending || !asks_written(h) ? do_logged(h, p, ptep) :
							wpt_do_written(h, p, ptep);
	wpt_stat_inc(CHUNK_WALKS);
	stop = do_all(h, p, ptep);
	if (stop == WPT_GO_ON && ptep && p->chunk)
		p->walked = true;
	return stop;
}

/**
 * wpt_do_ptes() - harvest a chunk with a page table
 * @h:    the harvest
 * @p:    the chunk
 * @pmdp: entry of its page table; NULL if there is none and all pages are none
 */
enum wpt_stop wpt_do_ptes(struct wpt_harvest *h, struct wpt_piece *p,
			  pmd_t *pmdp)
{
	enum wpt_stop stop;
	pte_t *ptep = NULL;
	spinlock_t *ptl;

	if (pmdp) {
		wpt_piece_open(h, p);
		ptep = wpt_pte_offset_map_lock(h->mm, pmdp, p->start, &ptl);
	}
	if (pmdp && !ptep) {
		/* It became huge or went away: look again. */
		stop = WPT_STOP_BREATHE;
	} else if (p->chunk && test_bit(WPT_CHUNK_SPLITTING, &p->chunk->flags)) {
		/* That of a file need not leave a page table. */
		stop = WPT_STOP_SPLITTING;
	} else {
		stop = do_locked(h, p, ptep);
		if (p->walked)
			wpt_piece_walked(h, p);
	}
	wpt_piece_settle(h, p, PAGE_SHIFT);
	if (ptep)
		pte_unmap_unlock(ptep, ptl);
	wpt_piece_close(h, p);
	return stop;
}
