/* SPDX-License-Identifier: GPL-2.0-only */
/* Where chunks and groups come from, and who pays for them.  For chunk.c alone. */
#ifndef WPT_CHUNK_ALLOC_H
#define WPT_CHUNK_ALLOC_H

#include "chunk.h"

/* Without an account nothing may sleep. */
static inline gfp_t wpt_record_gfp(const struct wpt_account *acct)
{
	return acct ? GFP_KERNEL_ACCOUNT : WPT_GFP_EVENT;
}

struct wpt_chunk *wpt_chunk_new(struct wpt_record *rec, const struct wpt_account *acct);
void wpt_chunk_discard(struct wpt_record *rec, struct wpt_chunk *chunk);
void wpt_chunk_retire(struct wpt_record *rec, struct wpt_chunk *chunk);

struct wpt_group *wpt_group_new(struct wpt_record *rec, unsigned long index,
				const struct wpt_account *acct);
void wpt_group_discard(struct wpt_record *rec, struct wpt_group *group);
void wpt_group_retire(struct wpt_record *rec, struct wpt_group *group);

#endif /* WPT_CHUNK_ALLOC_H */
