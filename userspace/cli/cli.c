// SPDX-License-Identifier: MIT
/* Options that several subcommands have, and other common ground. */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "progress.h"

double parse_seconds(const char *name, const char *arg, double min,
		     struct argp_state *state)
{
	char *end;
	double s = strtod(arg, &end);

	if (end == arg || *end || !isfinite(s) || s < min || s > 1e6)
		argp_error(state, "%s=%s: that is no number of seconds from %g to 1000000",
			   name, arg, min);
	return s;
}

unsigned long parse_number(const char *name, const char *arg, unsigned long min,
			   struct argp_state *state)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(arg, &end, 10);
	if (arg[0] < '0' || arg[0] > '9' || *end || errno || n < min)
		argp_error(state, "%s=%s: that is no whole number from %lu up", name,
			   arg, min);
	return n;
}

static pid_t parse_pid(const char *arg, struct argp_state *state)
{
	unsigned long pid = parse_number("--pid", arg, 1, state);

	/* What is cut off must not name another process. */
	if (pid > INT_MAX)
		argp_error(state, "'%s' is too large for a process ID", arg);
	return pid;
}

/* Nobody wants this word.  A number is often meant for a process. */
static void refuse_argument(const char *arg, const struct argp_state *state,
			    const struct common *c)
{
	if (c->of_process && *arg && !arg[strspn(arg, "0123456789")])
		argp_error(state, "what is '%s'? A process is given as --pid=%s", arg, arg);
	else
		argp_error(state, "what is '%s'? There is no argument here", arg);
}

error_t common_parse(int key, char *arg, struct argp_state *state,
		     struct common *c)
{
	switch (key) {
	case KEY_PID:
		c->pid = parse_pid(arg, state);
		return 0;
	case KEY_INTERVAL:
		c->interval = parse_seconds("--interval", arg, 0.01, state);
		return 0;
	case KEY_COUNT:
		c->count = parse_number("--count", arg, 1, state);
		return 0;
	case KEY_JSON:
		c->json = true;
		return 0;
	case KEY_KEEP_HUGE:
		c->keep_huge = true;
		return 0;
	case KEY_DEVICE:
		c->device = arg;
		return 0;
	case ARGP_KEY_ARG:
		refuse_argument(arg, state, c);
		return 0;
	case ARGP_KEY_END:
		if (c->of_process && !c->pid)
			argp_error(state, "which process? Give --pid=PID");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

void complain(const char *fmt, ...)
{
	va_list ap;

	progress_clear();
	fflush(stdout);
	fputs("wptrack: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void *xrealloc(void *p, size_t n, size_t size)
{
	p = reallocarray(p, n ? n : 1, size);
	if (!p) {
		complain("out of memory");
		exit(EXIT_ERROR);
	}
	return p;
}

char *xstrndup(const char *s, size_t len)
{
	char *p = xrealloc(NULL, len + 1, 1);

	memcpy(p, s, len);
	p[len] = '\0';
	return p;
}
