/* SPDX-License-Identifier: GPL-2.0-only */
/* Clean pages come back from swap read-only. */
#ifndef WPT_SWAPIN_H
#define WPT_SWAPIN_H

void wpt_swapin_init(void);

#endif /* WPT_SWAPIN_H */
