// SPDX-License-Identifier: GPL-2.0-only
/*
 * Category masks, against the categories that a scan without masks gives.
 */
#define _GNU_SOURCE
#include "scanargs.h"

#include <sys/mman.h>

#define PAGES	400
#define ABSENT	(~0ULL)	/* nothing is mapped */

static struct wptrack_region vec[VEC_MAX];

/*
 * Pages of all kinds: private (empty, zero page, clean, written), shared (empty,
 * clean, written), a hole, and some that are not tracked.
 */
static struct area zoo(int *fd)
{
	struct area a = hole(PAGES, 450);
	size_t i;

	must(mmap(a.p, 100 * PAGE, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	must(mmap(a.p + 100 * PAGE, 100 * PAGE, PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	must(mmap(a.p + 300 * PAGE, 100 * PAGE, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	touch_all(area_sub(a, 300, 100));
	for (i = 0; i < 200; i++) {
		if (i % 10 < 6)
			touch(a, i);
		else if (i < 100 && i % 10 < 8)
			read_all(area_sub(a, i, 1));
	}
	*fd = raw_tracker(area_sub(a, 0, 300));
	for (i = 0; i < 200; i++)
		if (i % 10 == 2 || i % 10 == 3 || i % 20 == 8)
			touch(a, i);
	return a;
}

/* Categories of every page, ABSENT where nothing is mapped. */
static uint64_t *look(int fd, struct area a)
{
	struct wptrack_scan s = scan_of(a, vec, VEC_MAX, 0);
	uint64_t *cat = malloc(a.pages * sizeof(*cat)), p;
	long i, n;

	s.category_mask = 0;
	s.return_mask = info().categories;
	n = scan(fd, &s);
	ck_assert_uint_eq(s.walk_end, area_end(a));
	for (i = 0; i < (long)a.pages; i++)
		cat[i] = ABSENT;
	for (i = 0; i < n; i++)
		for (p = vec[i].start; p < vec[i].end; p += PAGE)
			cat[(p - area_start(a)) / PAGE] = vec[i].categories;
	return cat;
}

static bool matches(const struct wptrack_scan *s, uint64_t cat)
{
	uint64_t c = cat ^ s->category_inverted;

	if (cat == ABSENT || (c & s->category_mask) != s->category_mask)
		return false;
	return !s->category_anyof_mask || (c & s->category_anyof_mask);
}

/* What a scan has to return; @matched gets the pages that it takes. */
static size_t model(const struct wptrack_scan *s, struct area a,
		    const uint64_t *cat, struct wptrack_region *out,
		    struct marks *matched)
{
	uint64_t left = s->max_pages ? s->max_pages : ~0ULL;
	size_t i, n = 0;

	for (i = 0; i < a.pages && left; i++) {
		uint64_t addr = area_start(a) + i * PAGE;
		uint64_t c = cat[i] & s->return_mask;

		if (!matches(s, cat[i]))
			continue;
		if (n && out[n - 1].end == addr && out[n - 1].categories == c) {
			out[n - 1].end += PAGE;
		} else {
			if (s->vec && n == s->vec_len)
				break;
			out[n++] = (struct wptrack_region){ addr, addr + PAGE, c };
		}
		matched->w[i] = 1;
		left--;
	}
	return n;
}

static uint64_t random_mask(int bits)
{
	uint64_t known = info().categories, m = 0;

	while (bits-- > 0)
		m |= 1ULL << rnd_below(10) & known;
	if (!rnd_below(5))
		m |= WPTRACK_PAGE_PINNED & known;
	return m;
}

static struct wptrack_scan random_scan(struct area a)
{
	struct wptrack_scan s = scan_of(a, vec, VEC_MAX, 0);

	s.category_inverted = random_mask(rnd_below(4));
	s.category_mask = random_mask(rnd_below(3));
	s.category_anyof_mask = random_mask(rnd_below(4));
	s.return_mask = random_mask(rnd_below(8));
	if (!rnd_below(3))
		s.max_pages = 1 + rnd_below(PAGES);
	if (!rnd_below(3))
		s.vec_len = 1 + rnd_below(40);
	return s;
}

static const char *show(const struct wptrack_scan *s)
{
	static char text[160];

	snprintf(text, sizeof(text),
		 "inverted %#llx mask %#llx anyof %#llx return %#llx max %llu vec %llu",
		 s->category_inverted, s->category_mask, s->category_anyof_mask,
		 s->return_mask, s->max_pages, s->vec_len);
	return text;
}

START_TEST(categories_of_all_kinds_of_pages)
{
	static const uint64_t basic = WPTRACK_PAGE_WPALLOWED |
		WPTRACK_PAGE_WRITTEN | WPTRACK_PAGE_FILE | WPTRACK_PAGE_PRESENT |
		WPTRACK_PAGE_SWAPPED | WPTRACK_PAGE_PFNZERO | WPTRACK_PAGE_HUGE |
		WPTRACK_PAGE_PINNED;
	int fd;
	struct area a = zoo(&fd);
	uint64_t *cat = look(fd, a);
	size_t i;

	for (i = 0; i < PAGES; i++) {
		uint64_t want = 0;
		size_t k = i % 10;

		if (i >= 200 && i < 300) {
			want = ABSENT & basic;
		} else if (i >= 300) {
			want = WPTRACK_PAGE_PRESENT;
		} else {
			bool touched = k < 6 || i % 20 == 8;
			bool is_written = k == 2 || k == 3 || i % 20 == 8;

			want = WPTRACK_PAGE_WPALLOWED;
			if (is_written)
				want |= WPTRACK_PAGE_WRITTEN;
			if (touched)
				want |= WPTRACK_PAGE_PRESENT;
			else if (i < 100 && k < 8)
				want |= WPTRACK_PAGE_PRESENT |
					WPTRACK_PAGE_PFNZERO;
			if (touched && i >= 100)
				want |= WPTRACK_PAGE_FILE;
		}
		if ((cat[i] & basic) != want)
			ck_abort_msg("page %zu: categories %#llx, not %#llx", i,
				     (unsigned long long)(cat[i] & basic),
				     (unsigned long long)want);
	}
}
END_TEST

START_TEST(untracked_memory_never_reads_written)
{
	struct area a = anon_populated(100);
	int fd = raw_tracker(area_sub(a, 10, 10));
	struct wptrack_scan s = scan_of(a, vec, VEC_MAX, 0);

	touch_all(a);
	ck_assert_int_eq(scan(fd, &s), 1);
	ck_assert_uint_eq(s.pages, 10);
	/* Asked for by the mask that it does not have, it is there. */
	s.category_inverted = WPTRACK_PAGE_WRITTEN;
	ck_assert_int_eq(scan(fd, &s), 2);
	ck_assert_uint_eq(s.pages, 90);
}
END_TEST

START_TEST(random_masks_follow_the_model)
{
	static struct wptrack_region want[VEC_MAX];
	struct marks *taken = marks_new(PAGES);
	int fd, i;
	struct area a = zoo(&fd);
	uint64_t *cat = look(fd, a);

	for (i = 0; i < 1000; i++) {
		struct wptrack_scan s = random_scan(a);
		size_t n;

		marks_none(taken);
		n = model(&s, a, cat, want, taken);
		ck_assert_msg(scan(fd, &s) == (long)n, "%llu regions, not %zu: %s",
			      (unsigned long long)s.regions, n, show(&s));
		ck_assert_msg(!memcmp(vec, want, n * sizeof(*vec)), "%s",
			      show(&s));
		ck_assert_uint_eq(s.pages, marks_count(taken));
	}
}
END_TEST

START_TEST(counting_without_array_follows_the_model)
{
	static struct wptrack_region want[VEC_MAX];
	struct marks *taken = marks_new(PAGES);
	int fd, i;
	struct area a = zoo(&fd);
	uint64_t *cat = look(fd, a);

	for (i = 0; i < 500; i++) {
		struct wptrack_scan s = random_scan(a);
		size_t n;

		s.vec = 0;
		s.vec_len = 0;
		marks_none(taken);
		n = model(&s, a, cat, want, taken);
		ck_assert_msg(scan(fd, &s) == (long)n, "%llu regions, not %zu: %s",
			      (unsigned long long)s.regions, n, show(&s));
		ck_assert_uint_eq(s.pages, marks_count(taken));
	}
}
END_TEST

/* The pages that match, and only those, become clean: with and without array. */
START_TEST(reset_follows_the_masks)
{
	static struct wptrack_region want[VEC_MAX];
	struct marks *taken = marks_new(PAGES), *m = marks_new(PAGES);
	int fd, i;
	struct area a = zoo(&fd);
	uint64_t *cat;
	size_t j;

	for (i = 0; i < 400; i++) {
		struct wptrack_scan s = random_scan(a);

		for (j = 0; j < 20; j++)
			touch(a, rnd_below(200));
		free(look(fd, a));
		cat = look(fd, a);
		s.flags = WPTRACK_SCAN_RESET;
		if (rnd_below(2))
			s.vec = s.vec_len = 0;
		marks_none(taken);
		model(&s, a, cat, want, taken);
		scan(fd, &s);
		ck_assert_uint_eq(s.pages, marks_count(taken));
		for (j = 0; j < PAGES; j++)
			m->w[j] = cat[j] != ABSENT &&
				  (cat[j] & WPTRACK_PAGE_WRITTEN) &&
				  !taken->w[j];
		expect_marks(raw_written(fd, a), m);
		free(cat);
	}
}
END_TEST

START_TEST(clean_pages_can_be_asked_for)
{
	struct area a = anon_populated(50);
	int fd = raw_tracker(a);
	struct wptrack_scan s = scan_of(a, vec, VEC_MAX, WPTRACK_SCAN_RESET);

	touch(a, 20);
	s.category_inverted = WPTRACK_PAGE_WRITTEN;
	ck_assert_int_eq(scan(fd, &s), 2);
	ck_assert_uint_eq(s.pages, 49);
	/* They were clean, they stay clean, and the other stays written. */
	s = scan_of(a, vec, VEC_MAX, 0);
	ck_assert_int_eq(scan(fd, &s), 1);
	ck_assert_uint_eq(vec[0].start, area_start(a) + 20 * PAGE);
}
END_TEST

START_TEST(counting_with_reset_resets_what_matches_and_no_more)
{
	struct area a = anon_populated(50);
	int fd = raw_tracker(a);
	struct wptrack_scan s;
	struct marks *m = marks_new(50);

	touch_all(area_sub(a, 10, 20));
	s = scan_of(a, NULL, 0, WPTRACK_SCAN_RESET);
	s.category_mask = WPTRACK_PAGE_WRITTEN | WPTRACK_PAGE_FILE;
	ck_assert_int_eq(scan(fd, &s), 0);
	marks_set(m, 10, 20);
	expect_marks(raw_written(fd, a), m);
	s.category_mask = WPTRACK_PAGE_WRITTEN;
	s.max_pages = 5;
	ck_assert_int_eq(scan(fd, &s), 1);
	ck_assert_uint_eq(s.pages, 5);
	memset(m->w + 10, 0, 5);
	expect_marks(raw_written(fd, a), m);
}
END_TEST

void scanargs_masks(Suite *s)
{
	TCase *tc = tcase_new(s, "masks", TEST_TIMEOUT);

	tcase_add_test(tc, categories_of_all_kinds_of_pages);
	tcase_add_test(tc, untracked_memory_never_reads_written);
	tcase_add_test(tc, random_masks_follow_the_model);
	tcase_add_test(tc, counting_without_array_follows_the_model);
	tcase_add_test(tc, reset_follows_the_masks);
	tcase_add_test(tc, clean_pages_can_be_asked_for);
	tcase_add_test(tc, counting_with_reset_resets_what_matches_and_no_more);
}
