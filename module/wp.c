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
 * Forbidden here: sleeping, allocating, taking any lock.  The page table lock is a
 * spinlock, whose holder is in an RCU read section, on PREEMPT_RT as well.
 */
#include "compat/direct.h"
#include "compat/fault.h"
#include "compat/ftrace.h"
#include "copy.h"
#include "hook.h"
#include "lend.h"
#include "pte.h"
#include "space.h"
#include "stats.h"
#include "trace.h"
#include "watch.h"

/*
 * A write that is traced, or to memory that the quick way does not find.
 * @space: may be NULL.
 */
static noinline notrace void log_slowly(const struct vm_fault *vmf,
					struct wpt_space *space, bool marked)
{
	const unsigned long addr = vmf->address & PAGE_MASK;
	enum wpt_logged logged = WPT_LOGGED_NOT;

	if (space)
		logged = wpt_record_log(&space->rec, addr);
	if (logged == WPT_LOGGED_NEW)
		wpt_watch_log(space, addr, 1);
	if (logged != WPT_LOGGED_NOT)
		trace_wptrack_fault(space->id, addr, 1, logged == WPT_LOGGED_NEW);
	if (!marked)
		return;
	/* Not ours to log: a fork child's copy, or a range just untracked. */
	if (logged != WPT_LOGGED_NOT)
		wpt_stat_inc(FAULTS);
	else
		wpt_stat_inc(FAULTS_FOREIGN);
}

/*
 * Each first write to a page comes here.  Calls nothing but what ends it, so that no
 * register has to be saved.
 */
static __always_inline void log_page(const struct vm_fault *vmf, bool marked)
{
	struct wpt_space *space = wpt_space_find(vmf->vma->vm_mm);
	struct wpt_group *group;
	struct wpt_chunk *chunk;
	bool fresh;

	if (unlikely(!space || trace_wptrack_fault_enabled()))
		return log_slowly(vmf, space, marked);
	group = wpt_record_recent(&space->rec, vmf->address);
	if (unlikely(!wpt_group_has(group, vmf->address)))
		return log_slowly(vmf, space, marked);
	chunk = wpt_chunk_in(group, vmf->address);
	if (unlikely(!chunk))
		return log_slowly(vmf, space, marked);
	fresh = wpt_chunk_log(group, chunk, vmf->address);
	if (marked)
		wpt_stat_inc(FAULTS);
	/* After the log: who begins to count now, and then scans, finds it there. */
	if (likely(!wpt_watched(space)))
		return;
	if (fresh)
		wpt_watch_count(space, vmf->address & PAGE_MASK, 1);
}

static noinline notrace void note_unshare(const struct vm_fault *vmf)
{
	struct wpt_space *space = wpt_space_find(vmf->vma->vm_mm);

	if (space)
		wpt_copy_note(space, vmf->address & PAGE_MASK, false);
}

static __always_inline void tracked_fault(struct vm_fault *vmf, bool marked)
{
	pte_t *ptep = vmf->pte;

	if (!wpt_fault_is_write(vmf))
		return note_unshare(vmf);
	if (!marked)
		return log_page(vmf, false);
	/*
	 * The kernel builds the new pte from orig_pte and compares orig_pte
	 * with the pte before it installs a copy: both lose the mark.
	 */
	wpt_pte_unmark(ptep);
	vmf->orig_pte = native_make_pte(wpt_pte_flags(vmf->orig_pte) & ~WPT_PTE_MASK);
	log_page(vmf, true);
}

/* Somewhere pages are lent, here maybe. */
static noinline notrace void lent_fault(struct vm_fault *vmf, bool marked)
{
	wpt_lend_fault(vmf);
	tracked_fault(vmf, marked);
}

void WPT_DIRECT_CALLED wpt_wp_fault(struct vm_fault *vmf);

/* @vmf->pte is locked. */
void notrace WPT_DIRECT_CALLED wpt_wp_fault(struct vm_fault *vmf)
{
	bool marked = wpt_pte_marked(READ_ONCE(*vmf->pte));

	/* A space is an mmu notifier: without one nobody tracks this mm. */
	if (likely(!marked && !mm_has_notifiers(vmf->vma->vm_mm)))
		return;
	if (wpt_lends())
		lent_fault(vmf, marked);
	else
		tracked_fault(vmf, marked);
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
	.local = true,
	.ops = { .func = hook_wp_page, .flags = WPT_FTRACE_FLAGS },
	.direct = WPT_DIRECT(wpt_wp_direct),
	.direct_ops = { .flags = FTRACE_OPS_FL_PERMANENT },
};
