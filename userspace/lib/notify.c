// SPDX-License-Identifier: MIT
/* Waiting for writes. */
#include <errno.h>
#include <sys/ioctl.h>

#include "handle.h"

WPT_API int wptrack_notify(struct wptrack *w, uint64_t pages, int eventfd)
{
	struct wptrack_notify arg = {
		.size = sizeof(arg),
		.pages = pages,
		.eventfd = eventfd,
	};
	int err;

	if (!ioctl(w->fd, WPTRACK_IOC_NOTIFY, &arg))
		return 0;
	err = errno;
	if (err == EBADF || err == EINVAL)
		return wpt_fail(w, err,
				"cannot wait for writes: file descriptor %d is no eventfd; make one with eventfd(2), or give -1",
				eventfd);
	return wpt_fail(w, err, "cannot wait for writes: %s", wpt_reason(err));
}
