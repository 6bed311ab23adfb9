// SPDX-License-Identifier: MIT
/*
 * The commands of a userfaultfd, for descriptors that are trackers.  How a
 * descriptor becomes one is in handshake.c.
 */
#include <errno.h>
#include <linux/kcmp.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../lib/handle.h"
#include "abi.h"
#include "ask.h"
#include "handshake.h"
#include "real.h"
#include "table.h"
#include "uffd.h"
#include "usercopy.h"

/* What can be done with a range, besides ending it. */
#define RANGE_IOCTLS	(1ULL << _UFFDIO_WAKE | 1ULL << _UFFDIO_WRITEPROTECT)

static int check_range(const struct wptrack *w, const struct uffdio_range *r)
{
	if (r->start % w->page_size || r->len % w->page_size || !r->len)
		return -EINVAL;
	if (r->start >= w->address_end || r->len > w->address_end - r->start)
		return -EINVAL;
	return 0;
}

static int get_range(const struct wptrack *w, struct uffdio_range *r,
		     const void *uarg)
{
	int ret = copy_in(r, uarg, sizeof(*r));

	return ret ? ret : check_range(w, r);
}

/* Are two descriptors the same userfaultfd? */
static bool same(int a, int b)
{
	const pid_t pid = getpid();

	return a == b || !real_syscall(SYS_kcmp, (long[6]){ pid, pid, KCMP_FILE,
							    a, b });
}

/* Memory can be registered with one userfaultfd only. */
static bool is_taken(int fd, uint64_t start, uint64_t end)
{
	int fds[TABLE_MAX], i, nr = table_find(getpid(), fds);

	for (i = 0; i < nr; i++) {
		uint64_t from = start, to = end;

		if (ask_tracked(fds[i], &from, &to) && !same(fd, fds[i]))
			return true;
	}
	return false;
}

static int do_register(struct wptrack *w, void *uarg)
{
	const uint64_t ioctls = RANGE_IOCTLS;
	struct uffdio_register reg;
	uint64_t end;
	int ret = copy_in(&reg, uarg, offsetof(struct uffdio_register, ioctls));

	if (ret)
		return ret;
	/* Missing and minor faults are no business of a tracker. */
	if (reg.mode != UFFDIO_REGISTER_MODE_WP)
		return -EINVAL;
	ret = check_range(w, &reg.range);
	if (ret)
		return ret;
	end = reg.range.start + reg.range.len;
	if (!ask_mapped(w->fd, reg.range.start, end))
		return -EINVAL;
	if (is_taken(w->fd, reg.range.start, end))
		return -EBUSY;
	/* All of it reads written until it is write-protected. */
	ret = wptrack_track(w, reg.range.start, end, WPTRACK_TRACK_START_WRITTEN);
	if (ret)
		return ret;
	if (ask_all_tracked(w->fd, reg.range.start, end)) {
		wptrack_untrack(w, reg.range.start, end);
		return -EINVAL;
	}
	return copy_out((char *)uarg + offsetof(struct uffdio_register, ioctls),
			&ioctls, sizeof(ioctls));
}

static int do_unregister(struct wptrack *w, void *uarg)
{
	struct uffdio_range r;
	int ret = get_range(w, &r, uarg);

	if (ret)
		return ret;
	if (!ask_mapped(w->fd, r.start, r.start + r.len))
		return -EINVAL;
	return wptrack_untrack(w, r.start, r.start + r.len);
}

static int do_writeprotect(struct wptrack *w, void *uarg)
{
	struct uffdio_writeprotect wp;
	int ret = copy_in(&wp, uarg, sizeof(wp));

	if (!ret)
		ret = check_range(w, &wp.range);
	if (ret)
		return ret;
	/* Write protection that ends by itself cannot be taken away. */
	if (wp.mode != UFFDIO_WRITEPROTECT_MODE_WP)
		return -EINVAL;
	if (!ask_mapped(w->fd, wp.range.start, wp.range.start + wp.range.len))
		return -ENOENT;
	ret = ask_reset(w->fd, wp.range.start, wp.range.start + wp.range.len);
	return ret == -EPERM ? -ENOENT : ret;
}

static int serve(struct wptrack *w, unsigned int cmd, void *uarg)
{
	struct uffdio_range r;

	switch (cmd) {
	case UFFDIO_REGISTER:
		return do_register(w, uarg);
	case UFFDIO_UNREGISTER:
		return do_unregister(w, uarg);
	case UFFDIO_WRITEPROTECT:
		return do_writeprotect(w, uarg);
	case UFFDIO_WAKE:
		return get_range(w, &r, uarg);	/* nobody ever waits */
	default:
		return -EINVAL;
	}
}

/* A userfaultfd whose handshake was not made answers everything with EINVAL. */
static int checked(int ret)
{
	return ret == -ENOTCONN ? -EINVAL : ret;
}

static int result(int ret, int saved_errno)
{
	errno = ret < 0 ? -ret : saved_errno;
	return ret < 0 ? -1 : ret;
}

int uffd_create(int flags)
{
	long args[6] = { flags };
	const int saved = errno;
	int fd = real_syscall(SYS_userfaultfd, args);

	if (fd >= 0)
		return fd;
	return result(handshake_stand_in(flags, errno), saved);
}

int uffd_ioctl(int fd, unsigned int cmd, void *uarg)
{
	const int saved = errno;
	struct wptrack w;
	int ret;

	if (cmd == UFFDIO_API)
		return result(handshake(fd, uarg), saved);
	ret = real_ioctl(fd, cmd, uarg);
	if (ret >= 0 || errno != ENOTTY)
		return ret;
	if (wpt_borrow(&w, fd))
		return result(-ENOTTY, saved);
	return result(checked(serve(&w, cmd, uarg)), saved);
}
