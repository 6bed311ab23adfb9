// SPDX-License-Identifier: MIT
/*
 * Results are one JSON object a line on standard output, in the process of a
 * measure; run.c collects them.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"

static void line(json_t *o)
{
	json_dumpf(o, stdout, JSON_COMPACT);
	putchar('\n');
	fflush(stdout);
	json_decref(o);
}

void result(const char *metric, const struct method *m, json_t *params,
	    double value, const char *unit)
{
	line(json_pack("{s:s, s:s, s:o, s:f, s:s}", "metric", metric,
		       "method", m->name, "params", params, "value", value,
		       "unit", unit));
}

void result_none(const char *metric, const struct method *m, json_t *params,
		 const char *unit, const char *why)
{
	line(json_pack("{s:s, s:s, s:o, s:n, s:s, s:s}", "metric", metric,
		       "method", m->name, "params", params, "value",
		       "unit", unit, "why", why));
}

void result_sample(const char *metric, const struct method *m, json_t *params,
		   const struct sample *s)
{
	result(metric, m, params,
	       opts.instructions ? sample_least(s) : sample_median(s), clock_unit());
}

void result_median(const char *metric, const struct method *m, json_t *params,
		   const struct sample *s)
{
	result(metric, m, params, sample_median(s), clock_unit());
}

void fail(const char *fmt, ...)
{
	va_list ap;

	fputs("bench: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(EXIT_FAILURE);
}
