// SPDX-License-Identifier: GPL-2.0-only
/*
 * A write to a page of a file that is not mapped maps more than the page if that is part of
 * a large folio, and all of it reads written then:
 *
 *  - A huge entry, if the folio is as large.  So does a read, and what is split by a write comes
 *    back as soon as somebody reads it.  do_set_pmd() falls back to small entries where pages
 *    are tracked one by one, as collapse.c has it for anonymous memory.
 *  - From Linux 6.12 on (shared memory) or later (all files; read: 7.2) each page of the folio
 *    that the page table has room for, writable and dirty.  finish_fault() does not hear
 *    that it is a write.  What it maps is as the protection of the mapping says: read-only, if
 *    the file system wants to know of writes, or if shared.c has seen to that.  Then the write
 *    faults once more, for one page, and is seen by the hook of do_wp_page().
 *
 * Linux 5.10 has no do_set_pmd() that could be hooked.  There finish_fault() is given a page
 * table, for a write.
 *
 * Only precision depends on this.  Nothing becomes writable by it that would not be.
 */
#include <linux/mm.h>
#include <linux/sched/mm.h>

#include "compat/fault.h"
#include "compat/ftrace.h"
#include "hook.h"
#include "mapin.h"
#include "ptwalk.h"
#include "space.h"
#include "sym.h"

static vm_fault_t no_fault(struct vm_fault *vmf)
{
	return 0;
}

static int no_table(struct mm_struct *mm, pmd_t *pmdp)
{
	return -ENOMEM;
}

DEFINE_STATIC_CALL(wpt_finish_fault, no_fault);
DEFINE_STATIC_CALL(wpt_pte_alloc, no_table);

static struct wpt_hook hook_pmd;

/**
 * wpt_mapin_small() - let the next fault make small entries
 * @mm:   the address space, with the mapping kept there by a lock
 * @pmdp: where; nobody is freeing page tables above it
 *
 * May sleep, and wait for memory.
 */
void wpt_mapin_small(struct mm_struct *mm, pmd_t *pmdp)
{
	if (!wpt_hook_placed(&hook_pmd) && pmd_none(READ_ONCE(*pmdp)))
		static_call(wpt_pte_alloc)(mm, pmdp);
}

/* Instead of finish_fault(). */
static vm_fault_t map_small(struct vm_fault *vmf)
{
	unsigned int noio;
	vm_fault_t ret;

	wpt_hook_enter();
	/* The page is locked, and others may want it so that memory becomes free. */
	noio = memalloc_noio_save();
	wpt_mapin_small(vmf->vma->vm_mm, vmf->pmd);
	memalloc_noio_restore(noio);
	if (WPT_FAULT_MAPS_FOLIOS)
		vmf->flags &= ~FAULT_FLAG_WRITE;
	ret = static_call(wpt_finish_fault)(vmf);
	vmf->flags |= FAULT_FLAG_WRITE;
	wpt_hook_leave();
	return ret;
}

/* Instead of do_set_pmd(); its other parameters differ. */
static noinline vm_fault_t no_huge_entry(struct vm_fault *vmf)
{
	return VM_FAULT_FALLBACK;
}

/* Is more than the page to be mapped, where pages are tracked one by one? */
static bool notrace maps_more(const struct vm_fault *vmf)
{
	const unsigned long start = vmf->address & WPT_CHUNK_MASK;
	struct wpt_cover *cover;
	struct wpt_space *space;
	bool more = false;

	if (!WPT_FAULT_MAPS_FOLIOS && wpt_hook_placed(&hook_pmd))
		return false;
	rcu_read_lock();
	space = wpt_space_find(vmf->vma->vm_mm);
	if (space && pmd_none(READ_ONCE(*vmf->pmd))) {
		more = wpt_space_exact(space, start, start + WPT_CHUNK_SIZE);
	} else if (space && WPT_FAULT_MAPS_FOLIOS) {
		cover = rcu_dereference(space->cover);
		more = cover && wpt_set_overlaps(&cover->set, start, start + WPT_CHUNK_SIZE);
	}
	rcu_read_unlock();
	return more;
}

static void notrace hook_finish_fault(unsigned long ip, unsigned long parent_ip,
				      struct ftrace_ops *ops, wpt_ftrace_regs *fregs)
{
	struct vm_fault *vmf = (struct vm_fault *)wpt_ftrace_arg(fregs, 0);

	/* A space is an mmu notifier. */
	if (!(vmf->flags & FAULT_FLAG_WRITE) || !mm_has_notifiers(vmf->vma->vm_mm) ||
	    !(vmf->vma->vm_flags & VM_SHARED) || !vmf->page || !PageCompound(vmf->page) ||
	    within_module(parent_ip, THIS_MODULE))
		return;
	if (maps_more(vmf))
		wpt_ftrace_set_ip(fregs, (unsigned long)map_small);
}

static void notrace hook_set_pmd(unsigned long ip, unsigned long parent_ip,
				 struct ftrace_ops *ops, wpt_ftrace_regs *fregs)
{
	struct vm_fault *vmf = (struct vm_fault *)wpt_ftrace_arg(fregs, 0);
	const unsigned long start = vmf->address & WPT_CHUNK_MASK;
	struct mm_struct *mm = vmf->vma->vm_mm;
	struct wpt_space *space;

	if (!mm_has_notifiers(mm) || !(vmf->vma->vm_flags & VM_WRITE))
		return;
	rcu_read_lock();
	space = wpt_space_find(mm);
	if (space && wpt_space_exact(space, start, start + WPT_CHUNK_SIZE))
		wpt_ftrace_set_ip(fregs, (unsigned long)no_huge_entry);
	rcu_read_unlock();
}

static struct wpt_hook hook_finish = {
	.function = "finish_fault",
	.ops = { .func = hook_finish_fault, .flags = WPT_FTRACE_REDIRECT_FLAGS },
};

static struct wpt_hook hook_pmd = {
	.function = "do_set_pmd",
	.ops = { .func = hook_set_pmd, .flags = WPT_FTRACE_REDIRECT_FLAGS },
};

/**
 * wpt_mapin_init() - offer the hooks
 *
 * Without them pages read written that were not.
 */
void wpt_mapin_init(void)
{
	unsigned long finish = wpt_sym_lookup(hook_finish.function);
	unsigned long alloc = wpt_sym_lookup("__pte_alloc");

	if (wpt_sym_lookup(hook_pmd.function))
		wpt_hook_offer(&hook_pmd);
	if (!finish || !alloc)
		return;
	static_call_update(wpt_finish_fault, (typeof(&no_fault))finish);
	static_call_update(wpt_pte_alloc, (typeof(&no_table))alloc);
	wpt_hook_offer(&hook_finish);
}
