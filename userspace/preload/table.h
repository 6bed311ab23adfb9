/* SPDX-License-Identifier: MIT */
/*
 * Which descriptors are trackers that serve a userfaultfd, and of which process.
 *
 * A tracker is the userfaultfd: it has its descriptor number.  So closing,
 * duplicating, forking and passing on need no bookkeeping.  The table only tells
 * a scan where to look.  An entry whose descriptor was closed is found out when
 * it is used.
 *
 * No function takes a lock or allocates: all may be called in signal handlers
 * and in the child of a fork.
 */
#ifndef PRELOAD_TABLE_H
#define PRELOAD_TABLE_H

#include <stdbool.h>
#include <sys/types.h>

#define TABLE_MAX	256

/* @fd tracks the process @pid; false if the table is full. */
bool table_add(pid_t pid, int fd);
void table_remove(pid_t pid, int fd);

/* Fill in the descriptors that track @pid; returns how many. */
int table_find(pid_t pid, int fds[TABLE_MAX]);

#endif
