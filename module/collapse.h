/* SPDX-License-Identifier: GPL-2.0-only */
/* Small pages stay small where they are tracked one by one. */
#ifndef WPT_COLLAPSE_H
#define WPT_COLLAPSE_H

#ifdef CONFIG_TRANSPARENT_HUGEPAGE
void wpt_collapse_init(void);
#else
static inline void wpt_collapse_init(void)
{
}
#endif

#endif /* WPT_COLLAPSE_H */
