/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A bit for each page of a chunk, that others set or clear meanwhile, each word at once.
 * bitmap_full() and the like may read a word twice, or write it in parts.
 */
#ifndef WPT_BITS_H
#define WPT_BITS_H

#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/types.h>

#include "chunk.h"

#define WPT_CHUNK_WORDS		(WPT_CHUNK_PAGES / BITS_PER_LONG)

/* Each chunk of each scan asks for this: a loop takes three times as long. */
static __always_inline bool wpt_bits_empty(const unsigned long *bits)
{
	BUILD_BUG_ON(WPT_CHUNK_WORDS != 8);
	return !(READ_ONCE(bits[0]) | READ_ONCE(bits[1]) | READ_ONCE(bits[2]) |
		 READ_ONCE(bits[3]) | READ_ONCE(bits[4]) | READ_ONCE(bits[5]) |
		 READ_ONCE(bits[6]) | READ_ONCE(bits[7]));
}

static __always_inline bool wpt_bits_full(const unsigned long *bits)
{
	unsigned long all = ~0UL;
	unsigned int w;

	for (w = 0; w < WPT_CHUNK_WORDS; w++)
		all &= READ_ONCE(bits[w]);
	return !~all;
}

static __always_inline void wpt_bits_set_all(unsigned long *bits, unsigned long word)
{
	unsigned int w;

	for (w = 0; w < WPT_CHUNK_WORDS; w++)
		WRITE_ONCE(bits[w], word);
}

static __always_inline void wpt_bits_zero(unsigned long *bits)
{
	wpt_bits_set_all(bits, 0);
}

static __always_inline void wpt_bits_fill(unsigned long *bits)
{
	wpt_bits_set_all(bits, ~0UL);
}

/* The first bit from @i on that is not set; @n if there is none before it. */
static inline unsigned int wpt_bits_next_zero(const unsigned long *bits,
					      unsigned int n, unsigned int i)
{
	unsigned long word;

	for (; i < n; i = round_down(i, BITS_PER_LONG) + BITS_PER_LONG) {
		word = ~READ_ONCE(bits[i / BITS_PER_LONG]) >> (i % BITS_PER_LONG);
		if (word)
			return min_t(unsigned int, n, i + __ffs(word));
	}
	return n;
}

/* @to is nobody else's. */
static __always_inline void wpt_bits_copy(unsigned long *to, const unsigned long *bits)
{
	unsigned int w;

	for (w = 0; w < WPT_CHUNK_WORDS; w++)
		to[w] = READ_ONCE(bits[w]);
}

#endif /* WPT_BITS_H */
