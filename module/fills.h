/* SPDX-License-Identifier: GPL-2.0-only */
/* Pages that userfaultfd fills without a trace. */
#ifndef WPT_FILLS_H
#define WPT_FILLS_H

#include "space.h"

#ifdef WPT_HAVE_FAULT_FLAG_UNSHARE
static inline void wpt_fills_init(void)
{
}

static inline bool wpt_fills_unseen(void)
{
	return false;
}

static inline bool wpt_fills(const struct wpt_space *space)
{
	return false;
}
#else
void wpt_fills_init(void);
bool wpt_fills_unseen(void);
bool wpt_fills(const struct wpt_space *space);
#endif

#endif /* WPT_FILLS_H */
