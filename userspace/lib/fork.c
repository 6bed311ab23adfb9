// SPDX-License-Identifier: MIT
/* Trackers of the children of a target. */
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "handle.h"

static int fail(const struct wptrack *w, int err)
{
	if (err == EOPNOTSUPP)
		return wpt_fail(w, err,
				"cannot fetch a child: the tracker was not attached with WPTRACK_ATTACH_FOLLOW_FORK");
	if (err == EMFILE || err == ENFILE)
		return wpt_fail(w, err,
				"cannot fetch a child: too many open files; raise the limit ('ulimit -n') or close some");
	return wpt_fail(w, err, "cannot fetch a child: %s", wpt_reason(err));
}

WPT_API int wptrack_forked(struct wptrack *w, struct wptrack **child, pid_t *pid,
			   uint64_t *missed)
{
	struct wptrack_forked arg = { .size = sizeof(arg) };
	struct wptrack *c;
	int err = 0;

	*child = NULL;
	/* Before a tracker is fetched that there is no handle for. */
	c = calloc(1, sizeof(*c));
	if (!c)
		return fail(w, ENOMEM);
	if (ioctl(w->fd, WPTRACK_IOC_FORKED, &arg))
		err = errno;
	if (missed && (!err || err == EAGAIN))
		*missed = arg.missed;
	if (err) {
		free(c);
		return err == EAGAIN ? 0 : fail(w, err);
	}
	*c = *w;
	c->fd = arg.fd;
	if (pid)
		*pid = arg.pid;
	*child = c;
	return 1;
}
