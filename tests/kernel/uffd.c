// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "uffd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Linux 6.8; headers may be older. */
#define FEATURE_MOVE	(1ULL << 16)
#define IOC_MOVE	_IOWR(UFFDIO, 0x05, struct move)
#define HOLES		2	/* are no error */

struct move {
	uint64_t dst, src, len, mode;
	int64_t moved;
};

static int close_with_errno(int fd)
{
	int err = errno;

	close(fd);
	errno = err;
	return -1;
}

int uffd_open(uint64_t features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (fd >= 0 && ioctl(fd, UFFDIO_API, &api))
		return close_with_errno(fd);
	return fd;
}

int uffd_on(struct area a, uint64_t features, uint64_t mode)
{
	struct uffdio_register reg = {
		.range = { area_start(a), a.pages * PAGE }, .mode = mode,
	};
	int fd = uffd_open(features);

	if (fd >= 0 && ioctl(fd, UFFDIO_REGISTER, &reg))
		return close_with_errno(fd);
	return fd;
}

int uffd_protect(int fd, struct area a)
{
	struct uffdio_writeprotect wp = {
		.range = { area_start(a), a.pages * PAGE },
		.mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};

	return ioctl(fd, UFFDIO_WRITEPROTECT, &wp);
}

bool uffd_has_move(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	bool has = fd >= 0 && !ioctl(fd, UFFDIO_API, &api) &&
		   (api.features & FEATURE_MOVE);

	if (fd >= 0)
		close(fd);
	return has;
}

int uffd_move(int fd, void *dst, void *src, size_t len)
{
	struct move move = {
		.dst = (uintptr_t)dst, .src = (uintptr_t)src, .len = len,
		.mode = HOLES,
	};

	return ioctl(fd, IOC_MOVE, &move);
}
