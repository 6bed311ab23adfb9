/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the harvest share: the part of a mapping in one chunk. */
#ifndef WPT_PIECE_H
#define WPT_PIECE_H

#include <linux/mm.h>

#include "arm.h"
#include "harvest.h"
#include "stats.h"

/**
 * struct wpt_piece - the part of a mapping that lies in one chunk
 * @vma:       the mapping
 * @group:     group of the chunk, or NULL
 * @chunk:     the record, or NULL
 * @pending:   the tracker's pending pages, or NULL
 * @start:     first address
 * @end:       end (exclusive)
 * @base:      categories of all its pages
 * @unknown:   the tracker knows nothing of it: all is written
 * @unsure:    so it is only for what an event has left
 * @tracked:   it is in a range of the tracker
 * @trackable: and its pages can be armed
 * @others:    the space has other trackers
 * @flush_start: first address that was armed
 * @flush_end: end of what was armed; 0 if nothing was
 * @cleaned:   pages that were written and are armed now; matters to others
 * @range:     of the notifier bracket around changes of ptes
 * @open:      the bracket is open
 * @walked:    all of its pages were looked at
 */
struct wpt_piece {
	struct vm_area_struct *vma;
	struct wpt_group *group;
	struct wpt_chunk *chunk;
	struct wpt_bits *pending;
	unsigned long start;
	unsigned long end;
	u64 base;
	bool unknown;
	bool unsure;
	bool tracked;
	bool trackable;
	bool others;
	unsigned long flush_start;
	unsigned long flush_end;
	DECLARE_BITMAP(cleaned, WPT_CHUNK_PAGES);
	struct mmu_notifier_range range;
	bool open;
	bool walked;
};

/* page.c: one page, under the lock of its page table */
u64 wpt_pte_categories(pte_t pte, u64 interest);
bool wpt_page_written(const struct wpt_piece *p, unsigned int i, pte_t pte);
void wpt_page_note_written(const struct wpt_piece *p, unsigned int i, pte_t pte);
/* Pages were reported and reset that read written for want of knowledge. */
static inline void wpt_count_unsure(const struct wpt_harvest *h,
				    const struct wpt_piece *p, unsigned long pages)
{
	if (unlikely(p->unsure && p->unknown && h->reset && h->out))
		wpt_stat_add(OVER_UNSURE, pages);
}

enum wpt_stop wpt_out_check(struct wpt_harvest *h, unsigned long addr,
			    u64 categories);
enum wpt_stop wpt_do_page(struct wpt_harvest *h, struct wpt_piece *p,
			  unsigned long addr, pte_t *ptep);
enum wpt_stop wpt_do_written(struct wpt_harvest *h, struct wpt_piece *p, pte_t *ptep);
bool wpt_first_word(struct wpt_piece *p, unsigned long addr, pte_t *ptep);
enum wpt_stop wpt_first_reset(struct wpt_harvest *h, struct wpt_piece *p,
			      unsigned long addr, pte_t *ptep);
enum wpt_stop wpt_do_same(struct wpt_harvest *h, unsigned long end, u64 cat);

/* piece.c: what surrounds all of them */
void wpt_piece_open(struct wpt_harvest *h, struct wpt_piece *p);
void wpt_piece_settle(struct wpt_harvest *h, struct wpt_piece *p,
		      unsigned int stride_shift);
void wpt_piece_close(struct wpt_harvest *h, struct wpt_piece *p);
void wpt_piece_walked(struct wpt_harvest *h, struct wpt_piece *p);
void wpt_others_reserve(struct wpt_harvest *h, struct wpt_piece *p);

/* A chunk whose record tells all that is asked. */
bool wpt_told(const struct wpt_harvest *h, const struct wpt_piece *p);
enum wpt_stop wpt_do_told(struct wpt_harvest *h, struct wpt_piece *p);
/* A chunk with a page table, or one whose pages are all none (@pmdp is NULL). */
enum wpt_stop wpt_do_ptes(struct wpt_harvest *h, struct wpt_piece *p,
			  pmd_t *pmdp);
/* A chunk mapped by one huge entry. */
enum wpt_stop wpt_do_huge(struct wpt_harvest *h, struct wpt_piece *p,
			  pmd_t *pmdp);

#endif /* WPT_PIECE_H */
