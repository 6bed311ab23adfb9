/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of the anon suite. */
#ifndef TESTS_ANON_H
#define TESTS_ANON_H

#include <check.h>

void anon_ranges(Suite *s);
void anon_events(Suite *s);
void anon_swap(Suite *s);
void anon_protect(Suite *s);
void anon_lent(Suite *s);

#endif /* TESTS_ANON_H */
