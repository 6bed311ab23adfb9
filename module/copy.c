// SPDX-License-Identifier: GPL-2.0-only
/*
 * KSM puts a page with the same contents in the place of one or more others.  A reader who
 * wants to pin a page that is shared with a child gets a copy, in place, so that he sees
 * what is written later (ptrace, process_vm_readv(), since Linux 6.0).  Both are events over
 * one page, as a copy for a write is, or a uprobe, which changes what the page holds.
 *
 * What was armed when such an event began, is not dirty when it ends, and is read-only then,
 * is away (see carry.c), if no other event was over it.  Its pte is not touched at either
 * end: both come back for it and look whether it is still what they have seen.
 *
 * KSM is known by its thread, which does nothing else.  The fault of the reader is seen by
 * the hook, just before, in the same task, and copies only a page that may be shared; if it
 * finds out that this one is not, there is no event, and the page is known to be the mapping's
 * own from then on.  So what the hook has put down is not taken for the event of something
 * else that the task does to the same page later.  It is forgotten when anything is unmapped.
 * What is left is a fault that has failed for want of memory, and then a uprobe, in a mapping
 * of a file.  It is set and taken away with the mmap_lock held for writing, which no reader's
 * fault is under; only who runs into it may take it away without, and the task whose fault
 * has failed would have to come as far without any other fault.
 *
 * The same goes for a huge page of hugetlb, by a fault of its own, which fails more often.  But
 * who makes a hole next has no reference to a page that is private.
 *
 * The mark stays in the pte when such an event begins.  A page that is written and armed again
 * before KSM looks at its pte once more would have the same pte, and other contents.  But who
 * replaces a page, or copies it, holds a reference to it until he has, and what somebody holds
 * is not armed.
 */
#include <linux/sched.h>
#include <linux/string.h>

#include "carry.h"
#include "compat/anon.h"
#include "compat/mmaplock.h"
#include "compat/syscall.h"
#include "copy.h"
#include "ptwalk.h"

static bool is_ksmd(void)
{
	return wpt_is_kthread("ksmd", sizeof("ksmd"));
}

/**
 * wpt_copy_kind() - does an event that begins leave what its page holds?
 * @space: the space
 * @range: the event's
 */
enum wpt_copy wpt_copy_kind(struct wpt_space *space, const struct mmu_notifier_range *range)
{
	u64 *note = &space->unshares[current->pid % WPT_UNSHARES];
	const bool huge = range->end - range->start == PMD_SIZE;
	u64 key;

	if (range->event != MMU_NOTIFY_CLEAR ||
	    (range->end - range->start != PAGE_SIZE && !huge))
		return WPT_COPY_NOT;
	if (!huge && is_ksmd())
		return WPT_COPY_KSM;
	if (!READ_ONCE(*note) || !wpt_mmap_write_known() || wpt_mmap_write_held(space->mm))
		return WPT_COPY_NOT;
	key = wpt_copy_key(range->start, huge);
	if (!key || READ_ONCE(*note) != key)
		return WPT_COPY_NOT;
	WRITE_ONCE(*note, 0);
	return WPT_COPY_UNSHARE;
}

/**
 * wpt_copy_forget() - the faults that the hook has seen are over
 * @space: the space
 */
void wpt_copy_forget(struct wpt_space *space)
{
	unsigned int i;

	for (i = 0; i < WPT_UNSHARES; i++)
		if (READ_ONCE(space->unshares[i]))
			WRITE_ONCE(space->unshares[i], 0);
}

/**
 * wpt_copy_keeps() - the same, of its page
 * @kind: what wpt_copy_kind() says
 * @pte:  of the page when the event begins
 */
bool wpt_copy_keeps(enum wpt_copy kind, pte_t pte)
{
	if (kind == WPT_COPY_NOT || !wpt_carry_back(pte))
		return false;
	return kind == WPT_COPY_KSM || wpt_page_may_be_shared(wpt_pte_page(pte));
}
