// SPDX-License-Identifier: GPL-2.0-only
/*
 * Huge pages in the write-fault path.
 *
 * The first write to an armed huge page has to split its entry, so that only the
 * page that is written loses its mark.  do_huge_pmd_wp_page() would make the
 * whole entry writable; for tracked address spaces it is replaced.
 */
#include "compat/fault.h"
#include "compat/ftrace.h"
#include "hook.h"
#include "protect.h"
#include "ptwalk.h"
#include "space.h"
#include "split.h"
#include "stats.h"
#include "sym.h"
#include "trace.h"
#include "watch.h"

enum huge_wp {
	HUGE_WP_RETRY,		/* the entry has changed */
	HUGE_WP_SPLIT,
	HUGE_WP_PASS,		/* the kernel's business */
};

/*
 * A write to a read-only huge page.  Where it is not split, all of it is written from
 * now on: *@orig and the entry lose the mark, so that the kernel takes what is armed
 * again meanwhile for another entry, and does not make it writable.  That holds as
 * well for marks that nobody watches: those that came with mremap() or fork().  Space
 * and record are looked up under the lock, or they could be others by then.
 */
static enum huge_wp huge_wp_look(struct vm_fault *vmf, pmd_t *orig)
{
	const unsigned long start = vmf->address & WPT_CHUNK_MASK;
	struct mm_struct *mm = vmf->vma->vm_mm;
	struct wpt_group *group = NULL;
	struct wpt_chunk *chunk;
	struct wpt_space *space;
	enum huge_wp ret;
	spinlock_t *ptl;
	pmd_t seen;

	rcu_read_lock();
	ptl = pmd_lock(mm, vmf->pmd);
	seen = READ_ONCE(*vmf->pmd);
	space = wpt_space_find(mm);
	if (space)
		group = wpt_record_group(&space->rec, vmf->address);
	chunk = wpt_group_chunk(group, vmf->address);
	if (chunk && pmd_same(seen, *orig) &&
	    (vmf->vma->vm_flags & (VM_WRITE | VM_SHARED)) == VM_WRITE) {
		/* Clean, and without its mark since its protection was changed. */
		wpt_protect_resume_huge(chunk, vmf->pmd);
		if (wpt_pmd_armed(READ_ONCE(*vmf->pmd)) && !wpt_pmd_armed(seen))
			seen = *orig = READ_ONCE(*vmf->pmd);
	}
	if (!pmd_same(seen, *orig))
		ret = HUGE_WP_RETRY;
	else if (chunk)
		ret = (wpt_pmd_armed(seen) || wpt_pmd_zero(seen)) &&
		      !test_bit(WPT_CHUNK_KEEP, &chunk->flags) ?
			HUGE_WP_SPLIT : HUGE_WP_PASS;
	else
		/* The huge zero page, in memory that was empty until now? */
		ret = space && wpt_pmd_zero(seen) &&
		      wpt_space_exact(space, start, start + WPT_CHUNK_SIZE) ?
			HUGE_WP_SPLIT : HUGE_WP_PASS;
	if (ret == HUGE_WP_PASS && chunk) {
		wpt_record_log_all(group, chunk, vmf->address);
		wpt_watch_log(space, start, WPT_CHUNK_PAGES);
		trace_wptrack_fault(space->id, start, WPT_CHUNK_PAGES,
				    wpt_pmd_armed(seen));
		wpt_stat_inc(FAULTS_HUGE);
	}
	if (ret == HUGE_WP_PASS) {
		wpt_pte_unmark((pte_t *)vmf->pmd);
		*orig = native_make_pmd(native_pmd_val(*orig) & ~WPT_PTE_MASK);
		wpt_huge_wp_set_orig(vmf, *orig);
	}
	spin_unlock(ptl);
	rcu_read_unlock();
	return ret;
}

/* Instead of do_huge_pmd_wp_page(). */
static vm_fault_t huge_wp_page WPT_HUGE_WP_PARAMS
{
	pmd_t seen = WPT_HUGE_WP_ORIG(vmf, orig);
	enum huge_wp what = HUGE_WP_PASS;
	vm_fault_t ret = 0;

	wpt_hook_enter();
	if (wpt_fault_is_write(vmf))
		what = huge_wp_look(vmf, &seen);
	if (what == HUGE_WP_SPLIT) {
		wpt_split_for_write(vmf);
		/* On with the pte, whose mark the hook of do_wp_page() finds. */
		ret = VM_FAULT_FALLBACK;
	} else if (what == HUGE_WP_PASS) {
		ret = static_call(wpt_huge_wp_page)WPT_HUGE_WP_ARGS(vmf, seen);
	}
	wpt_hook_leave();
	return ret;
}

static void notrace hook_huge_wp(unsigned long ip, unsigned long parent_ip,
				 struct ftrace_ops *ops, wpt_ftrace_regs *fregs)
{
	struct vm_fault *vmf = (struct vm_fault *)wpt_ftrace_arg(fregs, 0);

	/* A mark that nobody watches yet may be watched before the fault ends. */
	if (!wpt_split_tracked(vmf->vma->vm_mm) &&
	    !wpt_pte_marked(wpt_pmd_as_pte(READ_ONCE(*vmf->pmd))))
		return;
	if (!within_module(parent_ip, THIS_MODULE))
		wpt_ftrace_set_ip(fregs, (unsigned long)huge_wp_page);
}

struct wpt_hook wpt_hook_huge_wp = {
	.function = "do_huge_pmd_wp_page",
	.ops = { .func = hook_huge_wp, .flags = WPT_FTRACE_REDIRECT_FLAGS },
};
