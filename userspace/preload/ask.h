/* SPDX-License-Identifier: MIT */
/* Questions to a tracker about a range, by its descriptor. */
#ifndef PRELOAD_ASK_H
#define PRELOAD_ASK_H

#include <stdbool.h>
#include <stdint.h>

struct wptrack_region;

/* Is anything mapped in the range, be it empty? */
bool ask_mapped(int fd, uint64_t start, uint64_t end);

/*
 * The first part of the range that this tracker tracks, up to *@end.  False if
 * there is none.
 */
bool ask_tracked(int fd, uint64_t *start, uint64_t *end);

/* Can all that is mapped in the range be tracked, and is it? 0 or -errno. */
int ask_all_tracked(int fd, uint64_t start, uint64_t end);

/* Let all pages of the range be clean. 0 or -errno, -EPERM if not all is tracked. */
int ask_reset(int fd, uint64_t start, uint64_t end);

#endif
