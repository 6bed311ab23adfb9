// SPDX-License-Identifier: GPL-2.0-only
/*
 * Masks and regions, against the plainest way to write them.
 */
#include "region.h"

#define PAGES	200
#define BASE	0x7f0000000000UL

START_TEST(masks_mean_what_pm_scan_arg_means)
{
	u64 c, inv, mask, any;

	/* All combinations of three categories. */
	for (c = 0; c < 8; c++) {
		for (inv = 0; inv < 8; inv++) {
			for (mask = 0; mask < 8; mask++) {
				for (any = 0; any < 8; any++) {
					struct wpt_masks m = { inv, mask, any,
							       0 };
					bool all = true, some = !any;
					int bit;

					for (bit = 0; bit < 3; bit++) {
						bool has = (c >> bit & 1) !=
							   (inv >> bit & 1);

						if (mask >> bit & 1 && !has)
							all = false;
						if (any >> bit & 1 && has)
							some = true;
					}
					ck_assert(wpt_masks_match(&m, c) ==
						  (all && some));
				}
			}
		}
	}
}
END_TEST

START_TEST(no_mask_matches_everything)
{
	struct wpt_masks m = { 0 };

	ck_assert(wpt_masks_match(&m, 0));
	ck_assert(wpt_masks_match(&m, ~0ULL));
}
END_TEST

START_TEST(only_written_is_never_said_of_a_mask_that_clean_pages_match)
{
	u64 inv, mask, any, c;

	for (inv = 0; inv < 8; inv++) {
		for (mask = 0; mask < 8; mask++) {
			for (any = 0; any < 8; any++) {
				struct wpt_masks m = { inv, mask, any, 0 };

				if (!wpt_masks_only_written(&m))
					continue;
				for (c = 0; c < 8; c++)
					ck_assert(c & WPTRACK_PAGE_WRITTEN ||
						  !wpt_masks_match(&m, c));
			}
		}
	}
	ck_assert(wpt_masks_only_written(&(struct wpt_masks){
		.mask = WPTRACK_PAGE_WRITTEN }));
}
END_TEST

START_TEST(of_interest_are_all_masks_that_the_answer_depends_on)
{
	struct wpt_masks m = {
		.inverted = WPTRACK_PAGE_HUGE, .mask = WPTRACK_PAGE_FILE,
		.anyof = WPTRACK_PAGE_PRESENT, .ret = WPTRACK_PAGE_PINNED,
	};

	ck_assert_uint_eq(wpt_masks_of_interest(&m),
			  WPTRACK_PAGE_FILE | WPTRACK_PAGE_PRESENT |
			  WPTRACK_PAGE_PINNED);
}
END_TEST

/* What a caller gets in the end. */
struct result {
	struct wptrack_region vec[PAGES];
	u64 n, pages, stop;
};

/* A page with categories ~0 is a hole. */
#define HOLE (~0ULL)

/* Run pages through a small buffer, the way a scan does. */
static void run(struct result *r, const u64 *cat, unsigned int cap, u64 vec_len,
		u64 max_pages, bool count_only)
{
	struct wptrack_region *buf = calloc(cap, sizeof(*buf));
	struct wpt_out out = {
		.buf = buf, .cap = cap, .vec_len = vec_len,
		.max_pages = max_pages, .count_only = count_only,
	};
	unsigned int i = 0, j;

	memset(r, 0, sizeof(*r));
	while (i < PAGES) {
		unsigned long addr = BASE + i * PAGE_SIZE, end;
		enum wpt_room room;

		if (cat[i] == HOLE) {
			i++;
			continue;
		}
		for (j = i; j < PAGES && cat[j] == cat[i]; j++)
			;
		/* Runs come in pieces: page tables end. */
		if (j > i + 1 && rand() % 2)
			j = i + 1 + rand() % (j - i - 1);
		room = wpt_out_room(&out, addr, cat[i]);
		if (room == WPT_ROOM_NONE)
			break;
		if (room == WPT_ROOM_FLUSH) {
			ck_assert_uint_gt(out.nr, 0);
			if (!count_only)
				memcpy(r->vec + out.delivered, buf,
				       out.nr * sizeof(*buf));
			out.delivered += out.nr;
			out.nr = 0;
			ck_assert_int_eq(wpt_out_room(&out, addr, cat[i]),
					 WPT_ROOM);
		}
		end = wpt_out_push(&out, addr, BASE + j * PAGE_SIZE, cat[i]);
		ck_assert_uint_gt(end, addr);
		ck_assert_uint_le(out.nr, cap);
		i = (end - BASE) / PAGE_SIZE;
	}
	if (!count_only)
		memcpy(r->vec + out.delivered, buf, out.nr * sizeof(*buf));
	r->n = out.delivered + out.nr;
	r->pages = out.pages;
	r->stop = i;
	free(buf);
}

/* Page by page, with room for all. */
static void plainly(struct result *r, const u64 *cat, u64 vec_len, u64 max_pages)
{
	unsigned int i;

	memset(r, 0, sizeof(*r));
	for (i = 0; i < PAGES; i++) {
		struct wptrack_region *last = r->n ? &r->vec[r->n - 1] : NULL;
		unsigned long addr = BASE + i * PAGE_SIZE;

		if (cat[i] == HOLE)
			continue;
		if (r->pages == max_pages)
			break;
		if (last && last->end == addr && last->categories == cat[i]) {
			last->end += PAGE_SIZE;
		} else {
			if (r->n == vec_len)
				break;
			r->vec[r->n].start = addr;
			r->vec[r->n].end = addr + PAGE_SIZE;
			r->vec[r->n++].categories = cat[i];
		}
		r->pages++;
	}
	r->stop = i;
}

static void random_pages(u64 *cat)
{
	unsigned int i, kinds = 1 + rand() % 3, run = 1 + rand() % 20;

	for (i = 0; i < PAGES; i++) {
		if (!i || !(rand() % run))
			cat[i] = rand() % 5 ? (u64)(rand() % kinds) : HOLE;
		else
			cat[i] = cat[i - 1];
	}
}

static void expect_same(const struct result *got, const struct result *want)
{
	ck_assert_uint_eq(got->n, want->n);
	ck_assert_uint_eq(got->pages, want->pages);
	ck_assert(!memcmp(got->vec, want->vec, sizeof(got->vec)));
}

START_TEST(regions_are_as_long_as_they_can_be)
{
	struct result got, want;
	u64 cat[PAGES];
	int i;

	for (i = 0; i < 3000; i++) {
		random_pages(cat);
		run(&got, cat, 1 + rand() % 9, PAGES, ~0ULL, false);
		plainly(&want, cat, PAGES, ~0ULL);
		expect_same(&got, &want);
		ck_assert_uint_eq(got.stop, PAGES);
	}
}
END_TEST

START_TEST(limits_stop_at_the_right_page)
{
	struct result got, want;
	u64 cat[PAGES];
	int i;

	for (i = 0; i < 3000; i++) {
		u64 vec_len = 1 + rand() % 20;
		u64 max_pages = rand() % 2 ? 1ULL + rand() % PAGES : ~0ULL;

		random_pages(cat);
		run(&got, cat, 1 + rand() % 9, vec_len, max_pages, false);
		plainly(&want, cat, vec_len, max_pages);
		expect_same(&got, &want);
		/* A page at which it stopped is one that matches. */
		if (got.stop < PAGES)
			ck_assert(cat[got.stop] != HOLE);
	}
}
END_TEST

START_TEST(counting_gives_the_numbers_without_a_vec)
{
	struct result got, want;
	u64 cat[PAGES];
	int i;

	for (i = 0; i < 3000; i++) {
		u64 max_pages = rand() % 2 ? 1ULL + rand() % PAGES : ~0ULL;

		random_pages(cat);
		run(&got, cat, 1 + rand() % 9, 0, max_pages, true);
		plainly(&want, cat, PAGES, max_pages);
		ck_assert_uint_eq(got.n, want.n);
		ck_assert_uint_eq(got.pages, want.pages);
	}
}
END_TEST

START_TEST(pages_as_bits_give_the_regions_of_pages_one_by_one)
{
	struct wptrack_region one[2 * PAGES], bits[2 * PAGES];
	unsigned long word, addr;
	int i, k, n;

	for (i = 0; i < 3000; i++) {
		struct wpt_out a = { .buf = one, .cap = 1 + rand() % 160,
				     .vec_len = 1 + rand() % 160,
				     .max_pages = 1 + rand() % (6 * 64),
				     .count_only = rand() % 4 == 0 };
		struct wpt_out b = a;
		bool roomy = wpt_out_roomy(&b, 3 * 64), alternate = rand() % 4 == 0;

		b.buf = bits;
		for (n = 0; n < 3; n++) {
			addr = BASE + n * 64 * PAGE_SIZE;
			word = (unsigned long)rand() << 42 ^ (unsigned long)rand() << 21 ^
			       rand();
			if (rand() % 2)
				word |= word << 1 | word << 2 | word << 3;
			if (rand() % 4 == 0)
				word = rand() % 2 ? ~0UL : 0;
			if (alternate)
				word = ~0UL / 3;
			if (!wpt_out_fits(&b, word)) {
				ck_assert(!roomy);
				break;
			}
			wpt_out_push_word(&b, addr, word, 1);
			for (k = 0; k < 64; k++) {
				if (!(word >> k & 1))
					continue;
				ck_assert_int_eq(wpt_out_room(&a, addr + k * PAGE_SIZE, 1),
						 WPT_ROOM);
				wpt_out_push(&a, addr + k * PAGE_SIZE,
					     addr + (k + 1) * PAGE_SIZE, 1);
			}
		}
		ck_assert_uint_eq(a.nr, b.nr);
		ck_assert_uint_eq(a.pages, b.pages);
		for (k = 0; k < (int)a.nr; k++) {
			ck_assert_uint_eq(one[k].start, bits[k].start);
			ck_assert_uint_eq(one[k].end, bits[k].end);
			ck_assert_uint_eq(one[k].categories, bits[k].categories);
		}
	}
}
END_TEST

const char unit_name[] = "region";

void unit_tests(TCase *tc)
{
	tcase_add_test(tc, masks_mean_what_pm_scan_arg_means);
	tcase_add_test(tc, no_mask_matches_everything);
	tcase_add_test(tc, only_written_is_never_said_of_a_mask_that_clean_pages_match);
	tcase_add_test(tc, of_interest_are_all_masks_that_the_answer_depends_on);
	tcase_add_test(tc, regions_are_as_long_as_they_can_be);
	tcase_add_test(tc, limits_stop_at_the_right_page);
	tcase_add_test(tc, counting_gives_the_numbers_without_a_vec);
	tcase_add_test(tc, pages_as_bits_give_the_regions_of_pages_one_by_one);
}
