/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bits of a chunk that most memory never needs: room for those of all its pages is made
 * when the first is set, and stays.  They change under the lock of the page table, where
 * there is one, as the others do.
 */
#ifndef WPT_CHUNK_BITS_H
#define WPT_CHUNK_BITS_H

#include "bits.h"
#include "chunk.h"

#define WPT_CHUNK_BITS_BYTES	(WPT_CHUNK_PAGES / BITS_PER_BYTE)
/* Of all kinds of them. */
#define WPT_CHUNK_BITS_MAX	(3 * WPT_CHUNK_BITS_BYTES)

static inline bool wpt_chunk_hazy(const struct wpt_chunk *chunk, unsigned int i)
{
	const unsigned long *hazy = READ_ONCE(chunk->hazy);

	return (hazy && test_bit(i, hazy)) || test_bit(WPT_CHUNK_HAZY, &chunk->flags);
}

static inline bool wpt_chunk_any_hazy(const struct wpt_chunk *chunk)
{
	const unsigned long *hazy = READ_ONCE(chunk->hazy);

	return (hazy && !wpt_bits_empty(hazy)) ||
	       test_bit(WPT_CHUNK_HAZY, &chunk->flags);
}

/* Those that share word @w of the record. */
static inline unsigned long wpt_chunk_away_word(const struct wpt_chunk *chunk,
						unsigned int w)
{
	const unsigned long *away = READ_ONCE(chunk->away);

	return away ? READ_ONCE(away[w]) : 0;
}

static inline bool wpt_chunk_away(const struct wpt_chunk *chunk, unsigned int i)
{
	const unsigned long *away = READ_ONCE(chunk->away);

	return away && test_bit(i, away);
}

static inline bool wpt_chunk_any_away(const struct wpt_chunk *chunk)
{
	const unsigned long *away = READ_ONCE(chunk->away);

	return unlikely(away) && !wpt_bits_empty(away);
}

static inline void wpt_chunk_clear_away(struct wpt_chunk *chunk, unsigned int i)
{
	unsigned long *away = READ_ONCE(chunk->away);

	if (unlikely(away) && test_bit(i, away))
		clear_bit(i, away);
}

/*
 * A page that was armed, and may become empty, is not in doubt for what was before.  If
 * all pages of the chunk are, for want of memory, it stays so.
 */
static inline void wpt_chunk_clear_stale_hazy(struct wpt_chunk *chunk, unsigned int i)
{
	unsigned long *hazy = READ_ONCE(chunk->hazy);

	if (unlikely(hazy) && test_bit(i, hazy))
		clear_bit(i, hazy);
}

static inline void wpt_chunk_clear_away_all(struct wpt_chunk *chunk)
{
	unsigned long *away = READ_ONCE(chunk->away);

	/* Like clear_bit() of each of them: the page table is locked. */
	if (unlikely(away))
		wpt_bits_zero(away);
}

static inline bool wpt_chunk_lent(const struct wpt_chunk *chunk, unsigned int i)
{
	const unsigned long *lent = READ_ONCE(chunk->lent);

	return unlikely(lent) && test_bit(i, lent);
}

static inline void wpt_chunk_clear_lent(struct wpt_chunk *chunk, unsigned int i,
					unsigned int nr)
{
	unsigned long *lent = READ_ONCE(chunk->lent);

	for (; unlikely(lent) && nr; i++, nr--)
		if (test_bit(i, lent))
			clear_bit(i, lent);
}

bool wpt_chunk_set_lent(struct wpt_chunk *chunk, unsigned int i);
bool wpt_chunk_set_away(struct wpt_chunk *chunk, unsigned int i);
void wpt_chunk_set_hazy(struct wpt_chunk *chunk, unsigned int i);
void wpt_chunk_clear_hazy(struct wpt_chunk *chunk, unsigned int i, unsigned int nr);
void wpt_chunk_free_bits(struct wpt_chunk *chunk);

/* Memory that they take now. */
static inline unsigned long wpt_chunk_bits_bytes(const struct wpt_chunk *chunk)
{
	return (!!READ_ONCE(chunk->hazy) + !!READ_ONCE(chunk->away) +
		!!READ_ONCE(chunk->lent)) * WPT_CHUNK_BITS_BYTES;
}

#endif /* WPT_CHUNK_BITS_H */
