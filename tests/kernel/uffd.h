/* SPDX-License-Identifier: GPL-2.0-only */
/* userfaultfd(2). */
#ifndef TESTS_UFFD_H
#define TESTS_UFFD_H

#include "common.h"

#include <linux/userfaultfd.h>

/* A userfaultfd whose read() does not block, or -1 with errno. */
int uffd_open(uint64_t features);
/* One on this memory, or -1 with errno. */
int uffd_on(struct area a, uint64_t features, uint64_t mode);
/* Write protection.  Returns 0, or -1 with errno. */
int uffd_protect(int fd, struct area a);
/* Does the kernel know UFFDIO_MOVE, which moves pages without copying them? */
bool uffd_has_move(void);
/* Holes are moved, too.  Returns 0, or -1 with errno. */
int uffd_move(int fd, void *dst, void *src, size_t len);

#endif /* TESTS_UFFD_H */
