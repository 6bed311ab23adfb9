// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which pages a tracker covers: parts, edges, holes, everything.
 */
#define _GNU_SOURCE
#include "anon.h"
#include "maps.h"

#include <sys/mman.h>

#define PAGES 1600

START_TEST(only_the_tracked_part_is_reported)
{
	/* anon() begins 3 pages after a 2 MiB boundary; the next is at page 509. */
	static const size_t starts[] = { 1, 508, 509, 510, 1020 };
	static const size_t sizes[] = { 1, 2, 3, 510, 511, 512, 513, 515 };
	struct area a = anon_populated(PAGES);
	struct marks *m = marks_new(a.pages);
	size_t i, j;

	for (i = 0; i < sizeof(starts) / sizeof(*starts); i++) {
		for (j = 0; j < sizeof(sizes) / sizeof(*sizes); j++) {
			size_t first = starts[i], last = first + sizes[j] - 1;
			struct wptrack *w;

			w = tracker_on(area_sub(a, first, sizes[j]));
			touch(a, first - 1);
			touch(a, first);
			touch(a, last);
			touch(a, last + 1);
			marks_none(m);
			marks_set(m, first, 1);
			marks_set(m, last, 1);
			expect_exact(w, a, m, RESET);
			touch(a, first - 1);
			touch(a, last + 1);
			expect_clean(w, a);
			wptrack_close(w);
		}
	}
}
END_TEST

START_TEST(wpallowed_is_set_in_the_range_and_not_outside)
{
	struct area a = anon_populated(20);
	struct wptrack *w = tracker_on(area_sub(a, 5, 10));

	touch_all(a);
	ck_assert(categories(w, a.p + 5 * PAGE) & WPTRACK_PAGE_WPALLOWED);
	ck_assert(categories(w, a.p + 14 * PAGE) & WPTRACK_PAGE_WPALLOWED);
	ck_assert(!(categories(w, a.p + 4 * PAGE) & WPTRACK_PAGE_WPALLOWED));
	ck_assert(!(categories(w, a.p + 4 * PAGE) & WPTRACK_PAGE_WRITTEN));
	ck_assert(!(categories(w, a.p + 15 * PAGE) & WPTRACK_PAGE_WPALLOWED));
}
END_TEST

START_TEST(reset_of_a_part_leaves_the_rest_written)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(a.pages);

	touch_all(a);
	marks_all(m);
	reset(w, area_sub(a, 100, 1));
	reset(w, area_sub(a, 500, 20));
	reset(w, area_sub(a, 700, 600));
	memset(m->w + 100, 0, 1);
	memset(m->w + 500, 0, 20);
	memset(m->w + 700, 0, 600);
	expect_exact(w, a, m, GET);
	touch(a, 511);
	touch(a, 1000);
	marks_set(m, 511, 1);
	marks_set(m, 1000, 1);
	expect_exact(w, a, m, RESET);
	expect_clean(w, a);
}
END_TEST

START_TEST(untrack_ends_reporting)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = tracker_on(a);

	touch_all(a);
	untrack(w, a);
	expect_clean(w, a);
	touch_all(a);
	expect_clean(w, a);
	/* What is not tracked may be untracked. */
	untrack(w, a);
}
END_TEST

START_TEST(untrack_of_the_middle_leaves_both_sides)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(a.pages);

	touch_all(a);
	untrack(w, area_sub(a, 300, 900));
	marks_all(m);
	memset(m->w + 300, 0, 900);
	expect_exact(w, a, m, RESET);
	expect_clean(w, a);
	touch_all(a);
	expect_exact(w, a, m, RESET);
}
END_TEST

START_TEST(track_of_tracked_memory_resets_it)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(a.pages);

	touch_all(a);
	track(w, a, 0);
	expect_clean(w, a);
	touch_random(a, m, 5);
	track(w, area_sub(a, 400, 333), 0);
	memset(m->w + 400, 0, 333);
	expect_exact(w, a, m, GET);
	touch(a, 500);
	marks_set(m, 500, 1);
	expect_exact(w, a, m, RESET);
}
END_TEST

START_TEST(start_written_reports_every_page_until_reset)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = tracker_self();
	struct marks *m = marks_new(a.pages);

	track(w, a, WPTRACK_TRACK_START_WRITTEN);
	expect_all(w, a);
	reset(w, a);
	expect_clean(w, a);
	touch_random(a, m, 5);
	expect_exact(w, a, m, RESET);
	/* Again, over memory that is tracked and clean. */
	track(w, area_sub(a, 10, 600), WPTRACK_TRACK_START_WRITTEN);
	marks_none(m);
	marks_set(m, 10, 600);
	expect_exact(w, a, m, RESET);
	expect_clean(w, a);
}
END_TEST

START_TEST(start_written_holds_for_empty_pages)
{
	struct area a = anon(PAGES);
	struct wptrack *w = tracker_self();
	struct marks *m = marks_new(a.pages);

	touch_random(a, m, 50);
	track(w, a, WPTRACK_TRACK_START_WRITTEN);
	expect_all(w, a);
	reset(w, area_sub(a, 0, 700));
	marks_all(m);
	memset(m->w, 0, 700);
	expect_exact(w, a, m, GET);
	reset(w, a);
	expect_clean(w, a);
	marks_none(m);
	touch_random(a, m, 5);
	expect_exact(w, a, m, RESET);
}
END_TEST

/* Random commands against a model of two bytes a page. */
START_TEST(random_commands_follow_the_model)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = tracker_self();
	struct marks *is_tracked = marks_new(PAGES);
	struct marks *m = marks_new(PAGES);
	struct marks *want = marks_new(PAGES);
	int step;
	size_t i;

	for (step = 0; step < 600; step++) {
		size_t first = rnd_below(PAGES);
		size_t n = 1 + rnd_below(PAGES - first);
		struct area part = area_sub(a, first, n);
		size_t what = rnd_below(10);

		if (what == 0) {
			track(w, part, 0);
			marks_set(is_tracked, first, n);
			memset(m->w + first, 0, n);
		} else if (what == 1) {
			track(w, part, WPTRACK_TRACK_START_WRITTEN);
			marks_set(is_tracked, first, n);
			marks_set(m, first, n);
		} else if (what == 2) {
			untrack(w, part);
			memset(is_tracked->w + first, 0, n);
			memset(m->w + first, 0, n);
		} else if (what < 7) {
			for (i = 0; i < 10; i++) {
				size_t page = rnd_below(PAGES);

				touch(a, page);
				m->w[page] = is_tracked->w[page];
			}
		} else {
			memcpy(want->w, m->w, PAGES);
			memset(want->w, 0, first);
			memset(want->w + first + n, 0, PAGES - first - n);
			want->pages = n;
			memmove(want->w, want->w + first, n);
			expect_exact(w, part, want, what == 7);
			want->pages = PAGES;
			if (what == 7)
				memset(m->w + first, 0, n);
		}
	}
	expect_exact(w, a, m, RESET);
}
END_TEST

START_TEST(many_separate_ranges)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = tracker_self();
	struct marks *m = marks_new(PAGES);
	size_t i;

	for (i = 0; i + 2 < PAGES; i += 3) {
		track(w, area_sub(a, i, 2), 0);
		marks_set(m, i, 2);
	}
	touch_all(a);
	expect_exact(w, a, m, RESET);
	touch_all(a);
	expect_exact(w, a, m, GET);
	for (i = 0; i + 2 < PAGES; i += 6) {
		untrack(w, area_sub(a, i, 2));
		m->w[i] = 0;
		m->w[i + 1] = 0;
	}
	expect_exact(w, a, m, RESET);
	touch_all(a);
	expect_exact(w, a, m, RESET);
}
END_TEST

START_TEST(memory_mapped_later_in_a_tracked_hole_is_exact)
{
	struct area a = hole(PAGES, 100);
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(PAGES);

	expect_clean(w, a);
	map_over(area_sub(a, 200, 1100), PROT_READ | PROT_WRITE);
	expect_clean(w, a);
	touch_random(area_sub(a, 200, 500), m, 5);
	memmove(m->w + 200, m->w, 500);
	memset(m->w, 0, 200);
	expect_exact(w, a, m, RESET);
	expect_clean(w, a);
}
END_TEST

START_TEST(range_over_many_mappings_and_holes)
{
	struct area a = hole(PAGES, 7);
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(PAGES);
	size_t i;

	for (i = 0; i + 20 < PAGES; i += 40) {
		map_over(area_sub(a, i, 20), PROT_READ | PROT_WRITE);
		touch(a, i + 3);
		touch(a, i + 19);
		m->w[i + 3] = m->w[i + 19] = 1;
	}
	expect_exact(w, a, m, RESET);
	expect_clean(w, a);
}
END_TEST

START_TEST(prot_none_memory_is_exact_once_it_is_opened)
{
	struct area a = anon(PAGES);
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;

	must(mprotect(a.p, PAGES * PAGE, PROT_NONE));
	w = tracker_on(a);
	expect_clean(w, a);
	must(mprotect(a.p, PAGES * PAGE, PROT_READ | PROT_WRITE));
	expect_clean(w, a);
	touch_random(a, m, 5);
	expect_exact(w, a, m, RESET);
	expect_clean(w, a);
	marks_none(m);
	touch_random(a, m, 5);
	expect_exact(w, a, m, RESET);
}
END_TEST

struct in_area {
	struct area a;
	struct marks *m;
	size_t elsewhere;
};

static int pick(const struct wptrack_region *r, void *ctx)
{
	struct in_area *in = ctx;
	uint64_t p;

	for (p = r->start; p < r->end; p += PAGE) {
		if (p >= area_start(in->a) && p < area_end(in->a))
			in->m->w[(p - area_start(in->a)) / PAGE] = 1;
		else
			in->elsewhere++;
	}
	return 0;
}

/* Scan the whole address space; compare what lies in @a. */
static void expect_in_everything(struct wptrack *w, struct area a,
				 const struct marks *want)
{
	struct wptrack_scan_opts o = {
		.sz = sizeof(o), .flags = WPTRACK_SCAN_RESET,
	};
	struct in_area in = { .a = a, .m = marks_new(a.pages) };
	double t = seconds();
	size_t i, lost = 0, over = 0;

	ck_assert_int_eq(wptrack_for_each(w, 0, UINT64_MAX, pick, &in, &o), 0);
	for (i = 0; i < a.pages; i++) {
		lost += want->w[i] && !in.m->w[i];
		over += !want->w[i] && in.m->w[i];
	}
	note("whole address space in %.3f s: %zu of %zu pages, %zu elsewhere",
	     seconds() - t, marks_count(in.m), a.pages, in.elsewhere);
	ck_assert_msg(!lost && !over, "%zu lost, %zu over-reported", lost, over);
	/* At the least the stack that called the library was written. */
	ck_assert_uint_gt(in.elsewhere, 0);
	free(in.m);
}

START_TEST(whole_address_space_is_a_range)
{
	struct area a = anon_populated(PAGES), later;
	struct wptrack *w = tracker_self();
	struct marks *m = marks_new(PAGES);

	ck_assert_msg(!wptrack_track(w, 0, UINT64_MAX, 0), "%s",
		      wptrack_error(w));
	touch_random(a, m, 10);
	expect_in_everything(w, a, m);
	marks_none(m);
	touch_random(a, m, 10);
	expect_in_everything(w, a, m);
	/* Memory that nobody had when the range was named. */
	later = hole(PAGES, 50);
	map_over(later, PROT_READ | PROT_WRITE);
	marks_none(m);
	touch_random(later, m, 10);
	expect_in_everything(w, later, m);
	marks_none(m);
	expect_in_everything(w, later, m);
	wptrack_close(w);
	touch_all(a);
}
END_TEST

START_TEST(whole_address_space_start_written_covers_everything_once)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = tracker_self();
	struct marks *m = marks_new(PAGES);

	ck_assert(!wptrack_track(w, 0, UINT64_MAX,
				 WPTRACK_TRACK_START_WRITTEN));
	marks_all(m);
	expect_in_everything(w, a, m);
	marks_none(m);
	expect_in_everything(w, a, m);
	touch_random(a, m, 10);
	expect_in_everything(w, a, m);
}
END_TEST

START_TEST(the_array_of_a_scan_may_lie_in_tracked_memory)
{
	struct area a = anon_populated(64);
	struct wptrack *w = tracker_on(a);
	struct wptrack_region *vec = (void *)(a.p + 10 * PAGE);
	struct wptrack_scan_opts o = {
		.sz = sizeof(o), .flags = WPTRACK_SCAN_RESET,
	};
	struct marks *m = marks_new(64), *next;
	uint64_t walk_end, p;
	ssize_t i, n;

	touch(a, 3);
	touch(a, 50);
	n = wptrack_scan(w, area_start(a), area_end(a), vec, 32, &walk_end, &o);
	ck_assert_int_ge(n, 2);
	ck_assert_uint_eq(walk_end, area_end(a));
	for (i = 0; i < n; i++)
		for (p = vec[i].start; p < vec[i].end; p += PAGE)
			m->w[(p - area_start(a)) / PAGE] = 1;
	ck_assert(m->w[3] && m->w[50]);
	/* The kernel wrote the array: that is in this answer or in the next. */
	next = written(w, a, RESET);
	ck_assert(m->w[10] || next->w[10]);
	ck_assert_uint_le(marks_count(next), 1);
	expect_clean(w, a);
}
END_TEST

void anon_ranges(Suite *s)
{
	TCase *tc = tcase_new(s, "ranges", TEST_TIMEOUT);

	tcase_add_test(tc, only_the_tracked_part_is_reported);
	tcase_add_test(tc, wpallowed_is_set_in_the_range_and_not_outside);
	tcase_add_test(tc, reset_of_a_part_leaves_the_rest_written);
	tcase_add_test(tc, untrack_ends_reporting);
	tcase_add_test(tc, untrack_of_the_middle_leaves_both_sides);
	tcase_add_test(tc, track_of_tracked_memory_resets_it);
	tcase_add_test(tc, start_written_reports_every_page_until_reset);
	tcase_add_test(tc, start_written_holds_for_empty_pages);
	tcase_add_test(tc, random_commands_follow_the_model);
	tcase_add_test(tc, many_separate_ranges);
	tcase_add_test(tc, memory_mapped_later_in_a_tracked_hole_is_exact);
	tcase_add_test(tc, range_over_many_mappings_and_holes);
	tcase_add_test(tc, prot_none_memory_is_exact_once_it_is_opened);
	tcase_add_test(tc, whole_address_space_is_a_range);
	tcase_add_test(tc, whole_address_space_start_written_covers_everything_once);
	tcase_add_test(tc, the_array_of_a_scan_may_lie_in_tracked_memory);
}
