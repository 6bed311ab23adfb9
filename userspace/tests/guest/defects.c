// SPDX-License-Identifier: MIT
/*
 * What PAGEMAP_SCAN of the kernel gets wrong, one point each.  Run as it is on a
 * kernel that has it, and by "wptrack run --compat", where all must be right.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "async.h"

#define FILE_PAGE	(1 << 2)
#define HUGE		(2UL << 20)
#define PAIRS		1000UL

static struct region vec[4 * PAIRS];

static char *tracked(int fd, char *p, size_t len)
{
	if (reg(fd, p, len, UFFDIO_REGISTER_MODE_WP) ||
	    protect(fd, p, len, UFFDIO_WRITEPROTECT_MODE_WP))
		printf("# not tracked: %s\n", strerror(errno));
	return p;
}

/* It collects 512 regions at a time, and tells where that ended. */
static void walk_end_of_many_regions(int fd)
{
	const size_t len = 2 * PAIRS * PAGE;
	char *p = tracked(fd, map(2 * PAIRS), len);
	struct pm_scan_arg a = scan_of(p, len, vec, 4 * PAIRS);
	size_t i;
	int ret;

	for (i = 0; i < PAIRS; i++)
		p[2 * i * PAGE] = 1;
	ret = ioctl(pagemap, PAGEMAP_SCAN, &a);
	printf("# %d regions, walk_end at page %llu of %lu\n", ret,
	       (a.walk_end - a.start) / PAGE, 2 * PAIRS);
	point(ret == PAIRS && a.walk_end == a.end,
	      "walk_end of more than 512 regions is the end");
}

/* Without an array it protects everything, whatever the masks. */
static void masks_without_array(int fd)
{
	char *p = tracked(fd, map(10), 10 * PAGE);
	struct pm_scan_arg a = scan_of(p, 10 * PAGE, NULL, 0);

	memset(p, 1, 10 * PAGE);
	a.flags = PM_SCAN_WP_MATCHING;
	a.category_mask = FILE_PAGE;
	ioctl(pagemap, PAGEMAP_SCAN, &a);
	point(written(p, 10 * PAGE, 0) == 10,
	      "masks count without an array as well");
}

/* It stands still before a huge page that is not asked for as a whole. */
static void progress_over_huge_pages(int fd)
{
	char *p = mmap(NULL, 2 * HUGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	struct pm_scan_arg a;
	int calls = 0, ret;

	if (p == MAP_FAILED) {
		printf("# no huge pages: %s\n", strerror(errno));
		point(false, "there are huge pages");
		return;
	}
	tracked(fd, p, 2 * HUGE);
	memset(p, 1, 2 * HUGE);
	a = scan_of(p, 2 * HUGE, vec, 4 * PAIRS);
	a.flags = PM_SCAN_WP_MATCHING;
	a.max_pages = 100;
	do {
		ret = ioctl(pagemap, PAGEMAP_SCAN, &a);
		calls++;
		if (ret < 0 || a.walk_end <= a.start)
			break;
		a.start = a.walk_end;
	} while (a.start < a.end);
	printf("# stopped at page %llu of 1024 after %d calls\n",
	       (a.walk_end - (__u64)p) / PAGE, calls);
	/* It stays: what takes its place is tracked, too, and should not be below. */
	point(a.walk_end == a.end, "max_pages below a huge page makes progress");
}

/* A scan that fails says that it reached the end. */
static void walk_end_of_a_failure(int fd)
{
	char *p = map(20);
	struct pm_scan_arg a = scan_of(p, 20 * PAGE, vec, 10);
	int ret;

	memset(p, 1, 20 * PAGE);
	tracked(fd, p, 10 * PAGE);
	a.flags = PM_SCAN_CHECK_WPASYNC;
	ret = ioctl(pagemap, PAGEMAP_SCAN, &a);
	printf("# %d, errno %d, walk_end at page %llu of 20\n", ret, errno,
	       (a.walk_end - a.start) / PAGE);
	point(ret < 0 && errno == EPERM && a.walk_end <= a.start + 10 * PAGE,
	      "walk_end of a failure is where it failed");
}

static void memory_that_is_not_tracked(void)
{
	char *p = map(10);

	memset(p, 1, 10 * PAGE);
	point(written(p, 10 * PAGE, 0) == 0,
	      "memory that is not tracked is not written");
}

int main(void)
{
	int fd = async_uffd();

	pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	walk_end_of_many_regions(fd);
	masks_without_array(fd);
	progress_over_huge_pages(fd);
	walk_end_of_a_failure(fd);
	memory_that_is_not_tracked();
	printf("1..%d\n", points);
	return bad;
}
