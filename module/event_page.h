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
 * @copies_huge: of hugetlb, it is a fork
 * @punches: it says that it unmaps, and may make a hole in what stays mapped
 * @protects: pages may stay clean: see protect.c
 * @frees: MADV_FREE: nothing is taken but what is in swap
 * @dontneed: of pages of files that are clean only the ptes are taken: see drop.c
 * @migrates: it may be one of migration
 * @holds: whoever sends it has locked the page that it is about: what is empty stays so
 * @copies: another page with the same contents may come in the place of its page: copy.c
 * @still: nobody can map anything meanwhile where nothing is
 * @fills: a page of a file that is protected may have been filled before: see fills.c
 * @shares: so that those that it protects stay clean, they may be made shared
 * @hugetlb: the entry is one of hugetlb
 * @keeps_file: what it takes stays in the file
 * @file:  if known, the file behind its range
 * @space: the space
 * @key:   what tells it from others
 * @last:  the chunk where it has been last
 * @copied: out: such a page does (copies)
 * @took:  out: pages that stay clean if they go away, of its only chunk; NULL if none do
 * @drops: out: of these, pages of files that are being reclaimed; NULL if none are
 */
struct wpt_event {
	enum wpt_event_kind kind;

	/*
	 * Who causes it, as far as the record may keep something for that: see event_cause.c.
	 * One does not exclude the other: reclaim within MADV_FREE both frees and holds.  For
	 * a part of its range that is not helped, one may be taken back.
	 */
	bool forks;
	bool copies_huge;
	bool punches;
	bool protects;
	bool frees;
	bool dontneed;
	bool migrates;
	bool holds;
	enum wpt_copy copies;

	/* What else matters for the pages in its range. */
	bool still;
	bool fills;
	bool shares;
	bool hugetlb;
	bool keeps_file;
	struct wpt_backing file;

	/* Where it is, and what it leaves for its end. */
	struct wpt_space *space;
	const void *key;
	const struct wpt_chunk *last;
	bool *copied;
	unsigned long *took;
	unsigned long *drops;
};

void wpt_event_page(struct wpt_chunk *chunk, unsigned long addr, pte_t pte,
		    pte_t *ptep, const struct wpt_event *ev);

#endif /* WPT_EVENT_PAGE_H */
