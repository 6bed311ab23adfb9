// SPDX-License-Identifier: MIT
/* The first write to a page after it was made clean, and the writes after that. */
#include "bench.h"

static size_t size_of(enum kind kind)
{
	switch (kind) {
	case KIND_THP:
		return (opts.quick ? 16 : 64) * HUGE;
	case KIND_HUGETLB:
		return 16 * HUGE;
	default:
		return (opts.quick ? 16 : 64) * MIB;
	}
}

static void measure(const struct method *m, enum kind kind)
{
	json_t *params = json_pack("{s:s}", "memory", kind_name[kind]);
	struct sample first = { 0 }, later = { 0 };
	size_t len = size_of(kind);
	const char *why = NULL;
	struct area a;
	uint64_t begin;
	unsigned int i;
	void *s;

	for (i = 0; i < sample_rounds(); i++) {
		/* New memory each time: a huge page that was split stays split. */
		why = area_map(&a, kind, len);
		if (why)
			break;
		s = m->begin(&a, &why);
		if (!s) {
			area_unmap(&a);
			break;
		}
		m->arm(s);
		begin = clock_read();
		area_touch(&a);
		sample_add(&first, (double)(clock_read() - begin) * a.page / len);
		begin = clock_read();
		area_touch(&a);
		sample_add(&later, (double)(clock_read() - begin) * a.page / len);
		m->end(s);
		area_unmap(&a);
	}
	if (i == sample_rounds()) {
		result_sample("first_write", m, json_incref(params), &first);
		result_sample("later_write", m, json_incref(params), &later);
	} else if (why) {
		result_none("first_write", m, json_incref(params), clock_unit(), why);
	}
	json_decref(params);
}

static void run(const struct measure *me, const struct method *m)
{
	enum kind kind;

	for (kind = 0; kind < KIND_NR; kind++)
		measure(m, kind);
}

const struct measure measure_fault = {
	.name = "fault",
	.title = "first and later writes, by kind of memory",
	.run = run,
};
