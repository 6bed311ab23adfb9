// SPDX-License-Identifier: MIT
/* Linux 6.7's own: userfaultfd with WP_ASYNC, and the ioctl PAGEMAP_SCAN. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <abi.h>
#include <wptrack.h>

#include "uffd.h"

#define REGIONS	32768

struct session {
	int uffd, pagemap;
	char *p;
	size_t len;
	/* The layout is that of struct page_region, the bits are those of PAGE_IS_*. */
	struct wptrack_region *vec;
};

static void *begin(const struct area *a, const char **why)
{
	int fd = uffd_open(a, UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED |
			   UFFD_FEATURE_WP_HUGETLBFS_SHMEM, why);
	struct session *s;

	if (fd < 0)
		return NULL;
	s = calloc(1, sizeof(*s));
	if (!s)
		fail("out of memory");
	s->uffd = fd;
	s->pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	s->p = a->p;
	s->len = a->len;
	s->vec = calloc(REGIONS, sizeof(*s->vec));
	if (s->pagemap < 0 || !s->vec)
		fail("/proc/self/pagemap: %s", strerror(errno));
	return s;
}

static void arm(void *session)
{
	struct session *s = session;

	uffd_protect(s->uffd, s->p, s->len, true);
}

static long scan(void *session, bool reset)
{
	struct session *s = session;
	struct pm_scan_arg a = {
		.size = sizeof(a),
		.flags = reset ? PM_SCAN_WP_MATCHING | PM_SCAN_CHECK_WPASYNC : 0,
		.start = (uintptr_t)s->p,
		.end = (uintptr_t)s->p + s->len,
		.vec = (uintptr_t)s->vec,
		.vec_len = REGIONS,
		.category_mask = WPTRACK_PAGE_WRITTEN,
		.return_mask = WPTRACK_PAGE_WRITTEN,
	};
	long pages = 0;
	int i, n;

	while (a.start < a.end) {
		n = ioctl(s->pagemap, PAGEMAP_SCAN, &a);
		if (n < 0)
			fail("PAGEMAP_SCAN: %s", strerror(errno));
		for (i = 0; i < n; i++)
			pages += (s->vec[i].end - s->vec[i].start) / PAGE;
		/* walk_end can lie behind what was returned. */
		a.start = n == REGIONS && s->vec[n - 1].end > a.walk_end ?
			  s->vec[n - 1].end : a.walk_end;
	}
	return pages;
}

static void end(void *session)
{
	struct session *s = session;

	close(s->uffd);
	close(s->pagemap);
	free(s->vec);
	free(s);
}

const struct method method_async = {
	.name = "async",
	.title = "WP_ASYNC and PAGEMAP_SCAN",
	.begin = begin,
	.arm = arm,
	.scan = scan,
	.end = end,
};
