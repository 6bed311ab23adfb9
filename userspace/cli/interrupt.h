/* SPDX-License-Identifier: MIT */
/* Ending in good order on ^C, and waiting without missing it. */
#ifndef INTERRUPT_H
#define INTERRUPT_H

#include <stdbool.h>

enum wait_result {
	WAIT_TIME,		/* the time is over */
	WAIT_READY,		/* the file descriptor is readable */
	WAIT_INTERRUPTED,	/* the user wants to end */
};

/* From here on SIGINT, SIGTERM and SIGHUP are remembered, not deadly. */
void interrupt_catch(void);

/* The signal that asked to end, or 0. */
int interrupted(void);

/* Forget the signal, after it was dealt with. */
void interrupt_clear(void);

/* Wait until clock_now() is @deadline or @fd (unless -1) is readable. */
enum wait_result wait_until(double deadline, int fd);

#endif
