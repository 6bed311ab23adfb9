/* SPDX-License-Identifier: MIT */
/* One process and the tracker that watches its whole address space. */
#ifndef TARGET_H
#define TARGET_H

#include <stdbool.h>
#include <sys/types.h>

#include <libwptrack.h>

#include "cli.h"
#include "interrupt.h"
#include "regions.h"

struct target {
	pid_t pid;
	int pidfd;
	char comm[32];
	struct wptrack *w;
	uint64_t page_size;
};

/*
 * Open a tracker and attach it; it tracks nothing yet.  0, or a sentence on
 * standard error and an exit code.
 */
int target_attach(struct target *t, pid_t pid, const char *device);

/* Track all of the address space; as target_attach(). */
int target_track(struct target *t, const struct common *c);

/* Both at once, for a command with --pid; catches signals, too. */
int target_open(struct target *t, const struct common *c);

/* Ends the tracking. */
void target_close(struct target *t);

/*
 * Has it exited?  Waits a moment if not, for use after ESRCH: the memory goes
 * before the process counts as exited.
 */
bool target_gone(const struct target *t);

/* Wait until clock_now() is @deadline; WAIT_READY: the target has exited. */
enum wait_result target_wait(const struct target *t, double deadline);

/*
 * The written pages of the whole address space with the categories that
 * tally_make() wants.  0 or an exit code; says nothing if the target is gone.
 */
int target_scan(struct target *t, struct regions *out, bool reset);

/*
 * After a failed call on t->w: EXIT_GONE if the target has exited (no word),
 * otherwise a sentence and an exit code.
 */
int target_failed(const struct target *t, int err);

#endif
