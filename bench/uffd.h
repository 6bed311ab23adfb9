/* SPDX-License-Identifier: MIT */
/* What the two methods over userfaultfd share. */
#ifndef BENCH_UFFD_H
#define BENCH_UFFD_H

#include "bench.h"

/* Open and register for write protection; -1 with a reason on failure. */
int uffd_open(const struct area *a, uint64_t features, const char **why);
/* Protect a range, or give it free again. */
void uffd_protect(int fd, void *p, size_t len, bool on);

#endif
