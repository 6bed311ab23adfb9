// SPDX-License-Identifier: GPL-2.0-only
/*
 * Before Linux 6.0 UFFDIO_COPY leaves nothing in the pte of a page of tmpfs in memory without
 * write permission: it looks like one that is only read.  While it is so, a dirty page tells
 * (wpt_page_filled()), if one that others have written to as well; but once mprotect() has
 * allowed writes, nearly all pages of tmpfs are dirty.  So it is noted who uses UFFDIO_COPY,
 * and only there pages are taken for filled when their protection changes, or when they are taken
 * away (wpt_drop_arm()).  What was filled in a child before it is tracked is not known by that; so
 * until it has been looked through all such pages are (unborn in space.h).
 *
 * A space comes into being with the mmap_lock held for writing.  Not so what UFFDIO_COPY does
 * in between: it gives the lock up to read what it is to copy, for as long as that takes, and
 * goes on with memory that may be tracked by then.  So each page is asked for.
 */
#include <linux/kernel.h>

#include "compat/ftrace.h"
#include "fills.h"
#include "hook.h"
#include "sym.h"

#ifndef WPT_HAVE_FAULT_FLAG_UNSHARE

static void notrace hook_fill(unsigned long ip, unsigned long parent_ip,
			      struct ftrace_ops *ops, wpt_ftrace_regs *fregs)
{
	struct mm_struct *mm = (struct mm_struct *)wpt_ftrace_arg(fregs, 0);
	struct wpt_space *space;

	if (!mm_has_notifiers(mm))
		return;
	rcu_read_lock();
	space = wpt_space_find(mm);
	if (space && !READ_ONCE(space->fills))
		WRITE_ONCE(space->fills, true);
	rcu_read_unlock();
}

/* Each page of tmpfs is filled by it, with the mmap_lock held: up to Linux 5.12, and later. */
static const char * const names[] = { "shmem_mcopy_atomic_pte", "shmem_mfill_atomic_pte" };

static struct wpt_hook hook = {
	.ops = { .func = hook_fill, .flags = WPT_FTRACE_FLAGS },
};

/**
 * wpt_fills_unseen() - would it not be seen if userfaultfd fills pages?
 *
 * Asked when a space comes into being, after the hooks were placed for it.  None that is there
 * goes away while there are spaces; one that is not may come later, and has missed something.
 */
bool wpt_fills_unseen(void)
{
	return !wpt_hook_placed(&hook);
}

/**
 * wpt_fills() - may userfaultfd have filled pages since the space exists?
 * @space: the space
 *
 * What it fills is mapped after this says so.
 */
bool wpt_fills(const struct wpt_space *space)
{
	return READ_ONCE(space->fills);
}

/**
 * wpt_fills_init() - offer the hook
 *
 * Without it pages read written that were not.
 */
void wpt_fills_init(void)
{
	wpt_hook_offer_first(&hook, names, ARRAY_SIZE(names));
}

#endif
