/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TESTS_SWAP_H
#define TESTS_SWAP_H

/* Fixtures: a swap file on the ext4 scratch disk. */
void swap_setup(void);
void swap_teardown(void);
/* Why there is no swap, or NULL. */
const char *swap_missing(void);

#endif /* TESTS_SWAP_H */
