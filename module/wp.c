// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hook at the entry of do_wp_page().
 *
 * do_wp_page(vmf) runs for every write fault on a present, read-only pte, with
 * the page table locked and vmf->pte mapped.  If the pte is marked we take the
 * mark away and log the page; the kernel then goes on to reuse or copy the page
 * in this same fault.  Nobody is woken, nothing is flushed.  Writes to unmarked
 * pages of a tracked address space are logged too, so that a read-only pte of a
 * shared mapping proves something.
 *
 * Forbidden here: sleeping, allocating, taking any lock.
 */
#include "compat/direct.h"
#include "compat/fault.h"
#include "compat/ftrace.h"
#include "hook.h"
#include "pte.h"
#include "space.h"
#include "stats.h"
#include "trace.h"
#include "watch.h"

static noinline notrace void hook_log(struct vm_fault *vmf, bool marked)
{
	struct mm_struct *mm = vmf->vma->vm_mm;
	struct wpt_space *space;
	enum wpt_logged logged = WPT_LOGGED_NOT;

	/*
	 * The kernel builds the new pte from orig_pte and compares orig_pte
	 * with the pte before it installs a copy: both lose the mark.
	 */
	if (marked) {
		wpt_pte_unmark(vmf->pte);
		vmf->orig_pte = wpt_pte_mkunmarked(vmf->orig_pte);
	}

	rcu_read_lock();
	space = wpt_space_find(mm);
	if (space)
		logged = wpt_record_log(&space->rec, vmf->address);
	if (logged == WPT_LOGGED_NEW)
		wpt_watch_log(space, vmf->address & PAGE_MASK, 1);
	if (logged != WPT_LOGGED_NOT)
		trace_wptrack_fault(space->id, vmf->address & PAGE_MASK, 1,
				    logged == WPT_LOGGED_NEW);
	rcu_read_unlock();

	if (!marked)
		return;
	/* Not ours to log: a fork child's copy, or a range just untracked. */
	if (logged != WPT_LOGGED_NOT)
		wpt_stat_inc(FAULTS);
	else
		wpt_stat_inc(FAULTS_FOREIGN);
}

void wpt_wp_fault(struct vm_fault *vmf);

/* @vmf->pte is locked. */
void notrace wpt_wp_fault(struct vm_fault *vmf)
{
	bool marked = wpt_pte_marked(READ_ONCE(*vmf->pte));

	/* A space is an mmu notifier: without one nobody tracks this mm. */
	if (likely(!marked && !mm_has_notifiers(vmf->vma->vm_mm)))
		return;
	if (!wpt_fault_is_write(vmf))
		return;
	hook_log(vmf, marked);
}

WPT_DIRECT_STUB(wpt_wp_direct, wpt_wp_fault);

static void notrace hook_wp_page(unsigned long ip, unsigned long parent_ip,
				 struct ftrace_ops *ops, wpt_ftrace_regs *fregs)
{
	wpt_wp_fault((struct vm_fault *)wpt_ftrace_arg(fregs, 0));
}

struct wpt_hook wpt_hook_wp = {
	.function = "do_wp_page",
	.required = true,
	.ops = { .func = hook_wp_page, .flags = WPT_FTRACE_FLAGS },
	.direct = WPT_DIRECT(wpt_wp_direct),
	.direct_ops = { .flags = FTRACE_OPS_FL_PERMANENT },
};
