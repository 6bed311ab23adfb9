/* SPDX-License-Identifier: MIT */
/* /proc/wptrack/stats: the counters of the module. */
#ifndef STATS_H
#define STATS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define STATS_PATH	"/proc/wptrack/stats"

struct stat_line {
	char *key, *value;
};

struct stats {
	struct stat_line *v;
	size_t n;
};

/* Lines "key value" of a file. */
void stats_parse(FILE *f, struct stats *stats);

/* Of the module: 0, or -1 and errno. */
int stats_read(struct stats *stats);

void stats_free(struct stats *stats);

/* A value as a number; 0 if it is missing or none. */
int64_t stats_number(const struct stats *stats, const char *key);

#endif
