// SPDX-License-Identifier: MIT
/* wptrack trackers: who tracks whom. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "json.h"

#define PATH		"/proc/wptrack/trackers"
#define COLUMNS		32

static const struct argp_option options[] = {
	OPT_JSON,
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	return common_parse(key, arg, state, state->input);
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc = "Show the open trackers (" PATH "): all of them to root, to others "
	       "their own."
	       "\vwptrack(4) explains the columns.",
};

/* Take a line apart; returns the number of words. */
static size_t words(char *line, char **word)
{
	size_t n = 0;
	char *save;

	for (line = strtok_r(line, " \n", &save); line && n < COLUMNS;
	     line = strtok_r(NULL, " \n", &save))
		word[n++] = line;
	return n;
}

static json_t *value(const char *word)
{
	char *end;
	long long n = strtoll(word, &end, 10);

	if (!strcmp(word, "-"))
		return json_null();
	return end != word && !*end ? json_integer(n) : json_text(word);
}

static void row(char **word, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		printf("%*s%s", i ? 12 : 6, word[i], i + 1 < n ? " " : "\n");
}

static bool print(FILE *f, bool json)
{
	char *heading = NULL, *line = NULL, *name[COLUMNS], *word[COLUMNS];
	size_t size = 0, room = 0, n, i, columns;
	bool ok = true;

	if (getline(&heading, &size, f) < 0)
		heading = xstrndup("", 0);
	columns = words(heading, name);
	if (!json)
		row(name, columns);
	while (ok && getline(&line, &room, f) > 0) {
		n = words(line, word);
		if (json) {
			json_t *o = json_object();

			for (i = 0; i < n && i < columns; i++)
				json_object_set_new(o, name[i], value(word[i]));
			ok = json_line(stdout, o);
		} else {
			row(word, n);
		}
	}
	free(heading);
	free(line);
	return ok && !fflush(stdout);
}

int cmd_trackers(int argc, char **argv)
{
	struct common c = { 0 };
	bool ok;
	FILE *f;

	argp_parse(&argp, argc, argv, 0, NULL, &c);
	f = fopen(PATH, "re");
	if (!f) {
		if (errno == ENOENT)
			complain(PATH " does not exist: the wptrack module is not loaded, or is older than this command; run 'modprobe wptrack' as root");
		else
			complain("cannot read " PATH ": %s", strerror(errno));
		return EXIT_ERROR;
	}
	ok = print(f, c.json);
	fclose(f);
	return ok ? EXIT_OK : EXIT_ERROR;
}
