/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the unit tests share.  Included before everything else, so that the
 * module's parts allocate memory that runs out when a test says so.
 */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <check.h>
#include <stdbool.h>
#include <stdlib.h>

/* Allocations that will still succeed; below 0: all. */
extern long allocs_left;

static inline void *unit_alloc(size_t n, size_t size)
{
	if (!allocs_left)
		return NULL;
	if (allocs_left > 0)
		allocs_left--;
	return calloc(n, size);
}

#define wpt_alloc_array(n, size) unit_alloc(n, size)

/* Each test file has one of these: it adds the tests. */
extern const char unit_name[];
void unit_tests(TCase *tc);

#endif /* TESTS_UNIT_H */
