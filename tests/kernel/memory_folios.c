// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files whose cache is in large folios: a write to what is not mapped, or is mapped by a huge
 * entry, is one page, unless huge pages are to be kept.
 */
#define _GNU_SOURCE
#include "memory.h"
#include "maps.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define FOLIO_64K	(64UL << 10)
#define PAGEOUT		21	/* MADV_PAGEOUT */

struct area folio_file(size_t bytes)
{
	struct area a = { NULL, 0 };
	size_t at;
	char *buf;
	int fd;

	if (!ext4_dir())
		return a;
	a = hole(2 * PMD_PAGES, 0);
	buf = malloc(bytes);
	memset(buf, 1, bytes);
	fd = ext4_file(0);
	for (at = 0; at < a.pages * PAGE; at += bytes)
		ck_assert_int_eq(must(pwrite(fd, buf, bytes, at)), bytes);
	must(mmap(a.p, a.pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0));
	close(fd);
	free(buf);
	return a;
}

static void drop(struct area a)
{
	must(madvise(a.p, a.pages * PAGE, MADV_DONTNEED));
}

enum { FILE_64K, FILE_2M, SHMEM, FILES };

/* Clean memory of a file, nothing of which is mapped. */
static struct area unmapped(int what)
{
	struct area a, alias;

	if (what != SHMEM)
		return folio_file(what == FILE_2M ? PMD : FOLIO_64K);
	if (!huge_shmem(&a, &alias))
		return (struct area){ NULL, 0 };
	a = area_sub(a, 0, 2 * PMD_PAGES);
	drop(a);
	return a;
}

#define need_unmapped(a, what)						\
	do {								\
		(a) = unmapped(what);					\
		if (!(a).pages)						\
			skip("no such file in this guest");		\
	} while (0)

/* Without a read before, which would map the pages. */
static void write_some(struct area a, struct marks *m)
{
	size_t i;

	marks_none(m);
	for (i = 0; i < 5; i++) {
		size_t page = rnd_below(a.pages);

		*(volatile uint8_t *)(a.p + page * PAGE) = 7;
		m->w[page] = 1;
	}
}

/* _i: which file; was it read before; is it dropped in between. */
START_TEST(write_to_a_large_folio_is_one_page)
{
	const bool reads = _i / FILES & 1, drops = _i / FILES & 2;
	struct wptrack *w;
	struct marks *m;
	struct area a;
	int round;

	need_unmapped(a, _i % FILES);
	m = marks_new(a.pages);
	w = tracker_on(a);
	expect_clean(w, a);
	if (reads) {
		read_all(a);
		note("%zu bytes are mapped huge", thp_bytes(a));
		expect_clean(w, a);
	}
	for (round = 0; round < 4; round++) {
		write_some(a, m);
		expect_exact(w, a, m, GET);
		expect_exact(w, a, m, RESET);
		expect_clean(w, a);
		if (drops) {
			read_all(a);
			drop(a);
			if (reads)
				read_all(a);
			/* Of a page that nobody armed it is not known there if it was filled. */
			if (_i % FILES == SHMEM && linux_before(6, 0))
				reset(w, a);
			expect_clean(w, a);
		}
	}
}
END_TEST

/* The kernel writes for the program. */
START_TEST(read_into_a_large_folio_is_exact)
{
	struct wptrack *w;
	struct marks *m;
	struct area a;

	need_unmapped(a, _i);
	m = marks_new(a.pages);
	w = tracker_on(a);
	write_random(a, m, 50);
	expect_exact(w, a, m, RESET);
	expect_clean(w, a);
}
END_TEST

/* Armed as a whole, then some are written. */
START_TEST(clean_huge_page_of_a_file_is_split_by_a_write)
{
	struct wptrack *w = tracker_self();
	struct area a, alias;
	struct marks *m;
	int round;

	if (!huge_shmem(&a, &alias))
		skip("no huge pages in tmpfs");
	m = marks_new(a.pages);
	track(w, a, _i ? WPTRACK_TRACK_KEEP_HUGE : 0);
	expect_clean(w, a);
	ck_assert_uint_eq(thp_bytes(a), a.pages * PAGE);
	for (round = 0; round < 3; round++) {
		write_some(a, m);
		touch_all(alias);
		if (_i) {
			expect_no_lost(w, a, m, RESET, "2 MiB at a time");
			ck_assert_uint_eq(thp_bytes(a), a.pages * PAGE);
		} else {
			expect_exact(w, a, m, RESET);
		}
		expect_clean(w, a);
	}
}
END_TEST

static atomic_bool stop;

static void *hot(void *p)
{
	volatile uint8_t *byte = p;

	while (!stop)
		(*byte)++;
	return NULL;
}

static pthread_barrier_t together;

struct hand {
	struct area a;
	size_t page;
};

static void *write_together(void *p)
{
	const struct hand *h = p;
	size_t i;

	for (i = 0; i < h->a.pages; i += PMD_PAGES) {
		pthread_barrier_wait(&together);
		*(volatile uint8_t *)(h->a.p + (i + h->page) * PAGE) = 9;
	}
	return NULL;
}

static void *read_on(void *p)
{
	const struct hand *h = p;
	size_t i;

	while (!stop)
		for (i = 0; i < h->a.pages; i += PMD_PAGES)
			(void)*(volatile uint8_t *)(h->a.p + (i + h->page) * PAGE);
	return NULL;
}

/* _i: others read the same huge pages, and want them mapped meanwhile. */
START_TEST(threads_write_to_a_clean_huge_page_of_a_file_at_once)
{
	struct wptrack *w = tracker_self();
	pthread_t writers[3], readers[2];
	struct area a, alias;
	struct hand hands[3];
	struct marks *m;
	size_t i, exact = 0;

	if (!huge_shmem(&a, &alias))
		skip("no huge pages in tmpfs");
	m = marks_new(a.pages);
	track(w, a, 0);
	expect_clean(w, a);
	ck_assert(!pthread_barrier_init(&together, NULL, 3));
	alarm(60);
	for (i = 0; i < 3; i++)
		hands[i] = (struct hand){ a, 7 + 100 * i };
	for (i = 0; i < 2 && _i; i++)
		ck_assert(!pthread_create(&readers[i], NULL, read_on, &hands[i]));
	for (i = 0; i < 3; i++)
		ck_assert(!pthread_create(&writers[i], NULL, write_together, &hands[i]));
	for (i = 0; i < 3; i++)
		ck_assert(!pthread_join(writers[i], NULL));
	stop = true;
	for (i = 0; i < 2 && _i; i++)
		ck_assert(!pthread_join(readers[i], NULL));
	alarm(0);
	for (i = 0; i < a.pages; i += PMD_PAGES) {
		m->w[i + 7] = m->w[i + 107] = m->w[i + 207] = 1;
		exact += count_written(w, area_sub(a, i, PMD_PAGES)) == 3;
	}
	note("%zu of %zu huge pages are exact", exact, a.pages / PMD_PAGES);
	expect_no_lost(w, a, m, RESET, "split by two at once");
	ck_assert_uint_gt(exact, 0);
	expect_clean(w, a);
}
END_TEST

/* Nobody may keep a scan from its end, by a huge page that he wants to have huge. */
START_TEST(scan_of_a_part_of_a_hot_huge_page_ends)
{
	struct wptrack *w = tracker_self();
	struct area a, alias, part;
	pthread_t threads[3];
	int i;

	if (!huge_shmem(&a, &alias))
		skip("no huge pages in tmpfs");
	a.pages = PMD_PAGES;
	part = area_sub(a, PMD_PAGES / 2, PMD_PAGES / 2);
	track(w, _i ? part : a, WPTRACK_TRACK_START_WRITTEN);
	for (i = 0; i < 3; i++)
		ck_assert(!pthread_create(&threads[i], NULL, hot, a.p + i * 100 * PAGE));
	alarm(60);
	for (i = 0; i < 30; i++) {
		reset(w, part);
		drop(a);
	}
	alarm(0);
	stop = true;
	for (i = 0; i < 3; i++)
		ck_assert(!pthread_join(threads[i], NULL));
}
END_TEST

/* What a scan has no room for it does not split. */
START_TEST(huge_pages_that_are_not_told_stay_whole)
{
	struct area a = thp(6);
	struct wptrack *w = tracker_self();
	uint64_t at = area_start(a);
	struct wptrack_region r[4];
	struct wptrack_scan_opts o = {
		.sz = sizeof(o), .flags = WPTRACK_SCAN_RESET, .max_pages = 2 * PMD_PAGES,
	};
	int i;

	track(w, a, WPTRACK_TRACK_START_WRITTEN);
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(wptrack_scan(w, at, area_end(a), r, 4, &at, &o), 1);
		ck_assert_uint_eq(r[0].end - r[0].start, 2 * PMD);
	}
	ck_assert_uint_eq(thp_bytes(a), a.pages * PAGE);
	expect_clean(w, a);
}
END_TEST

/* What became of a huge page of a file is no reason to report its private mapping for ever. */
START_TEST(private_huge_page_of_a_file_becomes_clean)
{
	struct area b, alias;
	struct wptrack *w;

	if (!huge_shmem_private(&b, &alias))
		skip("no huge pages in tmpfs");
	read_all(b);
	note("%zu bytes are mapped huge", thp_bytes(b));
	w = tracker_on(b);
	expect_clean(w, b);
	drop(b);
	read_all(b);
	must(madvise(b.p, b.pages * PAGE, PAGEOUT));
	read_all(b);
	reset(w, b);
	expect_clean(w, b);
	touch(b, 9);
	ck_assert_uint_eq(count_written(w, area_sub(b, 9, 1)), 1);
	check_that(b.p[9 * PAGE + 9] == 2 && alias.p[9 * PAGE + 9] == 1);
}
END_TEST

/* Where nobody tracks anything yet, or not this, huge entries are the kernel's affair. */
START_TEST(huge_page_of_a_file_beside_what_is_tracked)
{
	struct wptrack *w = tracker_self();
	struct area a, alias, other;
	struct marks *m;

	if (!huge_shmem(&a, &alias))
		skip("no huge pages in tmpfs");
	a = area_sub(a, 0, 2 * PMD_PAGES);
	other = hole(PMD_PAGES, 0);
	map_over(other, PROT_READ | PROT_WRITE);
	if (_i)
		track(w, other, 0);
	drop(a);
	read_all(a);
	*(volatile uint8_t *)a.p = 1;
	drop(a);
	*(volatile uint8_t *)(a.p + PMD) = 1;
	must(mprotect(alias.p, PMD, PROT_READ));
	must(madvise(alias.p, PMD, MADV_DONTNEED));
	(void)*(volatile uint8_t *)alias.p;
	must(mremap(alias.p, PMD, PMD, MREMAP_MAYMOVE | MREMAP_FIXED, hole(PMD_PAGES, 0).p));
	m = marks_new(a.pages);
	track(w, a, 0);
	write_some(a, m);
	expect_no_lost(w, a, m, RESET, "written before, too");
	expect_clean(w, a);
	write_some(a, m);
	expect_no_lost(w, a, m, RESET, "2 MiB at a time");
	expect_clean(w, a);
}
END_TEST

void memory_folios(Suite *s)
{
	TCase *tc = tcase_new(s, "folios", TEST_TIMEOUT);

	tcase_add_loop_test(tc, write_to_a_large_folio_is_one_page, 0, 4 * FILES);
	tcase_add_loop_test(tc, read_into_a_large_folio_is_exact, 0, FILES);
	tcase_add_loop_test(tc, clean_huge_page_of_a_file_is_split_by_a_write, 0, 2);
	tcase_add_loop_test(tc, threads_write_to_a_clean_huge_page_of_a_file_at_once, 0, 2);
	tcase_add_loop_test(tc, scan_of_a_part_of_a_hot_huge_page_ends, 0, 2);
	tcase_add_test(tc, huge_pages_that_are_not_told_stay_whole);
	tcase_add_test(tc, private_huge_page_of_a_file_becomes_clean);
	tcase_add_loop_test(tc, huge_page_of_a_file_beside_what_is_tracked, 0, 2);
}
