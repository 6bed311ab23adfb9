/* SPDX-License-Identifier: MIT */
/* The live view of "watch" and "run": scan, reset, show, again. */
#ifndef LIVE_H
#define LIVE_H

#include "table.h"
#include "target.h"

#define LIVE_HISTORY	40	/* intervals in the line that shows the rate */

struct live {
	FILE *out;
	bool json;
	bool screen;		/* redraw in place */
	bool utf8;
	double start, last;	/* of the whole view, of the current interval */
	unsigned long frames;
	double rate[LIVE_HISTORY];	/* pages per second, a ring */
};

/* @screen: draw in place if @out is a terminal. */
void live_start(struct live *live, const struct target *t, FILE *out, bool json,
		bool screen);

/*
 * Scan with a reset and show what was written since the frame before.  0 or an
 * exit code, as target_scan() gives it.
 */
int live_frame(struct live *live, struct target *t);

#endif
