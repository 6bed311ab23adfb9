/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Matching pages against the masks of a scan, and building regions of them.
 * Knows nothing of page tables; compiles in user space for the unit tests.
 */
#ifndef WPT_REGION_H
#define WPT_REGION_H

#include "port.h"
#include <wptrack.h>

/* The masks of struct wptrack_scan. */
struct wpt_masks {
	u64 inverted;
	u64 mask;
	u64 anyof;
	u64 ret;
};

static inline bool wpt_masks_match(const struct wpt_masks *m, u64 categories)
{
	u64 c = categories ^ m->inverted;

	return (c & m->mask) == m->mask && (!m->anyof || (c & m->anyof));
}

/* True if every written page matches, and no other. */
static inline bool wpt_masks_plain(const struct wpt_masks *m)
{
	return m->mask == WPTRACK_PAGE_WRITTEN && !m->inverted && !m->anyof;
}

/* True if a page that was not written cannot match. */
static inline bool wpt_masks_only_written(const struct wpt_masks *m)
{
	return m->mask & ~m->inverted & WPTRACK_PAGE_WRITTEN;
}

/* Categories on which the answer depends. */
static inline u64 wpt_masks_of_interest(const struct wpt_masks *m)
{
	return m->mask | m->anyof | m->ret;
}

enum wpt_room {
	WPT_ROOM,	/* the next page fits */
	WPT_ROOM_FLUSH,	/* it will fit when the buffer was delivered */
	WPT_ROOM_NONE,	/* the caller's vec or max_pages is used up */
};

/**
 * struct wpt_out - regions on their way to the caller
 * @buf:       buffer of @cap regions
 * @cap:       room in @buf, at least 1
 * @nr:        regions in @buf
 * @delivered: regions that were handed over before
 * @vec_len:   most regions the caller takes; ignored if @count_only
 * @pages:     pages in all regions so far
 * @max_pages: most pages the caller takes
 * @count_only: there is no caller's vec, regions are only counted
 */
struct wpt_out {
	struct wptrack_region *buf;
	unsigned int cap;
	unsigned int nr;
	u64 delivered;
	u64 vec_len;
	u64 pages;
	u64 max_pages;
	bool count_only;
};

/* Does the caller take so many pages more? */
static inline bool wpt_out_takes(const struct wpt_out *out, u64 pages)
{
	return !out || out->max_pages - out->pages >= pages;
}

/* Is there room for so many regions? */
static inline bool wpt_out_regions(const struct wpt_out *out, unsigned int runs)
{
	return out->cap - out->nr >= runs &&
	       (out->count_only || out->vec_len - out->delivered - out->nr >= runs);
}

/* Runs of bits that are set. */
static inline unsigned int wpt_runs(unsigned long pages)
{
	return hweight_long(pages & ~(pages << 1));
}

/*
 * Will all of these pages be taken at once, a bit each, whatever was pushed before?
 * If not, some of them may be.
 */
static inline bool wpt_out_fits(const struct wpt_out *out, unsigned long pages)
{
	return out->max_pages - out->pages >= hweight_long(pages) &&
	       wpt_out_regions(out, wpt_runs(pages));
}

/* As wpt_out_fits(), for any of so many pages. */
static inline bool wpt_out_roomy(const struct wpt_out *out, unsigned int pages)
{
	return out->max_pages - out->pages >= pages && wpt_out_regions(out, (pages + 1) / 2);
}

/* Does the page at @addr belong to the last region? */
static inline bool wpt_out_merges(const struct wpt_out *out, unsigned long addr,
				  u64 categories)
{
	const struct wptrack_region *last;

	if (!out->nr)
		return false;
	last = &out->buf[out->nr - 1];
	return last->end == addr && last->categories == categories;
}

/* Memory of the pages below the first of these, of a word. */
static inline unsigned long wpt_below(unsigned long pages)
{
	return (pages ? __ffs(pages) : 8 * sizeof(pages)) << PAGE_SHIFT;
}

/**
 * wpt_out_push_word() - add pages that are given as bits
 * @out:        the output, for which wpt_out_fits() is true
 * @addr:       address of the page of the first bit, above all that was pushed before
 *              if that is set
 * @pages:      the pages
 * @categories: their categories, masked for the caller
 */
static __always_inline void wpt_out_push_word(struct wpt_out *out, unsigned long addr,
					      unsigned long pages, u64 categories)
{
	struct wptrack_region *next = out->buf + out->nr;
	unsigned int nr = 0;
	unsigned long above;

	if (!pages)
		return;
	out->pages += hweight_long(pages);
	if (wpt_out_merges(out, addr + (__ffs(pages) << PAGE_SHIFT), categories)) {
		above = pages + (pages & -pages);
		next[-1].end = addr + wpt_below(above);
		pages &= above;
	}
	for (; pages; pages &= above, next++, nr++) {
		/* The bit after the run, and those of other runs. */
		above = pages + (pages & -pages);
		next->start = addr + (__ffs(pages) << PAGE_SHIFT);
		next->end = addr + wpt_below(above);
		next->categories = categories;
	}
	out->nr += nr;
}

enum wpt_room wpt_out_room(const struct wpt_out *out, unsigned long addr,
			   u64 categories);
unsigned long wpt_out_push(struct wpt_out *out, unsigned long addr,
			   unsigned long end, u64 categories);

#endif /* WPT_REGION_H */
