/* SPDX-License-Identifier: GPL-2.0-only */
/* References and pins of pages, across the change from pages to folios. */
#ifndef WPT_COMPAT_PAGE_H
#define WPT_COMPAT_PAGE_H

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/pagemap.h>

#define WPT_CEPH_MAGIC	0x00c36400	/* no header of 5.10 has it that modules may use */

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

/* 6.1 has the function in newer stable releases, over one that is not exported. */
#if defined(WPT_HAVE_FOLIO_EXPECTED_REF_COUNT) && defined(WPT_HAVE_FOLIO_MAPCOUNT_INLINE)

/* An anonymous folio that somebody maps as a whole, if perhaps not everybody. */
static inline bool wpt_page_mapped_whole(struct page *page)
{
	struct folio *folio = page_folio(page);

	return folio_test_large(folio) && folio_test_anon(folio) &&
	       folio_entire_mapcount(folio) > 0;
}

/*
 * @parts: so many of its parts are mapped by page tables that are locked, if it is an
 *         anonymous folio that somebody else maps as a whole
 */
static inline int wpt_page_expected_refs(struct page *page, int parts)
{
	struct folio *folio = page_folio(page);
	int refs, whole;

	if (folio_test_large(folio)) {
		/*
		 * Anonymous and mapped both ways, or an entry is just being split: there is
		 * a mapping more than references then.  A split counts all the parts first,
		 * and takes away the whole last; so there is none if we know of all parts.
		 * Otherwise no sum can be believed.
		 */
		whole = folio_test_anon(folio) ? folio_entire_mapcount(folio) : 0;
		if (whole && folio_mapcount(folio) - whole != parts)
			return INT_MIN / 2;
		return folio_expected_ref_count(folio);
	}
	/* The same for a small page.  One that is not memory of a program has a type
	 * in the place of this count, and then far less than 0 are expected. */
	refs = atomic_read(&folio->_mapcount) + 1 + folio_test_swapcache(folio);
	if (!folio_test_anon(folio))
		refs += !!READ_ONCE(folio->mapping) + folio_test_private(folio);
	return refs;
}

#else

/* Parts are counted one by one here: it is not asked for. */
static inline bool wpt_page_mapped_whole(struct page *page)
{
	return false;
}

/* All mappings of a page or of any part of the huge page it belongs to. */
static inline int wpt_page_mappings(struct page *head)
{
	int i, nr = compound_nr(head), sum;

	if (nr == 1)
		return atomic_read(&head->_mapcount) + 1;
	for (i = 0, sum = 0; i < nr; i++)
		sum += atomic_read(&head[i]._mapcount) + 1;
	if (!compound_mapcount(head))
		return sum;
	/* A huge mapping of a file counts in each part as well. */
	if (!PageAnon(head))
		return sum - compound_mapcount(head) * (nr - 1);
	/*
	 * Anonymous and mapped both ways, or an entry is just being split: its
	 * references are counted before its parts, and the huge mapping goes last.
	 * No sum of these numbers can be believed.
	 */
	return sum ? INT_MIN / 2 : compound_mapcount(head);
}

/*
 * Ceph's snapshots hang on a page's private data without a reference to it (before folios).
 * Nor does each fscache hold one for PG_private_2.
 */
static inline bool wpt_page_private_refs(struct page *head, struct address_space *mapping)
{
	if (!PagePrivate(head))
		return false;
#ifndef WPT_HAVE_FOLIO
	if (mapping && !((unsigned long)mapping & PAGE_MAPPING_FLAGS) &&
	    mapping->host->i_sb->s_magic == WPT_CEPH_MAGIC)
		return false;
#endif
	return true;
}

static inline int wpt_page_expected_refs(struct page *page, int parts)
{
	struct page *head = compound_head(page);
	struct address_space *mapping;
	int refs = 0;

	if (PageSwapCache(head))
		refs += compound_nr(head);
	if (!PageAnon(head)) {
		mapping = READ_ONCE(head->mapping);
		if (mapping)
			refs += compound_nr(head);
		refs += wpt_page_private_refs(head, mapping);
	}
	return refs + wpt_page_mappings(head);
}

#endif

#endif /* WPT_COMPAT_PAGE_H */
