// SPDX-License-Identifier: GPL-2.0-only
/*
 * WPTRACK_IOC_CLEAR: reset exactly what an earlier scan has returned.
 */
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "dev_arg.h"
#include "tracker.h"

/* Regions of the caller's that are read before they are cleared. */
#define DEV_CLEAR_REGIONS	128

/* Reset the written pages of one region, if it is the right epoch. */
static int dev_clear_one(struct wpt_tracker *t,
			 const struct wptrack_region *region, u64 epoch,
			 u64 *pages, bool *begun)
{
	struct wptrack_region buf[8];
	struct wpt_scan scan = {
		.start = region->start,
		.end = wpt_dev_end(region->end),
		.masks = {
			.mask = WPTRACK_PAGE_WRITTEN,
			.ret = WPTRACK_PAGE_WRITTEN,
		},
		.flags = WPTRACK_SCAN_RESET,
		.epoch = epoch,
		.clear = true,
		.goes_on = *begun,
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
	*begun = true;
	ret = wpt_tracker_scan(t, &scan);
	*pages += scan.out.pages;
	return ret;
}

static int dev_clear(struct wpt_tracker *t, struct wptrack_clear *arg,
		     struct wptrack_region *regions)
{
	const struct wptrack_region __user *vec = u64_to_user_ptr(arg->vec);
	bool begun = false;
	unsigned int n, i;
	int ret;

	while (arg->done < arg->vec_len) {
		n = min_t(u64, arg->vec_len - arg->done, DEV_CLEAR_REGIONS);
		if (copy_from_user(regions, vec + arg->done,
				   n * sizeof(*regions)))
			return -EFAULT;
		for (i = 0; i < n; i++) {
			ret = dev_clear_one(t, &regions[i], arg->epoch,
					    &arg->pages, &begun);
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

/**
 * wpt_ioc_clear() - WPTRACK_IOC_CLEAR
 * @t:    the tracker
 * @uarg: struct wptrack_clear of the caller's
 *
 * Return: 0, -EINVAL, -E2BIG, -EFAULT, -ENOMEM, or an error of wpt_tracker_scan().
 */
long wpt_ioc_clear(struct wpt_tracker *t, void __user *uarg)
{
	struct wptrack_region *regions;
	struct wptrack_clear arg;
	int ret, err;

	ret = wpt_dev_get(&arg, sizeof(arg), sizeof(arg), uarg);
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
	return wpt_dev_put(&arg, sizeof(arg), arg.size, uarg) ?: ret;
}
