// SPDX-License-Identifier: MIT
/* Choosing the process that a tracker watches. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "handle.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

/* Read the first number of a file that follows @key, -1 if there is none. */
static long read_number(const char *path, const char *key)
{
	char line[128];
	long value = -1;
	FILE *f = fopen(path, "re");

	if (!f)
		return -1;
	while (value < 0 && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			value = strtol(line + strlen(key), NULL, 10);
	fclose(f);
	return value;
}

/*
 * The name of the target in a sentence: people know PIDs, not descriptors.  @pid: 0 if it
 * has to be looked up, which a process that may not be traced itself cannot do.
 */
static void name_target(int pidfd, long pid, char *buf, size_t len)
{
	char path[64];

	if (pidfd < 0) {
		snprintf(buf, len, "this process");
		return;
	}
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	if (!pid)
		pid = read_number(path, "Pid:");
	if (pid > 0)
		snprintf(buf, len, "process %ld", pid);
	else
		snprintf(buf, len, "the process of file descriptor %d", pidfd);
}

static int fail_access(struct wptrack *w, const char *target)
{
	long yama = read_number("/proc/sys/kernel/yama/ptrace_scope", "");

	if (yama > 0)
		return wpt_fail(w, EPERM,
				"no permission to track %s: it needs the access that ptrace attach needs; run as root (CAP_SYS_PTRACE), or as the owner of the process with kernel.yama.ptrace_scope set to 0 (it is %ld)",
				target, yama);
	return wpt_fail(w, EPERM,
			"no permission to track %s: it needs the access that ptrace attach needs; run as root (CAP_SYS_PTRACE) or as the owner of the process, which has to be one that its owner may trace (not set-user-ID, nor made undumpable)",
			target);
}

static int attach(struct wptrack *w, int pidfd, pid_t pid, uint64_t flags)
{
	struct wptrack_attach arg = {
		.size = sizeof(arg),
		.flags = flags,
		.pidfd = pidfd,
	};
	char target[64];
	int err;

	if (!ioctl(w->fd, WPTRACK_IOC_ATTACH, &arg))
		return 0;

	err = errno;
	name_target(pidfd, pid, target, sizeof(target));
	switch (err) {
	case EPERM:
	case EACCES:
		return fail_access(w, target);
	case ESRCH:
		return wpt_fail(w, err,
				"cannot track %s: it has exited, or it is a kernel thread, which has no memory of its own",
				target);
	case EBUSY:
		return wpt_fail(w, err,
				"cannot track %s: this tracker is attached already; open another one",
				target);
	case EBADF:
		return wpt_fail(w, err,
				"cannot track %s: that is no pidfd; make one with pidfd_open",
				target);
	case EINVAL:
		return wpt_fail(w, err,
				"cannot track %s: the wptrack module does not know all of the flags %#llx",
				target, (unsigned long long)flags);
	case EOPNOTSUPP:
		return wpt_fail(w, err,
				"cannot track %s: the hook in the kernel cannot be placed (set the sysctl kernel.ftrace_enabled to 1; a live patch of do_wp_page() keeps it out, too), or it has to follow forks and cannot do so here ('wptrack info' says why)",
				target);
	default:
		return wpt_fail(w, err, "cannot track %s: %s", target,
				wpt_reason(err));
	}
}

WPT_API int wptrack_attach_self(struct wptrack *w)
{
	return attach(w, -1, 0, 0);
}

WPT_API int wptrack_attach_pidfd(struct wptrack *w, int pidfd)
{
	if (pidfd < 0)
		return wpt_fail(w, EBADF,
				"cannot track the process of file descriptor %d: that is no pidfd; make one with pidfd_open",
				pidfd);
	return attach(w, pidfd, 0, 0);
}

WPT_API int wptrack_attach_flags(struct wptrack *w, int pidfd, uint64_t flags)
{
	return attach(w, pidfd, 0, flags);
}

WPT_API int wptrack_attach_pid(struct wptrack *w, pid_t pid)
{
	int pidfd = syscall(SYS_pidfd_open, pid, 0);
	int err;

	if (pidfd >= 0) {
		err = attach(w, pidfd, pid, 0);
		close(pidfd);
		return err;
	}

	err = errno;
	/* Newer kernels say ENOENT where older ones said EINVAL. */
	if (pid > 0 && (err == EINVAL || err == ENOENT))
		return wpt_fail(w, EINVAL,
				"cannot track process %d: it is a thread, not a process; give the process ID ('Tgid' in /proc/%d/status)",
				pid, pid);
	switch (err) {
	case EINVAL:
		return wpt_fail(w, err,
				"cannot track process %d: a process ID is greater than 0",
				pid);
	case ESRCH:
		return wpt_fail(w, err,
				"cannot track process %d: there is no such process",
				pid);
	case EMFILE:
	case ENFILE:
		return wpt_fail(w, err,
				"cannot track process %d: too many open files; raise the limit ('ulimit -n') or close some",
				pid);
	case ENOSYS:
		return wpt_fail(w, err,
				"cannot track process %d: this kernel has no pidfd_open (Linux 5.3), or a seccomp filter forbids it",
				pid);
	default:
		return wpt_fail(w, err, "cannot track process %d: %s", pid,
				wpt_reason(err));
	}
}
