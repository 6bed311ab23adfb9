// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugetlb, private and shared: written and clean by whole huge pages.
 */
#define _GNU_SOURCE
#include "memory.h"
#include "maps.h"
#include "uffd.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define HUGE	6
#define PAGES	(HUGE * PMD_PAGES)

/* Both kinds, in a loop test. */
#define is_shared(i) ((i) == 1)

static struct area huge_area(bool shared)
{
	int fd;

	ck_assert_msg(hugetlb_pages(4 * HUGE), "no huge pages");
	return hugetlb(HUGE, shared, &fd);
}

/* True for memory that this kernel can only report as written. */
static bool refused(struct area a)
{
	struct wptrack *w = tracker_on(a);
	bool no = !(categories(w, a.p) & WPTRACK_PAGE_WPALLOWED);

	wptrack_close(w);
	return no;
}

#define need_tracking(a)						\
	do {								\
		if (refused(a))						\
			skip("shared hugetlb cannot be armed before Linux 6.0"); \
	} while (0)

static void mark_huge(struct marks *m, size_t i)
{
	marks_set(m, i * PMD_PAGES, PMD_PAGES);
}

START_TEST(hugetlb_populated_pages_are_clean_until_one_is_written)
{
	struct area a = huge_area(is_shared(_i));
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	int round;

	memset(a.p, 1, PAGES * PAGE);
	need_tracking(a);
	w = tracker_on(a);
	for (round = 0; round < 4; round++) {
		expect_clean(w, a);
		marks_none(m);
		a.p[(round * PMD_PAGES + 100 * round) * PAGE + 9] += 1;
		a.p[5 * PMD + 1] += 1;
		mark_huge(m, round);
		mark_huge(m, 5);
		expect_exact(w, a, m, GET);
		expect_exact(w, a, m, RESET);
	}
	expect_clean(w, a);
	ck_assert(categories(w, a.p) & WPTRACK_PAGE_HUGE);
}
END_TEST

START_TEST(hugetlb_empty_pages_are_clean_until_written)
{
	struct area a = huge_area(is_shared(_i));
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;

	need_tracking(a);
	w = tracker_on(a);
	expect_clean(w, a);
	a.p[2 * PMD + 5] = 1;
	mark_huge(m, 2);
	expect_exact(w, a, m, RESET);
	expect_clean(w, a);
	if (is_shared(_i))
		return;
	/* One that is only read looks like one that was moved here. */
	read_all(area_sub(a, 3 * PMD_PAGES, PMD_PAGES));
	marks_none(m);
	mark_huge(m, 3);
	expect_exact(w, a, m, RESET);
	read_all(area_sub(a, 3 * PMD_PAGES, PMD_PAGES));
	expect_clean(w, a);
	a.p[3 * PMD + 5] = 1;
	expect_exact(w, a, m, RESET);
}
END_TEST

START_TEST(hugetlb_start_written_holds_until_reset)
{
	struct area a = huge_area(is_shared(_i));
	struct wptrack *w = tracker_self();

	memset(a.p, 1, PAGES * PAGE / 2);
	need_tracking(a);
	track(w, a, WPTRACK_TRACK_START_WRITTEN);
	expect_all(w, a);
	reset(w, a);
	expect_clean(w, a);
}
END_TEST

START_TEST(hugetlb_limits_below_a_huge_page_make_progress)
{
	struct area a = huge_area(is_shared(_i));
	uint64_t at = area_start(a), end = area_end(a), pages = 0;
	struct wptrack_region r[3];
	struct wptrack_scan_opts o = {
		.sz = sizeof(o), .flags = WPTRACK_SCAN_RESET, .max_pages = 200,
	};
	struct wptrack *w;

	memset(a.p, 1, PAGES * PAGE);
	need_tracking(a);
	w = tracker_on(a);
	touch_all(a);
	while (at < end) {
		uint64_t from = at;
		int64_t i, nr = wptrack_scan(w, at, end, r, 3, &at, &o);

		ck_assert_int_ge(nr, 0);
		ck_assert_uint_gt(at, from);
		for (i = 0; i < nr; i++)
			pages += (r[i].end - r[i].start) / PAGE;
	}
	ck_assert_uint_eq(pages, PAGES);
	/* Only a huge page as a whole is reset. */
	expect_all(w, a);
	expect_all(w, area_sub(a, 700, 2));
	reset(w, a);
	expect_clean(w, a);
}
END_TEST

START_TEST(hugetlb_part_of_a_huge_page_stays_written)
{
	struct area a = huge_area(is_shared(_i)), part;
	struct wptrack *w;

	memset(a.p, 1, PAGES * PAGE);
	need_tracking(a);
	/* Writable again: a tracker that is gone has left it read-only. */
	touch_all(a);
	part = area_sub(a, 100, PMD_PAGES);
	w = tracker_on(part);
	expect_all(w, part);
	reset(w, part);
	expect_all(w, part);
}
END_TEST

START_TEST(hugetlb_writes_by_another_process_and_events_lose_nothing)
{
	struct area a = huge_area(is_shared(_i));
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	uint64_t value = 1;
	struct iovec local = { &value, 8 }, remote = { a.p + 40 * PAGE, 8 };

	memset(a.p, 1, PAGES * PAGE);
	need_tracking(a);
	w = tracker_on(a);
	ck_assert_int_eq(process_vm_writev(getpid(), &local, 1, &remote, 1, 0), 8);
	mark_huge(m, 0);
	expect_exact(w, a, m, RESET);
	marks_none(m);

	must(mprotect(a.p + PMD, PMD, PROT_READ));
	must(mprotect(a.p + PMD, PMD, PROT_READ | PROT_WRITE));
	a.p[PMD + 77] = 3;
	a.p[3 * PMD + 77] = 3;
	mark_huge(m, 1);
	mark_huge(m, 3);
	expect_exact(w, a, m, RESET);
	marks_none(m);

	must(munmap(a.p + 4 * PMD, PMD));
	expect_clean(w, area_sub(a, 0, 4 * PMD_PAGES));
	expect_clean(w, area_sub(a, 5 * PMD_PAGES, PMD_PAGES));
}
END_TEST

/* Without write permission a debugger may write, on some kernels. */
static bool force(struct area a, size_t page)
{
	int mem = must(open("/proc/self/mem", O_RDWR | O_CLOEXEC));
	bool done = pwrite(mem, &page, 8, area_start(a) + page * PAGE + 64) == 8;

	close(mem);
	return done;
}

START_TEST(hugetlb_is_exact_while_its_protection_changes)
{
	static const int prots[] = { PROT_READ, PROT_NONE, PROT_READ | PROT_WRITE | PROT_EXEC };
	const int rw = PROT_READ | PROT_WRITE;
	struct area a = huge_area(is_shared(_i % 2));
	struct marks *m = marks_new(PAGES);
	const int prot = prots[_i / 2];
	struct wptrack *w;
	int round;

	memset(a.p, 1, PAGES * PAGE);
	need_tracking(a);
	w = tracker_on(a);
	for (round = 0; round < HUGE; round++) {
		must(mprotect(a.p, PAGES * PAGE, prot));
		if (round & 1)
			expect_clean(w, a);
		if (round == 2 && force(a, 40))
			mark_huge(m, 0);
		/* Some go through two of them. */
		must(mprotect(a.p, PAGES * PAGE / 2, PROT_NONE));
		must(mprotect(a.p, PAGES * PAGE, rw));
		expect_exact(w, a, m, GET);
		touch(a, round * PMD_PAGES + 8 * round);
		mark_huge(m, round);
		if (round & 1)
			must(mprotect(a.p, PAGES * PAGE, prot));
		expect_exact(w, a, m, GET);
		must(mprotect(a.p, PAGES * PAGE, rw));
		expect_exact(w, a, m, RESET);
		marks_none(m);
		expect_clean(w, a);
	}
}
END_TEST

START_TEST(hugetlb_that_moves_while_it_is_not_mapped_is_written)
{
	struct area a = huge_area(true), to = hole(PMD_PAGES, 0);
	struct wptrack *w;

	memset(a.p, 1, PAGES * PAGE);
	need_tracking(a);
	w = tracker_on(a);
	track(w, to, 0);
	touch(a, PMD_PAGES + 9);
	/* Its file has it still. */
	if (madvise(a.p + PMD, PMD, MADV_DONTNEED))
		skip("MADV_DONTNEED of hugetlb came with Linux 5.18: %s", strerror(errno));
	must((long)mremap(a.p + PMD, PMD, PMD, MREMAP_MAYMOVE | MREMAP_FIXED, to.p));
	expect_all(w, to);
}
END_TEST

/* The same, with a marker of userfaultfd in the place of each page. */
START_TEST(hugetlb_that_moves_with_markers_is_written)
{
	struct area a = huge_area(true), to = hole(PAGES, 0);
	const bool before = _i;
	struct wptrack *w;
	int fd;

	memset(a.p, 1, PAGES * PAGE);
	need_tracking(a);
	fd = uffd_on(a, UFFD_FEATURE_WP_HUGETLBFS_SHMEM, UFFDIO_REGISTER_MODE_WP);
	if (fd < 0)
		skip("no write protection of hugetlb: %s", strerror(errno));
	w = tracker_on(a);
	track(w, to, 0);
	reset(w, to);
	memset(a.p, 2, PAGES * PAGE);
	if (before)
		must(uffd_protect(fd, a));
	must(madvise(a.p, PAGES * PAGE, MADV_DONTNEED));
	if (!before)
		must(uffd_protect(fd, a));
	must((long)mremap(a.p, PAGES * PAGE, PAGES * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
			  to.p));
	expect_all(w, to);
	close(fd);
}
END_TEST

/* A page table that serves two mappings is let go of instead of being moved. */
START_TEST(hugetlb_whose_page_table_is_shared_moves)
{
	const size_t giga = PMD_PAGES * PMD_PAGES;
	const uintptr_t align = PMD * PMD_PAGES;
	struct area a, to, room = hole(5 * giga, 0);
	struct wptrack *w;
	uint8_t *other;
	size_t i;
	int fd;

	if (!hugetlb_pages(PMD_PAGES))
		skip("no GiB of huge pages");
	a = (struct area){ (uint8_t *)(((uintptr_t)room.p + align - 1) & -align), giga };
	other = a.p + 2 * align;
	to = (struct area){ a.p + 3 * align + PMD, giga };
	munmap(room.p, room.pages * PAGE);
	fd = must(memfd_create("wptrack-huge", MFD_CLOEXEC | 4 /* MFD_HUGETLB */));
	must(ftruncate(fd, align));
	must((long)mmap(a.p, align, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0));
	must((long)mmap(other, align, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
			0));
	w = tracker_on(a);
	track(w, to, 0);
	reset(w, to);
	for (i = 0; i < PMD_PAGES; i++)
		a.p[i * PMD] = other[i * PMD] = 1;
	if (mremap(a.p, align, align, MREMAP_MAYMOVE | MREMAP_FIXED, to.p) == MAP_FAILED)
		skip("mremap of hugetlb came with Linux 5.16: %s", strerror(errno));
	expect_all(w, to);
	munmap(to.p, align);
	munmap(other, align);
	close(fd);
	wptrack_close(w);
}
END_TEST

START_TEST(hugetlb_moved_over_tracked_memory_is_written)
{
	struct area a = huge_area(is_shared(_i)), away;
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;

	memset(a.p, 1, PAGES * PAGE);
	need_tracking(a);
	w = tracker_on(a);
	away = hole(2 * PMD_PAGES, 0);
	/* What comes from where nobody tracks may be held by anybody: all shared is unsure. */
	track(w, away, 0);
	/* 1 goes away and 2 takes its place: both were clean. */
	if (mremap(a.p + PMD, PMD, PMD, MREMAP_MAYMOVE | MREMAP_FIXED,
		   away.p) == MAP_FAILED)
		skip("mremap of hugetlb came with Linux 5.16: %s", strerror(errno));
	must((long)mremap(a.p + 2 * PMD, PMD, PMD, MREMAP_MAYMOVE | MREMAP_FIXED,
			  a.p + PMD));
	must((long)mremap(away.p, PMD, PMD, MREMAP_MAYMOVE | MREMAP_FIXED,
			  a.p + 2 * PMD));
	mark_huge(m, 1);
	mark_huge(m, 2);
	expect_exact(w, a, m, RESET);
	expect_clean(w, a);
}
END_TEST

START_TEST(hugetlb_moved_to_tracked_empty_memory_is_written)
{
	struct area a = huge_area(is_shared(_i)), b = hole(2 * PMD_PAGES, 0);
	struct wptrack *w;

	memset(a.p, 1, PAGES * PAGE);
	need_tracking(a);
	w = tracker_on(area_sub(a, 0, PMD_PAGES));
	a.p[0] = 2;
	reset(w, area_sub(a, 0, PMD_PAGES));
	track(w, b, 0);
	expect_clean(w, b);
	/* What is not tracked may have become read-only by a fork. */
	if (!fork())
		_exit(0);
	must(wait(NULL));
	reset(w, area_sub(a, 0, PMD_PAGES));
	if (mremap(a.p, PMD, PMD, MREMAP_MAYMOVE | MREMAP_FIXED, b.p) == MAP_FAILED)
		skip("mremap of hugetlb came with Linux 5.16: %s", strerror(errno));
	/* Shared and read-only it shows the file, as if it had been mapped there. */
	if (!is_shared(_i))
		must((long)mremap(a.p + PMD, PMD, PMD,
				  MREMAP_MAYMOVE | MREMAP_FIXED, b.p + PMD));
	else
		b.pages = PMD_PAGES;
	expect_all(w, b);
	reset(w, b);
	expect_clean(w, b);
}
END_TEST

static void child_writes(int fd, void *arg)
{
	struct area a = *(struct area *)arg;
	size_t i;

	turn_wait(fd);
	for (i = 0; i < HUGE; i++)
		a.p[i * PMD] = 0xee;
	turn_done(fd);
}

START_TEST(hugetlb_fork_keeps_both_sides_right)
{
	struct area a = huge_area(is_shared(_i));
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	struct peer p;
	size_t i;

	memset(a.p, 1, PAGES * PAGE);
	need_tracking(a);
	w = tracker_on(a);
	p = peer_start(child_writes, &a);
	a.p[PMD] = 5;
	mark_huge(m, 1);
	expect_exact(w, a, m, RESET);
	peer_turn(&p);
	for (i = 0; i < HUGE; i++)
		ck_assert_int_eq(a.p[i * PMD], is_shared(_i) ? 0xee :
						i == 1 ? 5 : 1);
	peer_end(&p);
	marks_none(m);
	a.p[2 * PMD] = 6;
	mark_huge(m, 2);
	expect_exact(w, a, m, RESET);
	expect_clean(w, a);
}
END_TEST

START_TEST(shared_pages_stay_shared_after_untrack)
{
	int fd;
	struct area a, b;
	struct wptrack *w;
	size_t i;

	ck_assert(hugetlb_pages(4 * HUGE));
	a = hugetlb(HUGE, true, &fd);
	b = hole(PAGES, 0);
	must((long)mmap(b.p, PAGES * PAGE, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_FIXED, fd, 0));
	memset(a.p, 1, PAGES * PAGE);
	w = tracker_on(a);
	reset(w, a);
	a.p[0] = 2;
	wptrack_close(w);
	for (i = 0; i < HUGE; i++) {
		a.p[i * PMD + 8] = 40 + i;
		ck_assert_int_eq(b.p[i * PMD + 8], 40 + i);
	}
	ck_assert_int_eq(b.p[0], 2);
}
END_TEST

START_TEST(page_tables_of_several_processes_are_refused)
{
	struct wptrack *w;
	struct area a;
	uint8_t *p;
	int fd;

	ck_assert(hugetlb_pages(4 * HUGE));
	fd = must(memfd_create("wptrack-huge", MFD_CLOEXEC | 4));
	must(ftruncate(fd, 2UL << 30));
	p = (uint8_t *)(0x300UL << 36);
	must((long)mmap(p, 2UL << 30, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_FIXED | MAP_NORESERVE, fd, 0));
	a = (struct area){ p, 2 * PMD_PAGES };
	p[0] = 1;
	w = tracker_on(a);
	ck_assert_uint_eq(categories(w, p) & WPTRACK_PAGE_WPALLOWED, 0);
	reset(w, a);
	ck_assert(categories(w, p) & WPTRACK_PAGE_WRITTEN);
	munmap(p, 2UL << 30);
}
END_TEST

void memory_hugetlb(Suite *s)
{
	TCase *tc = tcase_new(s, "hugetlb", TEST_TIMEOUT);

	tcase_add_unchecked_fixture(tc, NULL, hugetlb_none);
	tcase_add_loop_test(tc, hugetlb_populated_pages_are_clean_until_one_is_written, 0, 2);
	tcase_add_loop_test(tc, hugetlb_empty_pages_are_clean_until_written, 0, 2);
	tcase_add_loop_test(tc, hugetlb_start_written_holds_until_reset, 0, 2);
	tcase_add_loop_test(tc, hugetlb_limits_below_a_huge_page_make_progress, 0, 2);
	tcase_add_loop_test(tc, hugetlb_part_of_a_huge_page_stays_written, 0, 2);
	tcase_add_loop_test(tc, hugetlb_writes_by_another_process_and_events_lose_nothing, 0, 2);
	tcase_add_loop_test(tc, hugetlb_is_exact_while_its_protection_changes, 0, 6);
	tcase_add_test(tc, hugetlb_that_moves_while_it_is_not_mapped_is_written);
	tcase_add_loop_test(tc, hugetlb_that_moves_with_markers_is_written, 0, 2);
	tcase_add_test(tc, hugetlb_whose_page_table_is_shared_moves);
	tcase_add_loop_test(tc, hugetlb_moved_over_tracked_memory_is_written, 0, 2);
	tcase_add_loop_test(tc, hugetlb_moved_to_tracked_empty_memory_is_written, 0, 2);
	tcase_add_loop_test(tc, hugetlb_fork_keeps_both_sides_right, 0, 2);
	tcase_add_test(tc, shared_pages_stay_shared_after_untrack);
	tcase_add_test(tc, page_tables_of_several_processes_are_refused);
}
