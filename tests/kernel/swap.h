/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TESTS_SWAP_H
#define TESTS_SWAP_H

#include <stdbool.h>
#include <stddef.h>

/* Fixtures: a swap file on the ext4 scratch disk. */
void swap_setup(void);
void swap_teardown(void);
/* A smaller one, of a multiple of 64 pages. */
void swap_setup_pages(size_t pages);
/* Swap whose cache is bypassed before Linux 7.2: compressed memory. */
void zram_setup(void);
void zram_teardown(void);
/* Swap to which a page takes 0.3 s (dm-delay). */
void slow_setup(void);
void slow_teardown(void);
/* Why there is no swap, or NULL. */
const char *swap_missing(void);

/* For fixtures.  ZRAM gets its size, and is new; false if there is none. */
#define ZRAM		"/dev/zram0"
#define ZRAM_BYTES	33554432
bool zram_make(void);
/* A device of that size becomes swap, and is what is used first. */
void swap_to(const char *device);
/* There is none. */
void swap_lacks(const char *why);

#endif /* TESTS_SWAP_H */
