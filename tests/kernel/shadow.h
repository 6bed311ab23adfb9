/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A copy of memory that is kept up to date with nothing but a tracker's
 * reports, as an incremental snapshot is.  If it ever differs from the memory
 * while nobody writes, a write was lost.
 */
#ifndef TESTS_SHADOW_H
#define TESTS_SHADOW_H

#include "common.h"

struct shadow {
	struct wptrack *w;
	struct area a;
	uint8_t *copy;
	size_t scans;
	size_t copied;
	/* Pages may go away between the report and the copy. */
	bool holes;
};

/* @w has to report everything that differs from zeros from now on. */
struct shadow *shadow_new(struct wptrack *w, struct area a, bool holes);
/* One scan with reset of the pages from @first on: copy what it reports. */
void shadow_update_part(struct shadow *s, size_t first, size_t pages);
void shadow_update(struct shadow *s);
/* Number of pages that differ; the first ones are printed.  @mapped may be NULL. */
size_t shadow_differs(struct shadow *s, const uint8_t *mapped);

#endif /* TESTS_SHADOW_H */
