// SPDX-License-Identifier: MIT
/* A list of regions, as a scan of a whole range gives them. */
#include <stdlib.h>

#include "cli.h"
#include "regions.h"

int regions_collect(const struct wptrack_region *r, void *ctx)
{
	struct regions *list = ctx;

	if (list->n == list->room) {
		list->room = list->room ? 2 * list->room : 256;
		list->v = xrealloc(list->v, list->room, sizeof(*list->v));
	}
	list->v[list->n++] = *r;
	return 0;
}

void regions_free(struct regions *list)
{
	free(list->v);
	*list = (struct regions){ 0 };
}
