// SPDX-License-Identifier: GPL-2.0-only
/*
 * The interface, argument by argument.  This file: what the parts share.
 */
#define _GNU_SOURCE
#include "scanargs.h"

#include <fcntl.h>

int raw_open(void)
{
	return must(open(WPTRACK_DEVICE, O_RDWR | O_CLOEXEC));
}

int raw_tracker(struct area a)
{
	struct wptrack_attach attach = { .size = sizeof(attach), .pidfd = -1 };
	struct wptrack_range range = {
		.size = sizeof(range), .start = area_start(a),
		.end = area_end(a),
	};
	int fd = raw_open();

	must(ioctl(fd, WPTRACK_IOC_ATTACH, &attach));
	if (a.pages)
		must(ioctl(fd, WPTRACK_IOC_TRACK, &range));
	return fd;
}

struct wptrack_scan scan_of(struct area a, struct wptrack_region *vec,
			    size_t vec_len, uint64_t flags)
{
	return (struct wptrack_scan){
		.size = sizeof(struct wptrack_scan),
		.flags = flags,
		.start = area_start(a),
		.end = area_end(a),
		.vec = (uintptr_t)vec,
		.vec_len = vec_len,
		.category_mask = WPTRACK_PAGE_WRITTEN,
		.return_mask = WPTRACK_PAGE_WRITTEN,
	};
}

long raw(int fd, unsigned long cmd, void *arg)
{
	int ret = ioctl(fd, cmd, arg);

	return ret < 0 ? -errno : ret;
}

static void check_regions(const struct wptrack_scan *arg, size_t n)
{
	const struct wptrack_region *vec = (void *)arg->vec;
	uint64_t pages = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		check_that(vec[i].start < vec[i].end);
		check_that(vec[i].start >= arg->start);
		check_that(vec[i].start % PAGE == 0);
		check_that(vec[i].end % PAGE == 0);
		check_that(!(vec[i].categories & ~arg->return_mask));
		check_that(vec[i].end <= arg->walk_end);
		pages += (vec[i].end - vec[i].start) / PAGE;
		if (!i)
			continue;
		check_that(vec[i].start >= vec[i - 1].end);
		/* or they were one */
		check_that(vec[i].start != vec[i - 1].end ||
			   vec[i].categories != vec[i - 1].categories);
	}
	ck_assert_uint_eq(pages, arg->pages);
}

long scan(int fd, struct wptrack_scan *arg)
{
	uint64_t start = arg->start;
	long n = raw(fd, WPTRACK_IOC_SCAN, arg);

	ck_assert_msg(n >= 0, "scan: %s", strerror(-n));
	ck_assert_uint_eq(arg->regions, n);
	ck_assert_uint_eq(arg->start, start);
	ck_assert_uint_ge(arg->walk_end, start);
	ck_assert_uint_le(arg->walk_end, (arg->end + PAGE - 1) & ~(PAGE - 1));
	if (arg->max_pages)
		ck_assert_uint_le(arg->pages, arg->max_pages);
	if (arg->vec) {
		ck_assert_uint_le(n, arg->vec_len);
		check_regions(arg, n);
	}
	return n;
}

void mark_regions(struct marks *m, struct area a,
		  const struct wptrack_region *vec, size_t n)
{
	uint64_t p;
	size_t i;

	for (i = 0; i < n; i++) {
		for (p = vec[i].start; p < vec[i].end; p += PAGE) {
			size_t page = (p - area_start(a)) / PAGE;

			check_that(page < m->pages);
			if (m->w[page])
				ck_abort_msg("page %zu came twice", page);
			m->w[page] = 1;
		}
	}
}

void expect_marks_at(const char *file, int line, const struct marks *got,
		     const struct marks *want)
{
	size_t i, missing = 0, extra = 0, first = want->pages;

	for (i = 0; i < want->pages; i++) {
		missing += want->w[i] && !got->w[i];
		extra += !want->w[i] && got->w[i];
		if (!want->w[i] != !got->w[i] && first == want->pages)
			first = i;
	}
	ck_assert_msg(!missing && !extra,
		      "%s:%d: of %zu pages %zu are missing, %zu too many, the first is %zu",
		      file, line, marks_count(want), missing, extra, first);
}

struct marks *raw_written(int fd, struct area a)
{
	static struct wptrack_region vec[VEC_MAX];
	struct wptrack_scan arg = scan_of(a, vec, VEC_MAX, 0);
	struct marks *m = marks_new(a.pages);

	mark_regions(m, a, vec, scan(fd, &arg));
	ck_assert_uint_eq(arg.walk_end, area_end(a));
	return m;
}

void raw_reset(int fd, struct area a)
{
	static struct wptrack_region vec[VEC_MAX];
	struct wptrack_scan arg = scan_of(a, vec, VEC_MAX, WPTRACK_SCAN_RESET);

	scan(fd, &arg);
	ck_assert_uint_eq(arg.walk_end, area_end(a));
}

static void fill_suite(Suite *s)
{
	scanargs_errors(s);
	scanargs_masks(s);
	scanargs_walk(s);
	scanargs_faults(s);
}

int main(void)
{
	return suite_run("scanargs", fill_suite);
}
