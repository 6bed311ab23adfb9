// SPDX-License-Identifier: MIT
/* Set operations on ranges, against a model with one flag per byte. */
#include <stdlib.h>
#include <string.h>

#include "ranges.h"
#include "suite.h"

#define SIZE	64

static struct ranges from_model(const bool *in)
{
	struct ranges r = { 0 };
	unsigned int i;

	for (i = 0; i < SIZE; i++)
		if (in[i])
			ranges_append(&r, i, i + 1);
	return r;
}

/* One assertion for all of it: libcheck logs each, and there are many. */
static void equals(struct ranges r, const bool *want)
{
	uint64_t bytes = 0, last = 0;
	bool ok = true;
	unsigned int i;

	for (i = 0; i < SIZE; i++) {
		ok &= ranges_hold(&r, i) == want[i];
		bytes += want[i];
	}
	ok &= ranges_bytes(&r) == bytes;
	/* sorted, not empty, and never touching */
	for (i = 0; i < r.n; i++) {
		ok &= r.v[i].start < r.v[i].end;
		ok &= !i || r.v[i].start > last;
		last = r.v[i].end;
	}
	ck_assert(ok);
	ranges_free(&r);
}

START_TEST(operations)
{
	bool a[SIZE], b[SIZE], want[SIZE];
	unsigned int round, i;

	srandom(1);
	for (round = 0; round < 20000; round++) {
		unsigned int density_a = random() % 9;
		unsigned int density_b = random() % 9;
		struct ranges x, y;

		for (i = 0; i < SIZE; i++) {
			a[i] = random() % 8 < density_a;
			b[i] = random() % 8 < density_b;
		}
		x = from_model(a);
		y = from_model(b);
		for (i = 0; i < SIZE; i++)
			want[i] = a[i] && b[i];
		equals(ranges_and(&x, &y), want);
		for (i = 0; i < SIZE; i++)
			want[i] = a[i] || b[i];
		equals(ranges_or(&x, &y), want);
		for (i = 0; i < SIZE; i++)
			want[i] = a[i] && !b[i];
		equals(ranges_minus(&x, &y), want);
		ranges_free(&y);
		equals(x, a);
	}
}
END_TEST

START_TEST(append)
{
	struct ranges r = { 0 };

	ranges_append(&r, 5, 5);
	ck_assert_uint_eq(r.n, 0);
	ranges_append(&r, 5, 9);
	ranges_append(&r, 9, 10);
	ranges_append(&r, 6, 8);
	ranges_append(&r, 12, UINT64_MAX);
	ck_assert_uint_eq(r.n, 2);
	ck_assert_uint_eq(r.v[0].start, 5);
	ck_assert_uint_eq(r.v[0].end, 10);
	ck_assert(ranges_hold(&r, UINT64_MAX - 1));
	ck_assert(!ranges_hold(&r, UINT64_MAX));
	ranges_free(&r);
}
END_TEST

SUITE("ranges", operations, append)
