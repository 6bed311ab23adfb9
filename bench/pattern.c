// SPDX-License-Identifier: MIT
/*
 * Which pages are written: the same ones for every method.
 *
 * "random" is any page with equal chance, "clustered" are runs of 64 pages that
 * are evenly spread.
 */
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define RUN	64

static uint64_t next_random(uint64_t *state)
{
	/* xorshift64* */
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dULL;
}

static void make_random(struct pattern *p, size_t pages)
{
	unsigned char *taken = calloc(pages, 1);
	uint64_t state = 88172645463325252ULL;
	size_t i, page;

	if (!taken)
		fail("out of memory");
	for (i = 0; i < p->n; i++) {
		do
			page = next_random(&state) % pages;
		while (taken[page]);
		taken[page] = 1;
		p->page[i] = page;
	}
	free(taken);
}

static void make_clustered(struct pattern *p, size_t pages)
{
	size_t runs = (p->n + RUN - 1) / RUN, i;

	for (i = 0; i < p->n; i++)
		p->page[i] = i / RUN * (pages / runs) + i % RUN;
}

void pattern_make(struct pattern *p, bool random, size_t pages, size_t n)
{
	size_t i;

	p->name = random ? "random" : "clustered";
	p->n = n;
	p->page = calloc(n + 1, sizeof(*p->page));
	if (!p->page)
		fail("out of memory");
	if (n == pages)
		for (i = 0; i < n; i++)
			p->page[i] = i;
	else if (random)
		make_random(p, pages);
	else
		make_clustered(p, pages);
}

void pattern_write(const struct pattern *p, const struct area *a)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		*(volatile char *)(a->p + p->page[i] * PAGE) = 1;
}

void pattern_free(struct pattern *p)
{
	free(p->page);
}
