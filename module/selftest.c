// SPDX-License-Identifier: GPL-2.0-only
/*
 * At load, in the address space of the loading process: track some pages, write
 * to one, and see that exactly this one is reported.  A kernel on which the hook
 * does not fire, or the bit does not survive, is found out here.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched.h>
#include <linux/uaccess.h>

#include "hook.h"
#include "selftest.h"
#include "tracker.h"

#define TEST_PAGES	4
#define TEST_WRITTEN	2
#define TEST_TRIES	8

static unsigned int test_deliver(void *ctx, const struct wptrack_region *regions,
				 unsigned int nr)
{
	unsigned long *seen = ctx;
	unsigned long base = seen[0], addr;
	unsigned int i;

	for (i = 0; i < nr; i++)
		for (addr = regions[i].start; addr < regions[i].end;
		     addr += PAGE_SIZE)
			seen[1] |= BIT((addr - base) >> PAGE_SHIFT);
	return nr;
}

static int test_scan(struct wpt_tracker *t, unsigned long base,
		     unsigned long *seen)
{
	struct wptrack_region regions[TEST_PAGES];
	unsigned long ctx[2] = { base, 0 };
	struct wpt_scan scan = {
		.start = base,
		.end = base + TEST_PAGES * PAGE_SIZE,
		.masks.mask = WPTRACK_PAGE_WRITTEN,
		.flags = WPTRACK_SCAN_RESET,
		.out = {
			.buf = regions, .cap = TEST_PAGES,
			.vec_len = TEST_PAGES, .max_pages = U64_MAX,
		},
		.deliver = test_deliver,
		.ctx = ctx,
	};
	int ret = wpt_tracker_scan(t, &scan);

	*seen = ctx[1];
	return ret;
}

static int test_write(unsigned long base, unsigned int page, u32 value)
{
	u32 __user *p = (u32 __user *)(base + page * PAGE_SIZE);

	return put_user(value, p) ? -EFAULT : 0;
}

/* Did the hook tell of it?  The page itself would, too, with or without a hook. */
static bool test_logged(struct wpt_tracker *t, unsigned long addr)
{
	struct wpt_chunk *chunk;
	bool logged;

	rcu_read_lock();
	chunk = wpt_record_chunk(&t->space->rec, addr);
	logged = chunk && test_bit(wpt_page_index(addr), chunk->dirty);
	rcu_read_unlock();
	return logged;
}

static int test_run(struct wpt_tracker *t, unsigned long base)
{
	unsigned long before, after, done;
	bool logged;
	int ret, try;
	unsigned int i;

	for (i = 0; i < TEST_PAGES; i++) {
		ret = test_write(base, i, i);
		if (ret)
			return ret;
	}
	ret = wpt_tracker_attach(t, current->mm, task_tgid(current), false);
	if (ret) {
		pr_err("not loaded: tracking cannot start (error %d)%s\n", ret,
		       ret == -EOPNOTSUPP ? ": is kernel.ftrace_enabled 0, or do_wp_page() live patched?" : "");
		return ret;
	}
	ret = wpt_tracker_track(t, base, base + TEST_PAGES * PAGE_SIZE, 0, &done);
	if (ret)
		return ret;

	/* Somebody (migration, say) may be holding a page: then try again. */
	for (try = 0; try < TEST_TRIES; try++) {
		ret = test_scan(t, base, &before) ?:
		      test_write(base, TEST_WRITTEN, 1000 + try);
		logged = test_logged(t, base + TEST_WRITTEN * PAGE_SIZE);
		ret = ret ?: test_scan(t, base, &after);
		if (ret)
			return ret;
		if (!logged || !(after & BIT(TEST_WRITTEN))) {
			pr_err("not loaded: on this kernel a write was not seen\n");
			return -EOPNOTSUPP;
		}
		if (!before && after == BIT(TEST_WRITTEN))
			return 0;
	}
	pr_err("not loaded: on this kernel pages cannot be made clean (%lx, %lx)\n",
	       before, after);
	return -EOPNOTSUPP;
}

/**
 * wpt_selftest() - track ourselves once
 *
 * Return: 0, or an error after one line that says what went wrong.
 */
int wpt_selftest(void)
{
	struct wpt_tracker *t;
	unsigned long base;
	int ret;

	/* a kernel thread has no memory to test on */
	if (!current->mm || wpt_hook_unsafe())
		return 0;
	base = vm_mmap(NULL, 0, TEST_PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, 0);
	if (IS_ERR_VALUE(base))
		return base;
	t = wpt_tracker_create(NULL);
	if (IS_ERR(t)) {
		ret = PTR_ERR(t);
	} else {
		ret = test_run(t, base);
		wpt_tracker_close(t);
	}
	vm_munmap(base, TEST_PAGES * PAGE_SIZE);
	return ret;
}
