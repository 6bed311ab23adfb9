/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TESTS_SWAP_H
#define TESTS_SWAP_H

#include <stddef.h>

/* Fixtures: a swap file on the ext4 scratch disk. */
void swap_setup(void);
void swap_teardown(void);
/* A smaller one, of a multiple of 64 pages. */
void swap_setup_pages(size_t pages);
/* Swap whose cache is bypassed before Linux 7.2: compressed memory. */
void zram_setup(void);
void zram_teardown(void);
/* Why there is no swap, or NULL. */
const char *swap_missing(void);

#endif /* TESTS_SWAP_H */
