/* SPDX-License-Identifier: MIT */
/* One line on a terminal that says what a long operation is doing. */
#ifndef PROGRESS_H
#define PROGRESS_H

/*
 * Show the line in place of the one before; at most ten times a second, and
 * only if standard error is a terminal.
 */
__attribute__((format(printf, 1, 2)))
void progress(const char *fmt, ...);

/* Take the line away, before anything else is printed. */
void progress_clear(void);

#endif
