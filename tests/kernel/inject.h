/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Failures on request: the n-th allocation or copy to or from user space that this
 * thread makes in the kernel fails.  Needs CONFIG_FAULT_INJECTION.
 */
#ifndef TESTS_INJECT_H
#define TESTS_INJECT_H

#include "common.h"

/* Why it does not work here, or NULL.  Call it once in each test, before the others. */
const char *inject_missing(void);
/* The @n-th one from now on fails, for this thread. */
void inject_begin(unsigned int n);
/*
 * No more failures, of either kind.  Returns whether there was one, or may have been;
 * again the same if asked again.
 */
bool inject_end(void);

/*
 * Of what this process and its children allocate from slabs, what comes after @n bytes
 * fails: the first of it, or all.
 */
void inject_after_bytes(unsigned int n, bool all);
/*
 * This process is not meant any more.  Returns how many bytes are left, for children;
 * 0 or less if there may have been a failure.
 */
int inject_bytes_left(void);
/* Nobody is meant any more. */
void inject_after_bytes_end(void);

#endif /* TESTS_INJECT_H */
