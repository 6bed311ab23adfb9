/* SPDX-License-Identifier: GPL-2.0-only */
/* Arguments of ioctls, and the commands that have files of their own. */
#ifndef WPT_DEV_ARG_H
#define WPT_DEV_ARG_H

#include <linux/mm.h>
#include <linux/uaccess.h>
#include <wptrack.h>

struct file;
struct wpt_tracker;

/* Every category that a scan can be asked for. */
#define WPT_DEV_CATEGORIES							\
	(WPTRACK_PAGE_WPALLOWED | WPTRACK_PAGE_WRITTEN | WPTRACK_PAGE_FILE | \
	 WPTRACK_PAGE_PRESENT | WPTRACK_PAGE_SWAPPED | WPTRACK_PAGE_PFNZERO | \
	 WPTRACK_PAGE_HUGE | WPTRACK_PAGE_SOFT_DIRTY | WPTRACK_PAGE_GUARD | \
	 WPTRACK_PAGE_PINNED)

/*
 * Read an argument structure whose first member is its size.  @known is the
 * size of the first published version.
 */
static inline int wpt_dev_get(void *arg, size_t ksize, size_t known, void __user *uarg)
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
static inline int wpt_dev_put(const void *arg, size_t ksize, u64 usize, void __user *uarg)
{
	return copy_to_user(uarg, arg, min_t(u64, ksize, usize)) ? -EFAULT : 0;
}

/* Round an end up to pages. */
static inline u64 wpt_dev_align(u64 end)
{
	return end > U64_MAX - PAGE_SIZE ? end : PAGE_ALIGN(end);
}

/* The same, and cut off what lies beyond the end of the address space. */
static inline unsigned long wpt_dev_end(u64 end)
{
	return min_t(u64, wpt_dev_align(end), TASK_SIZE_MAX);
}

/* dev_info.c */
long wpt_ioc_info(void __user *uarg);

/* dev_clear.c */
long wpt_ioc_clear(struct wpt_tracker *t, void __user *uarg);

/* dev_fork.c */
long wpt_ioc_forked(struct wpt_tracker *t, void __user *uarg);

/* dev.c */
struct file *wpt_dev_file(struct wpt_tracker *t);

#endif /* WPT_DEV_ARG_H */
