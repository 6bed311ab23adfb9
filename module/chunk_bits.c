// SPDX-License-Identifier: GPL-2.0-only
#include <linux/slab.h>

#include "chunk_bits.h"

/* Room for bits, one a page; NULL if memory is short.  Does not sleep. */
static unsigned long *make_bits(unsigned long **place)
{
	unsigned long *bits, *old = READ_ONCE(*place);

	if (old)
		return old;
	bits = kzalloc(WPT_CHUNK_BITS_BYTES, WPT_GFP_EVENT | __GFP_ACCOUNT);
	if (!bits)
		return NULL;
	/* The notifier may be making them too. */
	old = cmpxchg(place, NULL, bits);
	if (!old)
		return bits;
	kfree(bits);
	return old;
}

/**
 * wpt_chunk_set_away() - a page stays clean without a mark
 * @chunk: its chunk
 * @i:     its index there; its page table is locked
 *
 * This happens in reclaim, whose reserves are not for us.  Does not sleep.
 *
 * Return: false if memory is short, and it is not.
 */
bool wpt_chunk_set_away(struct wpt_chunk *chunk, unsigned int i)
{
	unsigned long *bits = make_bits(&chunk->away);

	if (bits)
		set_bit(i, bits);
	return bits;
}

/**
 * wpt_chunk_set_lent() - a page is known to be its mapping's own, but not to the kernel
 * @chunk: its chunk
 * @i:     its index there; its page table is locked
 *
 * Return: false if memory is short, and this is not noted.  Does not sleep.
 */
bool wpt_chunk_set_lent(struct wpt_chunk *chunk, unsigned int i)
{
	unsigned long *bits = make_bits(&chunk->lent);

	if (bits)
		set_bit(i, bits);
	return bits;
}

/**
 * wpt_chunk_set_hazy() - an event passes over an empty page
 * @chunk: its chunk
 * @i:     its index there
 *
 * If memory is short, all pages are hazy.  Does not sleep.
 */
void wpt_chunk_set_hazy(struct wpt_chunk *chunk, unsigned int i)
{
	unsigned long *bits = make_bits(&chunk->hazy);

	/* May be set already, mostly is, and setting it is slow. */
	if (!bits)
		set_bit(WPT_CHUNK_HAZY, &chunk->flags);
	else if (!test_bit(i, bits))
		set_bit(i, bits);
}

/**
 * wpt_chunk_clear_hazy() - pages are not hazy any more
 * @chunk: their chunk
 * @i:     index of the first
 * @nr:    how many there are
 *
 * If memory is short they may stay so.  An event that begins meanwhile may set them
 * again, and the caller looks for one after.  The space is locked.  Does not sleep.
 */
void wpt_chunk_clear_hazy(struct wpt_chunk *chunk, unsigned int i, unsigned int nr)
{
	unsigned long *bits = READ_ONCE(chunk->hazy);

	if (test_bit(WPT_CHUNK_HAZY, &chunk->flags)) {
		bits = make_bits(&chunk->hazy);
		if (!bits)
			return;
		/* The others stay hazy: each by itself, before all together are not. */
		wpt_bits_fill(bits);
		/* Orders the bits before the flag that stands for them. */
		smp_mb__before_atomic();
		clear_bit(WPT_CHUNK_HAZY, &chunk->flags);
	}
	for (; bits && nr; i++, nr--)
		if (test_bit(i, bits))
			clear_bit(i, bits);
}

/**
 * wpt_chunk_free_bits() - with its chunk
 * @chunk: nobody sees it any more
 */
void wpt_chunk_free_bits(struct wpt_chunk *chunk)
{
	kfree(chunk->hazy);
	kfree(chunk->away);
	kfree(chunk->lent);
}
