// SPDX-License-Identifier: MIT
/* One line on a terminal that says what a long operation is doing. */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include "clock.h"
#include "progress.h"
#include "terminal.h"

static bool shown;
static double shown_at;

void progress(const char *fmt, ...)
{
	static int drawable = -1;
	unsigned int width, height;
	double now = clock_now();
	va_list ap;

	if (drawable < 0) {
		terminal_size(stderr, &width, &height);
		drawable = height > 0;
	}
	if (!drawable || now - shown_at < 0.1)
		return;
	shown_at = now;
	shown = true;
	fputs("\r\033[K", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fflush(stderr);
}

void progress_clear(void)
{
	if (!shown)
		return;
	shown = false;
	shown_at = 0;
	fputs("\r\033[K", stderr);
	fflush(stderr);
}
