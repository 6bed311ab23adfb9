/* SPDX-License-Identifier: GPL-2.0-only */
/* Pages that another one with the same contents takes the place of. */
#ifndef WPT_COPY_H
#define WPT_COPY_H

#include <linux/mmu_notifier.h>
#include <linux/sched.h>

#include "pte.h"
#include "space.h"

/* Who puts the other page there. */
enum wpt_copy {
	WPT_COPY_NOT,		/* nobody: what comes may be anything */
	WPT_COPY_KSM,
	WPT_COPY_UNSHARE,	/* a fault of a reader who wants to pin the page */
};

/* A task and a page of its fault in one word; 0 if there is no room. */
static __always_inline u64 wpt_copy_key(unsigned long addr)
{
	const u64 page = addr >> PAGE_SHIFT;

	return page >> 42 ? 0 : page << 22 | (u32)current->pid;
}

/*
 * For the fault hook, when a page is about to be unshared.  If two tasks use the same
 * place, one of them is not helped.
 */
static __always_inline void wpt_copy_note(struct wpt_space *space, const struct vm_fault *vmf)
{
	/* In a mapping of a file, the same task might set a uprobe there next. */
	if (!vmf->vma->vm_file)
		WRITE_ONCE(space->unshares[current->pid % WPT_UNSHARES],
			   wpt_copy_key(vmf->address));
}

enum wpt_copy wpt_copy_kind(struct wpt_space *space, const struct mmu_notifier_range *range);
void wpt_copy_forget(struct wpt_space *space);
bool wpt_copy_keeps(enum wpt_copy kind, pte_t pte);

#endif /* WPT_COPY_H */
