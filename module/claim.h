/* SPDX-License-Identifier: GPL-2.0-only */
/* Functions that nobody may replace. */
#ifndef WPT_CLAIM_H
#define WPT_CLAIM_H

#include <linux/ftrace.h>

/**
 * struct wpt_claim - keeps live patches of a function out
 * @ops:  a callback that does nothing; without a function where none is needed
 * @held: it is there now
 */
struct wpt_claim {
	struct ftrace_ops ops;
	bool held;
};

int wpt_claim_init(struct wpt_claim *claim, unsigned long addr);
void wpt_claim_exit(struct wpt_claim *claim);
int wpt_claim(struct wpt_claim *claim);
int wpt_unclaim(struct wpt_claim *claim);
bool wpt_claim_wanted(void);

#endif /* WPT_CLAIM_H */
