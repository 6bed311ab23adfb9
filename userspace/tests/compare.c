// SPDX-License-Identifier: MIT
/* The verdict of "verify" on made-up snapshots and reports. */
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "suite.h"

#define PAGE	4096UL
#define BASE	0x10000UL

/* A page of a made-up snapshot. */
enum { NONE = 0, FILE_PAGE = 0x100 };	/* | the byte that fills it */

/* One private writable mapping of @n pages from BASE on. */
static struct snapshot make(const int *page, size_t n, bool file)
{
	struct snapshot s = { .page_size = PAGE };
	size_t i;

	ranges_append(&s.private, BASE, BASE + n * PAGE);
	if (file)
		ranges_append(&s.files, BASE, BASE + n * PAGE);
	s.runs = calloc(n, sizeof(*s.runs));
	for (i = 0; i < n; i++) {
		struct page_run *run = &s.runs[s.n];

		if (page[i] == NONE)
			continue;
		run->start = BASE + i * PAGE;
		run->end = run->start + PAGE;
		run->file = page[i] & FILE_PAGE;
		run->data = malloc(PAGE);
		memset(run->data, page[i] & 0xff, PAGE);
		s.n++;
	}
	return s;
}

static void drop(struct snapshot *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		free(s->runs[i].data);
	snapshot_free(s);
}

/* The pages of @mask, bit 0 the first. */
static struct ranges pages(unsigned int mask)
{
	struct ranges r = { 0 };
	unsigned int i;

	for (i = 0; i < 32; i++)
		if (mask >> i & 1)
			ranges_append(&r, BASE + i * PAGE, BASE + (i + 1) * PAGE);
	return r;
}

static unsigned int mask_of(const struct ranges *r)
{
	unsigned int i, mask = 0;

	for (i = 0; i < 32; i++)
		mask |= (unsigned int)ranges_hold(r, BASE + i * PAGE) << i;
	return mask;
}

struct result {
	struct verdict v;
	unsigned int changed, missed;
};

static struct result judge(struct snapshot old, struct snapshot new,
			   unsigned int report_mask, unsigned int second_mask,
			   unsigned int unreadable_mask)
{
	struct ranges report = pages(report_mask), second = pages(second_mask);
	struct ranges unreadable = pages(unreadable_mask), missed;
	struct compare c = { 0 };
	struct result r;
	size_t i;

	compare_start(&c, &old, &new);
	for (i = 0; i < new.n; i++)
		compare_part(&c, &new.runs[i], new.runs[i].start,
			     new.runs[i].end);
	compare_finish(&c, &unreadable);
	r.v = compare_judge(&c, &report, &second, &missed);
	r.changed = mask_of(&c.changed);
	r.missed = mask_of(&missed);
	ck_assert_uint_eq(r.v.changed, __builtin_popcount(r.changed));
	ck_assert_uint_eq(r.v.missed, __builtin_popcount(r.missed));

	compare_free(&c);
	ranges_free(&report);
	ranges_free(&second);
	ranges_free(&unreadable);
	ranges_free(&missed);
	drop(&old);
	drop(&new);
	return r;
}

START_TEST(contents)
{
	/* equal, different, filled, emptied, zeros both ways, empty */
	static const int was[] = { 1, 1, NONE, 7, NONE, 0x200, NONE };
	static const int is[] = { 1, 2, 7, NONE, 0x200, NONE, NONE };
	struct result r = judge(make(was, 7, false), make(is, 7, false), 0, 0,
				0);

	ck_assert_uint_eq(r.changed, 0x0e);
	ck_assert_uint_eq(r.missed, 0x0e);
	ck_assert_uint_eq(r.v.compared, 6);
}
END_TEST

START_TEST(reports)
{
	static const int was[] = { 1, 1, 1, 1, 1 };
	static const int is[] = { 2, 2, 1, 1, 2 };
	struct result r = judge(make(was, 5, false), make(is, 5, false),
				0x1 | 0x4 | 0x100, 0x10, 0);

	/* 0 reported, 1 missed, 2 over, 3 quiet, 4 late; 8 is not mapped */
	ck_assert_uint_eq(r.v.changed, 3);
	ck_assert_uint_eq(r.v.reported, 2);
	ck_assert_uint_eq(r.v.over, 1);
	ck_assert_uint_eq(r.v.late, 1);
	ck_assert_uint_eq(r.missed, 0x2);
}
END_TEST

START_TEST(first_byte_and_last)
{
	static const int was[] = { 0x200, 0x200 };
	struct snapshot new = make(was, 2, false);
	struct result r;

	new.runs[0].data[0] = 1;
	new.runs[1].data[PAGE - 1] = 1;
	r = judge(make(was, 2, false), new, 0, 0, 0);
	ck_assert_uint_eq(r.missed, 0x3);
}
END_TEST

START_TEST(mappings_that_differ)
{
	static const int was[] = { 1, 1, 1, 1 };
	static const int is[] = { 2, 2, 2, 2, 2, 2 };
	struct snapshot old = make(was, 4, false);
	struct snapshot new = make(is, 6, false);
	struct result r;

	/* the old one loses its first page, the new one grew by two */
	ranges_free(&new.private);
	ranges_append(&new.private, BASE + PAGE, BASE + 6 * PAGE);
	r = judge(old, new, 0, 0, 0);
	ck_assert_uint_eq(r.changed, 0x0e);
	ck_assert_uint_eq(r.v.compared, 3);
}
END_TEST

START_TEST(files)
{
	/*
	 * 0: the file's page, and the file was written: no change
	 * 1: the file's page, copied by a write with another content
	 * 2: not there, copied by a write
	 * 3: a copy that was dropped: shows the file, which is not known
	 * 4: a copy with another content
	 * 5: a copy that was dropped, and the file's page again
	 */
	static const int was[] = { FILE_PAGE | 1, FILE_PAGE | 1, NONE, 3, 4, 5 };
	static const int is[] = { FILE_PAGE | 2, 2, 2, NONE, 5, FILE_PAGE | 2 };
	struct result r = judge(make(was, 6, true), make(is, 6, true), 0x8, 0,
				0);

	ck_assert_uint_eq(r.missed, 0x16);
	ck_assert_uint_eq(r.v.over, 0);
}
END_TEST

START_TEST(unreadable)
{
	static const int was[] = { 1, 1 };
	static const int is[] = { 2, 2 };
	struct result r = judge(make(was, 2, false), make(is, 2, false), 0x3, 0,
				0x1);

	ck_assert_uint_eq(r.changed, 0x2);
	ck_assert_uint_eq(r.v.reported, 1);
	ck_assert_uint_eq(r.v.compared, 1);
}
END_TEST

static void note(const struct change *change, void *ctx)
{
	*(struct change *)ctx = *change;
}

START_TEST(notes)
{
	static const int was[] = { 0x200 };
	struct snapshot old = make(was, 1, false), new = make(was, 1, false);
	struct change seen = { 0 };
	struct compare c = { .on_change = note, .ctx = &seen };

	new.runs[0].data[77] = 9;
	compare_start(&c, &old, &new);
	compare_part(&c, &new.runs[0], BASE, BASE + PAGE);
	ck_assert_uint_eq(seen.addr, BASE);
	ck_assert_uint_eq(seen.offset, 77);
	ck_assert_uint_eq(seen.was, 0);
	ck_assert_uint_eq(seen.is, 9);
	compare_free(&c);
	drop(&old);
	drop(&new);
}
END_TEST

SUITE("compare", contents, reports, first_byte_and_last, mappings_that_differ,
      files, unreadable, notes)
