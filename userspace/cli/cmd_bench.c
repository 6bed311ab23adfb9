// SPDX-License-Identifier: MIT
/* wptrack bench: this module and its peers, side by side on this kernel. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bench.h>

#include "cli.h"
#include "json.h"

enum {
	KEY_MEASURE	= 'm',
	KEY_METHOD	= 'M',
	KEY_REPEAT	= 'r',
	KEY_QUICK	= 'q',
	KEY_INSTRUCTIONS = 0x200,
	KEY_DIRECTORY	= 'd',
	KEY_SIZE	= 's',
};

static const struct argp_option options[] = {
	{ "measure", KEY_MEASURE, "LIST", 0,
	  "Take only these measures (names with commas between)", 0 },
	{ "method", KEY_METHOD, "LIST", 0, "Use only these methods", 0 },
	{ "quick", KEY_QUICK, NULL, 0, "Less memory, fewer figures", 0 },
	{ "repeat", KEY_REPEAT, "N", 0, "Repeat each figure N times (3)", 0 },
	{ "size", KEY_SIZE, "MIB", 0, "Fill at most so much memory (1024)", 0 },
	{ "directory", KEY_DIRECTORY, "DIR", 0,
	  "Make files there, on the file system to be measured (/var/tmp)", 0 },
	{ "instructions", KEY_INSTRUCTIONS, NULL, 0,
	  "In an emulator that counts them (QEMU -icount shift=0): the clock is the time stamp counter",
	  0 },
	OPT_JSON,
	{ 0 }
};

struct bench_cmd {
	struct common common;
	struct bench_opts bench;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct bench_cmd *c = state->input;
	const char *no;

	switch (key) {
	case KEY_MEASURE:
		no = bench_no_measure(arg);
		if (no)
			argp_error(state, "there is no measure '%s'; 'man wptrack' names them", no);
		c->bench.measures = arg;
		return 0;
	case KEY_METHOD:
		no = bench_no_method(arg);
		if (no)
			argp_error(state, "there is no method '%s'; 'man wptrack' names them", no);
		c->bench.methods = arg;
		return 0;
	case KEY_QUICK:
		c->bench.quick = true;
		return 0;
	case KEY_REPEAT:
		c->bench.repeat = parse_number("--repeat", arg, 1, state);
		return 0;
	case KEY_SIZE:
		c->bench.max_size = parse_number("--size", arg, 64, state) * MIB;
		return 0;
	case KEY_DIRECTORY:
		c->bench.file_dir = arg;
		return 0;
	case KEY_INSTRUCTIONS:
		c->bench.instructions = true;
		return 0;
	default:
		return common_parse(key, arg, state, &c->common);
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc = "Measure what tracking costs on this kernel, with this module and with the other ways there are."
	       "\vThe list of figures is long and takes minutes; it fills the memory given by --size.",
};

/* "{mib: 64, pattern: random}" as "mib=64 pattern=random" */
static void print_params(json_t *params)
{
	const char *key;
	json_t *v;

	json_object_foreach(params, key, v) {
		if (json_is_string(v))
			printf(" %s=%s", key, json_string_value(v));
		else
			printf(" %s=%g", key, json_number_value(v));
	}
}

static void print_text(json_t *results)
{
	json_t *r, *v;
	size_t i;

	json_array_foreach(results, i, r) {
		v = json_object_get(r, "value");
		printf("%-18s %-18s",
		       json_string_value(json_object_get(r, "metric")),
		       json_string_value(json_object_get(r, "method")));
		if (json_is_string(v))
			printf(" %14s", json_string_value(v));
		else if (json_is_number(v))
			printf(" %14.*f %s", json_number_value(v) < 10 ? 4 : 0,
			       json_number_value(v),
			       json_string_value(json_object_get(r, "unit")));
		else if (json_object_get(r, "why"))
			printf(" %14s (%s)", "-",
			       json_string_value(json_object_get(r, "why")));
		else
			printf(" %14s", "FAILED");
		print_params(json_object_get(r, "params"));
		putchar('\n');
	}
}

static bool any_failed(json_t *results)
{
	json_t *r;
	size_t i;

	json_array_foreach(results, i, r)
		if (json_object_get(r, "failed"))
			return true;
	return false;
}

int cmd_bench(int argc, char **argv)
{
	struct bench_cmd c = {
		.bench = {
			.repeat = 3,
			.file_dir = "/var/tmp",
			.max_size = GIB,
		},
	};
	json_t *results;
	bool ok = true;
	int ret;

	argp_parse(&argp, argc, argv, 0, NULL, &c);
	results = bench_run(&c.bench);
	/* The first entry names the kernel. */
	if (json_array_size(results) < 2) {
		complain("nothing to measure: not each measure has each method");
		json_decref(results);
		return EXIT_ERROR;
	}
	ret = any_failed(results) ? EXIT_ERROR : EXIT_OK;
	if (c.common.json) {
		ok = json_line(stdout, results);
	} else {
		print_text(results);
		json_decref(results);
		ok = !fflush(stdout);
	}
	return ok ? ret : EXIT_ERROR;
}
