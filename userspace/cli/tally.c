// SPDX-License-Identifier: MIT
/* What a scan found, added up by mapping. */
#include <stdlib.h>

#include "cli.h"
#include "tally.h"

static struct tally_row *new_row(struct tally *t, const struct mapping *m,
				 uint64_t page_size)
{
	uint64_t pages = (m->end - m->start) / page_size;
	struct tally_row *row;

	if (!(t->n & (t->n - 1)))	/* the room doubles at powers of two */
		t->v = xrealloc(t->v, t->n ? 2 * t->n : 1, sizeof(*t->v));
	row = &t->v[t->n++];
	*row = (struct tally_row){
		.m = m,
		.cells = pages < TALLY_CELLS ? pages : TALLY_CELLS,
	};
	return row;
}

static void heat_up(struct tally_row *row, uint64_t start, uint64_t end)
{
	double size = (double)(row->m->end - row->m->start) / row->cells;
	double from = (start - row->m->start) / size;
	double to = (end - row->m->start) / size;
	unsigned int i;

	for (i = from; i < row->cells && i < to; i++) {
		double low = from > i ? from : i;
		double high = to < i + 1 ? to : i + 1;

		row->heat[i] += high - low;
	}
}

void tally_make(struct tally *t, const struct regions *regions,
		const struct maps *maps, uint64_t page_size)
{
	struct tally_row *row = NULL;
	size_t i, j = 0;

	*t = (struct tally){ 0 };
	for (i = 0; i < regions->n; i++) {
		const struct wptrack_region *r = &regions->v[i];
		const bool told = r->categories & WPTRACK_PAGE_WPALLOWED;
		const bool pinned = r->categories & WPTRACK_PAGE_PINNED;
		uint64_t at = r->start;

		if (told)
			t->written += r->end - r->start;

		while (j < maps->n && maps->v[j].end <= at)
			j++;
		/* The last mapping may reach into the next region. */
		for (; j < maps->n && maps->v[j].start < r->end; j++) {
			const struct mapping *m = &maps->v[j];
			uint64_t end = m->end < r->end ? m->end : r->end;

			if (at < m->start)
				at = m->start;
			if (told && mapping_tells(m)) {
				if (!row || row->m != m)
					row = new_row(t, m, page_size);
				row->written += end - at;
				row->pinned += pinned ? end - at : 0;
				t->pinned += pinned ? end - at : 0;
				heat_up(row, at, end);
			} else if (told) {
				t->written -= end - at;
			} else {
				t->untracked += m->write ? end - at : 0;
			}
			at = end;
			if (m->end > r->end)
				break;
		}
	}
}

static int by_written(const void *a, const void *b)
{
	const struct tally_row *x = a, *y = b;

	if (x->written != y->written)
		return x->written < y->written ? 1 : -1;
	return x->m->start < y->m->start ? -1 : x->m->start > y->m->start;
}

void tally_sort(struct tally *t)
{
	if (t->n)
		qsort(t->v, t->n, sizeof(*t->v), by_written);
}

void tally_free(struct tally *t)
{
	free(t->v);
	*t = (struct tally){ 0 };
}
