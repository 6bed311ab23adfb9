// SPDX-License-Identifier: GPL-2.0-only
#include "region.h"

/**
 * wpt_out_room() - can a page be pushed?
 * @out:        the output
 * @addr:       address of the page, above all that was pushed before
 * @categories: its categories, masked for the caller
 *
 * Return: WPT_ROOM if wpt_out_push() will take at least this page.
 */
enum wpt_room wpt_out_room(const struct wpt_out *out, unsigned long addr,
			   u64 categories)
{
	if (out->pages >= out->max_pages)
		return WPT_ROOM_NONE;
	if (wpt_out_merges(out, addr, categories))
		return WPT_ROOM;
	if (!out->count_only && out->delivered + out->nr >= out->vec_len)
		return WPT_ROOM_NONE;
	return out->nr < out->cap ? WPT_ROOM : WPT_ROOM_FLUSH;
}

/**
 * wpt_out_push() - add pages with equal categories
 * @out:        the output, for which wpt_out_room() said WPT_ROOM
 * @addr:       address of the first page
 * @end:        end of the last page
 * @categories: their categories, masked for the caller
 *
 * Return: the end of what was taken: @end, or less if max_pages was reached.
 */
unsigned long wpt_out_push(struct wpt_out *out, unsigned long addr,
			   unsigned long end, u64 categories)
{
	u64 n = (end - addr) >> PAGE_SHIFT;

	if (n > out->max_pages - out->pages) {
		n = out->max_pages - out->pages;
		end = addr + (n << PAGE_SHIFT);
	}
	out->pages += n;
	if (wpt_out_merges(out, addr, categories)) {
		out->buf[out->nr - 1].end = end;
	} else {
		out->buf[out->nr].start = addr;
		out->buf[out->nr].end = end;
		out->buf[out->nr].categories = categories;
		out->nr++;
	}
	return end;
}
