// SPDX-License-Identifier: MIT
/* The beginning: populated memory is made clean for the first time. */
#include "bench.h"

static void measure(const struct method *m, enum kind kind)
{
	size_t len = opts.quick ? 64 * MIB : GIB;
	json_t *params = json_pack("{s:s, s:I}", "memory", kind_name[kind],
				   "mib", (json_int_t)(len / MIB));
	struct sample sample = { 0 };
	const char *why;
	struct area a;
	uint64_t begin;
	unsigned int i;
	void *s;

	why = area_map(&a, kind, len);
	for (i = 0; !why && i < sample_rounds(); i++) {
		/* What was tracked before is read-only otherwise. */
		area_touch(&a);
		s = m->begin(&a, &why);
		if (!s)
			break;
		begin = clock_read();
		m->arm(s);
		sample_add(&sample, (double)(clock_read() - begin) * GIB / len);
		m->end(s);
	}
	if (i == sample_rounds())
		result_sample("arm_gib", m, json_incref(params), &sample);
	else if (why)
		result_none("arm_gib", m, json_incref(params), clock_unit(), why);
	json_decref(params);
}

static void run(const struct measure *me, const struct method *m)
{
	if (m == &method_none)
		return;
	measure(m, KIND_ANON);
	measure(m, KIND_THP);
}

const struct measure measure_arm = {
	.name = "arm",
	.title = "making populated memory clean for the first time, per GiB",
	.run = run,
};
