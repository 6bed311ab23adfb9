/* SPDX-License-Identifier: MIT */
/* Which pages were written, where user space itself has to keep it. */
#ifndef BENCH_BITMAP_H
#define BENCH_BITMAP_H

#include <stdlib.h>
#include <string.h>

#include "bench.h"

struct bitmap {
	size_t words;
	uint64_t *w;
};

static inline void bitmap_init(struct bitmap *b, const struct area *a)
{
	b->words = (a->len / a->page + 63) / 64;
	b->w = calloc(b->words, 8);
	if (!b->w)
		fail("out of memory");
}

static inline void bitmap_set(struct bitmap *b, size_t i)
{
	b->w[i / 64] |= 1ULL << i % 64;
}

static inline long bitmap_count(const struct bitmap *b)
{
	long sum = 0;
	size_t i;

	for (i = 0; i < b->words; i++)
		sum += __builtin_popcountll(b->w[i]);
	return sum;
}

static inline void bitmap_clear(struct bitmap *b)
{
	memset(b->w, 0, b->words * 8);
}

#endif
