/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory whose protection changes; of the suites anon and shmem. */
#ifndef TESTS_PROTECTIONS_H
#define TESTS_PROTECTIONS_H

#include <sys/mman.h>

#include "maps.h"

#define RW (PROT_READ | PROT_WRITE)

/* What it is changed to, from RW; the first FORBIDS take away the right to write. */
extern const int prots[];
#define PROTS	4
#define FORBIDS	3

void protect(struct area a, int prot);

/*
 * Populated memory that is tracked, and clean, stays exact while it is changed to @prot and
 * back.  @settles: writeback may hold its pages for a moment.
 */
void exact_while_protection_changes(struct wptrack *w, struct area a, int prot, bool settles);

#endif /* TESTS_PROTECTIONS_H */
