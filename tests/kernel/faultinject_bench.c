// SPDX-License-Identifier: GPL-2.0-only
/* Two trackers of some memory, around a command that fails.  See faultinject_bench.h. */
#define _GNU_SOURCE
#include "faultinject_bench.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

const char *const memory_name[MEMS] = {
	"anonymous", "huge pages", "hugetlb", "shared file", "memfd", "new anonymous",
	"new memfd",
};

long command(int fd, unsigned long cmd, void *arg)
{
	int ret = ioctl(fd, cmd, arg);

	return ret < 0 ? -errno : ret;
}

int device(void)
{
	int fd = open(WPTRACK_DEVICE, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

long attach(int fd, int pidfd, uint64_t flags)
{
	struct wptrack_attach arg = {
		.size = sizeof(arg), .flags = flags, .pidfd = pidfd,
	};

	return command(fd, WPTRACK_IOC_ATTACH, &arg);
}

long range(int fd, unsigned long cmd, struct area a, uint64_t flags)
{
	struct wptrack_range arg = {
		.size = sizeof(arg), .flags = flags,
		.start = area_start(a), .end = area_end(a),
	};

	return command(fd, cmd, &arg);
}

long scan(int fd, struct area a, struct wptrack_region *vec,
		 uint64_t flags, uint64_t max_pages)
{
	struct wptrack_scan arg = {
		.size = sizeof(arg), .flags = flags,
		.start = area_start(a), .end = area_end(a),
		.vec = (uintptr_t)vec, .vec_len = vec ? VEC : 0,
		.max_pages = max_pages,
		.category_mask = WPTRACK_PAGE_WRITTEN,
		.return_mask = WPTRACK_PAGE_WRITTEN,
	};

	return command(fd, WPTRACK_IOC_SCAN, &arg);
}

void in_vec(const struct bench *b, struct marks *m)
{
	size_t i;

	for (i = 0; i < VEC && b->vec[i].end; i++)
		marks_set(m, (b->vec[i].start - area_start(b->a)) / PAGE,
			  (b->vec[i].end - b->vec[i].start) / PAGE);
}

static struct area memory_new(enum memory memory, int *fd)
{
	struct map map;
	struct area a;

	*fd = -1;
	switch (memory) {
	case MEM_THP:
		return thp(2);
	case MEM_HUGETLB:
		a = hugetlb(2, false, fd);
		touch_all(a);
		return a;
	case MEM_FILE:
	case MEM_SHMEM:
	case MEM_NEW_SHMEM:
		map = map_make(memory == MEM_FILE ? MAP_KIND_EXT4 :
						    MAP_KIND_MEMFD, PAGES, OFFSET);
		*fd = map.fd;
		if (memory != MEM_NEW_SHMEM)
			touch_all(map.a);
		return map.a;
	default:
		a = map_make(MAP_KIND_ANON, PAGES, OFFSET).a;
		if (memory != MEM_NEW_ANON)
			touch_all(a);
		return a;
	}
}

void bench_write(struct bench *b)
{
	b->reset = false;
	memset(b->vec, 0, sizeof(b->vec));
	if (is_new(b->memory))
		write_random(b->a, b->mine, ONE_IN);
	else
		touch_random(b->a, b->mine, b->a.pages > PAGES ? 60 : ONE_IN);
	marks_add(b->others, b->mine);
}

void bench_new(struct bench *b, enum memory memory)
{
	memset(b, 0, sizeof(*b));
	b->memory = memory;
	b->a = memory_new(memory, &b->fd);
	b->mine = marks_new(b->a.pages);
	b->others = marks_new(b->a.pages);
	b->t = must(device());
	b->other = must(device());
	ck_assert_int_eq(attach(b->t, -1, 0), 0);
	ck_assert_int_eq(attach(b->other, -1, 0), 0);
	ck_assert_int_eq(range(b->other, WPTRACK_IOC_TRACK, b->a, 0), 0);
	ck_assert_int_eq(range(b->t, WPTRACK_IOC_TRACK, b->a, 0), 0);
}

static void one_answer(struct bench *b, int fd, struct marks *want,
		       const char *who, const char *what, unsigned int n)
{
	struct marks *got = marks_new(b->a.pages);
	size_t i, lost = 0;
	long ret;

	memset(b->vec, 0, sizeof(b->vec));
	ret = scan(fd, b->a, b->vec, WPTRACK_SCAN_RESET, 0);
	ck_assert_msg(ret >= 0, "scan: %s", strerror(-ret));
	in_vec(b, got);
	for (i = 0; i < b->a.pages; i++)
		lost += want->w[i] && !got->w[i];
	ck_assert_msg(!lost, "%s, failure %u: of %zu pages %zu are lost for %s",
		      what, n, marks_count(want), lost, who);
	marks_none(want);
	free(got);
}

void bench_check(struct bench *b, const char *what, unsigned int n)
{
	const struct area all = { NULL, (1UL << 47) / PAGE };
	struct marks *got;
	size_t i, over = 0;
	int try;

	if (b->reset) {
		got = marks_new(b->a.pages);
		in_vec(b, got);
		for (i = 0; i < b->a.pages; i++)
			b->mine->w[i] &= !got->w[i];
		free(got);
	}
	touch_random(b->a, b->mine, b->a.pages / 10);
	marks_add(b->others, b->mine);
	one_answer(b, b->t, b->mine, "its tracker", what, n);
	touch_random(b->a, b->mine, b->a.pages / 10);
	marks_add(b->others, b->mine);
	one_answer(b, b->other, b->others, "the other tracker", what, n);
	one_answer(b, b->t, b->mine, "its tracker", what, n);

	/*
	 * Who held a page for a moment has let go of it by then.  If all reads written
	 * for want of memory, that ends when all is reset, other ranges too.
	 */
	for (try = 0; try < 50; try++) {
		ck_assert_int_ge(scan(b->t, all, NULL, WPTRACK_SCAN_RESET, 0), 0);
		over = scan(b->t, b->a, NULL, 0, 0);
		if (!over)
			break;
		usleep(20000);
	}
	ck_assert_msg(!over, "%s, failure %u: %zu regions stay written", what, n,
		      over);
}

void bench_end(struct bench *b)
{
	close(b->t);
	close(b->other);
	munmap(b->a.p, b->a.pages * PAGE);
	if (b->fd >= 0)
		close(b->fd);
	free(b->mine);
	free(b->others);
}
