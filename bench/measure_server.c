// SPDX-License-Identifier: MIT
/*
 * A server under load, of whose memory another process takes a snapshot all the time:
 * it asks which pages were written since the last one, and begins anew.  What that costs
 * a request, the server, and who asks.
 */
#include <poll.h>
#include <time.h>

#include "server.h"
#include "watch.h"

#define INTERVAL_MS	100

struct figures {
	struct sample request, cpu, snapshot, pages;
};

static uint64_t own_cpu(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* As many requests as are some snapshots long. */
static void round_of(struct figures *f, const struct server *s, struct watch *w)
{
	unsigned int requests = opts.instructions ? 20000 : 200000, snapshots = 0;
	uint64_t begin, before, cost = 0;
	long pages = 0;
	struct load l;
	struct pollfd p;

	before = server_cpu(s);
	begin = clock_read();
	load_begin(&l, requests);
	p = (struct pollfd){ .fd = l.over };
	while (!poll(&p, 1, INTERVAL_MS)) {
		uint64_t start;

		if (!w)
			continue;
		watch_mappings(w);
		start = own_cpu();
		pages += watch_snapshot(w);
		cost += own_cpu() - start;
		snapshots++;
	}
	sample_add(&f->request, (double)(clock_read() - begin) / requests);
	sample_add(&f->cpu, (double)(server_cpu(s) - before) / requests);
	load_end(&l);
	if (!w)
		return;
	if (!snapshots)
		fail("the load was over before the first snapshot");
	if (!pages)
		fail("nothing was found to be written");
	sample_add(&f->snapshot, (double)cost / snapshots);
	sample_add(&f->pages, (double)pages / snapshots);
}

static void run(const struct measure *me, const struct method *m)
{
	json_t *params = json_pack("{s:i}", "interval_ms", INTERVAL_MS);
	struct watch *w = NULL;
	struct figures f = { 0 };
	const char *why = NULL;
	struct server s;
	unsigned int i;

	if (opts.quick || m == &method_wptrack_keep)
		return;
	if (m != &method_none)
		why = watch_missing(m);
	if (!why)
		why = server_begin(&s);
	if (why) {
		result_none("server_request", m, params, clock_unit(), why);
		return;
	}
	if (m != &method_none)
		w = watch_begin(m, s.pid);
	for (i = 0; i < sample_rounds(); i++)
		round_of(&f, &s, w);
	/* CPU time is counted in instructions, too, where the clock is. */
	result_median("server_request", m, json_incref(params), &f.request);
	result_median("server_cpu", m, json_incref(params), &f.cpu);
	if (w) {
		result_median("server_snapshot", m, json_incref(params), &f.snapshot);
		result("server_pages", m, json_incref(params), sample_median(&f.pages),
		       "pages");
		watch_end(w);
	}
	json_decref(params);
	server_end(&s);
}

const struct measure measure_server = {
	.name = "server",
	.title = "redis-server under load, with a snapshot of it ten times a second",
	.run = run,
};
