// SPDX-License-Identifier: MIT
/*
 * Asking which pages were written, with and without making them clean again, by the
 * share of pages that were.
 */
#include "bench.h"

static void check(const struct method *m, long found, size_t written)
{
	if (found < (long)written)
		fail("%s reports %ld of %zu written pages", m->name, found, written);
}

static void measure(const struct method *m, void *s, const struct area *a,
		    double percent, bool random)
{
	struct sample plain = { 0 }, reset = { 0 };
	struct pattern p;
	uint64_t begin;
	unsigned int i;
	json_t *params;
	long found;

	pattern_make(&p, random, a->len / PAGE, a->len / PAGE * percent / 100 + 0.5);
	for (i = 0; i < sample_rounds(); i++) {
		pattern_write(&p, a);
		begin = clock_read();
		found = m->scan(s, false);
		sample_add(&plain, clock_read() - begin);
		check(m, found, p.n);
		begin = clock_read();
		found = m->scan(s, true);
		sample_add(&reset, clock_read() - begin);
		check(m, found, p.n);
	}
	params = json_pack("{s:I, s:f, s:s}", "mib", (json_int_t)(a->len / MIB),
			   "percent", percent, "pattern",
			   percent == 0 || percent == 100 ? "all" : p.name);
	result_sample("scan", m, json_incref(params), &plain);
	result_sample("scan_reset", m, params, &reset);
	pattern_free(&p);
}

static void measure_size(const struct method *m, size_t len,
			 const double *percent, size_t n)
{
	const char *why = NULL;
	struct area a;
	size_t i;
	void *s;

	why = area_map(&a, KIND_ANON, len);
	s = why ? NULL : m->begin(&a, &why);
	if (!s) {
		if (why)
			result_none("scan", m, json_pack("{s:I}", "mib",
				    (json_int_t)(len / MIB)), clock_unit(), why);
		return;
	}
	m->arm(s);
	for (i = 0; i < n; i++) {
		measure(m, s, &a, percent[i], false);
		if (percent[i] > 0 && percent[i] < 100)
			measure(m, s, &a, percent[i], true);
	}
	m->end(s);
	area_unmap(&a);
}

static void run(const struct measure *me, const struct method *m)
{
	static const double few[] = { 0, 0.1, 1, 100 };
	static const double all[] = { 0, 0.01, 0.1, 1, 10, 100 };

	/* Where user space handles each write, it has the answer already. */
	if (!m->scan || m->handled || m == &method_wptrack_keep)
		return;
	if (opts.quick) {
		measure_size(m, 64 * MIB, few, sizeof(few) / sizeof(few[0]));
		return;
	}
	measure_size(m, GIB, all, sizeof(all) / sizeof(all[0]));
	if (opts.max_size >= 4 * GIB)
		measure_size(m, 4 * GIB, all, sizeof(all) / sizeof(all[0]));
}

const struct measure measure_scan = {
	.name = "scan",
	.title = "scans, by the share of pages that were written",
	.run = run,
};
