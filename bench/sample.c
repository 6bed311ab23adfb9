// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "bench.h"

void sample_add(struct sample *s, double value)
{
	if (!s->begun)
		s->begun = true;
	else if (s->n < sizeof(s->v) / sizeof(s->v[0]))
		s->v[s->n++] = value;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double sample_median(const struct sample *s)
{
	struct sample sorted = *s;

	if (!s->n)
		fail("nothing was measured");
	qsort(sorted.v, sorted.n, sizeof(sorted.v[0]), compare);
	return (sorted.v[sorted.n / 2] + sorted.v[(sorted.n - 1) / 2]) / 2;
}

double sample_least(const struct sample *s)
{
	double least;
	unsigned int i;

	if (!s->n)
		fail("nothing was measured");
	least = s->v[0];
	for (i = 1; i < s->n; i++)
		if (s->v[i] < least)
			least = s->v[i];
	return least;
}

unsigned int sample_rounds(void)
{
	return opts.repeat + 1;
}
