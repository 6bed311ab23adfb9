// SPDX-License-Identifier: MIT
/* The second of two steps: what was reported is reset. */
#include <errno.h>
#include <inttypes.h>
#include <sys/ioctl.h>

#include "handle.h"

WPT_API ssize_t wptrack_clear(struct wptrack *w, const struct wptrack_region *vec,
			      size_t vec_len, uint64_t *epoch, uint64_t flags)
{
	struct wptrack_clear arg = {
		.size = sizeof(arg),
		.flags = flags,
		.vec = (uintptr_t)vec,
		.vec_len = vec_len,
		.epoch = epoch ? *epoch : 0,
	};
	uint64_t wanted = arg.epoch;
	int err = ioctl(w->fd, WPTRACK_IOC_CLEAR, &arg) ? errno : 0;

	if (epoch && (!err || err == ESTALE))
		*epoch = arg.epoch;
	if (!err || (arg.done && arg.done < vec_len))
		return arg.done;
	if (err == EINVAL && vec && arg.done < vec_len)
		return wpt_fail(w, err,
				"cannot clear region %" PRIu64 " (0x%" PRIx64 " to 0x%" PRIx64 "): its start must be a multiple of the page size and lie before its end, and the flags (0x%" PRIx64 ") must be known to the module",
				(uint64_t)arg.done, (uint64_t)vec[arg.done].start,
				(uint64_t)vec[arg.done].end, flags);
	if (err == EINVAL)
		return wpt_fail(w, err,
				"cannot clear: the array of regions and its length must both be given, and the flags (0x%" PRIx64 ") be known to the module",
				flags);
	if (err == ESTALE)
		return wpt_fail(w, err,
				"cannot clear: it is epoch %" PRIu64 " of the tracker and no longer %" PRIu64 "; scan again",
				(uint64_t)arg.epoch, wanted);
	return wpt_fail(w, err, "cannot clear %zu regions: %s", vec_len,
			wpt_reason(err));
}
