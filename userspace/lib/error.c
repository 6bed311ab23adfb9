// SPDX-License-Identifier: MIT
/*
 * Sentences about failures.  They live in the thread, as errno does, so that
 * threads that share a handle do not write over each other's.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "handle.h"

static __thread struct {
	const struct wptrack *w;
	char text[512];
} last;

static __thread char open_text[512];

int wpt_fail(const struct wptrack *w, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(last.text, sizeof(last.text), fmt, ap);
	va_end(ap);
	last.w = w;
	return -err;
}

void wpt_forget(const struct wptrack *w)
{
	if (last.w == w)
		last.w = NULL;
}

const char *wpt_reason(int err)
{
	switch (err) {
	case ENOTCONN:
		return "the tracker is not attached; attach it to a process first";
	case ESRCH:
		return "the target exited or replaced itself by execve, which ends the tracking; open and attach a new tracker to go on";
	case EINTR:
		return "the caller was killed while it waited";
	case EAGAIN:
		return "the kernel had no memory to note what happened to the memory meanwhile; all of it reads written now, scan again";
	case ENOMEM:
		return "out of memory; free some, or raise the memory limit of this process's cgroup";
	case EDQUOT:
		return "the ranges of this user (max_user_ranges) or the memory for what is known of them (max_user_record_kib) are at their limit; untrack memory or close trackers, or raise it in /sys/module/wptrack/parameters";
	case EFAULT:
		return "an argument points to memory that cannot be accessed, or the end of the range lies before its start";
	case ENOTTY:
		return "the file descriptor is no wptrack tracker, or the module does not know the command; update the module";
	case E2BIG:
		return "the module does not know an option that was asked for; update the module";
	case EBADF:
		return "the file descriptor of the tracker was closed";
	default:
		return strerror(err);
	}
}

WPT_API const char *wptrack_error(const struct wptrack *w)
{
	return w && last.w == w ? last.text : "no error";
}

static void say_missing(const char *device)
{
	if (strcmp(device, WPTRACK_DEVICE))
		snprintf(open_text, sizeof(open_text),
			 "%s does not exist: check the path of the device",
			 device);
	else if (access("/sys/module/wptrack", F_OK))
		snprintf(open_text, sizeof(open_text),
			 "%s does not exist: the wptrack module is not loaded; run 'modprobe wptrack' as root (if that fails, 'dkms status' and 'dmesg' say why)",
			 device);
	else
		snprintf(open_text, sizeof(open_text),
			 "%s does not exist, although the wptrack module is loaded: udev has not made the node, or this container was not given the device",
			 device);
}

WPT_API const char *wptrack_open_error(int err, const char *device)
{
	if (!device)
		device = WPTRACK_DEVICE;
	if (err < 0)
		err = -err;

	switch (err) {
	case 0:
		return "no error";
	case ENOENT:
	case ENOTDIR:
		say_missing(device);
		break;
	case EACCES:
	case EPERM:
		snprintf(open_text, sizeof(open_text),
			 "no permission to open %s: run as root, or become a member of the group that 'ls -l %s' shows: with the packages, or 'make install', that is wptrack ('adduser USER wptrack', then log in again); if it is root, the udev rule of wptrack is missing",
			 device, device);
		break;
	case ENXIO:
	case ENODEV:
		snprintf(open_text, sizeof(open_text),
			 "%s is there but no driver answers: the wptrack module is not loaded; run 'modprobe wptrack' as root",
			 device);
		break;
	case ENOTTY:
		snprintf(open_text, sizeof(open_text),
			 "%s is not a wptrack device: check the path of the device",
			 device);
		break;
	case EPROTO:
		snprintf(open_text, sizeof(open_text),
			 "the wptrack module behind %s is older than this library: update the module, then run 'rmmod wptrack' and 'modprobe wptrack' as root",
			 device);
		break;
	case EINVAL:
	case E2BIG:
		snprintf(open_text, sizeof(open_text),
			 "cannot open %s: struct wptrack_open_opts is of a size that this library does not know; set its member sz to sizeof",
			 device);
		break;
	case EMFILE:
	case ENFILE:
		snprintf(open_text, sizeof(open_text),
			 "cannot open %s: too many open files; raise the limit ('ulimit -n') or close some",
			 device);
		break;
	case EDQUOT:
		snprintf(open_text, sizeof(open_text),
			 "cannot open %s: this user has as many trackers as one may have; close some, or raise /sys/module/wptrack/parameters/max_user_trackers",
			 device);
		break;
	case ENOMEM:
		snprintf(open_text, sizeof(open_text),
			 "cannot open %s: %s", device, wpt_reason(err));
		break;
	default:
		snprintf(open_text, sizeof(open_text), "cannot open %s: %s",
			 device, strerror(err));
		break;
	}
	return open_text;
}
