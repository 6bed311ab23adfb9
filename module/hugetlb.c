// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugetlb: pages of 2 MiB are armed, logged and reset as a whole.
 *
 * Every write to a read-only page passes hugetlb_cow() or hugetlb_wp(), which is
 * called with the entry locked; it reads the entry itself, so the mark can be
 * taken away at its entry.
 */
#include <linux/hugetlb.h>

#include "compat/hugetlb.h"
#include "copy.h"
#include "hook.h"
#include "hugetlb.h"
#include "pte.h"
#include "space.h"
#include "stats.h"
#include "trace.h"
#include "watch.h"

static bool offered;

static noinline notrace void log_fault(const struct wpt_hugetlb_fault *f,
				       bool marked)
{
	struct wpt_group *group;
	struct wpt_chunk *chunk;
	struct wpt_space *space;

	if (marked)
		wpt_pte_unmark(f->ptep);
	rcu_read_lock();
	space = wpt_space_find(f->mm);
	if (space) {
		group = wpt_record_group(&space->rec, f->addr);
		chunk = wpt_group_chunk(group, f->addr);
		if (chunk) {
			wpt_record_log_all(group, chunk, f->addr);
			wpt_watch_log(space, f->addr & WPT_CHUNK_MASK,
				      WPT_CHUNK_PAGES);
			trace_wptrack_fault(space->id, f->addr & WPT_CHUNK_MASK,
					    WPT_CHUNK_PAGES, marked);
			wpt_stat_inc(FAULTS_HUGE);
		}
	}
	rcu_read_unlock();
}

static noinline notrace void note_unshare(const struct wpt_hugetlb_fault *f)
{
	struct wpt_space *space;

	if (!mm_has_notifiers(f->mm))
		return;
	rcu_read_lock();
	space = wpt_space_find(f->mm);
	if (space)
		wpt_copy_note(space, f->addr & PMD_MASK, true);
	rcu_read_unlock();
}

static void notrace hook_hugetlb_wp(unsigned long ip, unsigned long parent_ip,
				    struct ftrace_ops *ops,
				    wpt_ftrace_regs *fregs)
{
	struct wpt_hugetlb_fault f = wpt_hugetlb_fault_of(fregs);
	bool marked;

	if (!f.write) {
		note_unshare(&f);
		return;
	}
	marked = wpt_pte_marked(READ_ONCE(*f.ptep));
	if (marked || mm_has_notifiers(f.mm))
		log_fault(&f, marked);
}

static struct wpt_hook hook = {
	.function = WPT_HUGETLB_FUNCTION,
	.local = true,
	.ops = { .func = hook_hugetlb_wp, .flags = WPT_FTRACE_FLAGS },
};

/*
 * Page tables of such mappings can serve several address spaces, and go away with
 * neither's mmap_lock held.
 */
static bool tables_shared(struct vm_area_struct *vma)
{
	return (vma->vm_flags & VM_MAYSHARE) &&
	       ALIGN(vma->vm_start, PUD_SIZE) + PUD_SIZE <= vma->vm_end;
}

/**
 * wpt_hugetlb_walkable() - has a mapping entries that can be looked at?
 * @vma: a mapping of hugetlb
 */
bool wpt_hugetlb_walkable(struct vm_area_struct *vma)
{
	return vma_kernel_pagesize(vma) == PMD_SIZE && !tables_shared(vma);
}

/**
 * wpt_hugetlb_trackable() - can its pages be armed?
 * @vma: a mapping of hugetlb
 */
bool wpt_hugetlb_trackable(struct vm_area_struct *vma)
{
	if (!wpt_hook_placed(&hook) || !wpt_hugetlb_walkable(vma))
		return false;
	if ((vma->vm_flags & VM_MAYSHARE) && !WPT_HUGETLB_SHARED)
		return false;
	return true;
}

/**
 * wpt_hugetlb_why_not() - why hugetlb is not tracked here
 *
 * Return: a reason, or NULL if it is.
 */
const char *wpt_hugetlb_why_not(void)
{
	if (!offered)
		return "this kernel's " WPT_HUGETLB_FUNCTION " is not known: it is reported written";
	if (READ_ONCE(hook.failed))
		return WPT_HUGETLB_FUNCTION " cannot be hooked: it is reported written";
	return NULL;
}

/**
 * wpt_hugetlb_init() - offer the hook
 */
void wpt_hugetlb_init(void)
{
	offered = WPT_HUGETLB_KNOWN && !wpt_hook_offer(&hook);
}
