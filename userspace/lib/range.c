// SPDX-License-Identifier: MIT
/* Naming the memory that a tracker watches. */
#include <errno.h>
#include <inttypes.h>
#include <sys/ioctl.h>

#include "handle.h"

static int fail_range(struct wptrack *w, int err, const char *what,
		      const struct wptrack_range *arg)
{
	const uint64_t page = w->page_size;

	if (err == EINVAL && arg->start % page)
		return wpt_fail(w, err,
				"cannot %s from 0x%" PRIx64 ": the start must be a multiple of the page size (%" PRIu64 ")",
				what, (uint64_t)arg->start, page);
	if (err == EINVAL && arg->start >= arg->end)
		return wpt_fail(w, err,
				"cannot %s from 0x%" PRIx64 " to 0x%" PRIx64 ": the start must lie before the end",
				what, (uint64_t)arg->start, (uint64_t)arg->end);
	if (err == EINVAL && arg->start >= w->address_end)
		return wpt_fail(w, err,
				"cannot %s from 0x%" PRIx64 ": that is beyond the address space, which ends at 0x%" PRIx64,
				what, (uint64_t)arg->start, w->address_end);
	if (err == EINVAL)
		return wpt_fail(w, err,
				"cannot %s from 0x%" PRIx64 " to 0x%" PRIx64 ": the module does not know all of the flags 0x%" PRIx64,
				what, (uint64_t)arg->start, (uint64_t)arg->end,
				(uint64_t)arg->flags);
	if (err == ENOSPC)
		return wpt_fail(w, err,
				"cannot %s from 0x%" PRIx64 " to 0x%" PRIx64 ": the tracker has too many separate ranges; use fewer and longer ones (they may span holes)",
				what, (uint64_t)arg->start, (uint64_t)arg->end);
	return wpt_fail(w, err,
			"cannot %s from 0x%" PRIx64 " to 0x%" PRIx64 " (done up to 0x%" PRIx64 "): %s",
			what, (uint64_t)arg->start, (uint64_t)arg->end,
			(uint64_t)arg->done, wpt_reason(err));
}

WPT_API int wptrack_track(struct wptrack *w, uint64_t start, uint64_t end,
			  uint64_t flags)
{
	struct wptrack_range arg = {
		.size = sizeof(arg),
		.flags = flags,
		.start = start,
		.end = end,
		.done = start,
	};

	if (ioctl(w->fd, WPTRACK_IOC_TRACK, &arg))
		return fail_range(w, errno, "track", &arg);
	return 0;
}

WPT_API int wptrack_untrack(struct wptrack *w, uint64_t start, uint64_t end)
{
	struct wptrack_range arg = {
		.size = sizeof(arg),
		.start = start,
		.end = end,
		.done = start,
	};

	if (ioctl(w->fd, WPTRACK_IOC_UNTRACK, &arg))
		return fail_range(w, errno, "end tracking", &arg);
	return 0;
}
