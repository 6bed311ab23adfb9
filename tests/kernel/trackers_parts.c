// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parts of chunks, and chunks without a page table: what a walk finds there, and what it
 * leaves to others.
 */
#define _GNU_SOURCE
#include "trackers.h"
#include "uffd.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>

static void map_small(struct area a)
{
	map_over(a, PROT_READ | PROT_WRITE);
	must(madvise(a.p, a.pages * PAGE, MADV_NOHUGEPAGE));
}

/*
 * Where nothing is mapped a reset forgets what was there, but not what others track, nor
 * chunks of which it has only a part.
 */
START_TEST(reset_over_holes_that_others_track)
{
	struct area a = hole(4 * PMD_PAGES, 0);
	struct area own = area_sub(a, 100, 2 * PMD_PAGES), half = area_sub(own, 0, PMD_PAGES);
	struct wptrack *w = tracker_self(), *all = tracker_self();
	struct marks *m = marks_new(a.pages), *mine = marks_new(own.pages);
	int round;

	map_small(a);
	touch_all(a);
	track(all, a, 0);
	track(w, own, 0);
	for (round = 0; round < 3; round++) {
		settle(all, a);
		settle(w, own);
		must(munmap(a.p, a.pages * PAGE));
		/* Behind its last range as well; the last time there is nobody else. */
		if (round == 2)
			wptrack_close(all);
		reset(w, a);
		if (round == 1)
			reset(all, a);
		map_small(a);
		marks_none(m);
		write_random(a, m, 50);
		memcpy(mine->w, m->w + 100, own.pages);
		if (round < 2)
			expect_no_lost(all, a, m, GET, "munmap");
		expect_no_lost(w, own, mine, RESET, "munmap");
		touch_all(a);
	}
	settle(w, own);
	touch(half, 5);
	ck_assert_uint_eq(count_written(w, a), 1);
}
END_TEST

/* All of it is written, and then it has no page table any more. */
START_TEST(written_pages_without_a_page_table)
{
	struct area a = hole(PMD_PAGES, 0);
	struct wptrack_scan_opts o = {
		.sz = sizeof(o), .return_mask = WPTRACK_PAGE_PRESENT | WPTRACK_PAGE_WRITTEN,
		.category_mask = WPTRACK_PAGE_WRITTEN,
	};
	struct wptrack_region v[4];
	struct wptrack *w;

	map_small(a);
	touch_all(a);
	w = tracker_on(a);
	settle(w, a);
	touch_all(a);
	expect_all(w, a);
	must(munmap(a.p, PMD));
	map_small(a);
	ck_assert_int_eq(wptrack_scan(w, area_start(a), area_end(a), v, 4, NULL, &o), 1);
	ck_assert_uint_eq(v[0].start, area_start(a));
	ck_assert_uint_eq(v[0].end, area_end(a));
	ck_assert_uint_eq(v[0].categories, WPTRACK_PAGE_WRITTEN);
	reset(w, a);
	expect_clean(w, a);
	touch(a, 77);
	ck_assert_uint_eq(count_written(w, a), 1);
}
END_TEST

/* What is pending goes; what belongs to a userfaultfd is written as before. */
START_TEST(tracked_again_with_pending_pages_and_under_userfaultfd)
{
	struct area a = anon_populated(200), uffd = anon_populated(100);
	struct wptrack *w = tracker_on(a), *other = tracker_on(a);
	struct marks *m = marks_new(200);
	int fd;

	settle(w, a);
	settle(other, a);
	touch_random(a, m, 5);
	expect_exact(other, a, m, RESET);
	expect_exact(w, a, m, GET);
	track(w, a, 0);
	expect_clean(w, a);
	expect_clean(other, a);
	marks_none(m);
	touch_random(a, m, 5);
	expect_exact(w, a, m, RESET);
	expect_exact(other, a, m, RESET);

	fd = uffd_on(uffd, 0, UFFDIO_REGISTER_MODE_WP);
	if (fd < 0)
		skip("no write protection by userfaultfd");
	track(w, uffd, 0);
	expect_all(w, uffd);
	track(w, uffd, 0);
	expect_all(w, uffd);
	close(fd);
	settle(w, uffd);
	touch(uffd, 3);
	ck_assert_uint_eq(count_written(w, uffd), 1);
}
END_TEST

/* 20 of 64 pages, whose bits share a word, are of another mapping than those behind. */
START_TEST(mapping_that_ends_where_clean_pages_begin)
{
	struct area a = hole(100, 64), first = area_sub(a, 0, 20), rest = area_sub(a, 20, 80);
	struct marks *m = marks_new(100);
	struct wptrack *w;

	map_over(first, PROT_READ | PROT_WRITE | PROT_EXEC);
	map_over(rest, PROT_READ | PROT_WRITE);
	touch_all(rest);
	w = tracker_on(a);
	settle(w, rest);
	/* The chunk has empty pages, so it is walked. */
	expect_clean(w, a);
	expect_clean(w, first);
	touch(a, 19);
	touch(a, 20);
	m->w[19] = m->w[20] = 1;
	expect_exact(w, a, m, RESET);
	touch(a, 3);
	marks_none(m);
	m->w[3] = 1;
	expect_exact(w, a, m, GET);
	munmap(first.p, 20 * PAGE);
	map_over(first, PROT_READ | PROT_WRITE | PROT_EXEC);
	reset(w, a);
	expect_clean(w, a);
	touch(a, 19);
	marks_none(m);
	m->w[19] = 1;
	expect_exact(w, a, m, GET);
}
END_TEST

/* It passes for shared until then, and cannot get that back while a pipe has it. */
START_TEST(half_a_chunk_is_given_up_while_a_pipe_holds_a_page)
{
	struct area a = anon_populated(400), left = area_sub(a, 200, 200);
	struct wptrack *w = tracker_on(a), *other = tracker_on(anon_populated(3));
	struct iovec iov = { a.p + 50 * PAGE, PAGE };
	struct marks *m = marks_new(200);
	uint8_t byte, was = a.p[50 * PAGE];
	int fds[2];

	settle(w, a);
	must(mprotect(a.p, a.pages * PAGE, PROT_READ));
	must(mprotect(a.p, a.pages * PAGE, PROT_READ | PROT_WRITE));
	must(pipe2(fds, O_CLOEXEC));
	ck_assert_int_eq(must(vmsplice(fds[1], &iov, 1, 0)), PAGE);
	untrack(w, area_sub(a, 0, 200));
	expect_clean(w, left);
	touch_random(left, m, 6);
	expect_exact(w, left, m, RESET);
	touch_all(area_sub(a, 0, 200));
	expect_clean(w, left);
	ck_assert_int_eq(must(read(fds[0], &byte, 1)), 1);
	/* A pipe may show what is written later, but nothing else. */
	ck_assert(byte == was || byte == a.p[50 * PAGE]);
	close(fds[0]);
	close(fds[1]);
	wptrack_close(other);
}
END_TEST

void trackers_parts(Suite *s)
{
	TCase *tc = tcase_new(s, "parts", TEST_TIMEOUT);

	tcase_add_test(tc, reset_over_holes_that_others_track);
	tcase_add_test(tc, written_pages_without_a_page_table);
	tcase_add_test(tc, tracked_again_with_pending_pages_and_under_userfaultfd);
	tcase_add_test(tc, mapping_that_ends_where_clean_pages_begin);
	tcase_add_test(tc, half_a_chunk_is_given_up_while_a_pipe_holds_a_page);
}
