/* SPDX-License-Identifier: GPL-2.0-only */
/* Pages, their pins and their files, across the change from pages to folios. */
#ifndef WPT_COMPAT_PAGE_H
#define WPT_COMPAT_PAGE_H

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/pagemap.h>

#ifdef WPT_HAVE_FOLIO

static inline bool wpt_page_anon(struct page *page)
{
	return folio_test_anon(page_folio(page));
}

static inline bool wpt_page_maybe_pinned(struct page *page)
{
	return folio_maybe_dma_pinned(page_folio(page));
}

static inline bool wpt_page_ksm(struct page *page)
{
	return folio_test_ksm(page_folio(page));
}

static inline int wpt_page_refs(struct page *page)
{
	return folio_ref_count(page_folio(page));
}

/* Locked, and in no list of pages that can be reclaimed: so is what is being reclaimed. */
static inline bool wpt_page_isolated(struct page *page)
{
	struct folio *folio = page_folio(page);

	return folio_test_locked(folio) && !folio_test_lru(folio);
}

#else /* 5.10 */

static inline bool wpt_page_anon(struct page *page)
{
	return PageAnon(page);
}

static inline bool wpt_page_maybe_pinned(struct page *page)
{
	return page_maybe_dma_pinned(page);
}

static inline bool wpt_page_ksm(struct page *page)
{
	return PageKsm(page);
}

static inline int wpt_page_refs(struct page *page)
{
	return page_count(page);
}

static inline bool wpt_page_isolated(struct page *page)
{
	return PageLocked(page) && !PageLRU(page);
}

#endif

/*
 * Can UFFDIO_COPY have put the page there without a trace in its pte?  Since Linux 6.0
 * the pte is dirty.  Before, only the page is, and only where nobody may write.
 */
static inline bool wpt_page_fillable(struct page *page)
{
#ifdef WPT_HAVE_FAULT_FLAG_UNSHARE
	return false;
#else
	return PageSwapBacked(page) && PageDirty(page);
#endif
}

static inline bool wpt_page_filled(const struct vm_area_struct *vma, struct page *page)
{
	return !(vma->vm_flags & VM_WRITE) && wpt_page_fillable(page);
}

/* Some mapping or the cache of a file has it: NULL for the zero pages. */
static inline struct address_space *wpt_page_owned(struct page *page)
{
#ifdef WPT_HAVE_FOLIO
	return READ_ONCE(page_folio(page)->mapping);
#else
	return READ_ONCE(compound_head(page)->mapping);
#endif
}

/*
 * Does somebody write to a file, or take something out of it?  What is discarded on a block
 * device is under another lock, and before Linux 5.15 under none.
 */
static inline bool wpt_mapping_locked(struct address_space *mapping)
{
	struct inode *inode = mapping->host;

#ifdef WPT_HAVE_INVALIDATE_LOCK
	if (S_ISBLK(inode->i_mode) && rwsem_is_locked(&mapping->invalidate_lock))
		return true;
#endif
	return inode_is_locked(inode);
}

/*
 * A page of a file's cache, that is mapped: is its file as it was, for the moment?  What is
 * discarded on a block device is not locked, and not unmapped first.
 */
static inline bool wpt_page_settled(struct page *page)
{
	struct address_space *mapping = wpt_page_owned(page);

	return mapping && !S_ISBLK(mapping->host->i_mode) && !inode_is_locked(mapping->host);
}

#endif /* WPT_COMPAT_PAGE_H */
