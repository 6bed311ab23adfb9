/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How many references to a page are those of its mappings and caches, across three ways to
 * count the mappings of large pages.
 *
 * In all of them a split of a huge entry counts the references of the parts first, then their
 * mappings, and then takes away the huge mapping.
 */
#ifndef WPT_COMPAT_REFS_H
#define WPT_COMPAT_REFS_H

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/page-flags.h>

#define WPT_CEPH_MAGIC	0x00c36400	/* no header of 5.10 has it that modules may use */

/* More than there can be: no sum can be believed. */
#define WPT_REFS_UNKNOWN	(INT_MIN / 2)

#if defined(WPT_HAVE_FOLIO_MAPCOUNT_INLINE) || defined(WPT_HAVE_FOLIO_NR_PAGES_MAPPED)

/* One of parts, and one of mappings as a whole (from 6.3; 6.10 keeps their sum as well). */
static inline int wpt_folio_mappings(struct folio *folio)
{
#ifdef WPT_HAVE_FOLIO_MAPCOUNT_INLINE
	return folio_mapcount(folio);
#else
	int i, nr = folio_nr_pages(folio), sum = folio_entire_mapcount(folio);

	for (i = 0; i < nr; i++)
		sum += atomic_read(&folio_page(folio, i)->_mapcount) + 1;
	return sum;
#endif
}

/*
 * Where parts are not counted for themselves, a mapping as a whole is taken from one number
 * first and from the sum after, so that there is a mapping too many when there is none as a
 * whole any more.
 */
#ifdef CONFIG_NO_PAGE_MAPCOUNT
#define WPT_PARTS_ALWAYS	true
#else
#define WPT_PARTS_ALWAYS	false
#endif

/*
 * Mappings of which parts of a folio have to be known?  If so, *@first is the frame of the
 * first of *@nr.  All of those of an anonymous folio that somebody maps as a whole, if perhaps
 * not everybody.
 */
static inline bool wpt_page_parts(struct page *page, unsigned long *first, unsigned long *nr)
{
	struct folio *folio = page_folio(page);

	if (!folio_test_large(folio) || !folio_test_anon(folio) ||
	    !(WPT_PARTS_ALWAYS || folio_entire_mapcount(folio) > 0))
		return false;
	*first = folio_pfn(folio);
	*nr = folio_nr_pages(folio);
	return true;
}

static inline int wpt_folio_cache_refs(struct folio *folio, bool anon)
{
	int refs = folio_test_swapcache(folio);

	if (!anon)
		refs += !!READ_ONCE(folio->mapping);
	return refs;
}

static inline int wpt_large_expected_refs(struct folio *folio, int parts)
{
	bool anon = folio_test_anon(folio);
	int whole = anon ? folio_entire_mapcount(folio) : 0;
	int mappings = wpt_folio_mappings(folio);

	/*
	 * Anonymous and mapped both ways, or an entry is just being split: there is a
	 * mapping more than references then.  Not so if we know of all parts.
	 */
	if ((whole || (anon && WPT_PARTS_ALWAYS)) && mappings - whole != parts)
		return WPT_REFS_UNKNOWN;
	return mappings + (wpt_folio_cache_refs(folio, anon) << folio_order(folio)) +
	       (!anon && folio_test_private(folio));
}

/* @parts: so many entries of page tables that are locked map what wpt_page_parts() asks for */
static inline int wpt_page_expected_refs(struct page *page, int parts)
{
	struct folio *folio = page_folio(page);
	bool anon;

	if (folio_test_large(folio))
		return wpt_large_expected_refs(folio, parts);
	/* One that is not memory of a program has a type in the place of this count, and
	 * then far less than 0 are expected. */
	anon = folio_test_anon(folio);
	return atomic_read(&folio->_mapcount) + 1 + wpt_folio_cache_refs(folio, anon) +
	       (!anon && folio_test_private(folio));
}

/* References of the mappings of a page of hugetlb. */
static inline int wpt_hugetlb_mappings(struct page *page)
{
	return folio_entire_mapcount(page_folio(page));
}

#else

/* The last part, if it is anonymous: see below. */
static inline bool wpt_page_parts(struct page *page, unsigned long *first, unsigned long *nr)
{
	struct page *head = compound_head(page);

	if (!PageCompound(page) || !PageAnon(head))
		return false;
	*first = page_to_pfn(head) + compound_nr(head) - 1;
	*nr = 1;
	return true;
}

static inline int wpt_sum_of_parts(struct page *head)
{
	int i, nr = compound_nr(head), sum = 0;

	for (i = 0; i < nr; i++)
		sum += atomic_read(&head[i]._mapcount) + 1;
	return sum;
}

/*
 * While it is mapped both ways each part counts one mapping more.  That is taken back after the
 * last mapping as a whole, one after the other, and the last part comes last.  So if there is
 * none as a whole, and all mappings of the last part are known, the sum can be believed.
 */
static inline int wpt_anon_huge_mappings(struct page *head, int parts)
{
	struct page *last = head + compound_nr(head) - 1;
	int whole = compound_mapcount(head);

	smp_rmb();
	if (!whole && atomic_read(&last->_mapcount) + 1 != parts)
		return WPT_REFS_UNKNOWN;
	smp_rmb();
	if (!whole)
		return wpt_sum_of_parts(head);
	/* Both ways, or an entry is just being split: there is a mapping more than references. */
	return wpt_sum_of_parts(head) ? WPT_REFS_UNKNOWN : whole;
}

/* All mappings of a page or of any part of the huge page it belongs to. */
static inline int wpt_page_mappings(struct page *head, int parts)
{
	int nr = compound_nr(head);

	if (nr == 1)
		return atomic_read(&head->_mapcount) + 1;
	if (PageAnon(head))
		return wpt_anon_huge_mappings(head, parts);
	/* A huge mapping of a file counts in each part as well. */
	return wpt_sum_of_parts(head) - compound_mapcount(head) * (nr - 1);
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
	return refs + wpt_page_mappings(head, parts);
}

static inline int wpt_hugetlb_mappings(struct page *page)
{
	return compound_mapcount(page);
}

#endif

#endif /* WPT_COMPAT_REFS_H */
