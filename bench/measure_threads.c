// SPDX-License-Identifier: MIT
/*
 * First writes by several threads at once, each to memory of its own: the time for a
 * page, from the start of the first of them to the end of the last.
 */
#include <pthread.h>
#include <unistd.h>

#include "bench.h"

#define MOST	4

struct writer {
	pthread_t thread;
	struct area part;
	uint64_t begin, end;
};

static pthread_barrier_t barrier;

static void *write_part(void *arg)
{
	struct writer *w = arg;

	pthread_barrier_wait(&barrier);
	w->begin = clock_read();
	area_touch(&w->part);
	w->end = clock_read();
	return NULL;
}

/* From when the first of them begins to when the last is done. */
static uint64_t write_all(const struct area *a, unsigned int threads)
{
	uint64_t begin = UINT64_MAX, end = 0;
	struct writer w[MOST];
	unsigned int i;

	pthread_barrier_init(&barrier, NULL, threads);
	for (i = 0; i < threads; i++) {
		w[i].part = *a;
		w[i].part.len = a->len / threads;
		w[i].part.p += i * w[i].part.len;
		if (pthread_create(&w[i].thread, NULL, write_part, &w[i]))
			fail("no thread");
	}
	for (i = 0; i < threads; i++) {
		pthread_join(w[i].thread, NULL);
		begin = w[i].begin < begin ? w[i].begin : begin;
		end = w[i].end > end ? w[i].end : end;
	}
	pthread_barrier_destroy(&barrier);
	return end - begin;
}

static void measure(const struct method *m, unsigned int threads)
{
	size_t len = (opts.quick ? 16 : 64) * MIB;
	struct sample sample = { 0 };
	const char *why = NULL;
	json_t *params;
	struct area a;
	unsigned int i;
	void *s;

	params = json_pack("{s:i}", "threads", (int)threads);
	area_map(&a, KIND_ANON, len);
	s = m->begin(&a, &why);
	if (!s) {
		if (why)
			result_none("threads_first_write", m, params, clock_unit(), why);
		return;
	}
	for (i = 0; i < sample_rounds(); i++) {
		m->arm(s);
		sample_add(&sample, (double)write_all(&a, threads) * PAGE / len);
	}
	result_median("threads_first_write", m, params, &sample);
	m->end(s);
	area_unmap(&a);
}

static void run(const struct measure *me, const struct method *m)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned int n;

	if (m == &method_wptrack_keep)
		return;
	/* A single one says no more than the measure of faults. */
	for (n = 1; n <= MOST && n <= cpus && cpus > 1; n *= 2)
		measure(m, n);
}

const struct measure measure_threads = {
	.name = "threads",
	.title = "first writes by 1, 2, 4 threads",
	.run = run,
};
