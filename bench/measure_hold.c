// SPDX-License-Identifier: MIT
/*
 * How long the module has held its locks at most, while every program that maps memory
 * in the process waits: in all that was measured before, and in what has to go through
 * the records of much memory.
 */
#include <stdio.h>

#include <libwptrack.h>

#include "bench.h"

static long max_hold(void)
{
	char line[256];
	long value = -1;
	FILE *f = fopen("/proc/wptrack/stats", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "max_hold_us %ld", &value) == 1)
			break;
	if (f)
		fclose(f);
	return value;
}

static struct wptrack *tracker(const struct area *a, uint64_t flags)
{
	uint64_t start = (uintptr_t)a->p;
	struct wptrack *w;

	if (wptrack_open(&w, NULL) || wptrack_attach_self(w) ||
	    wptrack_track(w, start, start + a->len, flags))
		fail("no tracker");
	return w;
}

static void run(const struct measure *me, const struct method *m)
{
	size_t gib = opts.quick ? 8 : 64, i;
	struct wptrack *first, *second;
	struct area a;

	if (m != &method_wptrack)
		return;
	/* A record for each 2 MiB. */
	area_map_empty(&a, gib * GIB);
	for (i = 0; i < a.len; i += HUGE)
		*(volatile char *)(a.p + i) = 1;
	first = tracker(&a, 0);
	second = tracker(&a, WPTRACK_TRACK_START_WRITTEN);
	wptrack_untrack(second, (uintptr_t)a.p, (uintptr_t)a.p + a.len);
	wptrack_close(second);
	wptrack_close(first);
	result("max_hold", m, json_pack("{s:I}", "gib", (json_int_t)gib), max_hold(),
	       "microseconds");
	area_unmap(&a);
}

const struct measure measure_hold = {
	.name = "hold",
	.title = "longest time for which locks were held",
	.run = run,
};
