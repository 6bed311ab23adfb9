// SPDX-License-Identifier: GPL-2.0-only
/* Load and unload. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpufeature.h>
#include <linux/module.h>

#include "dev.h"
#include "fork.h"
#include "hook.h"
#include "pte.h"
#include "selftest.h"
#include "space.h"
#include "stats.h"
#include "swap.h"
#include "sym.h"

static bool disable;
module_param(disable, bool, 0444);
MODULE_PARM_DESC(disable, "refuse to load (wptrack.disable=1 on the kernel command line)");

/* What has to be there besides functions; each with one clear line. */
static int check_platform(void)
{
	if (disable) {
		pr_info("not loaded: disabled by the parameter wptrack.disable\n");
		return -ENODEV;
	}
	/* The hypervisor owns the ptes of such guests. */
	if (boot_cpu_has(X86_FEATURE_XENPV)) {
		pr_err("not loaded: Xen PV guests are not supported\n");
		return -EOPNOTSUPP;
	}
	if (PTE_PFN_MASK & WPT_PTE_MASK) {
		pr_err("not loaded: page table bit %d is in use\n", WPT_PTE_BIT);
		return -EOPNOTSUPP;
	}
	return 0;
}

static int __init wptrack_init(void)
{
	int ret;

	ret = check_platform();
	if (ret)
		return ret;
	ret = wpt_sym_init();
	if (ret)
		goto out_sym;
	wpt_swap_init();
	ret = wpt_space_init();
	if (ret)
		goto out_sym;
	ret = wpt_hook_init();
	if (ret)
		goto out_space;
	wpt_sym_done();
	ret = wpt_selftest();
	if (ret)
		goto out_hook;
	wpt_hook_ready();
	wpt_fork_init();
	ret = wpt_stats_init();
	if (ret)
		goto out_hook;
	ret = wpt_dev_init();
	if (ret)
		goto out_stats;
	pr_info("version %s, page table bit %d\n", WPT_VERSION, WPT_PTE_BIT);
	return 0;

out_stats:
	wpt_stats_exit();
out_hook:
	wpt_hook_exit();
out_space:
	wpt_space_exit();
out_sym:
	wpt_sym_done();
	return ret;
}

static void __exit wptrack_exit(void)
{
	wpt_dev_exit();
	wpt_stats_exit();
	wpt_fork_exit();
	wpt_hook_exit();
	wpt_space_exit();
}

module_init(wptrack_init);
module_exit(wptrack_exit);

MODULE_DESCRIPTION("Which pages of memory were written: asynchronous write-protect tracking");
MODULE_AUTHOR("the wptrack authors");
MODULE_VERSION(WPT_VERSION);
MODULE_LICENSE("GPL");
