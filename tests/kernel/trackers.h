/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of the trackers suite. */
#ifndef TESTS_TRACKERS_H
#define TESTS_TRACKERS_H

#include "maps.h"

#define NOBODY	65534

void trackers_random(Suite *s);
void trackers_sparse(Suite *s);
void trackers_limits(Suite *s);
void trackers_listing(Suite *s);
void trackers_epoch(Suite *s);
void trackers_wait(Suite *s);
void trackers_trace(Suite *s);
void trackers_fork(Suite *s);

/* In a peer: an ordinary user from now on, whose processes may be looked into. */
void become_nobody(void);

/* Fixtures for tests with ordinary users. */
void device_open_to_all(void);
void device_as_before(void);

#endif /* TESTS_TRACKERS_H */
