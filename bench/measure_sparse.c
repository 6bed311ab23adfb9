// SPDX-License-Identifier: MIT
/* 100 GiB of address space, of which 1000 pages are populated. */
#include "bench.h"

#define TOUCHED	1000

static void write_some(const struct area *a)
{
	size_t step = a->len / TOUCHED / PAGE * PAGE, i;

	for (i = 0; i < TOUCHED; i++)
		*(volatile char *)(a->p + i * step) = 1;
}

static void run(const struct measure *me, const struct method *m)
{
	size_t gib = opts.quick ? 4 : 100;
	struct sample arm = { 0 }, plain = { 0 }, reset = { 0 };
	const char *why = NULL;
	json_t *params;
	struct area a;
	uint64_t begin;
	unsigned int i;
	void *s;

	if (!m->scan || m->handled || m == &method_wptrack_keep)
		return;
	params = json_pack("{s:I, s:i}", "gib", (json_int_t)gib, "populated", TOUCHED);
	area_map_empty(&a, gib * GIB);
	write_some(&a);
	s = m->begin(&a, &why);
	if (!s) {
		result_none("sparse_scan", m, params, clock_unit(), why);
		return;
	}
	begin = clock_read();
	m->arm(s);
	/* Only the first time is the first time. */
	sample_add(&arm, 0);
	sample_add(&arm, clock_read() - begin);
	for (i = 0; i < sample_rounds(); i++) {
		write_some(&a);
		begin = clock_read();
		if (m->scan(s, false) < TOUCHED)
			fail("%s lost writes", m->name);
		sample_add(&plain, clock_read() - begin);
		begin = clock_read();
		if (m->scan(s, true) < TOUCHED)
			fail("%s lost writes", m->name);
		sample_add(&reset, clock_read() - begin);
	}
	result_sample("sparse_arm", m, json_incref(params), &arm);
	result_sample("sparse_scan", m, json_incref(params), &plain);
	result_sample("sparse_scan_reset", m, params, &reset);
	m->end(s);
	area_unmap(&a);
}

const struct measure measure_sparse = {
	.name = "sparse",
	.title = "100 GiB of address space with 1000 pages in it",
	.run = run,
};
