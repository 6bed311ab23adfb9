// SPDX-License-Identifier: GPL-2.0-only
/*
 * WPTRACK_IOC_FORKED: fetch the tracker of a child.
 */
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>

#include "dev_arg.h"
#include "tracker.h"

/* A descriptor for the tracker of a child, and the answer for the caller. */
static int dev_hand_over(struct wpt_tracker *child, struct wptrack_forked *arg,
			 void __user *uarg)
{
	struct file *file;
	int fd;

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	arg->fd = fd;
	arg->pid = pid_nr_ns(child->target, task_active_pid_ns(current));
	/* First what can fail for the caller's fault: the file would close the tracker. */
	if (wpt_dev_put(arg, sizeof(*arg), arg->size, uarg)) {
		put_unused_fd(fd);
		return -EFAULT;
	}
	file = wpt_dev_file(child);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	wpt_account_forks(&child->account, -1);
	child->follow.counted = false;
	fd_install(fd, file);
	return 0;
}

/**
 * wpt_ioc_forked() - WPTRACK_IOC_FORKED
 * @t:    the tracker
 * @uarg: struct wptrack_forked of the caller's
 *
 * Return: 0, -EINVAL, -E2BIG, -EFAULT, -ENOTCONN, -EOPNOTSUPP, -EAGAIN, -EMFILE,
 * -ENFILE, -ENOMEM.
 */
long wpt_ioc_forked(struct wpt_tracker *t, void __user *uarg)
{
	struct wpt_tracker *child;
	struct wptrack_forked arg;
	int ret;

	ret = wpt_dev_get(&arg, sizeof(arg), sizeof(arg), uarg);
	if (ret)
		return ret;
	if (arg.flags)
		return -EINVAL;
	/* Pairs with wpt_tracker_attach(). */
	if (!smp_load_acquire(&t->space))
		return -ENOTCONN;
	if (!t->follow.on)
		return -EOPNOTSUPP;
	arg.fd = -1;
	arg.pid = 0;
	arg.missed = atomic_long_read(&t->follow.missed);
	child = wpt_follow_take(t);
	if (child) {
		ret = dev_hand_over(child, &arg, uarg);
		if (ret)
			wpt_follow_untake(t, child);
	} else if (wpt_dev_put(&arg, sizeof(arg), arg.size, uarg)) {
		ret = -EFAULT;
	} else {
		ret = -EAGAIN;
	}
	if (!ret || ret == -EAGAIN)
		WRITE_ONCE(t->follow.told, arg.missed);
	return ret;
}
