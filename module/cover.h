/* SPDX-License-Identifier: GPL-2.0-only */
/* The ranges of all trackers of a space together. */
#ifndef WPT_COVER_H
#define WPT_COVER_H

struct wpt_space;

int wpt_cover_grow(struct wpt_space *space, unsigned long start,
		   unsigned long end);
void wpt_cover_shrink(struct wpt_space *space);
void wpt_cover_exact(struct wpt_space *space);

#endif /* WPT_COVER_H */
