// SPDX-License-Identifier: GPL-2.0-only
/* Who tells which pages were written: wptrack, and the kernel itself. */
#define _GNU_SOURCE
#include "events.h"
#include "uffd.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "../../userspace/preload/abi.h"

/* Each row is a process, and opens them once. */
static struct wptrack *tracker;

static const char *wptrack_begin(const struct mem *m)
{
	if (!tracker)
		tracker = tracker_self();
	track(tracker, m->a, m->kind->track);
	return NULL;
}

static struct marks *wptrack_ask(const struct mem *m, bool reset)
{
	return written(tracker, m->a, reset);
}

static void wptrack_end(const struct mem *m)
{
	untrack(tracker, m->a);
}

const struct oracle oracle_wptrack = {
	"wptrack", wptrack_begin, wptrack_ask, wptrack_end
};

#define KERNEL_FEATURES	(UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED | \
			 UFFD_FEATURE_WP_HUGETLBFS_SHMEM)
#define PM_WRITTEN	(1 << 1)

static int uffd = -1, pagemap = -1;

bool kernel_tracks(void)
{
	int fd = uffd_open(KERNEL_FEATURES);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static const char *kernel_begin(const struct mem *m)
{
	struct uffdio_register reg = {
		.range = { area_start(m->a), m->a.pages * PAGE },
		.mode = UFFDIO_REGISTER_MODE_WP,
	};
	struct uffdio_writeprotect wp = {
		.range = reg.range, .mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};

	if (m->kind->track)
		return "the kernel has no such mode";
	if (uffd < 0) {
		uffd = must(uffd_open(KERNEL_FEATURES));
		pagemap = must(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
	}
	if (ioctl(uffd, UFFDIO_REGISTER, &reg))
		return refused("UFFDIO_REGISTER");
	must(ioctl(uffd, UFFDIO_WRITEPROTECT, &wp));
	return NULL;
}

static struct marks *kernel_ask(const struct mem *m, bool reset)
{
	static struct { __u64 start, end, categories; } vec[4096];
	struct pm_scan_arg arg = {
		.size = sizeof(arg), .flags = reset ? PM_SCAN_WP_MATCHING : 0,
		.start = area_start(m->a), .end = area_end(m->a),
		.vec = (uintptr_t)vec, .vec_len = 4096,
		.category_mask = PM_WRITTEN, .return_mask = PM_WRITTEN,
	};
	struct marks *got = marks_new(m->a.pages);
	int i, nr = must(ioctl(pagemap, PAGEMAP_SCAN, &arg));

	for (i = 0; i < nr; i++)
		marks_set(got, (vec[i].start - area_start(m->a)) / PAGE,
			  (vec[i].end - vec[i].start) / PAGE);
	return got;
}

static void kernel_end(const struct mem *m)
{
	struct uffdio_range range = { area_start(m->a), m->a.pages * PAGE };

	/* The mapping may be another one now. */
	ioctl(uffd, UFFDIO_UNREGISTER, &range);
}

const struct oracle oracle_kernel = {
	"WP_ASYNC", kernel_begin, kernel_ask, kernel_end
};
