// SPDX-License-Identifier: GPL-2.0-only
/*
 * MADV_COLLAPSE where there is nothing to collapse: no page table, holes, small pages of
 * which nobody has asked yet.
 */
#define _GNU_SOURCE
#include "memory.h"
#include "maps.h"
#include "swap.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MADV_COLLAPSE_NR	25
#define MADV_PAGEOUT_		21
#define SWAP_PAGES		1024

static int collapse(struct area a)
{
	return madvise(a.p, a.pages * PAGE, MADV_COLLAPSE_NR);
}

static bool can_collapse(void)
{
	struct area a = small(1);

	return !collapse(a) || errno != EINVAL;
}

#define need_collapse()							\
	do {								\
		if (!can_collapse())					\
			skip("MADV_COLLAPSE came with Linux 6.1");	\
	} while (0)

START_TEST(collapse_of_memory_without_a_page_table)
{
	struct area a = thp_empty(2);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w;

	need_collapse();
	w = tracker_self();
	track(w, a, _i ? WPTRACK_TRACK_KEEP_HUGE : 0);
	ck_assert_int_eq(collapse(a), -1);
	expect_clean(w, a);
	ck_assert_uint_eq(thp_bytes(a), 0);
	a.p[700 * PAGE] = 3;
	marks_set(m, _i ? PMD_PAGES : 700, _i ? PMD_PAGES : 1);
	expect_exact(w, a, m, RESET);
	ck_assert_int_eq(collapse(area_sub(a, 0, PMD_PAGES)), -1);
	expect_clean(w, a);
}
END_TEST

static bool goes_to_swap(struct area page)
{
	int fd = must(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC)), i;
	uint64_t entry = 0;

	for (i = 0; i < 20 && !(entry >> 62 & 1); i++) {
		must(madvise(page.p, PAGE, MADV_PAGEOUT_));
		ck_assert_int_eq(pread(fd, &entry, 8, area_start(page) / PAGE * 8), 8);
	}
	close(fd);
	return entry >> 62 & 1;
}

enum { NONE, ZERO, READONLY, IN_SWAP, FIRST_PAGES };

/* Its first page is not one that is written: what is known is in no record yet. */
START_TEST(collapse_of_memory_that_nobody_has_scanned)
{
	struct area a = small(1);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w = tracker_self();
	pid_t pid;

	need_collapse();
	if (_i == NONE || _i == ZERO)
		must(madvise(a.p, PAGE, MADV_DONTNEED));
	if (_i == ZERO)
		read_all(area_sub(a, 0, 1));
	if (_i == READONLY) {
		pid = must(fork());
		if (!pid)
			_exit(0);
		must(waitpid(pid, NULL, 0));
	}
	if (_i == IN_SWAP && (swap_missing() || !goes_to_swap(area_sub(a, 0, 1))))
		skip("no swap");
	track(w, a, WPTRACK_TRACK_START_WRITTEN);
	ck_assert_int_eq(collapse(a), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_uint_eq(thp_bytes(a), 0);
	expect_all(w, a);
	reset(w, a);
	settle(w, a);
	a.p[0] += 4;
	a.p[PAGE] += 4;
	m->w[0] = m->w[1] = 1;
	expect_exact(w, a, m, GET);
	ck_assert_int_eq(collapse(a), -1);
	expect_exact(w, a, m, RESET);
	ck_assert_uint_eq(a.p[0], _i == NONE || _i == ZERO ? 4 : 5);
	ck_assert_uint_eq(a.p[PAGE], 5);
}
END_TEST

/* Nor is it in the way of memory that is writable to its last page. */
START_TEST(collapse_of_writable_memory_that_nobody_has_scanned)
{
	struct area a = small(1);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w = tracker_self();

	need_collapse();
	track(w, a, WPTRACK_TRACK_START_WRITTEN);
	must(collapse(a));
	ck_assert_uint_eq(thp_bytes(a), PMD);
	expect_all(w, a);
	reset(w, a);
	expect_clean(w, a);
	touch(a, 3);
	m->w[3] = 1;
	expect_exact(w, a, m, RESET);
}
END_TEST

static void swap_small(void)
{
	swap_setup_pages(SWAP_PAGES);
}

void memory_collapse(Suite *s)
{
	TCase *tc = tcase_new(s, "collapse", TEST_TIMEOUT);

	tcase_add_unchecked_fixture(tc, swap_small, swap_teardown);
	tcase_add_loop_test(tc, collapse_of_memory_without_a_page_table, 0, 2);
	tcase_add_loop_test(tc, collapse_of_memory_that_nobody_has_scanned, 0, FIRST_PAGES);
	tcase_add_test(tc, collapse_of_writable_memory_that_nobody_has_scanned);
}
