// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory in which a device may write at any time: buffers registered with
 * io_uring.
 */
#define _GNU_SOURCE
#include "pins.h"
#include "maps.h"

#include <fcntl.h>
#include <liburing.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define PAGES	96
#define FIRST	16	/* of the pinned pages */
#define PINNED	40

struct pinned {
	struct area a;
	struct area buf;
	struct io_uring ring;
	struct marks *m;	/* the pinned pages */
};

bool pin_buffer(struct io_uring *ring, struct area buf)
{
	struct iovec iov = { buf.p, buf.pages * PAGE };
	int ret = io_uring_queue_init(8, ring, 0);

	if (!ret)
		ret = io_uring_register_buffers(ring, &iov, 1);
	errno = -ret;
	return !ret;
}

static bool pin(struct pinned *p, struct area a)
{
	p->a = a;
	p->buf = area_sub(a, FIRST, PINNED);
	p->m = marks_new(a.pages);
	marks_set(p->m, FIRST, PINNED);
	return pin_buffer(&p->ring, p->buf);
}

#define pin_or_skip(p, a)						\
	do {								\
		if (!pin(p, a))						\
			skip("io_uring: %s", strerror(errno));		\
	} while (0)

void pin_transfer(struct io_uring *ring, struct area buf, int fd, bool into_memory,
		  size_t page, size_t pages)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	struct io_uring_cqe *cqe;

	if (into_memory)
		io_uring_prep_read_fixed(sqe, fd, buf.p + page * PAGE,
					 pages * PAGE, page * PAGE, 0);
	else
		io_uring_prep_write_fixed(sqe, fd, buf.p + page * PAGE,
					  pages * PAGE, page * PAGE, 0);
	ck_assert_int_eq(io_uring_submit(ring), 1);
	ck_assert_int_eq(io_uring_wait_cqe(ring, &cqe), 0);
	ck_assert_int_eq(cqe->res, pages * PAGE);
	io_uring_cqe_seen(ring, cqe);
}

static void transfer(struct pinned *p, int fd, bool into_memory, size_t page,
		     size_t pages)
{
	pin_transfer(&p->ring, p->buf, fd, into_memory, page, pages);
}

/* What the kernel finds through the pin is what the program has written. */
static void expect_pin_intact(struct pinned *p)
{
	static uint8_t got[PINNED * PAGE];
	int fd = must(memfd_create("pinned", MFD_CLOEXEC));

	transfer(p, fd, false, 0, PINNED);
	ck_assert_int_eq(must(pread(fd, got, sizeof(got), 0)), sizeof(got));
	ck_assert_msg(!memcmp(got, p->buf.p, sizeof(got)),
		      "the pinned pages are no longer those of the program");
	close(fd);
}

START_TEST(pinned_memory_is_always_written_and_the_rest_is_exact)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w;
	struct pinned p;
	int round;

	/* Pinned before it is tracked, and after. */
	if (_i) {
		w = tracker_on(a);
		expect_clean(w, a);
		pin_or_skip(&p, a);
	} else {
		pin_or_skip(&p, a);
		w = tracker_on(a);
	}
	for (round = 0; round < 3; round++) {
		expect_exact(w, a, p.m, RESET);
		touch(a, 3);
		touch(a, FIRST + 3);
		p.m->w[3] = 1;
		expect_exact(w, a, p.m, RESET);
		p.m->w[3] = 0;
	}
	expect_pin_intact(&p);
}
END_TEST

START_TEST(pinned_memory_has_its_own_category)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w;
	struct pinned p;

	pin_or_skip(&p, a);
	if (!(info().categories & WPTRACK_PAGE_PINNED))
		skip("this module does not know WPTRACK_PAGE_PINNED");
	w = tracker_on(a);
	ck_assert(categories(w, p.buf.p) & WPTRACK_PAGE_PINNED);
	reset(w, a);
	ck_assert(categories(w, p.buf.p) & WPTRACK_PAGE_PINNED);
	ck_assert(categories(w, p.buf.p) & WPTRACK_PAGE_WRITTEN);
	ck_assert(!(categories(w, a.p) & WPTRACK_PAGE_PINNED));
	touch(a, 1);
	ck_assert(!(categories(w, a.p + PAGE) & WPTRACK_PAGE_PINNED));
}
END_TEST

START_TEST(transfers_into_pinned_memory_are_reported_and_right)
{
	struct area a = anon_populated(PAGES);
	int fd = direct_file(PINNED, 0);
	struct wptrack *w;
	struct pinned p;
	size_t i;
	int round;

	if (fd < 0)
		skip("no file for O_DIRECT");
	w = tracker_on(a);
	pin_or_skip(&p, a);
	for (round = 0; round < 3; round++) {
		reset(w, a);
		transfer(&p, fd, true, 0, PINNED);
		expect_exact(w, a, p.m, RESET);
		for (i = 0; i < PINNED; i++)
			ck_assert_uint_eq(p.buf.p[i * PAGE + 999],
					  file_byte(i));
		/* The program's own write to the same page, then the device's. */
		reset(w, a);
		memset(p.buf.p, 0xee, PINNED * PAGE);
		expect_pin_intact(&p);
		transfer(&p, fd, true, 7, 1);
		ck_assert_uint_eq(p.buf.p[7 * PAGE + 5], file_byte(7));
		ck_assert_uint_eq(p.buf.p[8 * PAGE + 5], 0xee);
	}
}
END_TEST

START_TEST(fork_leaves_pinned_memory_with_the_parent)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w;
	struct pinned p;
	pid_t pid;
	int round;

	w = tracker_on(a);
	pin_or_skip(&p, a);
	for (round = 0; round < 3; round++) {
		reset(w, a);
		pid = must(fork());
		if (!pid) {
			touch_all(a);
			pause();
			_exit(0);
		}
		touch_all(p.buf);
		expect_pin_intact(&p);
		expect_no_lost(w, a, p.m, RESET, "fork");
		touch_all(p.buf);
		expect_pin_intact(&p);
		kill(pid, SIGKILL);
		must(waitpid(pid, NULL, 0));
		touch_all(p.buf);
		expect_pin_intact(&p);
	}
}
END_TEST

START_TEST(memory_is_clean_again_once_it_is_unpinned)
{
	struct area a = anon_populated(PAGES);
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	struct pinned p;

	pin_or_skip(&p, a);
	w = tracker_on(a);
	expect_exact(w, a, p.m, RESET);
	io_uring_unregister_buffers(&p.ring);
	io_uring_queue_exit(&p.ring);
	/* What a device may have written is reported once more ... */
	expect_exact(w, a, p.m, RESET);
	/* ... and io_uring may take a moment to let go. */
	settle(w, a);
	touch_random(a, m, 4);
	expect_exact(w, a, m, RESET);
}
END_TEST

START_TEST(pinning_of_empty_memory_writes_it)
{
	struct area a = anon(PAGES);
	struct wptrack *w = tracker_on(a);
	struct pinned p;

	expect_clean(w, a);
	pin_or_skip(&p, a);
	expect_exact(w, a, p.m, RESET);
	touch_all(p.buf);
	expect_exact(w, a, p.m, RESET);
	expect_pin_intact(&p);
}
END_TEST

START_TEST(pinned_shared_memory_is_always_written)
{
	struct map map = map_make(MAP_KIND_MEMFD, PAGES, 5);
	struct wptrack *w;
	struct pinned p;
	int round;

	touch_all(map.a);
	w = tracker_on(map.a);
	pin_or_skip(&p, map.a);
	for (round = 0; round < 3; round++) {
		expect_exact(w, map.a, p.m, RESET);
		touch_all(p.buf);
		expect_pin_intact(&p);
	}
}
END_TEST

START_TEST(close_of_the_tracker_leaves_the_pin_intact)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = tracker_on(a);
	struct pinned p;

	pin_or_skip(&p, a);
	reset(w, a);
	touch_all(p.buf);
	wptrack_close(w);
	expect_pin_intact(&p);
	touch_all(p.buf);
	expect_pin_intact(&p);
}
END_TEST

START_TEST(io_uring_read_into_plain_memory_is_reported)
{
	struct area a = anon_populated(PAGES);
	struct marks *m = marks_new(PAGES);
	struct wptrack *w = tracker_on(a);
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	struct io_uring ring;
	int fd = must(open("/proc/self/exe", O_RDONLY | O_CLOEXEC)), ret, round;

	ret = io_uring_queue_init(8, &ring, 0);
	if (ret)
		skip("io_uring: %s", strerror(-ret));
	marks_set(m, 5, 9);
	for (round = 0; round < 3; round++) {
		sqe = io_uring_get_sqe(&ring);
		io_uring_prep_read(sqe, fd, a.p + 5 * PAGE + 9, 8 * PAGE, 0);
		ck_assert_int_eq(io_uring_submit(&ring), 1);
		ck_assert_int_eq(io_uring_wait_cqe(&ring, &cqe), 0);
		ck_assert_int_eq(cqe->res, 8 * PAGE);
		io_uring_cqe_seen(&ring, cqe);
		expect_exact(w, a, m, RESET);
		expect_clean(w, a);
	}
}
END_TEST

static void fill_suite(Suite *s)
{
	TCase *tc = tcase_new(s, "pins", TEST_TIMEOUT);

	tcase_add_loop_test(tc,
			    pinned_memory_is_always_written_and_the_rest_is_exact,
			    0, 2);
	tcase_add_test(tc, pinned_memory_has_its_own_category);
	tcase_add_test(tc, transfers_into_pinned_memory_are_reported_and_right);
	tcase_add_test(tc, fork_leaves_pinned_memory_with_the_parent);
	tcase_add_test(tc, memory_is_clean_again_once_it_is_unpinned);
	tcase_add_test(tc, pinning_of_empty_memory_writes_it);
	tcase_add_test(tc, pinned_shared_memory_is_always_written);
	tcase_add_test(tc, close_of_the_tracker_leaves_the_pin_intact);
	tcase_add_test(tc, io_uring_read_into_plain_memory_is_reported);
	pins_before(s);
	pins_inflight(s);
	pins_hugetlb(s);
	pins_readers(s);
	pins_split(s);
}

int main(void)
{
	return suite_run("pins", fill_suite);
}
