/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tracking bit, and what an armed pte is.
 *
 * x86-64 leaves pte bits 52 to 58 to software.  Linux uses 57 and 58, we use
 * 54.  pte_modify() and every path that builds a new pte lose the bit.  That is
 * the safe direction: a page without the bit is not clean.
 */
#ifndef WPT_PTE_H
#define WPT_PTE_H

#include <linux/mm.h>
#include <linux/pgtable.h>

#ifndef CONFIG_X86_64
#error "wptrack supports x86-64 only: no free pte bit is known elsewhere"
#endif

#define WPT_PTE_BIT	54
#define WPT_PTE_MASK	(_AT(pteval_t, 1) << WPT_PTE_BIT)

/*
 * Nobody else may use the bit.  That it is no part of an address, so that
 * pte_modify() drops it, is checked at load: memory encryption can change that.
 */
static_assert(_PAGE_BIT_SOFTW4 != WPT_PTE_BIT);
#ifdef _PAGE_BIT_SOFTW5
static_assert(_PAGE_BIT_SOFTW5 != WPT_PTE_BIT);
#endif
static_assert(_PAGE_BIT_PKEY_BIT0 > WPT_PTE_BIT && _PAGE_BIT_NX > WPT_PTE_BIT);
static_assert(__PHYSICAL_MASK_SHIFT <= WPT_PTE_BIT);

static inline pteval_t wpt_pte_flags(pte_t pte)
{
	return native_pte_val(pte);
}

/* True if the pte carries our bit; says nothing about the rest of it. */
static inline bool wpt_pte_marked(pte_t pte)
{
	return wpt_pte_flags(pte) & WPT_PTE_MASK;
}

/*
 * True if a write through this pte must pass do_wp_page() and finds our bit
 * there.  A protnone pte is not armed: what replaces it may be writable.
 */
static inline bool wpt_pte_armed(pte_t pte)
{
	return (wpt_pte_flags(pte) & (_PAGE_PRESENT | _PAGE_RW | WPT_PTE_MASK)) ==
	       (_PAGE_PRESENT | WPT_PTE_MASK);
}

/* The same for huge entries: x86 has the same bits there. */
static inline bool wpt_pmd_marked(pmd_t pmd)
{
	return wpt_pte_marked(__pte(native_pmd_val(pmd)));
}

static inline bool wpt_pmd_armed(pmd_t pmd)
{
	return wpt_pte_armed(__pte(native_pmd_val(pmd)));
}

/* Write-protected and marked.  Uses the kernel's helper: it knows shadow stacks. */
static inline pte_t wpt_pte_mkarmed(pte_t pte)
{
	return native_make_pte(wpt_pte_flags(pte_wrprotect(pte)) | WPT_PTE_MASK);
}

static inline pte_t wpt_pte_mkunmarked(pte_t pte)
{
	return native_make_pte(wpt_pte_flags(pte) & ~WPT_PTE_MASK);
}

/*
 * Replace *ptep by @new if it still is *@old.  Hardware sets accessed and dirty
 * at any time, so this has to be a loop in the caller.  A full barrier.
 */
static inline bool wpt_pte_cmpxchg(pte_t *ptep, pte_t *old, pte_t new)
{
	return try_cmpxchg((pteval_t *)&ptep->pte, (pteval_t *)&old->pte,
			   new.pte);
}

/* Set the mark without touching what hardware may set. */
static inline void wpt_pte_mark(pte_t *ptep)
{
	set_bit(WPT_PTE_BIT, (unsigned long *)&ptep->pte);
}

/* Remove the mark without touching a bit that hardware may be setting. */
static inline void wpt_pte_unmark(pte_t *ptep)
{
	clear_bit(WPT_PTE_BIT, (unsigned long *)&ptep->pte);
}

#endif /* WPT_PTE_H */
