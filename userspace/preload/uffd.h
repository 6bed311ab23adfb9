/* SPDX-License-Identifier: MIT */
/* The userfaultfd that asks for asynchronous write protection. */
#ifndef PRELOAD_UFFD_H
#define PRELOAD_UFFD_H

/* These answer as userfaultfd(2) and ioctl(2) do. */
int uffd_create(int flags);
int uffd_ioctl(int fd, unsigned int cmd, void *uarg);

#endif
