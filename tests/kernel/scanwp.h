/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TESTS_SCANWP_H
#define TESTS_SCANWP_H

/*
 * PAGEMAP_SCAN (Linux 6.7) with write protection, of one's own memory: the number of regions
 * that are written, as userfaultfd's WP_ASYNC has it, or -1.  Of memory without that it does
 * nothing, and says to all who listen that its protection changes.
 */
long scanwp(const void *start, const void *end);

#endif /* TESTS_SCANWP_H */
