/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of the lifecycle suite. */
#ifndef TESTS_LIFECYCLE_H
#define TESTS_LIFECYCLE_H

#include "maps.h"

/* No tracker, no space, nothing armed, no hooks: at once or in a moment. */
void expect_nothing_left(void);

void lifecycle_hostile(Suite *s);
void lifecycle_module(Suite *s);

#endif /* TESTS_LIFECYCLE_H */
