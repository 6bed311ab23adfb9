// SPDX-License-Identifier: GPL-2.0-only
#include <linux/anon_inodes.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/poll.h>
#include <linux/ptrace.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "dev.h"
#include "dev_arg.h"
#include "listing.h"
#include "sym.h"
#include "tracker.h"

/* The interface: a structure that changes its layout by accident breaks users. */
static_assert(sizeof(struct wptrack_info) == 56);
static_assert(sizeof(struct wptrack_attach) == 24);
static_assert(sizeof(struct wptrack_range) == 40);
static_assert(sizeof(struct wptrack_region) == 24);
static_assert(sizeof(struct wptrack_scan) == 120);
static_assert(sizeof(struct wptrack_clear) == 56);
static_assert(sizeof(struct wptrack_notify) == 32);
static_assert(sizeof(struct wptrack_forked) == 40);
static_assert(offsetof(struct wptrack_info, text_len) == 48);
static_assert(offsetof(struct wptrack_attach, pidfd) == 16);
static_assert(offsetof(struct wptrack_range, done) == 32);
static_assert(offsetof(struct wptrack_region, categories) == 16);
static_assert(offsetof(struct wptrack_scan, return_mask) == 88);
static_assert(offsetof(struct wptrack_scan, pages) == 104);
static_assert(offsetof(struct wptrack_scan, epoch) == 112);
static_assert(offsetof(struct wptrack_clear, epoch) == 32);
static_assert(offsetof(struct wptrack_clear, pages) == 48);
static_assert(offsetof(struct wptrack_notify, eventfd) == 24);
static_assert(offsetof(struct wptrack_forked, missed) == 32);

#define DEV_TRACK_FLAGS	(WPTRACK_TRACK_START_WRITTEN | WPTRACK_TRACK_KEEP_HUGE)
#define DEV_SCAN_FLAGS							\
	(WPTRACK_SCAN_RESET | WPTRACK_SCAN_CHECK_TRACKED | WPTRACK_SCAN_ADVANCE)

/* Regions that are collected before they are copied to the caller. */
#define DEV_REGIONS	512

/* The address space of a pidfd; *@target is whose it is, to be put. */
static struct mm_struct *dev_mm_of_pidfd(s64 pidfd, struct pid **target)
{
	struct task_struct *task;
	struct mm_struct *mm;
	struct file *file;
	struct pid *pid;

	if (pidfd < 0 || pidfd > INT_MAX)
		return ERR_PTR(-EBADF);
	file = fget(pidfd);
	if (!file)
		return ERR_PTR(-EBADF);
	pid = static_call(wpt_pidfd_pid)(file);
	task = IS_ERR(pid) ? NULL : get_pid_task(pid, PIDTYPE_PID);
	fput(file);
	if (IS_ERR(pid))
		return ERR_PTR(-EBADF);
	if (!task)
		return ERR_PTR(-ESRCH);
	/* Arming changes the target: the access that ptrace attach needs. */
	mm = static_call(wpt_mm_access)(task, PTRACE_MODE_ATTACH_FSCREDS);
	*target = get_task_pid(task, PIDTYPE_TGID);
	put_task_struct(task);
	if (!mm)
		return ERR_PTR(-ESRCH);
	if (mm == ERR_PTR(-EACCES))
		return ERR_PTR(-EPERM);
	return mm;
}

static long ioc_attach(struct wpt_tracker *t, void __user *uarg)
{
	struct wptrack_attach arg;
	struct pid *target = NULL;
	struct mm_struct *mm;
	int ret;

	ret = wpt_dev_get(&arg, sizeof(arg), sizeof(arg), uarg);
	if (ret)
		return ret;
	if (arg.flags & ~(u64)WPTRACK_ATTACH_FOLLOW_FORK)
		return -EINVAL;
	if (arg.pidfd == -1) {
		mm = get_task_mm(current) ?: ERR_PTR(-ESRCH);
		target = get_task_pid(current, PIDTYPE_TGID);
	} else {
		mm = dev_mm_of_pidfd(arg.pidfd, &target);
	}
	if (IS_ERR(mm)) {
		ret = PTR_ERR(mm);
		goto out;
	}
	ret = wpt_tracker_attach(t, mm, target,
				 arg.flags & WPTRACK_ATTACH_FOLLOW_FORK);
	mmput(mm);
	/* Registering the notifier gives way to any signal: do it again after. */
	if (ret == -EINTR && !fatal_signal_pending(current))
		ret = -ERESTARTNOINTR;
out:
	put_pid(target);
	return ret;
}

static long ioc_range(struct wpt_tracker *t, void __user *uarg, bool track)
{
	struct wptrack_range arg;
	unsigned long start, end, done;
	int ret;

	ret = wpt_dev_get(&arg, sizeof(arg), sizeof(arg), uarg);
	if (ret)
		return ret;
	if (arg.flags & ~(track ? DEV_TRACK_FLAGS : 0ULL))
		return -EINVAL;
	if (!PAGE_ALIGNED(arg.start) || arg.start >= arg.end)
		return -EINVAL;
	start = arg.start;
	end = wpt_dev_end(arg.end);
	done = start;
	if (start < end) {
		if (track)
			ret = wpt_tracker_track(t, start, end, arg.flags, &done);
		else
			ret = wpt_tracker_untrack(t, start, end, &done);
	}
	arg.done = ret ? done : wpt_dev_align(arg.end);
	return wpt_dev_put(&arg, sizeof(arg), arg.size, uarg) ?: ret;
}

static unsigned int dev_deliver(void *ctx, const struct wptrack_region *regions,
				unsigned int nr)
{
	struct wptrack_region __user **vec = ctx;
	unsigned long left;

	left = copy_to_user(*vec, regions, nr * sizeof(*regions));
	/* A region that was copied in part was not delivered. */
	nr -= DIV_ROUND_UP(left, sizeof(*regions));
	*vec += nr;
	return nr;
}

static int dev_scan_check(const struct wptrack_scan *arg)
{
	u64 categories = arg->category_inverted | arg->category_mask |
			 arg->category_anyof_mask | arg->return_mask;

	if (arg->flags & ~(u64)DEV_SCAN_FLAGS)
		return -EINVAL;
	if (categories & ~WPT_DEV_CATEGORIES)
		return -EINVAL;
	if (!PAGE_ALIGNED(arg->start))
		return -EINVAL;
	if (!arg->vec && arg->vec_len)
		return -EINVAL;
	if (arg->end < arg->start)
		return -EFAULT;
	if (arg->vec && !access_ok(u64_to_user_ptr(arg->vec),
				   array_size(arg->vec_len,
					      sizeof(struct wptrack_region))))
		return -EFAULT;
	return 0;
}

static long ioc_scan(struct wpt_tracker *t, void __user *uarg)
{
	struct wptrack_region __user *vec;
	struct wptrack_scan arg;
	struct wpt_scan scan;
	int ret;

	ret = wpt_dev_get(&arg, sizeof(arg), sizeof(arg), uarg);
	if (ret)
		return ret;
	ret = dev_scan_check(&arg);
	if (ret)
		return ret;
	/* What cannot be written back later should fail before it is reset. */
	arg.walk_end = arg.start;
	arg.regions = 0;
	arg.pages = 0;
	ret = wpt_dev_put(&arg, sizeof(arg), arg.size, uarg);
	if (ret)
		return ret;

	vec = u64_to_user_ptr(arg.vec);
	scan = (struct wpt_scan) {
		.start = arg.start,
		.end = wpt_dev_end(arg.end),
		.masks = {
			.inverted = arg.category_inverted,
			.mask = arg.category_mask,
			.anyof = arg.category_anyof_mask,
			.ret = arg.return_mask,
		},
		.flags = arg.flags,
		.out = {
			.cap = arg.vec ? clamp_t(u64, arg.vec_len, 1, DEV_REGIONS) :
					 DEV_REGIONS,
			.vec_len = arg.vec_len,
			.max_pages = arg.max_pages ?: U64_MAX,
			.count_only = !arg.vec,
		},
		.deliver = dev_deliver,
		.ctx = &vec,
	};
	scan.out.buf = kvmalloc_array(scan.out.cap, sizeof(*scan.out.buf),
				      GFP_KERNEL_ACCOUNT);
	if (!scan.out.buf)
		return -ENOMEM;
	ret = wpt_tracker_scan(t, &scan);
	kvfree(scan.out.buf);

	if (scan.epoch)
		arg.epoch = scan.epoch;
	arg.walk_end = scan.walk_end < scan.end ? scan.walk_end :
							  wpt_dev_align(arg.end);
	arg.regions = scan.out.delivered;
	arg.pages = scan.out.pages;
	if (wpt_dev_put(&arg, sizeof(arg), arg.size, uarg))
		return -EFAULT;
	return ret ?: min_t(u64, arg.regions, LONG_MAX);
}

static long ioc_notify(struct wpt_tracker *t, void __user *uarg)
{
	struct eventfd_ctx *eventfd = NULL;
	struct wptrack_notify arg;
	int ret;

	ret = wpt_dev_get(&arg, sizeof(arg), sizeof(arg), uarg);
	if (ret)
		return ret;
	if (arg.flags)
		return -EINVAL;
	if (arg.eventfd < -1 || arg.eventfd > INT_MAX)
		return -EBADF;
	if (arg.eventfd >= 0)
		eventfd = eventfd_ctx_fdget(arg.eventfd);
	if (IS_ERR(eventfd))
		return PTR_ERR(eventfd);
	ret = wpt_tracker_notify(t, arg.pages, eventfd);
	if (ret && eventfd)
		eventfd_ctx_put(eventfd);
	return ret;
}

/* The size in the number may differ from ours: a structure can grow. */
static long dev_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct wpt_tracker *t = file->private_data;
	void __user *uarg = (void __user *)arg;

	if (_IOC_TYPE(cmd) != WPTRACK_IOC_TYPE)
		return -ENOTTY;
	switch (_IOC_NR(cmd)) {
	case _IOC_NR(WPTRACK_IOC_INFO):
		return wpt_ioc_info(uarg);
	case _IOC_NR(WPTRACK_IOC_ATTACH):
		return ioc_attach(t, uarg);
	case _IOC_NR(WPTRACK_IOC_TRACK):
		return ioc_range(t, uarg, true);
	case _IOC_NR(WPTRACK_IOC_UNTRACK):
		return ioc_range(t, uarg, false);
	case _IOC_NR(WPTRACK_IOC_SCAN):
		return ioc_scan(t, uarg);
	case _IOC_NR(WPTRACK_IOC_CLEAR):
		return wpt_ioc_clear(t, uarg);
	case _IOC_NR(WPTRACK_IOC_NOTIFY):
		return ioc_notify(t, uarg);
	case _IOC_NR(WPTRACK_IOC_FORKED):
		return wpt_ioc_forked(t, uarg);
	default:
		return -ENOTTY;
	}
}

static int dev_open(struct inode *inode, struct file *file)
{
	struct wpt_tracker *t = wpt_tracker_create(NULL);

	if (IS_ERR(t))
		return PTR_ERR(t);
	file->private_data = t;
	return nonseekable_open(inode, file);
}

static int dev_release(struct inode *inode, struct file *file)
{
	wpt_tracker_close(file->private_data);
	return 0;
}

/* No lock: a scan may hold it for as long as its caller likes. */
static __poll_t dev_poll(struct file *file, struct poll_table_struct *wait)
{
	struct wpt_tracker *t = file->private_data;
	struct wpt_space *space;
	__poll_t mask = 0;

	poll_wait(file, &t->watch.wait, wait);
	/* Pairs with wpt_tracker_attach(). */
	space = smp_load_acquire(&t->space);
	if (wpt_watch_ready(&t->watch))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (wpt_follow_ready(t))
		mask |= EPOLLPRI;
	if (space && READ_ONCE(space->dead))
		mask |= EPOLLHUP;
	return mask;
}

static void dev_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct wpt_tracker *t = file->private_data;
	/* Pairs with wpt_tracker_attach(). */
	struct wpt_space *space = smp_load_acquire(&t->space);
	unsigned long armed, written;

	/* No lock: a scan may hold it for as long as its caller likes. */
	seq_printf(m, "wptrack-target:\t%s\n", !space ? "none" :
		   READ_ONCE(space->dead) ? "gone" : "attached");
	seq_printf(m, "wptrack-ranges:\t%u\n", READ_ONCE(t->ranges.nr));
	seq_printf(m, "wptrack-lost:\t%d\n", READ_ONCE(t->lost));
	seq_printf(m, "wptrack-id:\t%llu\n", t->id);
	if (space)
		seq_printf(m, "wptrack-space:\t%llu\n", space->id);
	seq_printf(m, "wptrack-target-pid:\t%d\n",
		   pid_nr_ns(READ_ONCE(t->target), task_active_pid_ns(current)));
	seq_printf(m, "wptrack-scans:\t%llu\n", READ_ONCE(t->scans));
	seq_printf(m, "wptrack-epoch:\t%llu\n", READ_ONCE(t->epoch));
	seq_printf(m, "wptrack-notify:\t%lu %ld\n",
		   READ_ONCE(t->watch.threshold),
		   atomic_long_read(&t->watch.pages));
	if (!wpt_listing_count(t, ktime_get(), &armed, &written))
		return;
	seq_printf(m, "wptrack-armed:\t%lu\n", armed);
	seq_printf(m, "wptrack-written:\t%lu\n", written);
}

static const struct file_operations dev_fops = {
	.owner		= THIS_MODULE,
	.open		= dev_open,
	.release	= dev_release,
	.unlocked_ioctl	= dev_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.poll		= dev_poll,
	.show_fdinfo	= dev_show_fdinfo,
};

/**
 * wpt_dev_file() - an open file for a tracker that did not come from open(2)
 * @t: the tracker; closed with the file
 *
 * Return: the file or an error.
 */
struct file *wpt_dev_file(struct wpt_tracker *t)
{
	return anon_inode_getfile("[wptrack]", &dev_fops, t, O_RDWR);
}

static struct miscdevice dev_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "wptrack",
	.fops	= &dev_fops,
	.mode	= 0600,
};

/**
 * wpt_dev_init() - make the device; comes last, users can be there at once
 *
 * Return: 0 or an error of misc_register().
 */
int wpt_dev_init(void)
{
	return misc_register(&dev_misc);
}

/**
 * wpt_dev_exit() - remove the device
 */
void wpt_dev_exit(void)
{
	misc_deregister(&dev_misc);
}
