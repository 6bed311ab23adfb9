// SPDX-License-Identifier: MIT
/* Each measure with each method, in a process of its own. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

struct bench_opts opts;

static const struct method *const methods[] = {
	&method_none, &method_wptrack, &method_wptrack_keep, &method_async,
	&method_softdirty, &method_uffd, &method_mprotect,
};

static const struct measure *const measures[] = {
	&measure_fault, &measure_arm, &measure_scan, &measure_flat, &measure_sparse,
	&measure_untracked, &measure_fork, &measure_memory, &measure_gc,
	&measure_threads, &measure_hold, &measure_server,
};

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

/* Is @name in the comma-separated list?  NULL has all. */
static bool listed(const char *list, const char *name)
{
	size_t len = strlen(name);
	const char *p = list;

	if (!list)
		return true;
	while ((p = strstr(p, name))) {
		if ((p == list || p[-1] == ',') && (!p[len] || p[len] == ','))
			return true;
		p += len;
	}
	return false;
}

/* The first name in @list for which @is says no; in a buffer that is used again. */
static const char *first_not(const char *list, bool (*is)(const char *name))
{
	static char name[32];
	size_t len;

	for (;; list += len + 1) {
		len = strcspn(list, ",");
		snprintf(name, sizeof(name), "%.*s", (int)len, list);
		if (!is(name))
			return name;
		if (!list[len])
			return NULL;
	}
}

static bool is_measure(const char *name)
{
	size_t i;

	for (i = 0; i < COUNT(measures); i++)
		if (!strcmp(measures[i]->name, name))
			return true;
	return false;
}

static bool is_method(const char *name)
{
	size_t i;

	for (i = 0; i < COUNT(methods); i++)
		if (!strcmp(methods[i]->name, name))
			return true;
	return false;
}

const char *bench_no_measure(const char *list)
{
	return first_not(list, is_measure);
}

const char *bench_no_method(const char *list)
{
	return first_not(list, is_method);
}

static void add_lines(json_t *results, FILE *f)
{
	char *line = NULL;
	size_t size = 0;
	json_t *o;

	while (getline(&line, &size, f) > 0) {
		o = json_loads(line, JSON_DECODE_ANY, NULL);
		if (json_is_object(o))
			json_array_append_new(results, o);
		else
			json_decref(o);
	}
	free(line);
}

/*
 * The module takes its hooks away a little after the last tracker has gone; until
 * then other methods would pay for them.
 */
static void settle(void)
{
	bool there;
	char line[128];
	int tries;
	FILE *f;

	for (tries = 0; tries < 1000; tries++) {
		there = false;
		f = fopen("/proc/wptrack/stats", "r");
		while (f && fgets(line, sizeof(line), f))
			there |= !strcmp(line, "hooks installed\n");
		if (f)
			fclose(f);
		if (!there)
			return;
		usleep(10000);
	}
	fail("the hooks of the module do not go away: is somebody else tracking?");
}

static void take(json_t *results, const struct measure *me, const struct method *m)
{
	int fds[2], status;
	pid_t pid;
	FILE *f;

	if (pipe(fds))
		fail("pipe: %s", strerror(errno));
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		fail("fork: %s", strerror(errno));
	if (!pid) {
		dup2(fds[1], STDOUT_FILENO);
		close(fds[0]);
		close(fds[1]);
		me->run(me, m);
		exit(EXIT_SUCCESS);
	}
	close(fds[1]);
	f = fdopen(fds[0], "r");
	if (!f)
		fail("fdopen: %s", strerror(errno));
	add_lines(results, f);
	fclose(f);
	waitpid(pid, &status, 0);
	if (!status)
		return;
	json_array_append_new(results, json_pack("{s:s, s:s, s:{}, s:n, s:s, s:s}",
			      "metric", me->name, "method", m->name, "params",
			      "value", "unit", clock_unit(), "failed",
			      "the measure did not come to its end"));
}

json_t *bench_run(const struct bench_opts *o)
{
	json_t *results = json_array();
	struct utsname u;
	size_t i, k;

	opts = *o;
	uname(&u);
	json_array_append_new(results, json_pack("{s:s, s:s, s:{}, s:s, s:s}",
			      "metric", "kernel", "method", "none", "params",
			      "value", u.release, "unit", "release"));
	for (i = 0; i < COUNT(measures); i++)
		for (k = 0; k < COUNT(methods); k++)
			if (listed(o->measures, measures[i]->name) &&
			    listed(o->methods, methods[k]->name)) {
				take(results, measures[i], methods[k]);
				settle();
			}
	return results;
}
