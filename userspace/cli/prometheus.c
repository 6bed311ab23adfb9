// SPDX-License-Identifier: MIT
/*
 * The counters in the text format of Prometheus, for the textfile collector of
 * node_exporter.  What the module counts in future is printed without this file's
 * knowing of it.
 */
#include <stdbool.h>
#include <string.h>

#include "prometheus.h"

#define PREFIX	"wptrack_"
#define OVER	"overreport_"

/* What goes up and down; everything else only grows while the module is loaded. */
static const struct {
	const char *key, *help;
} gauges[] = {
	{ "trackers", "Trackers that are attached to a process." },
	{ "spaces", "Address spaces that are tracked." },
	{ "armed", "Pages that are write-protected for tracking." },
	{ "record_bytes", "Memory of the records." },
	{ "max_hold_us", "Longest time, in microseconds, for which a step of a scan held its locks." },
};

static const struct {
	const char *key, *help;
} counters[] = {
	{ "faults", "First writes to pages since their reset." },
	{ "scans", "Scans." },
	{ "reported", "Pages that scans have reported." },
	{ "arms", "Pages that were write-protected." },
	{ "events", "Changes of mappings in tracked address spaces." },
	{ "wakeups", "Wake-ups of who waits for writes." },
	{ OVER "nomem", "Trackers of which all pages read written for want of memory." },
	{ OVER "forked", "Children of which all pages read written, for a reset during the fork." },
	{ "anomalies", "Impossible states that were met. Must be 0." },
};

static const char *gauge_help(const char *key)
{
	size_t i;

	for (i = 0; i < sizeof(gauges) / sizeof(gauges[0]); i++)
		if (!strcmp(key, gauges[i].key))
			return gauges[i].help;
	return NULL;
}

static const char *counter_help(const char *key)
{
	size_t i;

	for (i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		if (!strcmp(key, counters[i].key))
			return counters[i].help;
	return "See wptrack(4).";
}

static void header(FILE *out, const char *name, const char *suffix,
		   const char *type, const char *help)
{
	fprintf(out, "# HELP " PREFIX "%s%s %s\n# TYPE " PREFIX "%s%s %s\n", name,
		suffix, help, name, suffix, type);
}

/* Does it count pages?  Others of that name count trackers. */
static bool is_over(const char *key)
{
	return !strncmp(key, OVER, strlen(OVER)) && strcmp(key, OVER "nomem") &&
	       strcmp(key, OVER "forked");
}

static const char *text_of(const struct stats *stats, const char *key)
{
	size_t i;

	for (i = 0; i < stats->n; i++)
		if (!strcmp(stats->v[i].key, key))
			return stats->v[i].value;
	return "";
}

static bool is_number(const char *value)
{
	return *value && value[strspn(value, "0123456789")] == '\0';
}

void prometheus_print(FILE *out, const struct stats *stats)
{
	const char *key, *value, *help;
	bool over = false;
	size_t i;

	header(out, "info", "", "gauge", "The module that is loaded.");
	fprintf(out, PREFIX "info{version=\"%s\",pte_bit=\"%s\"} 1\n",
		text_of(stats, "version"), text_of(stats, "pte_bit"));
	header(out, "hooks_installed", "", "gauge",
	       "1 while the hook in the write-fault path is there.");
	fprintf(out, PREFIX "hooks_installed %d\n",
		!strcmp(text_of(stats, "hooks"), "installed"));
	for (i = 0; i < stats->n; i++) {
		key = stats->v[i].key;
		value = stats->v[i].value;
		if (!is_number(value) || !strcmp(key, "pte_bit") ||
		    is_over(key))
			continue;
		help = gauge_help(key);
		header(out, key, help ? "" : "_total", help ? "gauge" : "counter",
		       help ? help : counter_help(key));
		fprintf(out, PREFIX "%s%s %s\n", key, help ? "" : "_total", value);
	}
	for (i = 0; i < stats->n; i++) {
		key = stats->v[i].key;
		if (!is_over(key) || !is_number(stats->v[i].value))
			continue;
		if (!over)
			header(out, "overreport_pages", "_total", "counter",
			       "Pages reported written that nobody was seen writing, by cause.");
		over = true;
		fprintf(out, PREFIX "overreport_pages_total{cause=\"%s\"} %s\n",
			key + strlen(OVER), stats->v[i].value);
	}
}
