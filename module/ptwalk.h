/* SPDX-License-Identifier: GPL-2.0-only */
/* Finding page tables of another address space, and what a pte there maps. */
#ifndef WPT_PTWALK_H
#define WPT_PTWALK_H

#include <linux/mm.h>
#include <linux/pgtable.h>

#include "compat/guard.h"
#include "compat/page.h"
#include "compat/ptlock.h"
#include "pte.h"

/* What a pmd entry was when it was read. */
enum wpt_pmd {
	WPT_PMD_NONE,	/* no page table */
	WPT_PMD_TABLE,	/* a page table, which may vanish: lock it to be sure */
	WPT_PMD_HUGE,	/* a huge page, in memory or in migration */
};

/**
 * wpt_pmd_find() - look up the pmd entry of an address
 * @mm:   the address space.  The caller holds its mmap_lock and there is a mapping at
 *        @addr, or the reverse-map lock of that: page tables are freed only after
 *        both were taken.  munmap() frees them when it holds the mmap_lock for reading
 *        only, but then their mapping is gone.
 * @addr: the address
 * @pmdp: out: the entry, unless the answer is WPT_PMD_NONE
 * @next: out: end of what the answer holds for: nothing is mapped from @addr to
 *        here if it is WPT_PMD_NONE.  0 at the very end.
 */
static inline enum wpt_pmd wpt_pmd_find(struct mm_struct *mm, unsigned long addr,
					pmd_t **pmdp, unsigned long *next)
{
	pgd_t *pgd = pgd_offset(mm, addr);
	p4d_t *p4d;
	pud_t *pud;
	pmd_t pmdval;

	if (pgd_none(READ_ONCE(*pgd))) {
		*next = (addr & PGDIR_MASK) + PGDIR_SIZE;
		return WPT_PMD_NONE;
	}
	p4d = p4d_offset(pgd, addr);
	if (p4d_none(READ_ONCE(*p4d))) {
		*next = (addr & P4D_MASK) + P4D_SIZE;
		return WPT_PMD_NONE;
	}
	pud = pud_offset(p4d, addr);
	*next = (addr & PUD_MASK) + PUD_SIZE;
	if (pud_none(READ_ONCE(*pud)))
		return WPT_PMD_NONE;
	/* hugetlb and device memory only; the callers do not ask for these */
	if (pud_leaf(READ_ONCE(*pud)) || pud_bad(READ_ONCE(*pud)))
		return WPT_PMD_NONE;
	*pmdp = pmd_offset(pud, addr);
	*next = (addr & PMD_MASK) + PMD_SIZE;
	pmdval = READ_ONCE(**pmdp);
	if (pmd_none(pmdval))
		return WPT_PMD_NONE;
	if (!pmd_present(pmdval) || pmd_leaf(pmdval))
		return WPT_PMD_HUGE;
	/* Broken: nobody can lock a page table there. */
	if (pmd_bad(pmdval))
		return WPT_PMD_NONE;
	return WPT_PMD_TABLE;
}

unsigned long wpt_mapped_next(struct mm_struct *mm, unsigned long addr,
			      unsigned long end);

/* A huge page, in memory or on its way elsewhere. */
static inline bool wpt_pmd_is_huge(pmd_t pmd)
{
	return !pmd_none(pmd) && (!pmd_present(pmd) || pmd_leaf(pmd));
}

/*
 * The first page of a huge entry, or NULL: not in memory, or the memory of a device
 * that no page stands for.
 */
static inline struct page *wpt_pmd_page(pmd_t pmd)
{
	if (!pmd_present(pmd) || !pfn_valid(pmd_pfn(pmd)))
		return NULL;
	return pfn_to_page(pmd_pfn(pmd));
}

/*
 * The huge zero page, which nobody can have written to.  No module can ask the
 * kernel which one it is; no other page is mapped without belonging to anonymous
 * memory or to a file.
 */
static inline bool wpt_pmd_zero(pmd_t pmd)
{
	struct page *page = wpt_pmd_page(pmd);

	return page && !pmd_write(pmd) && !wpt_page_owned(page);
}

/*
 * What a huge entry says of each of its pages, as a pte.  All of them have the
 * frame of the first; x86 has the same bits in both but for the page size.
 */
static inline pte_t wpt_pmd_as_pte(pmd_t pmd)
{
	pteval_t flags = native_pmd_val(pmd);

	if (!pmd_present(pmd))
		return __pte(flags);
	flags = pmd_flags(pmd) & ~(_PAGE_PSE | _PAGE_PAT_LARGE);
	if (wpt_pmd_zero(pmd))
		return pte_mkspecial(pfn_pte(page_to_pfn(ZERO_PAGE(0)),
					     __pgprot(flags)));
	return pfn_pte(pmd_pfn(pmd), __pgprot(flags));
}

/* The page of a present pte, or NULL: the zero page and special mappings. */
static inline struct page *wpt_pte_page(pte_t pte)
{
	unsigned long pfn = pte_pfn(pte);

	if (pte_special(pte) || is_zero_pfn(pfn) || !pfn_valid(pfn))
		return NULL;
	return pfn_to_page(pfn);
}

/* The shared zero page is mapped, and nobody can have written to it. */
static inline bool wpt_pte_zero(pte_t pte)
{
	return pte_present(pte) && !pte_write(pte) && is_zero_pfn(pte_pfn(pte));
}

/*
 * Nothing is there: no page, and nothing that one can come back from.  A guard page
 * turns into an empty pte, and that into a guard page, without a word from the
 * notifier; nobody can write to it before.
 */
static inline bool wpt_pte_empty(pte_t pte)
{
	return pte_none(pte) || wpt_pte_guard(pte);
}

#endif /* WPT_PTWALK_H */
