// SPDX-License-Identifier: MIT
/* fork() by a process that is tracked, and its writes after it. */
#include <sys/param.h>

#include "other.h"

#define ROUNDS	17u

static void run(const struct measure *me, const struct method *m)
{
	size_t len = (opts.quick ? 16 : 64) * MIB;
	struct sample forks = { 0 }, writes = { 0 };
	const char *why = NULL;
	struct other child;
	json_t *params;
	struct area a;
	uint64_t begin;
	unsigned int i;
	void *s;

	/* A child's writes would go to the handler of the parent. */
	if (m->handled || m == &method_wptrack_keep)
		return;
	params = json_pack("{s:I}", "mib", (json_int_t)(len / MIB));
	area_map(&a, KIND_ANON, len);
	s = m->begin(&a, &why);
	if (!s) {
		result_none("fork", m, params, clock_unit(), why);
		return;
	}
	/* Most of them pay for a batch of the page allocator, 4 % of it. */
	for (i = 0; i < MAX(sample_rounds(), ROUNDS); i++) {
		m->arm(s);
		begin = clock_read();
		child = other_begin();
		sample_add(&forks, clock_read() - begin);
		begin = clock_read();
		area_touch(&a);
		sample_add(&writes, (double)(clock_read() - begin) * PAGE / len);
		other_end(&child);
	}
	result_sample("fork", m, json_incref(params), &forks);
	result_sample("fork_write", m, params, &writes);
	m->end(s);
	area_unmap(&a);
}

const struct measure measure_fork = {
	.name = "fork",
	.title = "fork of a tracked process, and its writes while the child lives",
	.run = run,
};
