// SPDX-License-Identifier: GPL-2.0-only
#include "ptwalk.h"

/*
 * Of each level: the first address whose entry leads to something, or @end.
 * The page tables of a whole address space are mostly empty, so that what counts
 * is how fast an empty entry is passed.
 */
static unsigned long next_in_pud(pud_t *pud, unsigned long addr,
				 unsigned long end)
{
	pmd_t *pmd;

	/* hugetlb and device memory only; the callers do not ask for these */
	if (pud_leaf(READ_ONCE(*pud)) || pud_bad(READ_ONCE(*pud)))
		return end;
	for (pmd = pmd_offset(pud, addr); addr < end;
	     pmd++, addr = pmd_addr_end(addr, end))
		if (!pmd_none(READ_ONCE(*pmd)))
			return addr;
	return end;
}

static unsigned long next_in_p4d(p4d_t *p4d, unsigned long addr,
				 unsigned long end)
{
	pud_t *pud = pud_offset(p4d, addr);
	unsigned long next, found;

	for (; addr < end; pud++, addr = next) {
		next = pud_addr_end(addr, end);
		if (pud_none(READ_ONCE(*pud)))
			continue;
		found = next_in_pud(pud, addr, next);
		if (found < next)
			return found;
	}
	return end;
}

static unsigned long next_in_pgd(pgd_t *pgd, unsigned long addr,
				 unsigned long end)
{
	p4d_t *p4d = p4d_offset(pgd, addr);
	unsigned long next, found;

	for (; addr < end; p4d++, addr = next) {
		next = p4d_addr_end(addr, end);
		if (p4d_none(READ_ONCE(*p4d)))
			continue;
		found = next_in_p4d(p4d, addr, next);
		if (found < next)
			return found;
	}
	return end;
}

/**
 * wpt_mapped_next() - where is the next page table or huge page?
 * @mm:   the address space, locked as for wpt_pmd_find()
 * @addr: where to begin
 * @end:  where to end (exclusive), at most TASK_SIZE_MAX
 *
 * Return: @addr if its own pmd entry is not none, else the start of the next one
 * that is not, or @end.
 */
unsigned long wpt_mapped_next(struct mm_struct *mm, unsigned long addr,
			      unsigned long end)
{
	pgd_t *pgd = pgd_offset(mm, addr);
	unsigned long next, found;

	for (; addr < end; pgd++, addr = next) {
		next = pgd_addr_end(addr, end);
		if (pgd_none(READ_ONCE(*pgd)))
			continue;
		found = next_in_pgd(pgd, addr, next);
		if (found < next)
			return found;
	}
	return end;
}
