// SPDX-License-Identifier: GPL-2.0-only
/*
 * What surrounds the work on one chunk in a harvest: the notifier bracket, the
 * flush, the record's flags, the pending sets of the other trackers.
 */
#include "chunk_bits.h"
#include "piece.h"
#include "sym.h"

/* A flag that is about pages that are away; an event sets it when it has begun. */
static void piece_writable(struct wpt_harvest *h, struct wpt_piece *p)
{
	unsigned long start = p->start & WPT_CHUNK_MASK;

	if (wpt_chunk_any_away(p->chunk))
		return;
	clear_bit(WPT_CHUNK_READONLY, &p->chunk->flags);
	smp_mb__after_atomic();
	if (wpt_space_event_over(h->t->space, start, start + WPT_CHUNK_SIZE))
		set_bit(WPT_CHUNK_READONLY, &p->chunk->flags);
}

/* What was mapped here before is known to nobody any more.  As above. */
static void piece_settled(struct wpt_harvest *h, struct wpt_piece *p)
{
	clear_bit(WPT_CHUNK_REMAPPED, &p->chunk->flags);
	smp_mb__after_atomic();
	if (wpt_space_event_over(h->t->space, p->start, p->end))
		set_bit(WPT_CHUNK_REMAPPED, &p->chunk->flags);
}

/*
 * All ptes of a chunk were looked at, and the page table is still locked.  If
 * each page is dirty or armed, the two bits tell everything from now on.
 *
 * The flag is taken away first and events are looked for after: an event either
 * began before, and is seen, or sets the flag again.  One that has ended has
 * changed its ptes before we locked them.
 */
void wpt_piece_walked(struct wpt_harvest *h, struct wpt_piece *p)
{
	struct wpt_chunk *chunk = p->chunk;
	DECLARE_BITMAP(known, WPT_CHUNK_PAGES);
	unsigned int w;

	if (unlikely(test_bit(WPT_CHUNK_READONLY, &chunk->flags)))
		piece_writable(h, p);
	if (p->end - p->start != WPT_CHUNK_SIZE)
		return;
	if (unlikely(test_bit(WPT_CHUNK_REMAPPED, &chunk->flags)) &&
	    !wpt_chunk_any_hazy(chunk))
		piece_settled(h, p);
	/* What comes back writable tells nobody. */
	for (w = 0; w < WPT_CHUNK_WORDS; w++)
		known[w] = READ_ONCE(chunk->dirty[w]) |
			   (READ_ONCE(chunk->armed[w]) & ~wpt_chunk_away_word(chunk, w));
	if (!bitmap_full(known, WPT_CHUNK_PAGES))
		return;
	clear_bit(WPT_CHUNK_WALK, &chunk->flags);
	smp_mb__after_atomic();
	if (wpt_space_event_over(h->t->space, p->start, p->end))
		set_bit(WPT_CHUNK_WALK, &chunk->flags);
}

/*
 * Room in the pending sets of the other trackers, for what is cleaned here.  For
 * one that gets none, say because its user is over the limit, all is written: that
 * is not this tracker's fault.
 */
void wpt_others_reserve(struct wpt_harvest *h, struct wpt_piece *p)
{
	struct wpt_tracker *t;

	list_for_each_entry(t, &h->t->space->trackers, node)
		if (t != h->t && wpt_set_overlaps(&t->ranges, p->start, p->end) &&
		    IS_ERR(wpt_pending_get(t, p->start)))
			wpt_tracker_lose(t);
}

/* What was cleaned for this tracker is still written for the others. */
static void others_note(struct wpt_harvest *h, struct wpt_piece *p)
{
	struct wpt_tracker *t;
	struct wpt_interval iv;
	struct wpt_bits *bits;
	unsigned long addr;
	unsigned int i, end;

	if (!p->others || bitmap_empty(p->cleaned, WPT_CHUNK_PAGES))
		return;
	list_for_each_entry(t, &h->t->space->trackers, node) {
		if (t == h->t)
			continue;
		bits = wpt_pending_find(t, p->start);
		for (addr = p->start; bits && addr < p->end; addr = iv.end) {
			if (!wpt_set_next(&t->ranges, addr, &iv) ||
			    iv.start >= p->end)
				break;
			addr = max(addr, iv.start);
			i = wpt_page_index(addr);
			end = i + ((min(p->end, iv.end) - addr) >> PAGE_SHIFT);
			for_each_set_bit_from(i, p->cleaned, end)
				set_bit(i, bits->b);
		}
	}
}

/**
 * wpt_piece_open() - begin with a piece, before its page table is locked
 * @h: the harvest
 * @p: the piece
 *
 * Secondary MMUs are told that ptes may change.
 */
void wpt_piece_open(struct wpt_harvest *h, struct wpt_piece *p)
{
	p->open = h->reset && p->tracked;
	if (!p->open)
		return;
	wpt_notifier_range_init(&p->range, h->mm, p->start, p->end);
	WRITE_ONCE(h->t->space->armer, current);
	static_call(wpt_notifier_start)(&p->range);
}

/**
 * wpt_piece_settle() - the last thing before the page table is unlocked
 * @h: the harvest
 * @p: the piece
 * @stride_shift: size of what its entries map
 *
 * Flushes the TLB for what was armed, or zapped by somebody who has yet to flush it.
 */
void wpt_piece_settle(struct wpt_harvest *h, struct wpt_piece *p,
		      unsigned int stride_shift)
{
	if (p->flush_end)
		static_call(wpt_flush_tlb_mm_range)(h->mm, p->flush_start,
				p->flush_end, stride_shift, false);
	/* An event may have seen as dirty what is armed now. */
	smp_mb();
	if (p->flush_end &&
	    wpt_space_event_over(h->t->space, p->start, p->end)) {
		wpt_record_mark_walk(p->group, p->chunk, p->start);
		/* Nor was it armed when that began. */
		WRITE_ONCE(p->chunk->protect, 0);
	}
}

/**
 * wpt_piece_close() - the last thing, after the page table is unlocked
 * @h: the harvest
 * @p: the piece
 */
void wpt_piece_close(struct wpt_harvest *h, struct wpt_piece *p)
{
	if (p->chunk)
		wpt_record_settle(p->group, p->chunk, p->start);
	if (p->open) {
		p->open = false;
		static_call(wpt_notifier_end)WPT_NOTIFIER_END_ARGS(&p->range);
		WRITE_ONCE(h->t->space->armer, NULL);
	}
	others_note(h, p);
	if (p->pending)
		wpt_pending_drop_empty(h->t, p->start);
}
