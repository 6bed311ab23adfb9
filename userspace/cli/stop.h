/* SPDX-License-Identifier: MIT */
/* Stopping all threads of a process for a moment. */
#ifndef STOP_H
#define STOP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct stopped_thread {
	pid_t tid;
	bool stopped;
	int sig;	/* a signal that was about to be delivered, or 0 */
};

struct stopped {
	pid_t pid;
	struct stopped_thread *v;
	size_t n, room;
};

/*
 * Stop every thread of @pid.  0, or a sentence on standard error and an exit
 * code (EXIT_GONE without a sentence), and then all of them run again.
 */
int stop_all(struct stopped *s, pid_t pid);

/* Let them go on as if nothing had happened. */
void stop_release(struct stopped *s);

#endif
