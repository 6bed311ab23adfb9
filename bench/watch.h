/* SPDX-License-Identifier: MIT */
/* What another process writes, by the methods that can tell. */
#ifndef BENCH_WATCH_H
#define BENCH_WATCH_H

#include <sys/types.h>

#include "bench.h"

struct watch;

/* Can @m do this?  NULL, or why not. */
const char *watch_missing(const struct method *m);
/* From here on; @m is one of those for which nothing is missing. */
struct watch *watch_begin(const struct method *m, pid_t pid);
/* Read which mappings it has. */
void watch_mappings(struct watch *w);
/* Count the pages that were written, and make them clean. */
long watch_snapshot(struct watch *w);
void watch_end(struct watch *w);

#endif
