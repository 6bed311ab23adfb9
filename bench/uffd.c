// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <abi.h>

#include "uffd.h"

int uffd_open(const struct area *a, uint64_t features, const char **why)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	struct uffdio_register reg = {
		.range = { (uintptr_t)a->p, a->len },
		.mode = UFFDIO_REGISTER_MODE_WP,
	};
	/* Without O_NONBLOCK poll() fails. */
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);

	if (fd < 0 && errno == EINVAL)
		fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		*why = "this kernel has no userfaultfd";
		return -1;
	}
	if (ioctl(fd, UFFDIO_API, &api)) {
		*why = features & UFFD_FEATURE_WP_ASYNC ?
		       "this kernel has no UFFD_FEATURE_WP_ASYNC" :
		       "this kernel lacks a feature of userfaultfd";
		close(fd);
		return -1;
	}
	if (ioctl(fd, UFFDIO_REGISTER, &reg) ||
	    !(reg.ioctls & 1 << _UFFDIO_WRITEPROTECT)) {
		*why = "userfaultfd does not take this memory";
		close(fd);
		return -1;
	}
	return fd;
}

void uffd_protect(int fd, void *p, size_t len, bool on)
{
	struct uffdio_writeprotect wp = {
		.range = { (uintptr_t)p, len },
		.mode = on ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	if (ioctl(fd, UFFDIO_WRITEPROTECT, &wp))
		fail("UFFDIO_WRITEPROTECT: %s", strerror(errno));
}
