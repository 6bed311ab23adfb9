// SPDX-License-Identifier: GPL-2.0-only
#include "intervals.h"

#define WPT_SET_MIN	8

/* Index of the first interval that ends after @addr. */
static unsigned int set_find(const struct wpt_set *set, unsigned long addr)
{
	unsigned int lo = 0, hi = set->nr;

	while (lo < hi) {
		unsigned int mid = lo + (hi - lo) / 2;

		if (set->iv[mid].end > addr)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

/* Make room for one more interval. */
static int set_grow(struct wpt_set *set, unsigned int max)
{
	struct wpt_interval *iv;
	unsigned int cap;

	if (set->nr >= max)
		return -ENOSPC;
	if (set->nr < set->cap)
		return 0;
	cap = min(max(set->cap * 2, (unsigned int)WPT_SET_MIN), max);
	iv = wpt_alloc_array(cap, sizeof(*iv));
	if (!iv)
		return -ENOMEM;
	if (set->nr)
		memcpy(iv, set->iv, set->nr * sizeof(*iv));
	wpt_free_array(set->iv);
	set->iv = iv;
	set->cap = cap;
	return 0;
}

/* Replace the intervals [from, to) of the array by the @n of @new. */
static void set_splice(struct wpt_set *set, unsigned int from, unsigned int to,
		       const struct wpt_interval *new, unsigned int n)
{
	memmove(set->iv + from + n, set->iv + to,
		(set->nr - to) * sizeof(*set->iv));
	if (n)
		memcpy(set->iv + from, new, n * sizeof(*new));
	/* Some look without a lock whether there are any. */
	WRITE_ONCE(set->nr, set->nr - (to - from) + n);
}

/**
 * wpt_set_swap() - two sets change places
 * @a: one
 * @b: the other
 */
void wpt_set_swap(struct wpt_set *a, struct wpt_set *b)
{
	struct wpt_set old = *a;

	a->iv = b->iv;
	a->cap = b->cap;
	WRITE_ONCE(a->nr, b->nr);
	*b = old;
}

/**
 * wpt_set_destroy() - free the memory of a set, which is empty afterwards
 * @set: the set
 */
void wpt_set_destroy(struct wpt_set *set)
{
	wpt_free_array(set->iv);
	memset(set, 0, sizeof(*set));
}

/**
 * wpt_set_add() - add an interval
 * @set:   the set
 * @start: first address
 * @end:   end (exclusive), above @start
 * @max:   most intervals that the set may have
 *
 * Intervals that overlap or touch become one.  May sleep.
 *
 * Return: 0, -ENOMEM, or -ENOSPC; after an error the set is as it was.
 */
int wpt_set_add(struct wpt_set *set, unsigned long start, unsigned long end,
		unsigned int max)
{
	struct wpt_interval new = { start, end };
	unsigned int from, to;
	int ret;

	/* An interval that ends at @start touches: look from one below. */
	from = set_find(set, start ? start - 1 : 0);
	for (to = from; to < set->nr && set->iv[to].start <= end; to++) {
		new.start = min(new.start, set->iv[to].start);
		new.end = max(new.end, set->iv[to].end);
	}
	if (from == to) {
		ret = set_grow(set, max);
		if (ret)
			return ret;
	}
	set_splice(set, from, to, &new, 1);
	return 0;
}

/**
 * wpt_set_del() - remove an interval
 * @set:   the set
 * @start: first address
 * @end:   end (exclusive), above @start
 * @max:   most intervals that the set may have
 *
 * Return: 0; -ENOMEM or -ENOSPC if an interval had to be cut in two and there
 * was no room for it: the set is then as it was.
 */
int wpt_set_del(struct wpt_set *set, unsigned long start, unsigned long end,
		unsigned int max)
{
	struct wpt_interval rest[2];
	unsigned int from, to, n = 0;
	int ret;

	from = set_find(set, start);
	for (to = from; to < set->nr && set->iv[to].start < end; to++)
		;
	if (from == to)
		return 0;
	if (set->iv[from].start < start) {
		rest[n].start = set->iv[from].start;
		rest[n++].end = start;
	}
	if (set->iv[to - 1].end > end) {
		rest[n].start = end;
		rest[n++].end = set->iv[to - 1].end;
	}
	if (n > to - from) {
		ret = set_grow(set, max);
		if (ret)
			return ret;
	}
	set_splice(set, from, to, rest, n);
	return 0;
}

/**
 * wpt_set_union() - add all intervals of another set
 * @set:   the set to change
 * @other: what to add
 *
 * One pass over both, however they interleave.
 *
 * Return: 0, or -ENOMEM with @set as it was.
 */
int wpt_set_union(struct wpt_set *set, const struct wpt_set *other)
{
	const struct wpt_interval *a = set->iv, *a_end = a + set->nr;
	const struct wpt_interval *b = other->iv, *b_end = b + other->nr;
	unsigned int cap = set->nr + other->nr + 1, n = 0;
	struct wpt_interval *iv, next;

	if (!other->nr)
		return 0;
	/* With room to spare: one is often added next. */
	iv = wpt_alloc_array(cap, sizeof(*iv));
	if (!iv)
		return -ENOMEM;
	while (a < a_end || b < b_end) {
		if (b == b_end || (a < a_end && a->start <= b->start))
			next = *a++;
		else
			next = *b++;
		if (n && next.start <= iv[n - 1].end)
			iv[n - 1].end = max(iv[n - 1].end, next.end);
		else
			iv[n++] = next;
	}
	wpt_free_array(set->iv);
	set->iv = iv;
	WRITE_ONCE(set->nr, n);
	set->cap = cap;
	return 0;
}

/**
 * wpt_set_subtract() - remove all intervals of another set
 * @set:   the set to change
 * @other: what to remove
 *
 * One pass over both, however they interleave.
 *
 * Return: 0, or -ENOMEM with @set as it was.
 */
int wpt_set_subtract(struct wpt_set *set, const struct wpt_set *other)
{
	const struct wpt_interval *b = other->iv, *b_end = b + other->nr;
	unsigned int cap = set->nr + other->nr, n = 0, i;
	struct wpt_interval *iv, rest;

	if (!set->nr || !other->nr)
		return 0;
	iv = wpt_alloc_array(cap, sizeof(*iv));
	if (!iv)
		return -ENOMEM;
	for (i = 0; i < set->nr; i++) {
		rest = set->iv[i];
		for (; b < b_end && b->start < rest.end; b++) {
			if (b->start > rest.start) {
				iv[n].start = rest.start;
				iv[n++].end = b->start;
			}
			rest.start = max(rest.start, b->end);
			/* It may reach into the next as well. */
			if (rest.start >= rest.end)
				break;
		}
		if (rest.start < rest.end)
			iv[n++] = rest;
	}
	wpt_free_array(set->iv);
	set->iv = iv;
	WRITE_ONCE(set->nr, n);
	set->cap = cap;
	return 0;
}

/**
 * wpt_set_next() - find the first interval that ends after an address
 * @set:  the set
 * @addr: the address
 * @out:  where to put the interval, whole
 *
 * Return: false if there is none.
 */
bool wpt_set_next(const struct wpt_set *set, unsigned long addr,
		  struct wpt_interval *out)
{
	unsigned int i = set_find(set, addr);

	if (i == set->nr)
		return false;
	*out = set->iv[i];
	return true;
}
