// SPDX-License-Identifier: MIT
/*
 * A garbage collector's write watch: a heap of 16 MiB, in which the program writes
 * some pages, and then asks which they were and begins anew.  The cost of such a
 * round as a whole: the faults, and the question.
 */
#include "bench.h"

#define HEAP	(16 * MIB)
#define CYCLES	50

static void measure(const struct method *m, unsigned int written)
{
	struct sample sample = { 0 };
	const char *why = NULL;
	struct pattern p;
	unsigned int i, k;
	json_t *params;
	struct area a;
	uint64_t begin;
	void *s;

	params = json_pack("{s:i}", "written", (int)written);
	area_map(&a, KIND_ANON, HEAP);
	s = m->begin(&a, &why);
	if (!s) {
		if (why)
			result_none("gc_round", m, params, clock_unit(), why);
		return;
	}
	pattern_make(&p, true, HEAP / PAGE, written);
	m->arm(s);
	for (i = 0; i < sample_rounds(); i++) {
		begin = clock_read();
		for (k = 0; k < CYCLES; k++) {
			pattern_write(&p, &a);
			if (m->scan && m->scan(s, true) < (long)written)
				fail("%s lost writes", m->name);
		}
		sample_add(&sample, (double)(clock_read() - begin) / CYCLES);
	}
	result_sample("gc_round", m, params, &sample);
	pattern_free(&p);
	m->end(s);
	area_unmap(&a);
}

static void run(const struct measure *me, const struct method *m)
{
	measure(m, 40);
	measure(m, 400);
}

const struct measure measure_gc = {
	.name = "gc",
	.title = "write watch of a garbage collector, 16 MiB heap",
	.run = run,
};
