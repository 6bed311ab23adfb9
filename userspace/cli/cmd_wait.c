// SPDX-License-Identifier: MIT
/* wptrack wait: sleep until a process has written so many pages. */
#include <stdio.h>

#include "clock.h"
#include "target.h"

struct options {
	struct common c;
	unsigned long pages;
	double timeout;
};

enum { KEY_PAGES = 0x200, KEY_TIMEOUT = 't' };

static const struct argp_option options[] = {
	OPT_PID,
	{ "pages", KEY_PAGES, "N", 0, "Wait for so many pages (1)", 0 },
	{ "timeout", KEY_TIMEOUT, "SECONDS", 0, "Wait no longer than this", 0 },
	OPT_KEEP_HUGE,
	OPT_DEVICE,
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case KEY_PAGES:
		o->pages = parse_number("--pages", arg, 1, state);
		return 0;
	case KEY_TIMEOUT:
		o->timeout = parse_seconds("--timeout", arg, 0, state);
		return 0;
	default:
		return common_parse(key, arg, state, &o->c);
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc = "Wait until a process has written so many pages."
	       "\vPages that have data when the command begins count, at their first "
	       "write.  Memory that is filled for the first time does not.",
};

/* EXIT_*: the wait is over. */
static int wait_for(struct target *t, const struct options *o)
{
	double begin = clock_now();
	int err = wptrack_notify(t->w, o->pages, -1);

	if (err)
		return target_failed(t, err);
	/* What is written between the two would never be newly written again. */
	err = target_track(t, &o->c);
	if (err)
		return err;
	switch (wait_until(begin + o->timeout, wptrack_fd(t->w))) {
	case WAIT_INTERRUPTED:
		return EXIT_SIGNAL + interrupted();
	case WAIT_TIME:
		if (o->pages > 1)
			printf("process %d (%s) wrote fewer than %lu pages in %.2f s\n",
			       t->pid, t->comm, o->pages, clock_now() - begin);
		else
			printf("process %d (%s) wrote nothing in %.2f s\n", t->pid,
			       t->comm, clock_now() - begin);
		return fflush(stdout) ? EXIT_ERROR : EXIT_MISSED;
	default:
		break;
	}
	/* Readable, or its end. */
	err = wptrack_notify(t->w, 0, -1);
	if (err)
		return target_failed(t, err);
	printf("process %d (%s) wrote %lu page%s in %.2f s\n", t->pid, t->comm,
	       o->pages, o->pages == 1 ? "" : "s", clock_now() - begin);
	return fflush(stdout) ? EXIT_ERROR : EXIT_OK;
}

int cmd_wait(int argc, char **argv)
{
	/* As good as for ever. */
	struct options o = { .c.of_process = true, .pages = 1, .timeout = 1e6 };
	struct target t;
	int code;

	argp_parse(&argp, argc, argv, 0, NULL, &o);
	interrupt_catch();
	code = target_attach(&t, o.c.pid, o.c.device);
	if (code)
		return code;
	code = wait_for(&t, &o);
	if (code == EXIT_GONE && target_gone(&t))
		complain("process %d (%s) has exited", t.pid, t.comm);
	target_close(&t);
	return code;
}
