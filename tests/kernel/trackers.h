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
void trackers_walks(Suite *s);
void trackers_parts(Suite *s);
void trackers_lost(Suite *s);
void trackers_refused(Suite *s);

/* In a peer: an ordinary user from now on, whose processes may be looked into. */
void become_nobody(void);

/* Private memory in small pages, not populated. */
struct area trackers_reserve(size_t chunks);
/* A line of fdinfo that is a number; -1 if there is none. */
long fdinfo_number(const struct wptrack *w, const char *key);

/* Fixtures for tests with ordinary users. */
void device_open_to_all(void);
void device_as_before(void);

#endif /* TESTS_TRACKERS_H */
