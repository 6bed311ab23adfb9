// SPDX-License-Identifier: MIT
/*
 * libwptrack-preload.so: userfaultfd with UFFD_FEATURE_WP_ASYNC, and PAGEMAP_SCAN,
 * for programs that know nothing of wptrack, on kernels that know neither.
 *
 * A program reaches both through these two functions of libc.  All that is not
 * meant for us goes on as it came.
 */
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "abi.h"
#include "pagemap.h"
#include "real.h"
#include "uffd.h"

#define EXPORT	__attribute__((visibility("default")))

static int route(int fd, unsigned long request, void *arg)
{
	/* The kernel looks at 32 bits. */
	const unsigned int cmd = request;

	if (cmd == PAGEMAP_SCAN)
		return pagemap_scan(fd, arg);
	/* USERFAULTFD_IOC_NEW of /dev/userfaultfd has the type, but no argument. */
	if (_IOC_TYPE(cmd) == UFFDIO && _IOC_DIR(cmd) != _IOC_NONE)
		return uffd_ioctl(fd, cmd, arg);
	return real_ioctl(fd, request, arg);
}

EXPORT int ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	return route(fd, request, arg);
}

EXPORT long syscall(long number, ...)
{
	long args[6];
	va_list ap;
	int i;

	va_start(ap, number);
	for (i = 0; i < 6; i++)
		args[i] = va_arg(ap, long);
	va_end(ap);
	switch (number) {
	case SYS_userfaultfd:
		return uffd_create(args[0]);
	case SYS_ioctl:
		return route(args[0], args[1], (void *)args[2]);
	default:
		return real_syscall(number, args);
	}
}
