/* SPDX-License-Identifier: MIT */
/* redis-server with a load, as processes of their own. */
#ifndef BENCH_SERVER_H
#define BENCH_SERVER_H

#include <stdint.h>
#include <sys/types.h>

#define SERVER_KEYS	100000

struct server {
	pid_t pid;
	int fd;		/* connected to it */
};

/* Start one that has all keys; NULL, or why there is none. */
const char *server_begin(struct server *s);
void server_end(struct server *s);
/* CPU time that it has used so far, in nanoseconds. */
uint64_t server_cpu(const struct server *s);

struct load {
	pid_t pid;
	int over;	/* end of file when it is over */
};

/* So many requests that write to random keys. */
void load_begin(struct load *l, unsigned int requests);
void load_end(struct load *l);

#endif
