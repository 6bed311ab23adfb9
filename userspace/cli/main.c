// SPDX-License-Identifier: MIT
/* The wptrack command: finds the subcommand. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libwptrack.h>

#include "cli.h"

static const struct command commands[] = {
	{ "run", "Run a program and show what it wrote", cmd_run },
	{ "watch", "Show what a process writes, again and again", cmd_watch },
	{ "scan", "List the memory that a process writes in some seconds", cmd_scan },
	{ "verify", "Prove on a process that no write goes unreported", cmd_verify },
	{ "wait", "Wait until a process has written so many pages", cmd_wait },
	{ "bench", "Measure what tracking costs on this kernel", cmd_bench },
	{ "info", "Show what the module can do on this kernel", cmd_info },
	{ "stats", "Show the counters of the module", cmd_stats },
	{ "trackers", "Show who tracks whom", cmd_trackers },
};

static void print_version(FILE *out, struct argp_state *state)
{
	fprintf(out, "wptrack %s\n", wptrack_version());
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	size_t i, *chosen = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
			if (strcmp(arg, commands[i].name))
				continue;
			*chosen = i;
			/* The rest belongs to the subcommand. */
			state->next = state->argc;
			return 0;
		}
		/* As --help, for those who are used to it. */
		if (!strcmp(arg, "help"))
			argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
		argp_error(state, "there is no command '%s'", arg);
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_usage(state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* The list of commands comes from the table above. */
static char *help_filter(int key, const char *text, void *input)
{
	char *out = NULL;
	size_t len, i;
	FILE *f;

	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)text;
	f = open_memstream(&out, &len);
	if (!f)
		return NULL;
	fputs("Commands:\n", f);
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(f, "  %-8s %s\n", commands[i].name,
			commands[i].summary);
	fputs("\n'wptrack COMMAND --help' shows the options of a command, 'man wptrack' all of it.",
	      f);
	fclose(f);
	return out;
}

static const struct argp argp = {
	.parser = parse,
	.args_doc = "COMMAND [ARGUMENT...]",
	.doc = "Show which pages of memory a program writes, through the wptrack kernel module."
	       "\v",
	.help_filter = help_filter,
};

int main(int argc, char **argv)
{
	char name[32];
	size_t chosen = 0;
	int first = 0;

	argp_err_exit_status = EXIT_USAGE;
	argp_program_version_hook = print_version;
	/* In order, so that the options of a subcommand are left to it. */
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, &first, &chosen);

	for (first = 1; first < argc; first++)
		if (!strcmp(argv[first], commands[chosen].name))
			break;
	snprintf(name, sizeof(name), "wptrack %s", commands[chosen].name);
	argv[first] = name;
	return commands[chosen].run(argc - first, argv + first);
}
