/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Anonymous pages that the kernel knows to be one mapping's own (PG_anon_exclusive, since
 * Linux 5.19).  Since 6.0 mprotect(), and since 6.2 the fault of NUMA balancing, makes the
 * ptes of those writable that a write fault would make so, without the fault.
 */
#ifndef WPT_COMPAT_ANON_H
#define WPT_COMPAT_ANON_H

#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/rmap.h>

#include "page.h"

/* They came together.  Without the former, each read-only page would pass for shared. */
#if defined(WPT_HAVE_PAGE_ANON_EXCLUSIVE) != defined(WPT_HAVE_FAULT_FLAG_UNSHARE)
#error "wptrack does not understand the exclusive anonymous pages of this kernel"
#endif

#ifdef WPT_HAVE_PAGE_ANON_EXCLUSIVE

/*
 * Who writes by force without write permission: does he look at the page once more when the
 * fault is over?  Before 5.19 he remembers that he has had it (FOLL_COW).
 */
static inline bool wpt_force_looks_again(void)
{
	return true;
}

/*
 * May the next write go to the page itself if it may be shared, and is not?  Since 6.15 to
 * one of a large folio, too, whose mappings are known to be of one address space; but it is
 * copied while anybody refers to any part of that, or has a part in swap.
 */
static inline bool wpt_page_reused(struct page *page)
{
#ifdef WPT_HAVE_FOLIO_MM_IDS
	return true;
#else
	return !PageCompound(page);
#endif
}

#ifdef WPT_HAVE_FOLIO_MM_IDS
#define WPT_PAGE_LENDS	0
#else
#define WPT_PAGE_LENDS	1	/* see lend.c */
#endif

/* Does a write need a fault, whatever becomes of the pte otherwise? */
static inline bool wpt_page_may_be_shared(struct page *page)
{
	return !PageAnonExclusive(page);
}

/*
 * From now on a write does.  Its entry, which is read-only, is gone for the moment, and
 * its page table locked.  Nothing happens if somebody has pinned the page: who reads it by
 * that is to see what the program writes, so it may not be copied.
 */
static inline void wpt_page_try_share(struct page *page, bool huge)
{
#ifdef WPT_HAVE_FOLIO_TRY_SHARE_ANON
	if (huge)
		(void)folio_try_share_anon_rmap_pmd(page_folio(page), page);
	else
		(void)folio_try_share_anon_rmap_pte(page_folio(page), page);
#elif defined(WPT_HAVE_PAGE_TRY_SHARE_ANON)
	(void)page_try_share_anon_rmap(page);
#endif
}

static inline void wpt_page_try_share_hugetlb(struct page *page)
{
#ifdef WPT_HAVE_FOLIO_TRY_SHARE_ANON
	(void)hugetlb_try_share_anon_rmap(page_folio(page));
#else
	wpt_page_try_share(page, true);
#endif
}

/* Can an anonymous page, or a huge one, be one that fork() has left to two? */
static inline bool wpt_page_inherited(struct page *page, bool huge)
{
	return !PageAnonExclusive(page) &&
	       (PageCompound(page) || atomic_read(&page->_mapcount) > 0);
}

/*
 * If it is one mapping's own, does that show?  A large one that comes from swap while it is
 * written there, to a disk that wants it left alone, is not exclusive, and cannot be counted.
 */
static inline bool wpt_page_owned_shows(struct page *page)
{
	return !PageCompound(page);
}

/* The caller knows that it is the mapping's own. */
static inline void wpt_page_set_own(struct page *page)
{
	SetPageAnonExclusive(page);
}

/*
 * An anonymous page, small or huge, is the mapping's own if nobody else refers to it, whom
 * its lock keeps out.  Its page table is locked.
 */
static inline void wpt_page_own(struct page *page)
{
	if (PageAnonExclusive(page) || !trylock_page(page))
		return;
	/* Who shares one of KSM need not refer to it. */
	if (wpt_page_refs(page) == 1 && !wpt_page_ksm(page))
		SetPageAnonExclusive(page);
	unlock_page(page);
}

#else

#define WPT_PAGE_LENDS	0

static inline bool wpt_force_looks_again(void)
{
	return false;
}

/* A huge one is written in place only if all of its parts are the mapping's own. */
static inline bool wpt_page_inherited(struct page *page, bool huge)
{
	unsigned int i;

	for (i = 0; i < (huge ? HPAGE_PMD_NR : 1); i++)
		if (page_mapcount(page + i) > 1)
			return true;
	return false;
}

static inline bool wpt_page_owned_shows(struct page *page)
{
	return true;
}

static inline void wpt_page_set_own(struct page *page)
{
}

static inline bool wpt_page_reused(struct page *page)
{
	return true;
}

static inline bool wpt_page_may_be_shared(struct page *page)
{
	return true;
}

static inline void wpt_page_try_share(struct page *page, bool huge)
{
}

static inline void wpt_page_try_share_hugetlb(struct page *page)
{
}

static inline void wpt_page_own(struct page *page)
{
}

#endif

#endif /* WPT_COMPAT_ANON_H */
