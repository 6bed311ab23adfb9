// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "async.h"

int points;
bool bad;
int pagemap;

void point(bool good, const char *name)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++points, name);
	bad |= !good;
}

/* Did it fail, and with this error? */
void fails(int ret, int err, const char *name)
{
	if (ret != -1 || errno != err)
		printf("# it returned %d, errno %d (%s), not %d (%s)\n", ret,
		       errno, strerror(errno), err, strerror(err));
	point(ret == -1 && errno == err, name);
}

int new_uffd(void)
{
	return syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
}

int api(int fd, __u64 features, struct uffdio_api *out)
{
	*out = (struct uffdio_api){ .api = UFFD_API, .features = features };
	return ioctl(fd, UFFDIO_API, out);
}

int async_uffd(void)
{
	struct uffdio_api a;
	int fd = new_uffd();

	if (fd < 0 || api(fd, ASYNC, &a)) {
		printf("Bail out! no userfaultfd: %s\n", strerror(errno));
		exit(1);
	}
	return fd;
}

int reg(int fd, void *p, size_t len, __u64 mode)
{
	struct uffdio_register r = { { (__u64)p, len }, mode, 0 };
	int ret = ioctl(fd, UFFDIO_REGISTER, &r);

	if (!ret && !(r.ioctls & 1 << _UFFDIO_WRITEPROTECT))
		printf("# the range has ioctls %llx\n", r.ioctls);
	return ret;
}

int unreg(int fd, void *p, size_t len)
{
	struct uffdio_range r = { (__u64)p, len };

	return ioctl(fd, UFFDIO_UNREGISTER, &r);
}

int protect(int fd, void *p, size_t len, __u64 mode)
{
	struct uffdio_writeprotect wp = { { (__u64)p, len }, mode };

	return ioctl(fd, UFFDIO_WRITEPROTECT, &wp);
}

struct pm_scan_arg scan_of(void *p, size_t len, struct region *vec, int nr)
{
	return (struct pm_scan_arg){
		.size = sizeof(struct pm_scan_arg),
		.start = (__u64)p, .end = (__u64)p + len,
		.vec = (__u64)vec, .vec_len = nr,
		.category_mask = WRITTEN, .return_mask = WRITTEN,
	};
}

int scan(struct pm_scan_arg a)
{
	return ioctl(pagemap, PAGEMAP_SCAN, &a);
}

/* Written pages, -1 on failure. */
int written(void *p, size_t len, __u64 flags)
{
	struct region vec[64];
	struct pm_scan_arg a = scan_of(p, len, vec, 64);
	int i, ret, n = 0;

	a.flags = flags;
	ret = scan(a);
	for (i = 0; i < ret; i++)
		n += (vec[i].end - vec[i].start) / PAGE;
	return ret < 0 ? ret : n;
}

char *map(size_t pages)
{
	char *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	madvise(p, pages * PAGE, MADV_NOHUGEPAGE);
	return p;
}
