// SPDX-License-Identifier: MIT
/*
 * What a process pays that nobody tracks, for write faults on pages that fork() has
 * made read-only: with nobody tracking anywhere (method "none"), and while another
 * process is tracked.
 */
#include <signal.h>
#include <string.h>

#include "other.h"

/* A process that tracks itself, until it is killed; -1 if it cannot. */
static pid_t tracked_process(const struct method *m, const char **why)
{
	static char reason[256];
	struct area a;
	int fds[2];
	ssize_t n;
	pid_t pid;
	void *s;

	if (pipe(fds))
		fail("no pipe");
	pid = fork();
	if (!pid) {
		area_map(&a, KIND_ANON, MIB);
		s = m->begin(&a, why);
		if (!s) {
			if (*why && write(fds[1], *why, strlen(*why)) < 0)
				_exit(1);
			_exit(1);
		}
		m->arm(s);
		if (write(fds[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(fds[1]);
	n = read(fds[0], reason, sizeof(reason) - 1);
	close(fds[0]);
	if (n > 0 && !reason[0])
		return pid;
	waitpid(pid, NULL, 0);
	if (n > 0)
		*why = reason;
	return -1;
}

static void run(const struct measure *me, const struct method *m)
{
	size_t len = (opts.quick ? 16 : 64) * MIB;
	struct sample sample = { 0 };
	json_t *params = json_object();
	const char *why = NULL;
	struct other child;
	struct area a;
	uint64_t begin;
	unsigned int i;
	pid_t pid = 0;

	if (m != &method_none && m != &method_wptrack && m != &method_async)
		return;
	if (m != &method_none) {
		pid = tracked_process(m, &why);
		if (pid < 0) {
			result_none("untracked_fault", m, params, clock_unit(), why);
			return;
		}
	}
	area_map(&a, KIND_ANON, len);
	for (i = 0; i < sample_rounds(); i++) {
		child = other_begin();
		other_end(&child);
		begin = clock_read();
		area_touch(&a);
		sample_add(&sample, (double)(clock_read() - begin) * PAGE / len);
	}
	result_sample("untracked_fault", m, params, &sample);
	area_unmap(&a);
	if (pid) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
}

const struct measure measure_untracked = {
	.name = "untracked",
	.title = "write faults of a process that nobody tracks",
	.run = run,
};
