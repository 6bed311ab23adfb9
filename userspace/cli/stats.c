// SPDX-License-Identifier: MIT
/* /proc/wptrack/stats: the counters of the module. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "stats.h"

void stats_parse(FILE *f, struct stats *stats)
{
	size_t size = 0, room = 0;
	char *line = NULL;

	*stats = (struct stats){ 0 };
	while (getline(&line, &size, f) > 0) {
		size_t key = strcspn(line, " \t\n");
		size_t gap = strspn(line + key, " \t");
		const char *value = line + key + gap;

		if (!key || !gap)
			continue;
		if (stats->n == room) {
			room = room ? 2 * room : 32;
			stats->v = xrealloc(stats->v, room, sizeof(*stats->v));
		}
		stats->v[stats->n++] = (struct stat_line){
			xstrndup(line, key),
			xstrndup(value, strcspn(value, "\n")),
		};
	}
	free(line);
}

int stats_read(struct stats *stats)
{
	FILE *f = fopen(STATS_PATH, "re");

	*stats = (struct stats){ 0 };
	if (!f)
		return -1;
	stats_parse(f, stats);
	fclose(f);
	return 0;
}

void stats_free(struct stats *stats)
{
	size_t i;

	for (i = 0; i < stats->n; i++) {
		free(stats->v[i].key);
		free(stats->v[i].value);
	}
	free(stats->v);
	*stats = (struct stats){ 0 };
}

int64_t stats_number(const struct stats *stats, const char *key)
{
	size_t i;

	for (i = 0; i < stats->n; i++)
		if (!strcmp(stats->v[i].key, key))
			return strtoll(stats->v[i].value, NULL, 10);
	return 0;
}
