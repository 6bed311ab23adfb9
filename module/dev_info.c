// SPDX-License-Identifier: GPL-2.0-only
/*
 * WPTRACK_IOC_INFO: what works on this kernel, and why the rest does not.
 */
#include <linux/slab.h>
#include <linux/utsname.h>

#include "compat/hugetlb.h"
#include "dev_arg.h"
#include "fork.h"
#include "hugetlb.h"
#include "pte.h"
#include "split.h"

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
	{ WPTRACK_FEATURE_FORK, "following forks", NULL },
};

/* Why a feature does not work here, or NULL if it does. */
static const char *why_not(int i)
{
	if (dev_features[i].bit == WPTRACK_FEATURE_THP)
		return wpt_split_why_not();
	if (dev_features[i].bit == WPTRACK_FEATURE_HUGETLB)
		return wpt_hugetlb_why_not();
	if (dev_features[i].bit == WPTRACK_FEATURE_FORK)
		return wpt_fork_why_not();
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

/**
 * wpt_ioc_info() - WPTRACK_IOC_INFO
 * @uarg: struct wptrack_info of the caller's
 *
 * Return: 0, -EINVAL, -E2BIG, -EFAULT, -ENOMEM.
 */
long wpt_ioc_info(void __user *uarg)
{
	struct wptrack_info info;
	size_t room, need;
	char *text;
	u64 usize;
	int ret, i;

	ret = wpt_dev_get(&info, sizeof(info), sizeof(info), uarg);
	if (ret)
		return ret;
	usize = info.size;
	info.abi = WPTRACK_ABI_VERSION;
	info.features = 0;
	for (i = 0; i < ARRAY_SIZE(dev_features); i++)
		if (!why_not(i))
			info.features |= dev_features[i].bit;
	info.categories = WPT_DEV_CATEGORIES;
	/* Of any target, not of the caller, who may be a 32-bit program. */
	info.address_end = TASK_SIZE_MAX;

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
	return ret ?: wpt_dev_put(&info, sizeof(info), usize, uarg);
}
