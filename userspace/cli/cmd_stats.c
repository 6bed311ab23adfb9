// SPDX-License-Identifier: MIT
/* wptrack stats: the counters of the module. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "json.h"
#include "prometheus.h"
#include "stats.h"

struct options {
	struct common c;
	bool prometheus;
};

enum { KEY_PROMETHEUS = 0x200 };

static const struct argp_option options[] = {
	OPT_JSON,
	{ "prometheus", KEY_PROMETHEUS, NULL, 0,
	  "Print the text format of Prometheus", 0 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	if (key == KEY_PROMETHEUS) {
		o->prometheus = true;
		return 0;
	}
	if (key == ARGP_KEY_END && o->prometheus && o->c.json)
		argp_error(state, "--json and --prometheus exclude each other");
	return common_parse(key, arg, state, &o->c);
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc = "Show the counters of the wptrack module (" STATS_PATH ")."
	       "\vwptrack(4) explains the counters.",
};

static json_t *value_json(const char *value)
{
	char *end;
	long long n = strtoll(value, &end, 10);

	return end != value && !*end ? json_integer(n) : json_text(value);
}

int cmd_stats(int argc, char **argv)
{
	struct options opts = { 0 };
	struct stats stats;
	bool ok = true;
	size_t i;

	argp_parse(&argp, argc, argv, 0, NULL, &opts);
	if (stats_read(&stats)) {
		if (errno == ENOENT)
			complain(STATS_PATH " does not exist: the wptrack module is not loaded; run 'modprobe wptrack' as root");
		else
			complain("cannot read " STATS_PATH ": %s",
				 strerror(errno));
		return EXIT_ERROR;
	}
	if (opts.prometheus) {
		prometheus_print(stdout, &stats);
		ok = !fflush(stdout);
	} else if (opts.c.json) {
		json_t *o = json_object();

		for (i = 0; i < stats.n; i++)
			json_object_set_new(o, stats.v[i].key,
					    value_json(stats.v[i].value));
		ok = json_line(stdout, o);
	} else {
		for (i = 0; i < stats.n; i++)
			printf("%-28s %s\n", stats.v[i].key, stats.v[i].value);
		ok = !fflush(stdout);
	}
	stats_free(&stats);
	return ok ? EXIT_OK : EXIT_ERROR;
}
