// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clean pages that are read from swap are to come back read-only, so that the next write is
 * seen.  swap.c sees to that their entries ask for it; but from Linux 6.11 on, and before
 * 6.19 or so, the kernel does not ask the entry if nobody else can know of the page:
 *
 *  - if the device is as fast as memory (zram), the page does not pass the cache of the swap;
 *  - if swap is more than half full, or the page is locked in memory (mlock), it leaves that
 *    cache before it is mapped.
 *
 * So do_swap_page() is wrapped.  A clean page that is read is brought into the cache before,
 * as it is from any other device, and held until it is mapped.  It is the kernel that finds
 * it there and does everything else; what it maps without being sure that nobody else has the
 * page is read-only.
 *
 * Only precision depends on this.  Nothing is done for pages that are written, nor in a
 * write fault, which is to get the page itself and not a copy.  From 6.8 to 6.10 it is of no
 * use; UFFDIO_MOVE stands for these versions because swap.c's part hangs on it.
 */
#include <linux/mm.h>
#include <linux/swap.h>
#include <linux/userfaultfd.h>
#include <linux/vmstat.h>

#include "compat/anon.h"
#include "compat/entry.h"
#include "compat/ftrace.h"
#include "compat/ptlock.h"
#include "hook.h"
#include "space.h"
#include "swap.h"
#include "swapin.h"
#include "sym.h"

#if defined(WPT_HAVE_PAGE_ANON_EXCLUSIVE) && defined(UFFDIO_MOVE)

struct swap_iocb;

static vm_fault_t no_swap_page(struct vm_fault *vmf)
{
	return 0;
}

static struct swap_info_struct *no_device(swp_entry_t entry)
{
	return NULL;
}

/* These return a page or a folio, which begins with its first page. */
static void *no_readahead(swp_entry_t entry, gfp_t gfp, struct vm_fault *vmf)
{
	return NULL;
}

static void *no_page(swp_entry_t entry, gfp_t gfp, struct vm_area_struct *vma,
		     unsigned long addr, struct swap_iocb **plug)
{
	return NULL;
}

DEFINE_STATIC_CALL(wpt_do_swap_page, no_swap_page);
DEFINE_STATIC_CALL(wpt_get_swap_device, no_device);
DEFINE_STATIC_CALL(wpt_swapin_readahead, no_readahead);
DEFINE_STATIC_CALL(wpt_read_swap_cache, no_page);

/*
 * The page of a fault in the cache of the swap, with a reference, or NULL.
 * @major: set if it had to be read
 */
static struct page *read_in(struct vm_fault *vmf, bool *major)
{
	const swp_entry_t entry = wpt_entry(vmf->orig_pte);
	struct swap_info_struct *device = static_call(wpt_get_swap_device)(entry);
	struct page *page;

	if (!device)
		return NULL;
	/* Readahead hears of it here: the kernel's own look finds nothing new. */
	page = wpt_swap_cached(vmf->orig_pte, vmf->vma, vmf->address);
	if (!page) {
		/* Where the kernel would read no more than the page, so do we. */
		page = device->flags & SWP_SYNCHRONOUS_IO ?
			static_call(wpt_read_swap_cache)(entry, GFP_HIGHUSER_MOVABLE, vmf->vma,
							 vmf->address, NULL) :
			static_call(wpt_swapin_readahead)(entry, GFP_HIGHUSER_MOVABLE, vmf);
		*major = page;
	}
	put_swap_device(device);
	return page;
}

/* Instead of do_swap_page(). */
static vm_fault_t swap_page(struct vm_fault *vmf)
{
	bool major = false;
	struct page *page;
	vm_fault_t ret;

	wpt_hook_enter();
	/* The function begins with that itself, and leaves the pte alone until it is locked. */
	wpt_ptes_leave();
	page = read_in(vmf, &major);
	wpt_ptes_enter();
	ret = static_call(wpt_do_swap_page)(vmf);
	/* From here on the mapping may be gone: the fault may have let go of its lock. */
	if (page)
		put_page(page);
	if (major) {
		count_vm_event(PGMAJFAULT);
		if (!(ret & VM_FAULT_ERROR))
			ret |= VM_FAULT_MAJOR;
	}
	wpt_hook_leave();
	return ret;
}

static bool notrace is_clean(struct mm_struct *mm, unsigned long addr)
{
	const unsigned int i = wpt_page_index(addr);
	struct wpt_chunk *chunk;
	struct wpt_space *space;
	bool clean;

	rcu_read_lock();
	space = wpt_space_find(mm);
	chunk = space ? wpt_record_chunk(&space->rec, addr) : NULL;
	clean = chunk && test_bit(i, chunk->armed) && !test_bit(i, chunk->dirty);
	rcu_read_unlock();
	return clean;
}

static void notrace hook_swap_page(unsigned long ip, unsigned long parent_ip,
				   struct ftrace_ops *ops, wpt_ftrace_regs *fregs)
{
	struct vm_fault *vmf = (struct vm_fault *)wpt_ftrace_arg(fregs, 0);

	/* A space is an mmu notifier. */
	if (!mm_has_notifiers(vmf->vma->vm_mm) || (vmf->flags & FAULT_FLAG_WRITE) ||
	    !(vmf->vma->vm_flags & VM_WRITE) || !wpt_pte_swapped(vmf->orig_pte) ||
	    pte_swp_exclusive(vmf->orig_pte) || within_module(parent_ip, THIS_MODULE))
		return;
	if (is_clean(vmf->vma->vm_mm, vmf->address))
		wpt_ftrace_set_ip(fregs, (unsigned long)swap_page);
}

static struct wpt_hook hook = {
	.function = "do_swap_page",
	.ops = { .func = hook_swap_page, .flags = WPT_FTRACE_REDIRECT_FLAGS },
};

/**
 * wpt_swapin_init() - offer the hook, where it is of use
 *
 * Without it pages read written that were not.
 */
void wpt_swapin_init(void)
{
	unsigned long device = wpt_sym_lookup("get_swap_device");
	unsigned long readahead = wpt_sym_lookup("swapin_readahead");
	unsigned long read = wpt_sym_lookup("read_swap_cache_async");
	unsigned long function = wpt_sym_lookup(hook.function);

	/* Whoever goes past the cache of the swap reserves the place in it by that. */
	if (!device || !readahead || !read || !function || !wpt_swap_ready() ||
	    !wpt_sym_lookup("swapcache_prepare"))
		return;
	static_call_update(wpt_get_swap_device, (typeof(&no_device))device);
	static_call_update(wpt_swapin_readahead, (typeof(&no_readahead))readahead);
	static_call_update(wpt_read_swap_cache, (typeof(&no_page))read);
	static_call_update(wpt_do_swap_page, (typeof(&no_swap_page))function);
	wpt_hook_offer(&hook);
}

#else

void wpt_swapin_init(void)
{
}

#endif
