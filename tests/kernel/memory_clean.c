// SPDX-License-Identifier: GPL-2.0-only
/*
 * Resets that ask for all pages, clean ones too, of memory that is mapped by huge entries, some
 * of it known and some not, with and without room for all of them.
 */
#define _GNU_SOURCE
#include "memory.h"
#include "maps.h"

#include <sys/mman.h>

#define HALF	(PMD_PAGES / 2)

enum { THP, THP_KEPT, THP_NONE, HUGE_ZERO, FILE_SHARED, FILE_PRIVATE, HUGETLB, KINDS };

static const size_t limits[] = { 0, 100, PMD_PAGES };
#define LIMITS	(sizeof(limits) / sizeof(limits[0]))

static struct area memory_of(int kind)
{
	struct area a, alias;
	int fd;

	switch (kind) {
	case HUGE_ZERO:
		a = thp_empty(2);
		read_all(a);
		return a;
	case FILE_SHARED:
		if (!huge_shmem(&a, &alias))
			return (struct area){ NULL, 0 };
		a = area_sub(a, 0, 2 * PMD_PAGES);
		must(madvise(a.p, 2 * PMD, MADV_DONTNEED));
		read_all(a);
		return a;
	case FILE_PRIVATE:
		if (!huge_shmem_private(&a, &alias))
			return (struct area){ NULL, 0 };
		read_all(a);
		return a;
	case HUGETLB:
		return hugetlb_pages(4) ? hugetlb(2, false, &fd) : (struct area){ NULL, 0 };
	default:
		return thp(2);
	}
}

/* All pages match; those that are told to be written are added to @got. */
static void reset_all(struct wptrack *w, struct area a, size_t limit, struct marks *got)
{
	struct wptrack_scan_opts o = {
		.sz = sizeof(o), .flags = WPTRACK_SCAN_RESET, .max_pages = limit,
		.return_mask = WPTRACK_PAGE_WRITTEN,
	};
	uint64_t at = area_start(a), page;
	struct wptrack_region r[3];
	int64_t n, i;

	while (at < area_end(a)) {
		n = wptrack_scan(w, at, area_end(a), r, 3, &at, &o);
		ck_assert_msg(n >= 0, "%s", wptrack_error(w));
		for (i = 0; i < n; i++)
			for (page = r[i].start; page < r[i].end; page += PAGE)
				if (r[i].categories & WPTRACK_PAGE_WRITTEN)
					got->w[(page - area_start(a)) / PAGE] = 1;
	}
}

static void expect_told(const struct marks *m, const struct marks *got, struct area a)
{
	size_t i;

	for (i = 0; i < a.pages; i++)
		ck_assert_msg(!m->w[i] || got->w[i], "page %zu was written, and is not told", i);
}

/* _i: which memory, what is tracked of it and since when, and how much is told at once. */
START_TEST(reset_of_clean_pages_loses_no_write)
{
	const int kind = _i % KINDS, part = _i / KINDS % 3;
	const size_t limit = limits[_i / KINDS / 3];
	struct area a = memory_of(kind), half;
	const uint64_t flags = kind == THP ? 0 : WPTRACK_TRACK_KEEP_HUGE;
	struct wptrack *w = tracker_self();
	struct marks *m, *got;
	int round;

	if (!a.pages)
		skip("no such memory in this guest");
	m = marks_new(a.pages);
	got = marks_new(a.pages);
	half = area_sub(a, 0, HALF);
	track(w, a, part == 1 ? WPTRACK_TRACK_START_WRITTEN : flags);
	if (part == 2) {
		untrack(w, half);
		track(w, half, flags);
	}
	if (kind == THP_NONE)
		must(mprotect(a.p, 2 * PMD, PROT_NONE));
	for (round = 0; round < 3; round++) {
		marks_none(got);
		reset_all(w, a, limit, got);
		expect_told(m, got, a);
		if (kind == THP_NONE)
			must(mprotect(a.p, 2 * PMD, PROT_READ | PROT_WRITE));
		marks_none(m);
		touch(a, 7 + 100 * round);
		touch(a, PMD_PAGES + 3);
		m->w[7 + 100 * round] = m->w[PMD_PAGES + 3] = 1;
		expect_no_lost(w, a, m, GET, "huge pages");
		if (kind == THP_NONE)
			must(mprotect(a.p, 2 * PMD, PROT_NONE));
	}
	if (kind == THP_NONE)
		must(mprotect(a.p, 2 * PMD, PROT_READ | PROT_WRITE));
	reset(w, a);
	expect_no_lost(w, a, marks_new(a.pages), RESET, "reset in part");
	expect_clean(w, a);
}
END_TEST

void memory_clean(Suite *s)
{
	TCase *tc = tcase_new(s, "clean", TEST_TIMEOUT);

	tcase_add_unchecked_fixture(tc, NULL, hugetlb_none);
	tcase_add_loop_test(tc, reset_of_clean_pages_loses_no_write, 0, KINDS * 3 * LIMITS);
}
