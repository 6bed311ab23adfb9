/* SPDX-License-Identifier: MIT */
/*
 * What a scan found, added up by mapping.  Pure: it joins a list of regions
 * with a list of mappings.
 */
#ifndef TALLY_H
#define TALLY_H

#include "maps.h"
#include "regions.h"

#define TALLY_CELLS	24	/* of the strip that shows where in a mapping */

struct tally_row {
	const struct mapping *m;	/* of the maps given to tally_make() */
	uint64_t written;		/* bytes that were written */
	uint64_t pinned;		/* of these: a device may write at any time */
	unsigned int cells;		/* cells in use: no more than pages */
	double heat[TALLY_CELLS];	/* share of each cell that was written */
};

struct tally {
	struct tally_row *v;	/* a row per mapping with something in it */
	size_t n;
	uint64_t written;	/* sums of the rows, and of memory that has */
	uint64_t pinned;	/* gone since the scan */
	uint64_t untracked;	/* bytes that always read written, see below */
};

/*
 * @regions: the written pages, with the categories WPALLOWED and PINNED.
 *
 * Two kinds of memory always read written, which says nothing about them: what
 * is not WPALLOWED, and private memory without write permission, to which only
 * a debugger can write.  The former is counted where the mapping is writable,
 * the latter is left out.
 */
void tally_make(struct tally *t, const struct regions *regions,
		const struct maps *maps, uint64_t page_size);

/* Most written first, then by address. */
void tally_sort(struct tally *t);

void tally_free(struct tally *t);

#endif
