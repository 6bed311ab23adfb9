// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pending set: pages that are written for a tracker although the record says
 * nothing of it any more.
 */
#include <linux/slab.h>

#include "stats.h"
#include "tracker.h"

/* So many are gone through under the locks. */
#define TRIM_CHUNKS	128

/**
 * wpt_pending_get() - the same, made if need be
 * @t:    the tracker, its space locked
 * @addr: the address
 *
 * Return: the bits, ERR_PTR(-ENOMEM), or ERR_PTR(-EDQUOT) over the limit of the
 * tracker's user.  May sleep.
 */
struct wpt_bits *wpt_pending_get(struct wpt_tracker *t, unsigned long addr)
{
	struct wpt_bits *bits = wpt_pending_find(t, addr);
	int ret;

	if (bits)
		return bits;
	ret = wpt_account_charge(&t->account, sizeof(*bits));
	if (ret)
		return ERR_PTR(ret);
	bits = kzalloc(sizeof(*bits), GFP_KERNEL_ACCOUNT);
	if (bits && xa_err(xa_store(&t->pending, addr >> WPT_CHUNK_SHIFT, bits,
				    GFP_KERNEL_ACCOUNT))) {
		kfree(bits);
		bits = NULL;
	}
	if (bits)
		return bits;
	wpt_user_uncharge(t->account.user, sizeof(*bits));
	return ERR_PTR(-ENOMEM);
}

/**
 * wpt_pending_drop() - nothing is pending in the chunk of an address any more
 * @t:    the tracker, its space locked
 * @addr: the address
 */
void wpt_pending_drop(struct wpt_tracker *t, unsigned long addr)
{
	struct wpt_bits *bits = xa_erase(&t->pending, addr >> WPT_CHUNK_SHIFT);

	if (bits)
		wpt_user_uncharge(t->account.user, sizeof(*bits));
	kfree(bits);
}

/**
 * wpt_pending_drop_empty() - free the bits of a chunk if none is set
 * @t:    the tracker, its space locked
 * @addr: any address in the chunk
 */
void wpt_pending_drop_empty(struct wpt_tracker *t, unsigned long addr)
{
	struct wpt_bits *bits = wpt_pending_find(t, addr);

	if (bits && bitmap_empty(bits->b, WPT_CHUNK_PAGES))
		wpt_pending_drop(t, addr);
}

/**
 * wpt_pending_seek() - where the next pending pages are, if there are any
 * @t:    the tracker, its space locked
 * @addr: where to begin
 *
 * Return: @addr if its own chunk has some, else the start of the next chunk
 * that has, or ULONG_MAX.
 */
unsigned long wpt_pending_seek(struct wpt_tracker *t, unsigned long addr)
{
	unsigned long index = addr >> WPT_CHUNK_SHIFT;

	if (!xa_find(&t->pending, &index, ULONG_MAX, XA_PRESENT))
		return ULONG_MAX;
	return max(addr, index << WPT_CHUNK_SHIFT);
}

/* A part of one chunk of which something is pending. */
static void trim(struct wpt_tracker *t, unsigned long start, unsigned long end)
{
	struct wpt_bits *bits = wpt_pending_find(t, start);
	unsigned long addr = start, stop, next;
	struct wpt_interval iv;

	for (; addr < end; addr = next) {
		stop = next = end;
		if (wpt_set_next(&t->ranges, addr, &iv) && iv.start < end) {
			stop = max(addr, iv.start);
			next = iv.end;
		}
		bitmap_clear(bits->b, wpt_page_index(addr), (stop - addr) >> PAGE_SHIFT);
	}
	wpt_pending_drop_empty(t, start);
}

/**
 * wpt_pending_trim() - nothing is pending where the tracker has no range
 * @t:     the tracker, its space locked
 * @start: first address
 * @end:   end (exclusive)
 *
 * Return: how far it got; @end when all is done.
 */
unsigned long wpt_pending_trim(struct wpt_tracker *t, unsigned long start,
			       unsigned long end)
{
	unsigned int budget = TRIM_CHUNKS;
	unsigned long addr;

	for (addr = wpt_pending_next(t, start); addr < end;
	     addr = wpt_pending_next(t, wpt_chunk_end(addr))) {
		if (!budget--)
			return addr;
		trim(t, addr, min(end, wpt_chunk_end(addr)));
	}
	return end;
}

/**
 * wpt_tracker_lose() - every page reads written, until a scan has reset all of them
 * @t: the tracker, its space locked
 */
void wpt_tracker_lose(struct wpt_tracker *t)
{
	wpt_stat_inc(OVER_NOMEM);
	/* In this order for who reads them without the lock. */
	WRITE_ONCE(t->lost, true);
	smp_wmb();
	WRITE_ONCE(t->losses, t->losses + 1);
}

/**
 * wpt_pending_add() - make tracked pages of a range read written; never fails
 * @t:     the tracker, its space locked
 * @start: first address
 * @end:   end (exclusive)
 */
void wpt_pending_add(struct wpt_tracker *t, unsigned long start,
		     unsigned long end)
{
	struct wpt_interval iv;
	struct wpt_bits *bits;
	unsigned long stop;

	while (start < end && wpt_set_next(&t->ranges, start, &iv) &&
	       iv.start < end) {
		start = max(start, iv.start);
		stop = min3(end, iv.end, wpt_chunk_end(start));
		bits = wpt_pending_get(t, start);
		if (IS_ERR(bits)) {
			wpt_tracker_lose(t);
			return;
		}
		bitmap_set(bits->b, wpt_page_index(start),
			   (stop - start) >> PAGE_SHIFT);
		start = stop;
	}
}
