/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of the memory suite. */
#ifndef TESTS_MEMORY_H
#define TESTS_MEMORY_H

#include <check.h>

#include "common.h"

void memory_events(Suite *s);
void memory_kept(Suite *s);
void memory_small(Suite *s);
void memory_shmem(Suite *s);
void memory_hugetlb(Suite *s);
void memory_odd(Suite *s);
void memory_parts(Suite *s);
void memory_held(Suite *s);
void memory_zero(Suite *s);
void memory_collapse(Suite *s);
void memory_hugefile(Suite *s);
void memory_folios(Suite *s);
void memory_clean(Suite *s);
void memory_hugetlb_fork(Suite *s);
void memory_kinds(Suite *s);

/*
 * Memory of a tmpfs with huge pages, mapped twice: tests do not track the second
 * mapping.  False if there are no huge pages.
 */
bool huge_shmem(struct area *a, struct area *alias);
/* The same, with a first mapping that is private, of 4 MiB, and not populated. */
bool huge_shmem_private(struct area *a, struct area *alias);

/*
 * A file of the scratch disk that was written so many bytes at a time, mapped shared at an
 * address that huge pages need, and not touched.  No pages if there is no such disk.
 */
struct area folio_file(size_t bytes);

#endif /* TESTS_MEMORY_H */
