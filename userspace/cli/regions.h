/* SPDX-License-Identifier: MIT */
/* A list of regions, as a scan of a whole range gives them. */
#ifndef REGIONS_H
#define REGIONS_H

#include <libwptrack.h>

struct regions {
	struct wptrack_region *v;
	size_t n, room;
};

/* A wptrack_region_fn: append to the list that is @ctx. */
int regions_collect(const struct wptrack_region *r, void *ctx);

void regions_free(struct regions *list);

#endif
