/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of the pins suite. */
#ifndef TESTS_PINS_H
#define TESTS_PINS_H

#include <check.h>

void pins_inflight(Suite *s);

#endif /* TESTS_PINS_H */
