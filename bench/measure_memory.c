// SPDX-License-Identifier: MIT
/* Memory of the kernel that tracking takes, as a share of what is tracked. */
#include <stdio.h>

#include "bench.h"

static long number_after(const char *file, const char *format)
{
	char line[256];
	long value = 0;
	FILE *f = fopen(file, "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, format, &value) == 1)
			break;
	if (f)
		fclose(f);
	return value;
}

/* Page tables of this process, and records of the module. */
static long kernel_bytes(void)
{
	return number_after("/proc/self/status", "VmPTE: %ld") * 1024 +
	       number_after("/proc/wptrack/stats", "record_bytes %ld");
}

static void measure(const struct method *m, const struct area *a, const char *memory)
{
	json_t *params = json_pack("{s:s, s:I}", "memory", memory, "mib",
				   (json_int_t)(a->len / MIB));
	const char *why = NULL;
	long before;
	void *s;

	s = m->begin(a, &why);
	if (!s) {
		result_none("metadata", m, params, "percent", why);
		return;
	}
	before = kernel_bytes();
	m->arm(s);
	m->scan(s, true);
	result("metadata", m, params, 100.0 * (kernel_bytes() - before) / a->len,
	       "percent");
	m->end(s);
}

static void run(const struct measure *me, const struct method *m)
{
	struct area a;

	if (m == &method_none || m->handled || m == &method_wptrack_keep)
		return;
	area_map(&a, KIND_ANON, 256 * MIB);
	measure(m, &a, "populated");
	area_unmap(&a);
	area_map_empty(&a, 256 * MIB);
	measure(m, &a, "empty");
	area_unmap(&a);
}

const struct measure measure_memory = {
	.name = "memory",
	.title = "kernel memory that tracking takes",
	.run = run,
};
