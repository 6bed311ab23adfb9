/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of the remap suite. */
#ifndef TESTS_REMAP_H
#define TESTS_REMAP_H

#include <check.h>

void remap_random(Suite *s);
void remap_holes(Suite *s);

#endif /* TESTS_REMAP_H */
