/* SPDX-License-Identifier: MIT */
/* The mappings of a process, from /proc/PID/maps. */
#ifndef MAPS_H
#define MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct mapping {
	uint64_t start, end;
	bool read, write, exec, shared;
	uint64_t inode;		/* 0: no file */
	char *name;		/* never NULL; "[anon]" for memory without one */
};

struct maps {
	struct mapping *v;	/* in the order of addresses */
	size_t n;
};

/* Parse one line; false if it does not look like one.  Sets @m->name. */
bool maps_parse_line(const char *line, struct mapping *m);

/* All lines of a file; maps_free() takes them. */
void maps_parse(FILE *f, struct maps *maps);

/* Of a process: 0, or -1 and errno.  One that has exited has no mappings. */
int maps_read(pid_t pid, struct maps *maps);

void maps_free(struct maps *maps);

/* The mapping that holds @addr, or NULL. */
const struct mapping *maps_find(const struct maps *maps, uint64_t addr);

/* The start of the first mapping above @addr, UINT64_MAX if there is none. */
uint64_t maps_next(const struct maps *maps, uint64_t addr);

/*
 * Does "written" tell anything here?  Private memory without write permission
 * always reads written: a debugger could write to it unseen.
 */
bool mapping_tells(const struct mapping *m);

/* "rw-p" */
const char *mapping_perms(char buf[5], const struct mapping *m);

#endif
