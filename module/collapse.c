// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where pages are tracked one by one, small pages stay small.
 *
 * A huge page that comes into being over clean or empty pages would make all of
 * them read written: in the fault of the first write to empty memory, or when
 * khugepaged or madvise(MADV_COLLAPSE) put one in the place of small ones.  So
 * do_huge_pmd_anonymous_page() falls back to a small page there, as it does when
 * no huge one is to be had, and hugepage_vma_revalidate(), which each collapse
 * asks twice, says no.  The kernel does the same where userfaultfd has
 * write-protected ptes.
 *
 * A huge page of a file that is mapped by small entries, as one of its pages was written, is
 * what khugepaged finds each time that it comes by.  It takes the entries away, and whoever
 * comes next has a huge one.  collapse_pte_mapped_thp() says no as well, but where
 * there is a huge entry already.
 *
 * Only precision depends on this.  Nothing is refused where each page is written
 * already, or where all trackers asked for huge pages to be kept.
 */
#include "bits.h"
#include "collapse.h"
#include "compat/ftrace.h"
#include "hook.h"
#include "ptwalk.h"
#include "space.h"
#include "sym.h"

/* Any value but 0 (success in 5.10) and 1 (success later). */
#define REFUSED	2

static noinline vm_fault_t small_fault(struct vm_fault *vmf)
{
	return VM_FAULT_FALLBACK;
}

static noinline int collapse_refused(void)
{
	return REFUSED;
}

/*
 * Is something mapped at @addr, so that the page table stays?  The mmap_lock is held, but it
 * may have been had from munmap(), which goes on to free page tables where it has taken the
 * mapping away; and who exits does not take it for that.  The function that is hooked is
 * about to find out the same.
 */
static bool notrace mapped_at(struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma;

	if (!atomic_read(&mm->mm_users))
		return false;
	vma = find_vma(mm, addr);
	return vma && vma->vm_start <= addr;
}

/*
 * Is all of a chunk written, as far as its page table tells?  Without its lock:
 * something is mapped and the mmap_lock held, so that it stays, and nobody arms anything
 * if that is held for writing.  That of a file may be taken away without the mmap_lock, from
 * Linux 6.6 on, but is freed after the caller's RCU read section only.
 */
static bool notrace ptes_written(struct mm_struct *mm,
				 const struct wpt_chunk *chunk,
				 unsigned long start)
{
	unsigned long next;
	pmd_t *pmdp, pmd;
	unsigned int i;
	pte_t *ptep;

	if (wpt_pmd_find(mm, start, &pmdp, &next) != WPT_PMD_TABLE)
		return false;
	pmd = READ_ONCE(*pmdp);
	if (!pmd_present(pmd) || pmd_leaf(pmd))
		return false;
	ptep = pte_offset_kernel(&pmd, start);
	for (i = 0; i < WPT_CHUNK_PAGES; i++) {
		pte_t pte = READ_ONCE(ptep[i]);

		if (!(wpt_pte_flags(pte) & _PAGE_PRESENT && pte_write(pte)) &&
		    !(chunk && test_bit(i, chunk->dirty)))
			return false;
	}
	return true;
}

/*
 * Does a huge page at @addr cost the knowledge of its small ones?  @there: these
 * may be mapped, and the mmap_lock is held.
 */
static bool notrace stays_small(struct mm_struct *mm, unsigned long addr,
				bool there)
{
	const unsigned long start = addr & WPT_CHUNK_MASK;
	struct wpt_chunk *chunk;
	struct wpt_space *space;
	bool small = false;

	/* A space is an mmu notifier. */
	if (!mm_has_notifiers(mm))
		return false;
	rcu_read_lock();
	space = wpt_space_find(mm);
	if (space && wpt_space_exact(space, start, start + WPT_CHUNK_SIZE)) {
		chunk = wpt_record_chunk(&space->rec, start);
		small = !(chunk && wpt_bits_full(chunk->dirty)) &&
			!(there && ptes_written(mm, chunk, start));
	}
	rcu_read_unlock();
	return small;
}

static void notrace hook_huge_fault(unsigned long ip, unsigned long parent_ip,
				    struct ftrace_ops *ops,
				    wpt_ftrace_regs *fregs)
{
	struct vm_fault *vmf = (struct vm_fault *)wpt_ftrace_arg(fregs, 0);

	/* A reader gets the huge zero page, which is split when written to. */
	if ((vmf->flags & FAULT_FLAG_WRITE) &&
	    stays_small(vmf->vma->vm_mm, vmf->address, false))
		wpt_ftrace_set_ip(fregs, (unsigned long)small_fault);
}

static void notrace hook_collapse(unsigned long ip, unsigned long parent_ip,
				  struct ftrace_ops *ops, wpt_ftrace_regs *fregs)
{
	struct mm_struct *mm = (struct mm_struct *)wpt_ftrace_arg(fregs, 0);
	unsigned long addr = wpt_ftrace_arg(fregs, 1);

	if (mm_has_notifiers(mm) && mapped_at(mm, addr) && stays_small(mm, addr, true))
		wpt_ftrace_set_ip(fregs, (unsigned long)collapse_refused);
}

static void notrace hook_retract(unsigned long ip, unsigned long parent_ip,
				 struct ftrace_ops *ops, wpt_ftrace_regs *fregs)
{
	struct mm_struct *mm = (struct mm_struct *)wpt_ftrace_arg(fregs, 0);
	unsigned long addr = wpt_ftrace_arg(fregs, 1), next;
	pmd_t *pmdp;

	/* Who finds nothing waits for the page, and somebody may be about to map it. */
	if (mm_has_notifiers(mm) && mapped_at(mm, addr) &&
	    wpt_pmd_find(mm, addr, &pmdp, &next) != WPT_PMD_HUGE && stays_small(mm, addr, true))
		wpt_ftrace_set_ip(fregs, (unsigned long)collapse_refused);
}

static struct wpt_hook hook_fault = {
	.function = "do_huge_pmd_anonymous_page",
	.ops = { .func = hook_huge_fault, .flags = WPT_FTRACE_REDIRECT_FLAGS },
};

/*
 * Static: the compiler may have changed what follows its first two parameters,
 * and then has changed its name.
 */
static const char * const collapse_names[] = {
	"hugepage_vma_revalidate", "hugepage_vma_revalidate.isra.0",
};

static struct wpt_hook hook_revalidate = {
	.ops = { .func = hook_collapse, .flags = WPT_FTRACE_REDIRECT_FLAGS },
};

/* What khugepaged calls, if that is not what others call. */
static const char * const retract_names[] = {
	"try_collapse_pte_mapped_thp", "collapse_pte_mapped_thp",
};

static struct wpt_hook hook_retracts = {
	.ops = { .func = hook_retract, .flags = WPT_FTRACE_REDIRECT_FLAGS },
};

/**
 * wpt_collapse_init() - offer the hooks
 *
 * Without them pages read written that were not.
 */
void wpt_collapse_init(void)
{
	if (wpt_sym_lookup(hook_fault.function))
		wpt_hook_offer(&hook_fault);
	wpt_hook_offer_first(&hook_revalidate, collapse_names, ARRAY_SIZE(collapse_names));
	wpt_hook_offer_first(&hook_retracts, retract_names, ARRAY_SIZE(retract_names));
}
