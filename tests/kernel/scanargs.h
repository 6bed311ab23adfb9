/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The parts of the scanargs suite.  They use the ioctls themselves: what the
 * library would repair must reach the kernel.
 */
#ifndef TESTS_SCANARGS_H
#define TESTS_SCANARGS_H

#include "maps.h"

#include <sys/ioctl.h>

void scanargs_errors(Suite *s);
void scanargs_masks(Suite *s);
void scanargs_walk(Suite *s);
void scanargs_faults(Suite *s);

#define VEC_MAX 8192

/* A tracker without a library: attached to self, tracking @a if it has pages. */
int raw_open(void);
int raw_tracker(struct area a);
/* A scan for written pages of an area into @vec, ready to be changed. */
struct wptrack_scan scan_of(struct area a, struct wptrack_region *vec,
			    size_t vec_len, uint64_t flags);
/* The ioctl; -errno on failure. */
long raw(int fd, unsigned long cmd, void *arg);
/* One that must succeed; checks what holds for every success. */
long scan(int fd, struct wptrack_scan *arg);
/* Mark the pages of the first @n regions; each may be there but once. */
void mark_regions(struct marks *m, struct area a,
		  const struct wptrack_region *vec, size_t n);
void expect_marks_at(const char *file, int line, const struct marks *got,
		     const struct marks *want);
#define expect_marks(got, want) expect_marks_at(__FILE__, __LINE__, got, want)
/* Reset everything in the area. */
void raw_reset(int fd, struct area a);
/* What is written, without reset. */
struct marks *raw_written(int fd, struct area a);

#define expect_errno(fd, cmd, arg, err)					\
	ck_assert_int_eq(raw(fd, cmd, arg), -(err))

#endif /* TESTS_SCANARGS_H */
