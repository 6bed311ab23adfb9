// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "scanwp.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* As in linux/fs.h, which may be older. */
struct region {
	uint64_t start, end, categories;
};

struct scan {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t inverted, mask, anyof, ret;
};

#define SCAN		_IOWR('f', 16, struct scan)
#define WP_MATCHING	1
#define IS_WRITTEN	2

long scanwp(const void *start, const void *end)
{
	static struct region vec[1024];
	struct scan arg = {
		.size = sizeof(arg), .flags = WP_MATCHING,
		.start = (uintptr_t)start, .end = (uintptr_t)end,
		.vec = (uintptr_t)vec, .vec_len = sizeof(vec) / sizeof(*vec),
		.mask = IS_WRITTEN, .ret = IS_WRITTEN,
	};
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	long n = fd < 0 ? -1 : ioctl(fd, SCAN, &arg);

	if (fd >= 0)
		close(fd);
	return n;
}
