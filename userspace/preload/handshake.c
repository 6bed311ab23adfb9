// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../lib/handle.h"
#include "abi.h"
#include "handshake.h"
#include "real.h"
#include "table.h"
#include "usercopy.h"

/* What wptrack serves; the last two say for which memory, and cost nothing. */
#define FEATURES	((uint64_t)(UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_PAGEFAULT_FLAG_WP | \
				    UFFD_FEATURE_WP_UNPOPULATED | UFFD_FEATURE_WP_HUGETLBFS_SHMEM))
#define API_IOCTLS	(1ULL << _UFFDIO_REGISTER | 1ULL << _UFFDIO_UNREGISTER | \
			 1ULL << _UFFDIO_API)

/* Is this request one for a tracker? */
static bool for_tracker(const struct uffdio_api *api)
{
	return api->api == UFFD_API && api->features & UFFD_FEATURE_WP_ASYNC &&
	       !(api->features & ~FEATURES);
}

static bool is_uffd(int fd)
{
	static const char name[] = "anon_inode:[userfaultfd]";
	char path[32], target[sizeof(name)];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return readlink(path, target, sizeof(target)) == sizeof(name) - 1 &&
	       !memcmp(target, name, sizeof(name) - 1);
}

static int ask_kernel(int fd, void *uarg)
{
	return real_ioctl(fd, UFFDIO_API, uarg) < 0 ? -errno : 0;
}

/* The kernel clears what the caller gave if it refuses. */
static int refuse(void *uarg, int err)
{
	const struct uffdio_api none = { 0 };

	copy_out(uarg, &none, sizeof(none));
	return -err;
}

static int grant(void *uarg)
{
	const struct uffdio_api api = {
		.api = UFFD_API,
		.features = FEATURES,
		.ioctls = API_IOCTLS,
	};

	return copy_out(uarg, &api, sizeof(api));
}

/*
 * Attaching gives way to a signal and begins again, which a fast timer may do for
 * ever.
 */
static int attach(struct wptrack *w)
{
	sigset_t all, old;
	int ret;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = wptrack_attach_self(w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return ret;
}

/* A tracker of this process, to be closed; false if there is no wptrack, or not for us. */
static bool own_tracker(struct wptrack *w)
{
	if (wpt_open_at(w, WPTRACK_DEVICE))
		return false;
	if (!attach(w))
		return true;
	close(w->fd);
	return false;
}

static bool available(void)
{
	struct wptrack w;

	if (!own_tracker(&w))
		return false;
	close(w.fd);
	return true;
}

/* The kernel's own answer, and what wptrack adds to it. */
static int probe(int fd, void *uarg)
{
	void *ufeatures = (char *)uarg + offsetof(struct uffdio_api, features);
	uint64_t features;
	int ret = ask_kernel(fd, uarg);

	if (ret || copy_in(&features, ufeatures, sizeof(features)) ||
	    !(FEATURES & ~features) || !available())
		return ret;
	features |= FEATURES;
	return copy_out(ufeatures, &features, sizeof(features));
}

/* Put the tracker in the place of a userfaultfd. */
static int replace(int fd, int tracker)
{
	const int cloexec = fcntl(fd, F_GETFD) & FD_CLOEXEC ? O_CLOEXEC : 0;
	const int flags = fcntl(fd, F_GETFL);

	if (dup3(tracker, fd, cloexec) < 0)
		return -errno;
	fcntl(fd, F_SETFL, flags);
	return table_add(getpid(), fd) ? 0 : -ENOMEM;
}

static int become_tracker(int fd, int tracker, void *uarg)
{
	struct uffdio_api nothing = { .api = UFFD_API };
	int ret;

	/* The handshake can be made only once. */
	if (ask_kernel(fd, &nothing))
		return refuse(uarg, EINVAL);
	ret = replace(fd, tracker);
	return ret ? refuse(uarg, -ret) : grant(uarg);
}

/* A stand-in, or a userfaultfd that has become a tracker before. */
static int shake_tracker(struct wptrack *w, const struct uffdio_api *api,
			 void *uarg)
{
	if (api->api == UFFD_API && !api->features)
		return grant(uarg);
	if (!for_tracker(api) || attach(w))
		return refuse(uarg, EINVAL);
	if (!table_add(getpid(), w->fd))
		return refuse(uarg, ENOMEM);
	return grant(uarg);
}

int handshake(int fd, void *uarg)
{
	struct uffdio_api api;
	struct wptrack w;
	const bool tracker = !wpt_borrow(&w, fd);
	int ret;

	if (!tracker && !is_uffd(fd))
		return ask_kernel(fd, uarg);
	if (copy_in(&api, uarg, sizeof(api)))
		return -EFAULT;
	if (tracker)
		return shake_tracker(&w, &api, uarg);
	if (!for_tracker(&api) || !own_tracker(&w))
		return probe(fd, uarg);
	ret = become_tracker(fd, w.fd, uarg);
	close(w.fd);
	return ret;
}

int handshake_stand_in(int flags, int err)
{
	struct wptrack w;
	int fd;

	if (flags & ~(O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY))
		return -err;
	if (err != EINVAL && err != EPERM && err != ENOSYS)
		return -err;
	if (wpt_open_at(&w, WPTRACK_DEVICE))
		return -err;
	fd = w.fd;
	if (!(flags & O_CLOEXEC))
		fcntl(fd, F_SETFD, 0);
	fcntl(fd, F_SETFL, O_RDWR | (flags & O_NONBLOCK));
	return fd;
}
