/* SPDX-License-Identifier: MIT */
/* What the files of the command share: exit codes, subcommands, options. */
#ifndef CLI_H
#define CLI_H

#include <argp.h>
#include <stdbool.h>
#include <sys/types.h>

/* Exit codes; wptrack(1) documents them.  "run" passes that of its command. */
enum {
	EXIT_OK		= 0,
	EXIT_MISSED	= 1,	/* verify: a change was not reported; wait: time is over */
	EXIT_ERROR	= 2,	/* no device, no permission, ... */
	EXIT_GONE	= 3,	/* the target ended before the work was done */
	EXIT_USAGE	= 64,
	EXIT_RUN_ERROR	= 125,	/* run: wptrack itself failed */
	EXIT_NO_EXEC	= 126,	/* run: the command cannot be executed */
	EXIT_NO_COMMAND	= 127,	/* run: there is no such command */
	EXIT_SIGNAL	= 128,	/* + number of the signal that ended it */
};

struct command {
	const char *name;
	const char *summary;
	int (*run)(int argc, char **argv);
};

int cmd_run(int argc, char **argv);
int cmd_watch(int argc, char **argv);
int cmd_scan(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_wait(int argc, char **argv);
int cmd_bench(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_stats(int argc, char **argv);
int cmd_trackers(int argc, char **argv);

/* Options that several subcommands have, with the defaults filled in first. */
struct common {
	bool of_process;	/* set before: --pid has to be given */
	pid_t pid;
	double interval;	/* seconds */
	unsigned long count;	/* 0: no limit */
	bool json;
	bool keep_huge;
	const char *device;	/* NULL: the usual one */
};

enum {
	KEY_PID		= 'p',
	KEY_INTERVAL	= 'i',
	KEY_COUNT	= 'n',
	KEY_JSON	= 'j',
	KEY_DEVICE	= 0x100,
	KEY_KEEP_HUGE	= 0x101,
};

#define OPT_PID \
	{ "pid", KEY_PID, "PID", 0, "The process to track", 0 }
#define OPT_JSON \
	{ "json", KEY_JSON, NULL, 0, "Print JSON", 0 }
#define OPT_DEVICE \
	{ "device", KEY_DEVICE, "PATH", 0, \
	  "Use this device instead of " WPTRACK_DEVICE, 0 }
#define OPT_KEEP_HUGE \
	{ "keep-huge", KEY_KEEP_HUGE, NULL, 0, \
	  "Do not split huge pages: each is written as a whole", 0 }

/* Parse one of the common options; for the end of a subcommand's parser. */
error_t common_parse(int key, char *arg, struct argp_state *state,
		     struct common *c);

/* Parse what option @name is given, at least @min: seconds, a whole number; or exit. */
double parse_seconds(const char *name, const char *arg, double min,
		     struct argp_state *state);
unsigned long parse_number(const char *name, const char *arg, unsigned long min,
			   struct argp_state *state);

/* A sentence on standard error, after "wptrack: ". */
__attribute__((format(printf, 1, 2)))
void complain(const char *fmt, ...);

/* malloc() and friends for a command that cannot go on without. */
void *xrealloc(void *p, size_t n, size_t size);
char *xstrndup(const char *s, size_t len);

#endif
