// SPDX-License-Identifier: GPL-2.0-only
/*
 * Huge pages of a file that somebody holds before they are tracked, and that are not mapped
 * any more.
 */
#define _GNU_SOURCE
#include "maps.h"
#include "pins.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#define HUGE	4

static struct area huge_file(size_t huge, int *fd)
{
	ck_assert_msg(hugetlb_pages(2 * HUGE), "no huge pages");
	return hugetlb(huge, true, fd);
}

/* Until the pipe is read they are held. */
static void hold(int pipe_end, void *p)
{
	struct iovec iov = { p, PAGE };

	ck_assert_int_eq(must(vmsplice(pipe_end, &iov, 1, 0)), PAGE);
}

#define drop_or_skip(p)							\
	do {								\
		if (madvise(p, PMD, MADV_DONTNEED))			\
			skip("MADV_DONTNEED of hugetlb came with Linux 5.18: %s", \
			     strerror(errno));				\
	} while (0)

/* Each page of it has to be looked at, and none of what the file has beyond it. */
START_TEST(mapping_of_less_than_a_file_of_huge_pages)
{
	struct area a;
	struct wptrack *w;
	int ends[2], fd;
	size_t i;

	a = huge_file(3, &fd);
	for (i = 0; i < 3; i++)
		a.p[i * PMD] = 1;
	must(pipe(ends));
	hold(ends[1], a.p);
	hold(ends[1], a.p + 2 * PMD);
	must(munmap(a.p + PMD, 2 * PMD));
	a.pages = PMD_PAGES;
	w = tracker_self();
	ck_assert_int_eq(wptrack_track(w, 0, UINT64_MAX, _i ? WPTRACK_TRACK_START_WRITTEN : 0),
			 0);
	expect_all(w, a);
	reset(w, a);
	close(ends[0]);
	close(ends[1]);
	wptrack_close(w);
}
END_TEST

/* The file has page 0, and the mapping, too; or neither. */
START_TEST(transfer_into_a_huge_page_that_is_not_mapped)
{
	static const char text[PAGE] = "written by the kernel";
	struct io_uring ring;
	struct area a, last;
	struct wptrack *w;
	int fd, from;

	a = huge_file(2, &fd);
	last = area_sub(a, PMD_PAGES, PMD_PAGES);
	if (_i)
		a.p[0] = 1;
	last.p[0] = 1;
	if (!pin_buffer(&ring, area_sub(last, 0, 4)))
		skip("io_uring: %s", strerror(errno));
	drop_or_skip(last.p);
	w = tracker_on(a);
	reset(w, a);
	from = must(memfd_create("from", MFD_CLOEXEC));
	ck_assert_int_eq(must(write(from, text, PAGE)), PAGE);
	pin_transfer(&ring, area_sub(last, 0, 4), from, true, 0, 1);
	expect_all(w, last);
	ck_assert_str_eq((char *)last.p, text);
	io_uring_queue_exit(&ring);
	close(from);
}
END_TEST

/* The same, of small pages that come after huge ones which nobody has written. */
START_TEST(transfer_into_a_small_page_after_huge_ones)
{
	static const char text[PAGE] = "written by the kernel";
	struct area room, a, small;
	struct io_uring ring;
	struct wptrack *w;
	int fd, ends[2], file, from;

	ck_assert_msg(hugetlb_pages(2 * HUGE), "no huge pages");
	room = hole(4 * PMD_PAGES, 0);
	a = (struct area){ (uint8_t *)(((uintptr_t)room.p + PMD - 1) & -PMD), PMD_PAGES };
	small = area_sub(a, 0, 1);
	small.p += 2 * PMD;
	fd = must(memfd_create("huge", MFD_CLOEXEC | 4 /* MFD_HUGETLB */));
	must(ftruncate(fd, 3 * PMD));
	must((long)mmap(a.p, PMD, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0));
	file = must(memfd_create("small", MFD_CLOEXEC));
	must(ftruncate(file, PAGE));
	must((long)mmap(small.p, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file,
			0));
	a.p[0] = 1;
	small.p[0] = 1;
	must(pipe(ends));
	hold(ends[1], a.p);
	if (!pin_buffer(&ring, small))
		skip("io_uring: %s", strerror(errno));
	must(madvise(small.p, PAGE, MADV_DONTNEED));
	w = tracker_self();
	ck_assert_int_eq(wptrack_track(w, area_start(room), area_end(room), 0), 0);
	reset(w, small);
	from = must(memfd_create("from", MFD_CLOEXEC));
	ck_assert_int_eq(must(write(from, text, PAGE)), PAGE);
	pin_transfer(&ring, small, from, true, 0, 1);
	expect_all(w, small);
	io_uring_queue_exit(&ring);
	close(ends[0]);
	close(ends[1]);
	wptrack_close(w);
}
END_TEST

START_TEST(huge_page_that_is_not_mapped_becomes_clean)
{
	struct wptrack *w;
	struct area a;
	int fd;

	a = huge_file(2, &fd);
	w = tracker_on(a);
	if (!(categories(w, a.p) & WPTRACK_PAGE_WPALLOWED))
		skip("shared hugetlb cannot be armed before Linux 6.0");
	a.p[0] = 1;
	a.p[PMD] = 1;
	drop_or_skip(a.p);
	reset(w, a);
	expect_clean(w, a);
	touch(a, 5);
	drop_or_skip(a.p);
	expect_all(w, area_sub(a, 0, PMD_PAGES));
}
END_TEST

void pins_hugetlb(Suite *s)
{
	TCase *tc = tcase_new(s, "huge files", TEST_TIMEOUT);

	tcase_add_loop_test(tc, mapping_of_less_than_a_file_of_huge_pages, 0, 2);
	tcase_add_loop_test(tc, transfer_into_a_huge_page_that_is_not_mapped, 0, 2);
	tcase_add_test(tc, transfer_into_a_small_page_after_huge_ones);
	tcase_add_test(tc, huge_page_that_is_not_mapped_becomes_clean);
}
