/* SPDX-License-Identifier: MIT */
/* The inside of a handle, and how the files of the library report failures. */
#ifndef LIBWPTRACK_HANDLE_H
#define LIBWPTRACK_HANDLE_H

#include <stdbool.h>
#include <stdint.h>

#include "libwptrack.h"

#define WPT_API	__attribute__((visibility("default")))

struct wptrack {
	int fd;
	uint64_t address_end;	/* no range reaches beyond */
	uint64_t page_size;
	uint64_t categories;	/* that a scan may ask for */
};

/*
 * Make @w a handle of a tracker that somebody else has opened and will close.
 * 0 or -errno: -ENOTTY if @fd is no tracker, -EPROTO if its module is too old.
 */
int wpt_borrow(struct wptrack *w, int fd);

/*
 * Make @w a handle of a new tracker, which is closed by closing @w->fd.  0 or -errno.
 * Allocates nothing: a signal handler may be the caller.
 */
int wpt_open_at(struct wptrack *w, const char *device);

/* One scan, errors and all as the module gives them: 0 or -errno. */
int wpt_scan_once(int fd, struct wptrack_scan *arg);

/*
 * Keep a sentence for wptrack_error() in this thread and return -@err.
 * @w is only compared, never followed.
 */
__attribute__((format(printf, 3, 4)))
int wpt_fail(const struct wptrack *w, int err, const char *fmt, ...);

/* Forget the sentence of a handle that is going away. */
void wpt_forget(const struct wptrack *w);

/*
 * The second half of a sentence: why a command on an attached tracker failed
 * with @err and what to do about it.
 */
const char *wpt_reason(int err);

/* Check a size-first structure as the kernel does; 0, EINVAL or E2BIG. */
int wpt_check_size(const void *opts, size_t sz, size_t first, size_t known);

/* The end of a range as the kernel sees it: rounded up, cut off. */
uint64_t wpt_clamp_end(const struct wptrack *w, uint64_t end);

#endif
