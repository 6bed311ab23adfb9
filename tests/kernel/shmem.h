/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of the shmem suite. */
#ifndef TESTS_SHMEM_H
#define TESTS_SHMEM_H

#include <check.h>

void shmem_protect(Suite *s);
void shmem_drop(Suite *s);
void shmem_fill(Suite *s);

#endif /* TESTS_SHMEM_H */
