/* SPDX-License-Identifier: MIT */
/* Another process, which waits until it is told to go. */
#ifndef BENCH_OTHER_H
#define BENCH_OTHER_H

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

struct other {
	pid_t pid;
	int go;
};

/* Fork a child that does nothing but wait for other_end(). */
static inline struct other other_begin(void)
{
	struct other o;
	int fds[2];
	char c;

	if (pipe(fds))
		fail("no pipe");
	o.pid = fork();
	if (o.pid < 0)
		fail("no fork");
	if (!o.pid) {
		close(fds[1]);
		_exit(read(fds[0], &c, 1) < 0);
	}
	close(fds[0]);
	o.go = fds[1];
	return o;
}

static inline void other_end(struct other *o)
{
	close(o->go);
	waitpid(o->pid, NULL, 0);
}

#endif
