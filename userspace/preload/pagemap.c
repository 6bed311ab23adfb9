// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/handle.h"
#include "abi.h"
#include "pagemap.h"
#include "real.h"
#include "scan.h"
#include "table.h"
#include "usercopy.h"

/* The process whose pagemap it is; -1 if it is no pagemap. */
static pid_t pagemap_pid(int fd)
{
	char path[32], target[64], *end;
	ssize_t len;
	long pid;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return -1;
	target[len] = '\0';
	if (strncmp(target, "/proc/", 6))
		return -1;
	pid = strtol(target + 6, &end, 10);
	/* The one of a thread is that of its process. */
	if (!strncmp(end, "/task/", 6))
		strtol(end + 6, &end, 10);
	return strcmp(end, "/pagemap") ? -1 : pid;
}

/* Is the descriptor of a table entry still that of a tracker? */
static bool alive(pid_t pid, int fd)
{
	struct wptrack w;

	if (!wpt_borrow(&w, fd))
		return true;
	table_remove(pid, fd);
	return false;
}

static int live_trackers(pid_t pid, int *fds)
{
	int i, n = 0, all = table_find(pid, fds);

	for (i = 0; i < all; i++)
		if (alive(pid, fds[i]))
			fds[n++] = fds[i];
	return n;
}

/* A tracker that tracks nothing, only to look at the pages of a process. */
static int look(struct pm_scan_arg *pm, pid_t pid)
{
	struct wptrack w;
	int ret;

	if (wpt_open_at(&w, WPTRACK_DEVICE))
		return -ENOTTY;
	ret = pid == getpid() ? wptrack_attach_self(&w) :
				wptrack_attach_pid(&w, pid);
	if (!ret)
		ret = scan_by_trackers(pm, &w.fd, 1);
	close(w.fd);
	return ret;
}

/* The kernel's answer, and if there is no PAGEMAP_SCAN in it, -ENOTTY. */
static int ask_kernel(int fd, void *uarg)
{
	int ret = real_ioctl(fd, PAGEMAP_SCAN, uarg);

	return ret < 0 ? -errno : ret;
}

static int answer(int fd, pid_t pid, struct pm_scan_arg *pm, void *uarg)
{
	int fds[TABLE_MAX], nr = live_trackers(pid, fds), ret;

	if (!nr) {
		ret = ask_kernel(fd, uarg);
		return ret == -ENOTTY ? look(pm, pid) : ret;
	}
	ret = scan_by_trackers(pm, fds, nr);
	if (ret != -EINVAL)
		return ret;
	/* A newer kernel may know a category that wptrack does not. */
	ret = ask_kernel(fd, uarg);
	return ret == -ENOTTY ? -EINVAL : ret;
}

int pagemap_scan(int fd, void *uarg)
{
	const pid_t pid = pagemap_pid(fd);
	const uint64_t untouched = ~0ULL;
	struct pm_scan_arg pm;
	int ret;

	if (pid <= 0)
		return real_ioctl(fd, PAGEMAP_SCAN, uarg);
	ret = copy_in(&pm, uarg, sizeof(pm));
	if (!ret) {
		pm.walk_end = untouched;
		ret = answer(fd, pid, &pm, uarg);
		if (pm.walk_end != untouched &&
		    copy_out((char *)uarg + offsetof(struct pm_scan_arg, walk_end),
			     &pm.walk_end, sizeof(pm.walk_end)))
			ret = -EFAULT;
	}
	if (ret >= 0)
		return ret;
	errno = -ret;
	return -1;
}
