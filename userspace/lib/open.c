// SPDX-License-Identifier: MIT
/* The life of a handle: open, close, and what the module says about itself. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "handle.h"

#define XSTR(x)	#x
#define STR(x)	XSTR(x)

int wpt_check_size(const void *opts, size_t sz, size_t first, size_t known)
{
	const unsigned char *bytes = opts;
	size_t i;

	if (sz < first)
		return EINVAL;
	for (i = known; i < sz; i++)
		if (bytes[i])
			return E2BIG;
	return 0;
}

uint64_t wpt_clamp_end(const struct wptrack *w, uint64_t end)
{
	if (end >= w->address_end)
		return w->address_end;
	return (end + w->page_size - 1) & ~(w->page_size - 1);
}

int wpt_borrow(struct wptrack *w, int fd)
{
	struct wptrack_info info = { .size = sizeof(info) };

	/* The first command tells a wptrack device from any other file. */
	if (ioctl(fd, WPTRACK_IOC_INFO, &info))
		return errno == EINVAL || errno == E2BIG ? -EPROTO : -errno;
	if (info.abi < WPTRACK_ABI_VERSION)
		return -EPROTO;
	w->fd = fd;
	w->address_end = info.address_end;
	w->page_size = sysconf(_SC_PAGESIZE);
	w->categories = info.categories;
	return 0;
}

int wpt_open_at(struct wptrack *w, const char *device)
{
	int err, fd = open(device, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	err = wpt_borrow(w, fd);
	if (err)
		close(fd);
	return err;
}

WPT_API int wptrack_open(struct wptrack **out,
			 const struct wptrack_open_opts *opts)
{
	const char *device = WPTRACK_DEVICE;
	struct wptrack *w;
	int err;

	*out = NULL;
	if (opts) {
		err = wpt_check_size(opts, opts->sz, sizeof(*opts),
				     sizeof(*opts));
		if (err)
			return -err;
		if (opts->device)
			device = opts->device;
	}

	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;

	err = wpt_open_at(w, device);
	if (err)
		free(w);
	else
		*out = w;
	return err;
}

WPT_API void wptrack_close(struct wptrack *w)
{
	if (!w)
		return;
	close(w->fd);
	wpt_forget(w);
	free(w);
}

WPT_API int wptrack_fd(const struct wptrack *w)
{
	return w->fd;
}

WPT_API int wptrack_query_info(struct wptrack *w, struct wptrack_info *info,
			       char *text, size_t text_len)
{
	struct wptrack_info arg = {
		.size = sizeof(arg),
		.text = (uintptr_t)text,
		.text_len = text ? text_len : 0,
	};

	if (ioctl(w->fd, WPTRACK_IOC_INFO, &arg)) {
		int err = errno;

		return wpt_fail(w, err,
				"cannot ask the wptrack module for its features: %s",
				wpt_reason(err));
	}
	if (info)
		*info = arg;
	return 0;
}

WPT_API const char *wptrack_version(void)
{
	return STR(WPTRACK_VERSION);
}
