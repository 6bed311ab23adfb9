/* SPDX-License-Identifier: GPL-2.0-only */
/* What the tests of trackers that follow forks share. */
#ifndef TESTS_TRACKERS_FORK_H
#define TESTS_TRACKERS_FORK_H

#include <poll.h>

#include "trackers.h"

/* Attach to a process, or oneself, and follow its forks. */
void follow(struct wptrack *w, pid_t pid);
struct wptrack *follow_self(void);
/* Wait for a child of the target; @pid is its process ID, or 0 for any. */
struct wptrack *child_of(struct wptrack *w, pid_t pid);
void expect_no_child(struct wptrack *w, uint64_t missed);
/* What poll(2) says. */
int polled_for(struct wptrack *w, int timeout);

/* A child that has not run, and does not until the test lets it. */
pid_t unborn(void);
void let_it_run(void);
/* Write to the first byte of a page of another process. */
void poke(pid_t pid, struct area page);

void trackers_fork_life(Suite *s);
void trackers_fork_race(Suite *s);
void trackers_fork_born(Suite *s);
void trackers_fork_gaps(Suite *s);
void trackers_fork_others(Suite *s);
void trackers_fork_inherit(Suite *s);
void trackers_fork_huge(Suite *s);
void trackers_fork_filled(Suite *s);

#endif /* TESTS_TRACKERS_FORK_H */
