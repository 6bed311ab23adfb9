// SPDX-License-Identifier: MIT
/* wptrack watch: a live table of what a process writes. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "fmt.h"
#include "live.h"
#include "target.h"

static const struct argp_option options[] = {
	OPT_PID,
	{ "interval", KEY_INTERVAL, "SECONDS", 0,
	  "Time between two lines or screens (1)", 0 },
	{ "count", KEY_COUNT, "N", 0, "End after N of them", 0 },
	OPT_JSON,
	OPT_KEEP_HUGE,
	OPT_DEVICE,
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	return common_parse(key, arg, state, state->input);
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc = "Show which memory a process writes, again and again."
	       "\vThe table has a line for each mapping that was written since the "
	       "last one, most written first.  WHERE is a picture of the mapping "
	       "from its first to its last page: the darker, the more of it was "
	       "written.  It ends with the process, after --count or by ^C; the "
	       "process goes on as before.",
};

int cmd_watch(int argc, char **argv)
{
	struct common c = { .of_process = true, .interval = 1 };
	struct live live;
	struct target t;
	double next;
	int code;

	argp_parse(&argp, argc, argv, 0, NULL, &c);
	code = target_open(&t, &c);
	if (code)
		return code;

	live_start(&live, &t, stdout, c.json, true);
	next = live.last;
	while (!c.count || live.frames < c.count) {
		enum wait_result r;

		next += c.interval;
		r = target_wait(&t, next);
		if (r == WAIT_INTERRUPTED)
			break;
		code = r == WAIT_READY ? EXIT_GONE : live_frame(&live, &t);
		if (code)
			break;
		if (next < clock_now())		/* a scan took its time */
			next = clock_now();
	}
	/* That the process ended is no failure of watching it. */
	if (code == EXIT_GONE && target_gone(&t)) {
		complain("process %d (%s) has exited", t.pid, t.comm);
		code = EXIT_OK;
	}
	target_close(&t);
	return code;
}
