// SPDX-License-Identifier: MIT
/* Sets of bytes as sorted lists of ranges that do not touch. */
#include <stdlib.h>

#include "cli.h"
#include "ranges.h"

void ranges_append(struct ranges *r, uint64_t start, uint64_t end)
{
	struct range *last = r->n ? &r->v[r->n - 1] : NULL;

	if (start >= end)
		return;
	if (last && start <= last->end) {
		if (end > last->end)
			last->end = end;
		return;
	}
	if (r->n == r->room) {
		r->room = r->room ? 2 * r->room : 64;
		r->v = xrealloc(r->v, r->room, sizeof(*r->v));
	}
	r->v[r->n++] = (struct range){ start, end };
}

uint64_t ranges_bytes(const struct ranges *r)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < r->n; i++)
		sum += r->v[i].end - r->v[i].start;
	return sum;
}

size_t ranges_seek(const struct ranges *r, uint64_t addr)
{
	size_t low = 0, high = r->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (r->v[mid].end <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool ranges_hold(const struct ranges *r, uint64_t addr)
{
	size_t i = ranges_seek(r, addr);

	return i < r->n && r->v[i].start <= addr;
}

struct ranges ranges_and(const struct ranges *a, const struct ranges *b)
{
	struct ranges out = { 0 };
	size_t i = 0, j = 0;

	while (i < a->n && j < b->n) {
		const struct range *x = &a->v[i], *y = &b->v[j];

		ranges_append(&out, x->start > y->start ? x->start : y->start,
			      x->end < y->end ? x->end : y->end);
		if (x->end < y->end)
			i++;
		else
			j++;
	}
	return out;
}

struct ranges ranges_or(const struct ranges *a, const struct ranges *b)
{
	struct ranges out = { 0 };
	size_t i = 0, j = 0;

	while (i < a->n || j < b->n) {
		bool from_a = j == b->n ||
			      (i < a->n && a->v[i].start <= b->v[j].start);
		const struct range *x = from_a ? &a->v[i++] : &b->v[j++];

		ranges_append(&out, x->start, x->end);
	}
	return out;
}

struct ranges ranges_minus(const struct ranges *a, const struct ranges *b)
{
	struct ranges out = { 0 };
	size_t i, j = 0;

	for (i = 0; i < a->n; i++) {
		uint64_t at = a->v[i].start, end = a->v[i].end;

		while (j < b->n && b->v[j].end <= at)
			j++;
		/* A range of b may reach into the next of a: leave j there. */
		while (j < b->n && b->v[j].start < end) {
			ranges_append(&out, at, b->v[j].start);
			at = b->v[j].end;
			if (at >= end)
				break;
			j++;
		}
		ranges_append(&out, at, end);
	}
	return out;
}

void ranges_free(struct ranges *r)
{
	free(r->v);
	*r = (struct ranges){ 0 };
}
