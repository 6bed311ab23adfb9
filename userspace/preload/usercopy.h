/* SPDX-License-Identifier: MIT */
/* Reading and writing a caller's structure, which may not be there. */
#ifndef PRELOAD_USERCOPY_H
#define PRELOAD_USERCOPY_H

#include <stddef.h>

/* 0 or -EFAULT, as the kernel's copy_from_user() and copy_to_user(). */
int copy_in(void *to, const void *from, size_t len);
int copy_out(void *to, const void *from, size_t len);

#endif
