// SPDX-License-Identifier: MIT
/*
 * First writes by several threads at once, each to memory of its own: the time for a
 * page, from the start of all of them to the end of the last.
 */
#include <pthread.h>
#include <unistd.h>

#include "bench.h"

#define MOST	4

static struct {
	pthread_barrier_t barrier;
	struct area part[MOST];
} work;

static void *writer(void *arg)
{
	pthread_barrier_wait(&work.barrier);
	area_touch(arg);
	pthread_barrier_wait(&work.barrier);
	return NULL;
}

static uint64_t write_all(const struct area *a, unsigned int threads)
{
	pthread_t t[MOST];
	uint64_t begin;
	unsigned int i;

	pthread_barrier_init(&work.barrier, NULL, threads + 1);
	for (i = 0; i < threads; i++) {
		work.part[i] = *a;
		work.part[i].len = a->len / threads;
		work.part[i].p += i * work.part[i].len;
		if (pthread_create(&t[i], NULL, writer, &work.part[i]))
			fail("no thread");
	}
	pthread_barrier_wait(&work.barrier);
	begin = clock_read();
	pthread_barrier_wait(&work.barrier);
	begin = clock_read() - begin;
	for (i = 0; i < threads; i++)
		pthread_join(t[i], NULL);
	pthread_barrier_destroy(&work.barrier);
	return begin;
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
	result_sample("threads_first_write", m, params, &sample);
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
