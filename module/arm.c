// SPDX-License-Identifier: GPL-2.0-only
#include <linux/dax.h>
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/magic.h>
#include <linux/pagemap.h>

#include "arm.h"
#include "compat/anon.h"
#include "compat/hugetlb.h"
#include "compat/uffd.h"
#include "hugetlb.h"
#include "protect.h"
#include "ptwalk.h"
#include "split.h"
#include "stats.h"
#include "sym.h"

/* memfd_secret(2), which Linux 5.10 has not. */
#ifdef SECRETMEM_MAGIC
#define WPT_SECRETMEM_MAGIC	SECRETMEM_MAGIC
#else
#define WPT_SECRETMEM_MAGIC	TMPFS_MAGIC
#endif

/*
 * Do the ptes of a mapping tell who writes to its memory?  To files that can be opened by
 * name writes come by mappings, and by write(2) of others, who know that they write to a
 * file.  What the kernel makes a file of for a mapping's sake it may write to itself, by
 * addresses of its own: io_setup(2), perf events, virtual CPUs, all memory of a guest
 * (guest_memfd), buffers of devices.  Some of these make ptes clean as well, without the
 * lock of the page that wpt_event_cleans() relies on.  Its own file systems of that kind
 * cannot be mounted by anybody; neither can shared memory, of which this is not true.
 */
static bool ptes_tell(struct vm_area_struct *vma)
{
	const struct super_block *sb;
	const struct inode *inode;

	if (!vma->vm_file || vma_is_anonymous(vma))
		return true;
	inode = file_inode(vma->vm_file);
	/* Devices whatever the mapping is: a private one shows their pages, too. */
	if (!S_ISREG(inode->i_mode))
		return S_ISBLK(inode->i_mode);
	/* Not VM_SHARED, which a file that was opened for reading does not give. */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return true;
	sb = inode->i_sb;
	return !(sb->s_flags & SB_NOUSER) || sb->s_magic == TMPFS_MAGIC ||
	       sb->s_magic == WPT_SECRETMEM_MAGIC;
}

/**
 * wpt_vma_walkable() - can the page tables of a mapping be looked at, and believed?
 * @vma: the mapping
 */
bool wpt_vma_walkable(struct vm_area_struct *vma)
{
	if (is_vm_hugetlb_page(vma))
		return wpt_hugetlb_walkable(vma);
	return !(vma->vm_flags & (VM_PFNMAP | VM_MIXEDMAP | VM_IO)) &&
	       !vma_is_dax(vma) && ptes_tell(vma);
}

/**
 * wpt_vma_trackable() - can pages of a mapping be armed at all?
 * @vma: the mapping
 *
 * The ptes of a mapping with userfaultfd's protection belong to its
 * handler; read-only ptes mean something else to a shadow stack.
 */
bool wpt_vma_trackable(struct vm_area_struct *vma)
{
	if (is_vm_hugetlb_page(vma) ? !wpt_hugetlb_trackable(vma) :
				      !wpt_vma_walkable(vma))
		return false;
	if (vma->vm_flags & WPT_VM_UFFD_PROTECTS)
		return false;
#ifdef VM_SHADOW_STACK
	if (vma->vm_flags & VM_SHADOW_STACK)
		return false;
#endif
	return true;
}

/**
 * struct mapped - what is known of the mappings of a page
 * @table: mapped by a page table, so it is not hugetlb
 * @parts: so many entries of a page table that is locked map what wpt_page_parts() asks for
 */
struct mapped {
	bool table;
	int parts;
};

/*
 * Frames that are mapped in a page table.  @ptep: an entry of it, which maps one of the same
 * page.  After a fork the child may map a huge page as a whole, while this process has split
 * its own entry.  Too few do no harm.
 */
static noinline int frames_here(pte_t *ptep, unsigned long first, unsigned long nr)
{
	pte_t *pte = PTR_ALIGN_DOWN(ptep, PAGE_SIZE), *end = pte + PTRS_PER_PTE;
	int n = 0;

	if (nr == 1) {
		/* Where it is unless the page was moved in parts. */
		ptep += (long)(first - pte_pfn(ptep_get(ptep)));
		if (ptep < pte || ptep >= end)
			return 0;
		pte = ptep;
		end = ptep + 1;
	}
	for (; pte < end; pte++)
		n += pte_present(ptep_get(pte)) && pte_pfn(ptep_get(pte)) - first < nr;
	return n;
}

/* @ptep: in a page table that is locked */
static __always_inline struct mapped mapped_by(pte_t *ptep, struct page *page)
{
	struct mapped m = { .table = true };
	unsigned long first, nr;

	if (unlikely(wpt_page_parts(page, &first, &nr)))
		m.parts = frames_here(ptep, first, nr);
	return m;
}

static const struct mapped mapped_somewhere = { .table = true };
static const struct mapped mapped_otherwise;

static __always_inline int expected_refs(struct page *page, struct mapped m)
{
	return !m.table && PageHuge(page) ? wpt_hugetlb_expected_refs(page) :
					    wpt_page_expected_refs(page, m.parts);
}

/*
 * Does anybody hold the page who may write to it without a fault?
 *
 * A plain reference beyond those of page tables and caches can be a transfer
 * under way (direct I/O takes references instead of pins on older kernels), and
 * before 5.19 it makes the next write copy the page away from under it.
 *
 * The numbers are read without stopping anybody.  Mappings by others may come
 * and go meanwhile, so their number is read on both sides of the references; and
 * these once more, as one may have gone in between and another come.
 */
static __always_inline bool refs_differ(struct page *page, int ours, struct mapped m)
{
	int expected = expected_refs(page, m);
	int refs;

	smp_rmb();
	refs = wpt_page_refs(page) - ours;
	smp_rmb();
	if (refs != expected || expected_refs(page, m) != expected)
		return true;
	smp_rmb();
	return wpt_page_refs(page) - ours != refs;
}

/*
 * A fault that maps several pages of a large folio of a file counts its mappings
 * first and its references after: in between, a reference too many would be taken
 * for one of these.  It holds the lock of the folio.
 */
static noinline bool large_is_held(struct page *page, int ours)
{
	struct page *head = compound_head(page);
	bool held;

	if (!trylock_page(head))
		return true;
	held = refs_differ(page, ours, mapped_somewhere);
	unlock_page(head);
	return held;
}

static __always_inline bool page_is_held(struct page *page, int ours, struct mapped m)
{
	if (unlikely(PageCompound(page)) && (m.table || !PageHuge(page)) &&
	    !wpt_page_anon(page))
		return large_is_held(page, ours);
	return refs_differ(page, ours, m);
}

/**
 * wpt_page_held() - does anybody refer to an anonymous page besides its mappings and caches?
 * @page: it, or a part of it
 * @ours: how many references are the caller's
 */
bool wpt_page_held(struct page *page, int ours)
{
	return PageCompound(page) ? large_is_held(page, ours) :
				    refs_differ(page, ours, mapped_somewhere);
}

/* Returns what the pte was just before.  A full barrier. */
static __always_inline pte_t arm(pte_t *ptep)
{
	pte_t old = READ_ONCE(*ptep);

	while (!wpt_pte_cmpxchg(ptep, &old, wpt_pte_mkarmed(old)))
		;
	return old;
}

/* Undo: the pte as it was, with what hardware has set in it since. */
static void disarm(pte_t *ptep, pte_t old)
{
	pte_t cur = READ_ONCE(*ptep);
	pte_t new;

	do {
		new = wpt_pte_mkunmarked(old);
		if (pte_young(cur))
			new = pte_mkyoung(new);
		/* By a CPU that has not been told yet that it is read-only. */
		if (pte_dirty(cur) && !pte_dirty(old))
			new = pte_mkdirty(new);
	} while (!wpt_pte_cmpxchg(ptep, &cur, new));
}

/*
 * The same once the batches of the LRU lists of this CPU are emptied.  The bracket around
 * us may have put the page there: KVM, told to unmap it, marks it as accessed.  The kernel
 * does this under the lock of a page table as well.
 */
static noinline bool stays_held(struct page *page, struct mapped m)
{
	if (expected_refs(page, m) == WPT_REFS_UNKNOWN)
		return true;
	static_call(wpt_lru_add_drain)();
	return page_is_held(page, 0, m);
}

/*
 * Is an entry armed that was exchanged just now, or has somebody the page who may write
 * to it?  Then it is as before.
 */
static __always_inline enum wpt_arm be_sure(struct vm_area_struct *vma, pte_t *ptep,
					    pte_t old, struct page *page, bool table)
{
	struct mapped m = mapped_otherwise;
	enum wpt_arm why;

	/*
	 * A page of the cache in a private mapping: whoever writes through this
	 * mapping writes to a copy, whatever references there are.
	 */
	if (!(vma->vm_flags & VM_SHARED) && !wpt_page_anon(page))
		return WPT_ARM_DONE;
	if (table)
		m = mapped_by(ptep, page);
	if (wpt_page_maybe_pinned(page))
		why = WPT_ARM_PINNED;
	else if (page_is_held(page, 0, m) && stays_held(page, m))
		why = WPT_ARM_REFERENCED;
	else
		return WPT_ARM_DONE;
	disarm(ptep, old);
	return why;
}

/**
 * wpt_arm_sure() - the same for a pte
 * @vma:  its mapping
 * @ptep: the pte
 * @old:  what it was before the exchange
 * @page: what it maps
 *
 * Return: what became of it.
 */
noinline enum wpt_arm wpt_arm_sure(struct vm_area_struct *vma, pte_t *ptep, pte_t old,
				   struct page *page)
{
	return be_sure(vma, ptep, old, page, true);
}

/*
 * A present entry, of a page table or huge: x86 has the same bits in both.
 * @page is NULL for a zero page.
 */
static __always_inline enum wpt_arm arm_entry(struct vm_area_struct *vma,
					      pte_t *ptep, struct page *page,
					      bool table)
{
	pte_t old = READ_ONCE(*ptep);

	/* protnone: what NUMA balancing puts back may be writable */
	if (!(wpt_pte_flags(old) & _PAGE_PRESENT))
		return WPT_ARM_UNTRACKABLE;
	if (!page) {
		arm(ptep);
		return WPT_ARM_DONE;
	}

	/* ptrace writes to these through the read-only pte */
	if (!(vma->vm_flags & VM_WRITE) && wpt_page_anon(page))
		return WPT_ARM_READONLY;

	old = arm(ptep);
	if (wpt_page_alone(page))
		return WPT_ARM_DONE;
	return table ? wpt_arm_sure(vma, ptep, old, page) :
		       be_sure(vma, ptep, old, page, false);
}

/**
 * wpt_arm_pte() - write-protect and mark a pte
 * @vma:  its mapping, for which wpt_vma_trackable() is true
 * @ptep: the pte; its page table is locked, the mmap_lock is held, and the
 *        caller is inside an mmu notifier bracket for it
 *
 * After WPT_ARM_DONE the caller must flush the TLB before it unlocks the page
 * table, whether or not the pte was writable: it may have been made read-only
 * by somebody whose flush is still to come.
 *
 * Why no write is lost.  Processors: after the flush each of them finds the pte
 * read-only and comes to do_wp_page(), which waits for the page table lock.
 * get_user_pages_fast(): it takes its reference first and then looks whether
 * the pte has changed, we change the pte first and then look at the references,
 * both with full barriers in between; so it backs off, or we see it.  The slow
 * get_user_pages() holds the page table lock.
 *
 * Return: what became of it; the pte is as before unless it is WPT_ARM_DONE.
 */
enum wpt_arm wpt_arm_pte(struct vm_area_struct *vma, pte_t *ptep)
{
	pte_t pte = READ_ONCE(*ptep);
	struct page *page = NULL;
	unsigned long pfn;

	if (!pte_present(pte))
		return WPT_ARM_SWAPPED;
	/* protnone: its frame is stored otherwise, and it is not armed */
	if (!(wpt_pte_flags(pte) & _PAGE_PRESENT))
		return WPT_ARM_UNTRACKABLE;
	pfn = (wpt_pte_flags(pte) & PTE_PFN_MASK) >> PAGE_SHIFT;
	/* No raw frames here (wpt_vma_walkable()): what is not special has a page. */
	if (!pte_special(pte) && !is_zero_pfn(pfn))
		page = pfn_to_page(pfn);
	else if (!wpt_pte_zero(pte))
		return WPT_ARM_UNTRACKABLE;
	return arm_entry(vma, ptep, page, true);
}

/**
 * wpt_arm_unmarked() - make sure of a page that wpt_arm_pte() leaves alone
 * @vma:  its mapping, for which wpt_vma_trackable() is true
 * @ptep: the pte; the conditions are those of wpt_arm_pte()
 * @why:  what that said
 *
 * An anonymous page in a private mapping that cannot be read now, or may not be written.
 * After WPT_ARM_DONE wpt_protect_held() tells whether it was written, for as long as no
 * event passes that does not look at it; the TLB has to be flushed as well.
 *
 * A debugger takes a reference with the page table locked, and writes later.
 *
 * Return: what became of it.
 */
enum wpt_arm wpt_arm_unmarked(struct vm_area_struct *vma, pte_t *ptep, enum wpt_arm why)
{
	pte_t pte = ptep_get(ptep);
	struct page *page;
	struct mapped m;
	unsigned int i;

	if ((vma->vm_flags & VM_SHARED) || !pte_present(pte) || pte_write(pte))
		return why;
	if (!(vma->vm_flags & VM_WRITE) && !wpt_force_looks_again())
		return why;
	page = wpt_pte_page(pte);
	if (!page || !wpt_page_anon(page) || is_zone_device_page(page))
		return why;
	m = mapped_by(ptep, page);
	/* Before, as a page that a transfer goes to may not be copied; and after. */
	for (i = 0; i < 2; i++) {
		if (wpt_page_maybe_pinned(page))
			return WPT_ARM_PINNED;
		if (page_is_held(page, 0, m) && stays_held(page, m))
			return WPT_ARM_REFERENCED;
		if (!i)
			wpt_protect_unshared(ptep, page);
	}
	if (!wpt_protect_held(pte))
		return why;
	/* One that has been moved here may have it. */
	wpt_pte_unmark(ptep);
	return WPT_ARM_DONE;
}

/**
 * wpt_arm_huge() - write-protect and mark a huge entry
 * @vma:  its mapping, for which wpt_vma_trackable() is true
 * @pmdp: the entry, huge; otherwise as for wpt_arm_pte()
 *
 * Pages of a file in a private mapping are not armed: the entry is read-only,
 * and goes away when one of them is copied.  Nor is the huge zero page, which can
 * only be split: Linux 7.2 moves its entry elsewhere as it is (UFFDIO_MOVE).
 *
 * Return: what became of it.
 */
enum wpt_arm wpt_arm_huge(struct vm_area_struct *vma, pmd_t *pmdp)
{
	pmd_t pmd = READ_ONCE(*pmdp);
	struct page *page = wpt_pmd_page(pmd);

	if (!is_vm_hugetlb_page(vma) && !wpt_split_ready())
		return WPT_ARM_HUGE;
	if (!pmd_present(pmd))
		return WPT_ARM_SWAPPED;
	if (!page || (!wpt_page_anon(page) && !(vma->vm_flags & VM_SHARED)))
		return WPT_ARM_UNTRACKABLE;
	/* The first page stands for all: they have their references in common. */
	return arm_entry(vma, (pte_t *)pmdp, page, false);
}

/**
 * wpt_arm_cache_held() - may somebody be writing to a page that is not mapped?
 * @vma:  a mapping
 * @addr: an address in it whose pte is none
 *
 * The pte of a page of the cache can go away while a transfer into the page goes
 * on.  Does not sleep.
 */
bool wpt_arm_cache_held(struct vm_area_struct *vma, unsigned long addr)
{
	struct page *page;
	bool held;

	if (!(vma->vm_flags & VM_SHARED) || !vma->vm_file)
		return false;
	page = find_get_page(vma->vm_file->f_mapping,
			     linear_page_index(vma, addr));
	if (!page)
		return false;
	held = page_is_held(page, 1, mapped_otherwise);
	put_page(page);
	return held;
}

/**
 * wpt_arm_count() - count pages that stay written because they were not armed
 * @why: what wpt_arm_pte() or wpt_arm_huge() said
 * @nr:  number of pages
 */
void wpt_arm_count(enum wpt_arm why, unsigned int nr)
{
	switch (why) {
	case WPT_ARM_DONE:
		wpt_stat_add(ARMS, nr);
		break;
	case WPT_ARM_PINNED:
		wpt_stat_add(OVER_PINNED, nr);
		break;
	case WPT_ARM_REFERENCED:
		wpt_stat_add(OVER_REFERENCED, nr);
		break;
	case WPT_ARM_READONLY:
		wpt_stat_add(OVER_READONLY, nr);
		break;
	case WPT_ARM_SWAPPED:
		wpt_stat_add(OVER_SWAPPED, nr);
		break;
	case WPT_ARM_HUGE:
		wpt_stat_add(OVER_HUGE, nr);
		break;
	case WPT_ARM_UNTRACKABLE:
		wpt_stat_add(OVER_UNTRACKABLE, nr);
		break;
	}
}
