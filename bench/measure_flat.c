// SPDX-License-Identifier: MIT
/*
 * A scan with reset over memory of growing size, of which a fixed number of pages
 * was written: does the cost grow with what was written, or with the range?
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"

#define WRITTEN	1000

static void measure(const struct method *m, const struct area *a, const char *memory)
{
	json_t *params = json_pack("{s:s, s:I, s:i}", "memory", memory, "mib",
				   (json_int_t)(a->len / MIB), "written", WRITTEN);
	struct sample sample = { 0 };
	const char *why = NULL;
	struct pattern p;
	uint64_t begin;
	unsigned int i;
	long found;
	void *s;

	s = m->begin(a, &why);
	if (!s) {
		if (why)
			result_none("flat", m, json_incref(params), clock_unit(), why);
		json_decref(params);
		return;
	}
	pattern_make(&p, true, a->len / PAGE, WRITTEN);
	m->arm(s);
	/* The first one may see what the filling has left. */
	m->scan(s, true);
	for (i = 0; i < sample_rounds(); i++) {
		pattern_write(&p, a);
		begin = clock_read();
		found = m->scan(s, true);
		sample_add(&sample, clock_read() - begin);
		if (found < WRITTEN)
			fail("%s reports %ld of %d written pages", m->name, found,
			     WRITTEN);
	}
	result_sample("flat", m, params, &sample);
	pattern_free(&p);
	m->end(s);
}

/* More than there is memory: a GiB of shared memory, mapped again and again. */
static void measure_mapped(const struct method *m, size_t times)
{
	struct area a = { .len = times * GIB, .kind = KIND_SHMEM, .page = PAGE };
	int fd = memfd_create("bench", MFD_CLOEXEC);
	size_t i;

	if (fd < 0 || ftruncate(fd, GIB))
		fail("memfd: %s", strerror(errno));
	a.p = mmap(NULL, a.len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS |
		   MAP_NORESERVE, -1, 0);
	for (i = 0; i < times && a.p != MAP_FAILED; i++)
		if (mmap(a.p + i * GIB, GIB, PROT_READ | PROT_WRITE, MAP_SHARED |
			 MAP_FIXED | MAP_POPULATE, fd, 0) == MAP_FAILED)
			fail("mmap: %s", strerror(errno));
	close(fd);
	measure(m, &a, "shmem, one GiB mapped again and again");
	area_unmap(&a);
}

static void run(const struct measure *me, const struct method *m)
{
	struct area a;
	size_t len;

	if (!m->scan || m->handled || m == &method_wptrack_keep)
		return;
	for (len = opts.quick ? 64 * MIB : 256 * MIB; len <= opts.max_size; len *= 2) {
		if (area_map(&a, KIND_ANON, len))
			break;
		measure(m, &a, "anon");
		area_unmap(&a);
		if (opts.quick && len >= 256 * MIB)
			return;
	}
	if (m != &method_softdirty && opts.max_size >= 4 * GIB)
		measure_mapped(m, 16);
}

const struct measure measure_flat = {
	.name = "flat",
	.title = "scan with reset of growing memory, 1000 pages written",
	.run = run,
};
