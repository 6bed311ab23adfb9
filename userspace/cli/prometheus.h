/* SPDX-License-Identifier: MIT */
/* The counters in the text format of Prometheus. */
#ifndef PROMETHEUS_H
#define PROMETHEUS_H

#include <stdio.h>

#include "stats.h"

void prometheus_print(FILE *out, const struct stats *stats);

#endif
