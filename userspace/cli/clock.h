/* SPDX-License-Identifier: MIT */
/* Time as the command uses it: seconds of the monotonic clock. */
#ifndef CLOCK_H
#define CLOCK_H

#include <time.h>

static inline double clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static inline struct timespec clock_span(double seconds)
{
	struct timespec ts = { 0 };

	if (seconds > 0) {
		ts.tv_sec = (time_t)seconds;
		ts.tv_nsec = (long)((seconds - ts.tv_sec) * 1e9);
	}
	return ts;
}

#endif
