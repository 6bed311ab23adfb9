// SPDX-License-Identifier: MIT
/* Regions added up by mapping. */
#include <string.h>

#include "suite.h"
#include "tally.h"

#define PAGE	4096UL
#define TOLD	(WPTRACK_PAGE_WRITTEN | WPTRACK_PAGE_WPALLOWED)

static struct mapping map_v[] = {
	{ .start = 0x10000, .end = 0x20000, .write = true, .name = "a" },
	{ .start = 0x20000, .end = 0x22000, .write = true, .name = "b" },
	{ .start = 0x30000, .end = 0x40000, .name = "readonly" },
	{ .start = 0x50000, .end = 0x50000 + 240 * PAGE, .write = true,
	  .name = "c" },
};

static const struct maps maps = { map_v, sizeof(map_v) / sizeof(map_v[0]) };

static struct tally make(struct wptrack_region *v, size_t n)
{
	struct regions list = { v, n, n };
	struct tally t;

	tally_make(&t, &list, &maps, PAGE);
	return t;
}

START_TEST(nothing)
{
	struct tally t = make(NULL, 0);

	ck_assert_uint_eq(t.n, 0);
	ck_assert_uint_eq(t.written, 0);
	tally_sort(&t);
	tally_free(&t);
}
END_TEST

START_TEST(sums)
{
	struct wptrack_region v[] = {
		{ 0x1000, 0x2000, TOLD },			/* unmapped */
		{ 0x11000, 0x12000, TOLD },
		{ 0x12000, 0x13000, TOLD | WPTRACK_PAGE_PINNED },
		{ 0x1f000, 0x21000, TOLD },			/* a and b */
		{ 0x21000, 0x22000, WPTRACK_PAGE_WRITTEN },	/* in b */
		{ 0x30000, 0x38000, WPTRACK_PAGE_WRITTEN },	/* read-only */
		{ 0x38000, 0x40000, TOLD | WPTRACK_PAGE_PINNED },
		{ 0x4f000, 0x52000, TOLD },			/* into c */
	};
	struct tally t = make(v, sizeof(v) / sizeof(v[0]));

	ck_assert_uint_eq(t.n, 3);
	ck_assert_str_eq(t.v[0].m->name, "a");
	ck_assert_uint_eq(t.v[0].written, 3 * PAGE);
	ck_assert_uint_eq(t.v[0].pinned, PAGE);
	ck_assert_str_eq(t.v[1].m->name, "b");
	ck_assert_uint_eq(t.v[1].written, PAGE);
	ck_assert_str_eq(t.v[2].m->name, "c");
	ck_assert_uint_eq(t.v[2].written, 2 * PAGE);
	ck_assert_uint_eq(t.written, 8 * PAGE);
	ck_assert_uint_eq(t.pinned, PAGE);
	ck_assert_uint_eq(t.untracked, PAGE);

	tally_sort(&t);
	ck_assert_str_eq(t.v[0].m->name, "a");
	ck_assert_str_eq(t.v[1].m->name, "c");
	ck_assert_str_eq(t.v[2].m->name, "b");
	tally_free(&t);
}
END_TEST

START_TEST(one_region_over_all)
{
	struct wptrack_region v[] = { { 0, UINT64_MAX & ~0xfffUL, TOLD } };
	struct tally t = make(v, 1);
	unsigned int i;

	/* all but the read-only one */
	ck_assert_uint_eq(t.n, 3);
	for (i = 0; i < 3; i++)
		ck_assert_uint_eq(t.v[i].written,
				  t.v[i].m->end - t.v[i].m->start);
	tally_free(&t);
}
END_TEST

START_TEST(heat)
{
	const uint64_t c = map_v[3].start;
	struct wptrack_region v[] = {
		{ 0x20000, 0x21000, TOLD },
		{ c, c + 10 * PAGE, TOLD },		/* all of cell 0 */
		{ c + 15 * PAGE, c + 21 * PAGE, TOLD },	/* 1/2 of 1, 1/10 of 2 */
		{ c + 239 * PAGE, c + 240 * PAGE, TOLD },
	};
	struct tally t = make(v, sizeof(v) / sizeof(v[0]));
	double sum = 0;
	unsigned int i;

	/* no more cells than pages */
	ck_assert_uint_eq(t.v[0].cells, 2);
	ck_assert_double_eq_tol(t.v[0].heat[0], 1, 1e-9);
	ck_assert_double_eq_tol(t.v[0].heat[1], 0, 1e-9);

	ck_assert_uint_eq(t.v[1].cells, TALLY_CELLS);
	for (i = 0; i < TALLY_CELLS; i++)
		sum += t.v[1].heat[i];
	ck_assert_double_eq_tol(t.v[1].heat[0], 1, 1e-9);
	ck_assert_double_eq_tol(t.v[1].heat[1], 0.5, 1e-9);
	ck_assert_double_eq_tol(t.v[1].heat[2], 0.1, 1e-9);
	ck_assert_double_eq_tol(t.v[1].heat[23], 0.1, 1e-9);
	ck_assert_double_eq_tol(sum, 1.7, 1e-9);
	tally_free(&t);
}
END_TEST

SUITE("tally", nothing, sums, one_region_over_all, heat)
