/* SPDX-License-Identifier: MIT */
/*
 * UFFDIO_API: what a userfaultfd can do, and how it becomes a tracker.
 *
 * One that asks for UFFD_FEATURE_WP_ASYNC, and for nothing that wptrack does not
 * have, is replaced: its descriptor number then is that of a tracker.  Any other
 * stays the kernel's.
 */
#ifndef PRELOAD_HANDSHAKE_H
#define PRELOAD_HANDSHAKE_H

/* 0 or -errno. */
int handshake(int fd, void *uarg);

/*
 * A descriptor in place of a userfaultfd that the kernel has refused with @err:
 * it does not know UFFD_USER_MODE_ONLY, or the caller has no privilege.  Nothing
 * but the handshake for asynchronous write protection can be made on it.
 * Returns the descriptor, or -@err if the kernel is right.
 */
int handshake_stand_in(int flags, int err);

#endif
