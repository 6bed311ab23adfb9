/* SPDX-License-Identifier: MIT */
/*
 * What programs share that use the kernel's interface, UFFD_FEATURE_WP_ASYNC and
 * PAGEMAP_SCAN, and print TAP.
 */
#ifndef GUEST_ASYNC_H
#define GUEST_ASYNC_H

#include <stdbool.h>
#include <stddef.h>

#include "../../preload/abi.h"

#define PAGE		4096UL
#define WPALLOWED	(1 << 0)
#define WRITTEN		(1 << 1)
#define PRESENT		(1 << 3)
#define ASYNC		(UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED)

struct region {
	__u64 start, end, categories;
};

extern int points;	/* so far */
extern bool bad;	/* one has failed */
extern int pagemap;	/* of this process, open */

void point(bool good, const char *name);
/* A point: did it fail, and with this error? */
void fails(int ret, int err, const char *name);

int new_uffd(void);
int api(int fd, __u64 features, struct uffdio_api *out);
/* After the handshake for WP_ASYNC; bails out without. */
int async_uffd(void);
int reg(int fd, void *p, size_t len, __u64 mode);
int unreg(int fd, void *p, size_t len);
int protect(int fd, void *p, size_t len, __u64 mode);

/* Written pages are asked for. */
struct pm_scan_arg scan_of(void *p, size_t len, struct region *vec, int nr);
int scan(struct pm_scan_arg a);
/* Written pages, in up to 64 regions; -1 on failure. */
int written(void *p, size_t len, __u64 flags);

/* Private memory in small pages, not populated. */
char *map(size_t pages);

#endif
