/* SPDX-License-Identifier: GPL-2.0-only */
/* An event that begins, and what it means for one page. */
#ifndef WPT_EVENT_PAGE_H
#define WPT_EVENT_PAGE_H

#include "backing.h"
#include "chunk.h"
#include "copy.h"
#include "pte.h"

/* What an event may leave behind. */
enum wpt_event_kind {
	WPT_EVENT_PROTECT,	/* the same page with other bits */
	WPT_EVENT_CLEAR,	/* nothing, another page, or an entry for one */
	WPT_EVENT_REPLACE,	/* as above, for one page: or the same page, written to */
	WPT_EVENT_UNMAP,	/* as above, or ptes moved in from another address */
};

/**
 * struct wpt_event - an event that begins
 * @kind:  what it may leave behind
 * @forks: page tables are being copied: nobody can fault meanwhile
 * @protects: pages may stay clean: see protect.c
 * @copies_huge: of hugetlb, it is a fork
 * @frees: MADV_FREE: nothing is taken but what is in swap
 * @still: nobody can fault meanwhile, so that what is empty stays so
 * @shares: so that they do, they may be made shared
 * @dontneed: of pages of files that are clean only the ptes are taken: see drop.c
 * @hugetlb: the entry is one of hugetlb
 * @migrates: it may be one of migration
 * @holds: whoever sends it has locked the page that it is about: what is empty stays so
 * @keeps_file: what it takes stays in the file
 * @file:  if known, the file behind its range
 * @key:   what tells it from others
 * @last:  the chunk where it has been last
 * @copies: another page with the same contents may come in the place of its page: copy.c
 * @copied: out: so it is
 * @took:  out: pages that stay clean if they go away, of its only chunk; NULL if none do
 * @drops: out: of these, pages of files that are being reclaimed; NULL if none are
 */
struct wpt_event {
	enum wpt_event_kind kind;
	bool forks;
	bool protects;
	bool copies_huge;
	bool frees;
	bool still;
	bool shares;
	bool dontneed;
	bool hugetlb;
	bool migrates;
	bool holds;
	bool keeps_file;
	struct wpt_backing file;
	enum wpt_copy copies;
	bool *copied;
	const void *key;
	const struct wpt_chunk *last;
	unsigned long *took;
	unsigned long *drops;
};

void wpt_event_page(struct wpt_chunk *chunk, unsigned long addr, pte_t pte,
		    pte_t *ptep, const struct wpt_event *ev);

#endif /* WPT_EVENT_PAGE_H */
