/* SPDX-License-Identifier: GPL-2.0-only */
/* The hooks in the write-fault path. */
#ifndef WPT_HOOK_H
#define WPT_HOOK_H

#include <linux/ftrace.h>
#include <linux/list.h>
#include <linux/mm_types.h>

#include "claim.h"

struct wpt_hook_group;

/**
 * struct wpt_hook - a callback at the entry of a function of the kernel
 * @function: the function
 * @ops:      the callback
 * @direct:   the same as a function to be called directly, or 0; cheaper, but there
 *            can be only one such call at a function
 * @direct_ops: for @direct
 * @claim:    keeps the function as it is, where neither the callback nor the call does
 * @addr:     where the function is
 * @group:    those that it is placed with, if it can be; or NULL
 * @called_directly: and this is how it is placed
 * @required: without it nothing can be tracked
 * @local:    the function is static: the compiler may have made more than one of it
 * @told:     that it cannot be placed
 * @placed:   it is there now
 * @failed:   it could not be placed when that was last tried
 * @node:     in the list of all hooks
 */
struct wpt_hook {
	const char *function;
	struct ftrace_ops ops;
	unsigned long direct;
	struct ftrace_ops direct_ops;
	struct wpt_claim claim;
	unsigned long addr;
	struct wpt_hook_group *group;
	bool called_directly;
	bool required;
	bool local;
	bool told;
	bool placed;
	bool failed;
	struct list_head node;
};

static inline bool wpt_hook_placed(const struct wpt_hook *hook)
{
	return READ_ONCE(hook->placed);
}

extern struct wpt_hook wpt_hook_wp;	/* wp.c */
extern struct wpt_hook wpt_hook_huge_wp;	/* huge_wp.c, if there are huge pages */

int wpt_hook_init(void);
void wpt_hook_exit(void);
int wpt_hook_offer(struct wpt_hook *hook);
void wpt_hook_offer_first(struct wpt_hook *hook, const char * const *names, unsigned int n);
int wpt_hook_get(void);
void wpt_hook_put(void);
void wpt_hook_ready(void);
void wpt_hook_enter(void);
void wpt_hook_leave(void);
bool wpt_hook_installed(void);
bool wpt_hook_unsafe(void);

#endif /* WPT_HOOK_H */
