// SPDX-License-Identifier: GPL-2.0-only
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
#include <linux/utsname.h>

#include "compat/hugetlb.h"
#include "dev.h"
#include "hugetlb.h"
#include "listing.h"
#include "pte.h"
#include "split.h"
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

#define DEV_CATEGORIES							\
	(WPTRACK_PAGE_WPALLOWED | WPTRACK_PAGE_WRITTEN | WPTRACK_PAGE_FILE | \
	 WPTRACK_PAGE_PRESENT | WPTRACK_PAGE_SWAPPED | WPTRACK_PAGE_PFNZERO | \
	 WPTRACK_PAGE_HUGE | WPTRACK_PAGE_SOFT_DIRTY | WPTRACK_PAGE_GUARD | \
	 WPTRACK_PAGE_PINNED)
#define DEV_TRACK_FLAGS	(WPTRACK_TRACK_START_WRITTEN | WPTRACK_TRACK_KEEP_HUGE)
#define DEV_SCAN_FLAGS							\
	(WPTRACK_SCAN_RESET | WPTRACK_SCAN_CHECK_TRACKED | WPTRACK_SCAN_ADVANCE)

/* Regions that are collected before they are copied to the caller. */
#define DEV_REGIONS	512

/* Regions of the caller's that are read before they are cleared. */
#define DEV_CLEAR_REGIONS	128

static const struct {
	u64 bit;
	const char *name;
	const char *why_not;	/* NULL: it works here */
} dev_features[] = {
	{ WPTRACK_FEATURE_ANON, "anonymous memory", NULL },
	{ WPTRACK_FEATURE_SHMEM, "shared memory (shmem, tmpfs, memfd)", NULL },
	{ WPTRACK_FEATURE_FILE_PRIVATE, "private file mappings", NULL },
	{ WPTRACK_FEATURE_FILE_SHARED, "shared file mappings", NULL },
	{ WPTRACK_FEATURE_THP, "transparent huge pages", NULL },
	{ WPTRACK_FEATURE_HUGETLB, "hugetlb", NULL },
	{ WPTRACK_FEATURE_REMOTE, "other processes", NULL },
	{ WPTRACK_FEATURE_MULTI, "several trackers on the same memory", NULL },
	{ WPTRACK_FEATURE_SOFT_DIRTY, "soft-dirty category",
#ifdef CONFIG_MEM_SOFT_DIRTY
	  NULL },
#else
	  "the kernel was built without CONFIG_MEM_SOFT_DIRTY" },
#endif
	{ WPTRACK_FEATURE_EPOCH, "epochs and clearing in two steps", NULL },
	{ WPTRACK_FEATURE_NOTIFY, "waiting for writes", NULL },
};

/*
 * Read an argument structure whose first member is its size.  @known is the
 * size of the first published version.
 */
static int dev_get(void *arg, size_t ksize, size_t known, void __user *uarg)
{
	u64 usize;

	if (get_user(usize, (u64 __user *)uarg))
		return -EFAULT;
	if (usize < known)
		return -EINVAL;
	if (usize > PAGE_SIZE)
		return -E2BIG;
	return copy_struct_from_user(arg, ksize, uarg, usize);
}

/* Write back what the caller has room for. */
static int dev_put(const void *arg, size_t ksize, u64 usize, void __user *uarg)
{
	return copy_to_user(uarg, arg, min_t(u64, ksize, usize)) ? -EFAULT : 0;
}

/* Why a feature does not work here, or NULL if it does. */
static const char *why_not(int i)
{
	if (dev_features[i].bit == WPTRACK_FEATURE_THP)
		return wpt_split_why_not();
	if (dev_features[i].bit == WPTRACK_FEATURE_HUGETLB)
		return wpt_hugetlb_why_not();
	return dev_features[i].why_not;
}

/* One line a feature.  Returns the length with the final NUL. */
static size_t dev_describe(char *buf, size_t len)
{
	size_t n = 0;
	int i;

#define add(...) (n += snprintf(n < len ? buf + n : NULL,		\
				n < len ? len - n : 0, __VA_ARGS__))
	for (i = 0; i < ARRAY_SIZE(dev_features); i++) {
		if (why_not(i))
			add("%s: no (%s)\n", dev_features[i].name, why_not(i));
		else
			add("%s: yes\n", dev_features[i].name);
	}
	add("hugetlb pages of other sizes than 2 MiB: no (they are reported written)\n");
	if (!WPT_HUGETLB_SHARED)
		add("shared hugetlb: no (Linux before 6.0 copies a page that is written after a reset: it is reported written)\n");
	add("module: wptrack %s\n", WPT_VERSION);
	add("kernel: %s\n", utsname()->release);
	add("page table bit: %d\n", WPT_PTE_BIT);
#ifndef WPT_HAVE_FAULT_FLAG_UNSHARE
	add("pages pinned for reading only: a write after a reset moves the page away from the pin (Linux before 6.0)\n");
#endif
#undef add
	return n + 1;
}

static long ioc_info(void __user *uarg)
{
	struct wptrack_info info;
	size_t room, need;
	char *text;
	u64 usize;
	int ret, i;

	ret = dev_get(&info, sizeof(info), sizeof(info), uarg);
	if (ret)
		return ret;
	usize = info.size;
	info.abi = WPTRACK_ABI_VERSION;
	info.features = 0;
	for (i = 0; i < ARRAY_SIZE(dev_features); i++)
		if (!why_not(i))
			info.features |= dev_features[i].bit;
	info.categories = DEV_CATEGORIES;
	info.address_end = TASK_SIZE;

	text = kzalloc(PAGE_SIZE, GFP_KERNEL_ACCOUNT);
	if (!text)
		return -ENOMEM;
	need = dev_describe(text, PAGE_SIZE);
	need = min_t(size_t, need, PAGE_SIZE);
	if (info.text && info.text_len) {
		room = min_t(u64, info.text_len, need);
		text[room - 1] = '\0';
		if (copy_to_user(u64_to_user_ptr(info.text), text, room))
			ret = -EFAULT;
	}
	kfree(text);
	info.text_len = need;
	return ret ?: dev_put(&info, sizeof(info), usize, uarg);
}

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

	ret = dev_get(&arg, sizeof(arg), sizeof(arg), uarg);
	if (ret)
		return ret;
	if (arg.flags)
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
	ret = wpt_tracker_attach(t, mm, target);
	mmput(mm);
	/* Registering the notifier gives way to any signal: do it again after. */
	if (ret == -EINTR && !fatal_signal_pending(current))
		ret = -ERESTARTNOINTR;
out:
	put_pid(target);
	return ret;
}

/* Round an end up to pages. */
static u64 dev_align(u64 end)
{
	return end > U64_MAX - PAGE_SIZE ? end : PAGE_ALIGN(end);
}

/* The same, and cut off what lies beyond the end of the address space. */
static unsigned long dev_end(u64 end)
{
	return min_t(u64, dev_align(end), TASK_SIZE_MAX);
}

static long ioc_range(struct wpt_tracker *t, void __user *uarg, bool track)
{
	struct wptrack_range arg;
	unsigned long start, end, done;
	int ret;

	ret = dev_get(&arg, sizeof(arg), sizeof(arg), uarg);
	if (ret)
		return ret;
	if (arg.flags & ~(track ? DEV_TRACK_FLAGS : 0ULL))
		return -EINVAL;
	if (!PAGE_ALIGNED(arg.start) || arg.start >= arg.end)
		return -EINVAL;
	start = arg.start;
	end = dev_end(arg.end);
	done = start;
	if (start < end) {
		if (track)
			ret = wpt_tracker_track(t, start, end, arg.flags, &done);
		else
			ret = wpt_tracker_untrack(t, start, end, &done);
	}
	arg.done = ret ? done : dev_align(arg.end);
	return dev_put(&arg, sizeof(arg), arg.size, uarg) ?: ret;
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
	if (categories & ~DEV_CATEGORIES)
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

	ret = dev_get(&arg, sizeof(arg), sizeof(arg), uarg);
	if (ret)
		return ret;
	ret = dev_scan_check(&arg);
	if (ret)
		return ret;
	/* What cannot be written back later should fail before it is reset. */
	arg.walk_end = arg.start;
	arg.regions = 0;
	arg.pages = 0;
	ret = dev_put(&arg, sizeof(arg), arg.size, uarg);
	if (ret)
		return ret;

	vec = u64_to_user_ptr(arg.vec);
	scan = (struct wpt_scan) {
		.start = arg.start,
		.end = dev_end(arg.end),
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
							  dev_align(arg.end);
	arg.regions = scan.out.delivered;
	arg.pages = scan.out.pages;
	if (dev_put(&arg, sizeof(arg), arg.size, uarg))
		return -EFAULT;
	return ret ?: min_t(u64, arg.regions, LONG_MAX);
}

/* Reset the written pages of one region, if it is the right epoch. */
static int dev_clear_one(struct wpt_tracker *t,
			 const struct wptrack_region *region, u64 epoch,
			 u64 *pages)
{
	struct wptrack_region buf[8];
	struct wpt_scan scan = {
		.start = region->start,
		.end = dev_end(region->end),
		.masks = {
			.mask = WPTRACK_PAGE_WRITTEN,
			.ret = WPTRACK_PAGE_WRITTEN,
		},
		.flags = WPTRACK_SCAN_RESET,
		.epoch = epoch,
		.clear = true,
		.out = {
			.buf = buf, .cap = ARRAY_SIZE(buf),
			.max_pages = U64_MAX, .count_only = true,
		},
	};
	int ret;

	if (!PAGE_ALIGNED(region->start) || region->start >= region->end)
		return -EINVAL;
	if (scan.start >= scan.end)
		return 0;
	ret = wpt_tracker_scan(t, &scan);
	*pages += scan.out.pages;
	return ret;
}

static int dev_clear(struct wpt_tracker *t, struct wptrack_clear *arg,
		     struct wptrack_region *regions)
{
	const struct wptrack_region __user *vec = u64_to_user_ptr(arg->vec);
	unsigned int n, i;
	int ret;

	while (arg->done < arg->vec_len) {
		n = min_t(u64, arg->vec_len - arg->done, DEV_CLEAR_REGIONS);
		if (copy_from_user(regions, vec + arg->done,
				   n * sizeof(*regions)))
			return -EFAULT;
		for (i = 0; i < n; i++) {
			ret = dev_clear_one(t, &regions[i], arg->epoch,
					    &arg->pages);
			if (ret)
				return ret;
			arg->done++;
			if (fatal_signal_pending(current))
				return -EINTR;
			cond_resched();
		}
	}
	return 0;
}

static long ioc_clear(struct wpt_tracker *t, void __user *uarg)
{
	struct wptrack_region *regions;
	struct wptrack_clear arg;
	int ret, err;

	ret = dev_get(&arg, sizeof(arg), sizeof(arg), uarg);
	if (ret)
		return ret;
	if (arg.flags & ~(u64)WPTRACK_CLEAR_ADVANCE)
		return -EINVAL;
	if (!arg.vec && arg.vec_len)
		return -EINVAL;
	if (arg.vec_len > U64_MAX / sizeof(*regions) ||
	    !access_ok(u64_to_user_ptr(arg.vec), arg.vec_len * sizeof(*regions)))
		return -EFAULT;
	arg.done = 0;
	arg.pages = 0;
	regions = kmalloc_array(DEV_CLEAR_REGIONS, sizeof(*regions),
				GFP_KERNEL_ACCOUNT);
	if (!regions)
		return -ENOMEM;
	ret = dev_clear(t, &arg, regions);
	kfree(regions);
	/* After ESTALE as well: it says which epoch it is. */
	if (!ret || ret == -ESTALE) {
		err = wpt_tracker_epoch(t, &arg.epoch, !ret &&
					(arg.flags & WPTRACK_CLEAR_ADVANCE));
		ret = ret ?: err;
	}
	return dev_put(&arg, sizeof(arg), arg.size, uarg) ?: ret;
}

static long ioc_notify(struct wpt_tracker *t, void __user *uarg)
{
	struct eventfd_ctx *eventfd = NULL;
	struct wptrack_notify arg;
	int ret;

	ret = dev_get(&arg, sizeof(arg), sizeof(arg), uarg);
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
		return ioc_info(uarg);
	case _IOC_NR(WPTRACK_IOC_ATTACH):
		return ioc_attach(t, uarg);
	case _IOC_NR(WPTRACK_IOC_TRACK):
		return ioc_range(t, uarg, true);
	case _IOC_NR(WPTRACK_IOC_UNTRACK):
		return ioc_range(t, uarg, false);
	case _IOC_NR(WPTRACK_IOC_SCAN):
		return ioc_scan(t, uarg);
	case _IOC_NR(WPTRACK_IOC_CLEAR):
		return ioc_clear(t, uarg);
	case _IOC_NR(WPTRACK_IOC_NOTIFY):
		return ioc_notify(t, uarg);
	default:
		return -ENOTTY;
	}
}

static int dev_open(struct inode *inode, struct file *file)
{
	struct wpt_tracker *t = wpt_tracker_create();

	if (IS_ERR(t))
		return PTR_ERR(t);
	file->private_data = t;
	return nonseekable_open(inode, file);
}

static int dev_release(struct inode *inode, struct file *file)
{
	wpt_tracker_destroy(file->private_data);
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
