// SPDX-License-Identifier: MIT
/*
 * The next library's functions, libc's as a rule.  They are looked up when this
 * library is loaded: a signal handler may be the first who calls.
 */
#include <dlfcn.h>

#include "real.h"

static int (*next_ioctl)(int fd, unsigned long request, ...);
static long (*next_syscall)(long number, ...);

__attribute__((constructor))
static void find(void)
{
	next_ioctl = dlsym(RTLD_NEXT, "ioctl");
	next_syscall = dlsym(RTLD_NEXT, "syscall");
}

int real_ioctl(int fd, unsigned long request, void *arg)
{
	/* Constructors of other libraries may come before ours. */
	if (!next_ioctl)
		find();
	return next_ioctl(fd, request, arg);
}

long real_syscall(long number, const long args[6])
{
	if (!next_syscall)
		find();
	return next_syscall(number, args[0], args[1], args[2], args[3], args[4],
			    args[5]);
}
