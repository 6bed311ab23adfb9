/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of the kwrites suite. */
#ifndef TESTS_KWRITES_H
#define TESTS_KWRITES_H

#include <check.h>

void kwrites_syscalls(Suite *s);
void kwrites_remote(Suite *s);
void kwrites_force(Suite *s);
void kwrites_rings(Suite *s);
void kwrites_async(Suite *s);

#endif /* TESTS_KWRITES_H */
