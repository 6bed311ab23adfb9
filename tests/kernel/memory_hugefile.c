// SPDX-License-Identifier: GPL-2.0-only
/*
 * Huge pages of tmpfs that are mapped for reading, by small entries, or privately; and what
 * becomes of them when their protection changes.
 */
#define _GNU_SOURCE
#include "memory.h"
#include "maps.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#define RW	(PROT_READ | PROT_WRITE)

static void drop(struct area a)
{
	must(madvise(a.p, a.pages * PAGE, MADV_DONTNEED));
}

#define need_huge(a, alias)						\
	do {								\
		if (!huge_shmem(a, alias))				\
			skip("no huge pages in tmpfs");			\
	} while (0)

/* Clean, and in no record: a huge entry that a read has made. */
START_TEST(huge_page_of_a_file_that_is_only_read)
{
	const uint64_t flags = _i & 1 ? WPTRACK_TRACK_KEEP_HUGE : 0;
	struct area a, alias, part;
	struct wptrack *w = tracker_self();
	struct marks *m;

	need_huge(&a, &alias);
	a.pages = PMD_PAGES;
	part = area_sub(a, 100, 50);
	m = marks_new(a.pages);
	track(w, a, flags);
	drop(a);
	reset(w, a);
	expect_clean(w, a);
	read_all(area_sub(a, 0, 1));
	note("%zu bytes are mapped huge", thp_bytes(a));
	expect_clean(w, a);
	/* Less than all of it, first: nothing can become of that. */
	if (_i & 2) {
		reset(w, part);
		expect_clean(w, a);
	}
	reset(w, a);
	expect_clean(w, a);
	touch(a, 110);
	m->w[110] = 1;
	expect_no_lost(w, a, m, RESET, "2 MiB at a time");
	expect_clean(w, a);
	touch(a, 111);
	m->w[110] = 0;
	m->w[111] = 1;
	expect_no_lost(w, a, m, RESET, "2 MiB at a time");
	check_that(alias.p[110 * PAGE + 110] == 2 && alias.p[111 * PAGE + 111] == 2);
}
END_TEST

/* _i: written while it is clean, from where it is tracked; what it goes through. */
START_TEST(protection_of_huge_pages_of_a_file)
{
	const int prot = _i & 1 ? PROT_NONE : PROT_READ;
	struct area a, alias;
	struct wptrack *w;
	struct marks *m;

	need_huge(&a, &alias);
	m = marks_new(a.pages);
	w = tracker_self();
	track(w, a, _i & 2 ? WPTRACK_TRACK_KEEP_HUGE : 0);
	expect_clean(w, a);
	must(mprotect(a.p, a.pages * PAGE, prot));
	touch(alias, 7);
	expect_no_lost(w, a, m, GET, "huge pages of files");
	must(mprotect(a.p, a.pages * PAGE, RW));
	touch(a, PMD_PAGES + 9);
	m->w[PMD_PAGES + 9] = 1;
	expect_no_lost(w, a, m, RESET, "huge pages of files");
	expect_clean(w, a);
	marks_none(m);
	/* A part of one. */
	must(mprotect(a.p, 100 * PAGE, prot));
	must(mprotect(a.p, 100 * PAGE, RW));
	touch(a, 50);
	touch(a, 300);
	m->w[50] = m->w[300] = 1;
	expect_no_lost(w, a, m, RESET, "huge pages of files");
	expect_clean(w, a);
	check_that(alias.p[7 * PAGE + 7] == 2 && a.p[7 * PAGE + 7] == 2);
}
END_TEST

/* Where no huge entry fits small ones show the same pages. */
START_TEST(huge_page_of_a_file_in_small_entries)
{
	struct area a, alias, b;
	struct wptrack *w;
	struct marks *m;
	int ends[2];
	struct iovec iov;
	static uint8_t got[PAGE];

	need_huge(&a, &alias);
	b = hole(PMD_PAGES, 1);
	must((long)mremap(alias.p, 0, b.pages * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, b.p));
	touch_all(b);
	ck_assert_uint_eq(thp_bytes(b), 0);
	m = marks_new(b.pages);
	w = tracker_on(b);
	expect_clean(w, b);
	touch_random(b, m, 30);
	expect_exact(w, b, m, RESET);
	expect_clean(w, b);
	/* Others who write elsewhere are nothing to it. */
	touch(alias, 100);
	expect_clean(w, b);
	marks_none(m);
	touch(b, 20);
	m->w[20] = 1;
	must(pipe2(ends, O_CLOEXEC));
	iov = (struct iovec){ b.p + 20 * PAGE, PAGE };
	ck_assert_int_eq(must(vmsplice(ends[1], &iov, 1, 0)), PAGE);
	expect_exact(w, b, m, RESET);
	/* It is held, so that it stays written. */
	expect_exact(w, b, m, RESET);
	touch(b, 20);
	expect_exact(w, b, m, RESET);
	ck_assert_int_eq(must(read(ends[0], got, PAGE)), PAGE);
	check_that(!memcmp(got, b.p + 20 * PAGE, PAGE));
	settle(w, b);
	touch(b, 20);
	expect_exact(w, b, m, RESET);
	check_that(alias.p[20 * PAGE] == b.p[20 * PAGE]);
}
END_TEST

/* Whoever writes to a private mapping writes to a copy. */
START_TEST(huge_page_of_a_file_that_is_mapped_privately)
{
	const uint64_t flags = _i ? WPTRACK_TRACK_KEEP_HUGE : 0;
	struct area a, alias, b;
	struct wptrack *w;
	struct marks *m;
	size_t i;
	char path[64];
	int fd;

	need_huge(&a, &alias);
	/* Its file has no name any more. */
	snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx",
		 area_start(a), area_end(a));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		skip("no map_files: %s", strerror(errno));
	b = hole(2 * PMD_PAGES, 0);
	must((long)mmap(b.p, b.pages * PAGE, RW, MAP_PRIVATE | MAP_FIXED, fd, 0));
	close(fd);
	must(madvise(b.p, b.pages * PAGE, MADV_HUGEPAGE));
	read_all(b);
	note("%zu bytes are mapped huge", thp_bytes(b));
	m = marks_new(b.pages);
	w = tracker_self();
	track(w, b, flags);
	expect_clean(w, b);
	reset(w, b);
	expect_clean(w, b);
	touch(b, 9);
	m->w[9] = 1;
	expect_no_lost(w, b, m, RESET, "goes away when a page is copied");
	expect_clean(w, area_sub(b, PMD_PAGES, PMD_PAGES));
	reset(w, b);
	expect_clean(w, b);
	touch(b, 9);
	touch(b, 10);
	m->w[10] = 1;
	expect_exact(w, b, m, RESET);
	for (i = 9; i < 12; i++)
		check_that(alias.p[i * PAGE + i] == 1);
	check_that(b.p[9 * PAGE + 9] == 3 && b.p[11 * PAGE + 11] == 1);
}
END_TEST

void memory_hugefile(Suite *s)
{
	TCase *tc = tcase_new(s, "hugefile", TEST_TIMEOUT);

	tcase_add_loop_test(tc, huge_page_of_a_file_that_is_only_read, 0, 4);
	tcase_add_loop_test(tc, protection_of_huge_pages_of_a_file, 0, 4);
	tcase_add_test(tc, huge_page_of_a_file_in_small_entries);
	tcase_add_loop_test(tc, huge_page_of_a_file_that_is_mapped_privately, 0, 2);
}
