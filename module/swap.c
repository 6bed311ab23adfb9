// SPDX-License-Identifier: GPL-2.0-only
/*
 * A pte whose page is in swap says nothing of who may be writing to that page: what was
 * taken from its mappings stays in the cache of the swap for as long as somebody holds it.
 * Transfers go on that way, and a debugger that has just looked the page up.  So before
 * such a page is believed to be clean, the cache is looked at.  See reset_away() in page.c.
 *
 * What is read from swap comes back read-only, and a write is seen; but since Linux 6.11
 * it comes back writable if the entry tells that it belongs to this mapping alone.  Clean
 * pages lose that when they go, as fork() takes it.  Who writes to them finds out again, as
 * for pages whose protection has changed: see protect.c.  UFFDIO_MOVE does not, and refuses
 * what may be shared; when it comes, whatever belongs to nobody else is given back.
 * Where the entry is not asked: swapin.c.
 */
#include <linux/kernel.h>
#include <linux/pagemap.h>
#include <linux/static_call.h>
#include <linux/swap.h>
#include <linux/userfaultfd.h>

#include "arm.h"
#include "compat/anon.h"
#include "compat/entry.h"
#include "ptwalk.h"
#include "swap.h"
#include "sym.h"

/*
 * Both names are of functions that give the first part of the page, with a reference, or
 * nothing.  In newer kernels (7.2) it takes only the first argument.
 */
static void *no_cache(swp_entry_t entry, struct vm_area_struct *vma, unsigned long addr)
{
	return NULL;
}

static int no_count(swp_entry_t entry)
{
	return 0;
}

DEFINE_STATIC_CALL(wpt_swap_cache, no_cache);
DEFINE_STATIC_CALL(wpt_swap_count, no_count);

static bool ready;	/* both are there */

/**
 * wpt_swap_cached() - what is in the cache of the swap
 * @pte:  an entry of swap, with its page table or its device held
 * @vma:  the mapping whose fault this is, for readahead; or NULL
 * @addr: where
 *
 * Return: a page, with a reference; or NULL.
 */
struct page *wpt_swap_cached(pte_t pte, struct vm_area_struct *vma, unsigned long addr)
{
	struct page *page = static_call(wpt_swap_cache)(wpt_entry(pte), vma, addr);

	return IS_ERR(page) ? NULL : page;
}

/**
 * wpt_swap_ready() - can pages in swap be looked up?
 */
bool wpt_swap_ready(void)
{
	return ready;
}

/**
 * wpt_swap_held() - may somebody write to a page that is in swap?
 * @pte: an entry of swap, with its page table locked; wpt_swap_ready() is true
 *
 * By a reference to the page, that is.  Who maps it anew finds @pte.
 */
bool wpt_swap_held(pte_t pte)
{
	struct page *page;
	bool held;

	page = wpt_swap_cached(pte, NULL, 0);
	if (!page)
		return false;
	held = wpt_page_maybe_pinned(page) || wpt_page_held(page, 1);
	put_page(page);
	return held;
}

/**
 * wpt_swap_shared() - is a place in swap known to be of several mappings?
 * @pte: an entry of swap, with its page table locked
 */
bool wpt_swap_shared(pte_t pte)
{
	return ready && static_call(wpt_swap_count)(wpt_entry(pte)) > 1;
}

#if defined(WPT_HAVE_PAGE_ANON_EXCLUSIVE) && defined(UFFDIO_MOVE)

/* A write would copy it if it may be shared. */
static bool is_copied(pte_t pte)
{
	struct page *page = wpt_swap_cached(pte, NULL, 0);
	bool copied = page && !wpt_page_reused(page);

	if (page)
		put_page(page);
	return copied;
}

/**
 * wpt_swap_share() - a page in swap may be shared from now on, as far as the kernel knows
 * @ptep: its pte, with the page table locked; nothing happens to others
 */
void wpt_swap_share(pte_t *ptep)
{
	pte_t pte = ptep_get(ptep);

	if (ready && wpt_pte_swapped(pte) && pte_swp_exclusive(pte) && !is_copied(pte))
		set_pte(ptep, pte_swp_clear_exclusive(pte));
}

/*
 * An entry for which there is no other, with a page that nobody maps or is about to: who
 * does that holds its lock until he has.  Nor may anybody read it by a reference: he is not
 * to see what is written from now on.  A large one is no concern of UFFDIO_MOVE.
 */
static enum wpt_own own_entry(pte_t *ptep, pte_t pte)
{
	enum wpt_own ret = WPT_OWN_DONE;
	struct folio *folio;
	struct page *page;

	if (pte_swp_exclusive(pte) || static_call(wpt_swap_count)(wpt_entry(pte)) != 1)
		return WPT_OWN_DONE;
	page = wpt_swap_cached(pte, NULL, 0);
	if (!page) {
		set_pte(ptep, pte_swp_mkexclusive(pte));
		return WPT_OWN_DONE;
	}
	folio = page_folio(page);
	if (folio_test_large(folio)) {
		/* stays as it is */
	} else if (!folio_trylock(folio)) {
		ret = WPT_OWN_LOCKED;
	} else {
		if (folio_mapped(folio) || folio_test_ksm(folio) ||
		    static_call(wpt_swap_count)(wpt_entry(pte)) != 1)
			ret = WPT_OWN_DONE;
		else if (folio_ref_count(folio) != 2)	/* the cache's and ours */
			ret = WPT_OWN_HELD;
		else
			set_pte(ptep, pte_swp_mkexclusive(pte));
		folio_unlock(folio);
	}
	folio_put(folio);
	return ret;
}

/* A page that has come back, and may be in the cache still. */
static enum wpt_own own_page(struct page *page)
{
	struct folio *folio = page_folio(page);
	enum wpt_own ret = WPT_OWN_DONE;

	if (PageAnonExclusive(page) || folio_test_ksm(folio) || atomic_read(&folio->_mapcount))
		return WPT_OWN_DONE;
	/* wpt_page_own() has tried. */
	if (!folio_test_swapcache(folio))
		return WPT_OWN_HELD;
	if (!folio_trylock(folio))
		return WPT_OWN_LOCKED;
	if (folio_test_swapcache(folio) && !folio_test_ksm(folio) &&
	    !atomic_read(&folio->_mapcount) && !static_call(wpt_swap_count)(folio->swap)) {
		/* Some disks want it left alone until then. */
		if (folio_test_writeback(folio))
			ret = WPT_OWN_WRITTEN;
		else if (folio_ref_count(folio) == 2)
			SetPageAnonExclusive(page);
		else
			ret = WPT_OWN_HELD;
	}
	folio_unlock(folio);
	return ret;
}

/**
 * wpt_swap_own() - a page that is or was in swap is the mapping's own, if nobody else
 *                  refers to it
 * @ptep: its pte, with the page table locked; wpt_page_own() has tried
 *
 * Return: what is in the way.
 */
enum wpt_own wpt_swap_own(pte_t *ptep)
{
	pte_t pte = ptep_get(ptep);
	struct page *page;

	if (!ready)
		return WPT_OWN_DONE;
	if (wpt_pte_swapped(pte))
		return own_entry(ptep, pte);
	page = pte_present(pte) ? wpt_pte_page(pte) : NULL;
	if (!page || !wpt_page_anon(page) || PageCompound(page) || is_zone_device_page(page))
		return WPT_OWN_DONE;
	return own_page(page);
}

#else

void wpt_swap_share(pte_t *ptep)
{
}

enum wpt_own wpt_swap_own(pte_t *ptep)
{
	return WPT_OWN_DONE;
}

#endif

/**
 * wpt_swap_init() - find what is needed
 *
 * Without it, or without swap, pages in swap are reported written until they come back.
 */
void wpt_swap_init(void)
{
	unsigned long cache = wpt_sym_lookup("swap_cache_get_folio");
	unsigned long count = wpt_sym_lookup("__swap_count");

	/* A call with more arguments than there are is no call of the same type. */
	if (IS_ENABLED(CONFIG_CFI_CLANG) || IS_ENABLED(CONFIG_CFI))
		return;
	if (!cache)
		cache = wpt_sym_lookup("lookup_swap_cache");
	if (!cache || !count)
		return;
	static_call_update(wpt_swap_cache, (typeof(&no_cache))cache);
	static_call_update(wpt_swap_count, (typeof(&no_count))count);
	ready = true;
}
