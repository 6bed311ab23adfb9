/* SPDX-License-Identifier: MIT */
/* The functions that this library stands in front of. */
#ifndef PRELOAD_REAL_H
#define PRELOAD_REAL_H

/* As libc's: -1 and errno, or a result. */
int real_ioctl(int fd, unsigned long request, void *arg);
long real_syscall(long number, const long args[6]);

#endif
