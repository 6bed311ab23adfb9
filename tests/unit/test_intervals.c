// SPDX-License-Identifier: GPL-2.0-only
/*
 * The set of intervals, against a set that is an array of flags.
 */
#include "intervals.h"

#define SPACE	300	/* addresses of the model */
#define NO_MAX	1000

static struct wpt_set set;
static bool model[SPACE];

static void empty(void)
{
	memset(model, 0, sizeof(model));
	allocs_left = -1;
}

static void destroy(void)
{
	wpt_set_destroy(&set);
	ck_assert_uint_eq(set.nr, 0);
	ck_assert_ptr_null(set.iv);
}

static int add(unsigned long start, unsigned long end)
{
	return wpt_set_add(&set, start, end, NO_MAX);
}

static int del(unsigned long start, unsigned long end)
{
	return wpt_set_del(&set, start, end, NO_MAX);
}

/* Sorted, disjoint, with gaps between, within the room that there is. */
static void check_shape(void)
{
	unsigned int i;

	ck_assert_uint_le(set.nr, set.cap);
	for (i = 0; i < set.nr; i++) {
		ck_assert_uint_lt(set.iv[i].start, set.iv[i].end);
		if (i)
			ck_assert_uint_gt(set.iv[i].start, set.iv[i - 1].end);
	}
}

static void check_model(void)
{
	bool seen[SPACE] = { false };
	unsigned long a;
	unsigned int i;

	check_shape();
	for (i = 0; i < set.nr; i++) {
		ck_assert_uint_le(set.iv[i].end, SPACE);
		for (a = set.iv[i].start; a < set.iv[i].end; a++)
			seen[a] = true;
	}
	ck_assert(!memcmp(seen, model, sizeof(model)));
}

static void expect(unsigned int n, const struct wpt_interval *iv)
{
	check_shape();
	ck_assert_uint_eq(set.nr, n);
	ck_assert(!n || !memcmp(set.iv, iv, n * sizeof(*iv)));
}

#define EXPECT(...)							\
	do {								\
		const struct wpt_interval want[] = { __VA_ARGS__ };	\
									\
		expect(sizeof(want) / sizeof(*want), want);		\
	} while (0)

START_TEST(apart_stay_apart_and_sorted)
{
	ck_assert_int_eq(add(50, 60), 0);
	ck_assert_int_eq(add(10, 20), 0);
	ck_assert_int_eq(add(30, 40), 0);
	EXPECT({ 10, 20 }, { 30, 40 }, { 50, 60 });
}
END_TEST

START_TEST(neighbours_become_one)
{
	add(10, 20);
	add(20, 30);
	EXPECT({ 10, 30 });
	add(5, 10);
	EXPECT({ 5, 30 });
	add(31, 40);
	EXPECT({ 5, 30 }, { 31, 40 });
	add(30, 31);
	EXPECT({ 5, 40 });
}
END_TEST

START_TEST(overlaps_become_one)
{
	add(10, 20);
	add(30, 40);
	add(50, 60);
	add(15, 55);
	EXPECT({ 10, 60 });
	add(20, 30);
	EXPECT({ 10, 60 });
	add(0, 100);
	EXPECT({ 0, 100 });
}
END_TEST

START_TEST(the_ends_of_the_address_space)
{
	unsigned long top = ~0UL & ~4095UL;

	add(0, 4096);
	add(top, ~0UL);
	EXPECT({ 0, 4096 }, { top, ~0UL });
	del(0, 4096);
	EXPECT({ top, ~0UL });
	add(0, ~0UL);
	EXPECT({ 0, ~0UL });
	del(4096, top);
	EXPECT({ 0, 4096 }, { top, ~0UL });
}
END_TEST

START_TEST(del_cuts_and_splits)
{
	add(10, 100);
	del(40, 60);
	EXPECT({ 10, 40 }, { 60, 100 });
	del(10, 20);
	EXPECT({ 20, 40 }, { 60, 100 });
	del(90, 100);
	EXPECT({ 20, 40 }, { 60, 90 });
	del(30, 70);
	EXPECT({ 20, 30 }, { 70, 90 });
	del(0, 300);
	expect(0, NULL);
}
END_TEST

START_TEST(del_of_what_is_not_there)
{
	ck_assert_int_eq(del(0, 10), 0);
	add(10, 20);
	ck_assert_int_eq(del(0, 10), 0);
	ck_assert_int_eq(del(20, 30), 0);
	EXPECT({ 10, 20 });
}
END_TEST

START_TEST(next_finds_what_ends_later)
{
	struct wpt_interval iv;

	ck_assert(!wpt_set_next(&set, 0, &iv));
	add(10, 20);
	add(30, 40);
	ck_assert(wpt_set_next(&set, 0, &iv) && iv.start == 10);
	ck_assert(wpt_set_next(&set, 10, &iv) && iv.start == 10);
	ck_assert(wpt_set_next(&set, 19, &iv) && iv.start == 10 && iv.end == 20);
	ck_assert(wpt_set_next(&set, 20, &iv) && iv.start == 30);
	ck_assert(wpt_set_next(&set, 39, &iv) && iv.start == 30);
	ck_assert(!wpt_set_next(&set, 40, &iv));
}
END_TEST

START_TEST(overlaps_is_half_open)
{
	add(10, 20);
	ck_assert(!wpt_set_overlaps(&set, 0, 10));
	ck_assert(wpt_set_overlaps(&set, 0, 11));
	ck_assert(wpt_set_overlaps(&set, 12, 13));
	ck_assert(wpt_set_overlaps(&set, 19, 100));
	ck_assert(!wpt_set_overlaps(&set, 20, 100));
}
END_TEST

static void randomly(bool value)
{
	unsigned long start = rand() % SPACE;
	unsigned long end = start + 1 + rand() % (SPACE - start);
	unsigned long a;

	/* Mostly short ones, so that there are many. */
	if (rand() % 4 && end > start + 9)
		end = start + 1 + rand() % 9;
	ck_assert_int_eq(value ? add(start, end) : del(start, end), 0);
	for (a = start; a < end; a++)
		model[a] = value;
}

START_TEST(random_changes_follow_the_model)
{
	unsigned long a, b;
	int i;

	for (i = 0; i < 30000; i++) {
		randomly(rand() % 2);
		check_model();
	}
	for (a = 0; a < SPACE; a++) {
		struct wpt_interval iv;
		bool there = wpt_set_next(&set, a, &iv) && iv.start <= a;

		ck_assert(there == model[a]);
		for (b = a + 1; b <= SPACE; b++)
			ck_assert(wpt_set_overlaps(&set, a, b) ==
				  !!memchr(model + a, true, b - a));
	}
}
END_TEST

START_TEST(union_has_both)
{
	struct wpt_set other;
	int i;

	for (i = 0; i < 40; i++)
		randomly(rand() % 2);
	other = set;
	memset(&set, 0, sizeof(set));
	/* The model still has the first set: this one adds to it. */
	for (i = 0; i < 40; i++)
		randomly(true);
	ck_assert_int_eq(wpt_set_union(&set, &other), 0);
	check_model();
	wpt_set_destroy(&other);
}
END_TEST

START_TEST(subtract_leaves_what_the_other_has_not)
{
	struct wpt_set other;
	bool gone[SPACE];
	unsigned int i, k;

	for (k = 0; k < 2000; k++) {
		wpt_set_destroy(&set);
		memset(model, 0, sizeof(model));
		for (i = 0; i < k % 50; i++)
			randomly(rand() % 3);
		memcpy(gone, model, sizeof(gone));
		other = set;
		memset(&set, 0, sizeof(set));
		memset(model, 0, sizeof(model));
		for (i = 0; i < 40; i++)
			randomly(rand() % 3);
		for (i = 0; i < SPACE; i++)
			model[i] &= !gone[i];
		ck_assert_int_eq(wpt_set_subtract(&set, &other), 0);
		check_model();
		wpt_set_destroy(&other);
	}
}
END_TEST

START_TEST(subtract_without_memory_changes_nothing)
{
	struct wpt_interval cut = { 12, 13 };
	struct wpt_set other = { .iv = &cut, .nr = 1 };

	add(10, 20);
	allocs_left = 0;
	ck_assert_int_eq(wpt_set_subtract(&set, &other), -ENOMEM);
	allocs_left = -1;
	EXPECT({ 10, 20 });
	ck_assert_int_eq(wpt_set_subtract(&set, &other), 0);
	EXPECT({ 10, 12 }, { 13, 20 });
}
END_TEST

static void make(unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		ck_assert_int_eq(add(10 * i, 10 * i + 5), 0);
}

START_TEST(limit_is_enforced_and_changes_nothing)
{
	struct wpt_interval before[20];

	make(20);
	memcpy(before, set.iv, sizeof(before));
	/* As many as there are: no room for one more, nor for a split. */
	set.cap = 20;
	ck_assert_int_eq(wpt_set_add(&set, 6, 7, 20), -ENOSPC);
	ck_assert_int_eq(wpt_set_del(&set, 2, 3, 20), -ENOSPC);
	expect(20, before);
	/* What needs no more room still works. */
	ck_assert_int_eq(wpt_set_add(&set, 5, 10, 20), 0);
	ck_assert_uint_eq(set.nr, 19);
	ck_assert_int_eq(wpt_set_del(&set, 2, 3, 20), 0);
	ck_assert_uint_eq(set.nr, 20);
	ck_assert_int_eq(wpt_set_del(&set, 0, 2, 20), 0);
	ck_assert_uint_eq(set.nr, 19);
}
END_TEST

START_TEST(limit_holds_from_the_empty_set_on)
{
	unsigned int i;

	for (i = 0; i < 50; i++) {
		int ret = wpt_set_add(&set, 10 * i, 10 * i + 5, 12);

		ck_assert_int_eq(ret, i < 12 ? 0 : -ENOSPC);
		ck_assert_uint_le(set.nr, 12);
	}
}
END_TEST

START_TEST(limit_holds_for_a_copy)
{
	struct wpt_set copy = { 0 };
	unsigned int i;
	int ret = 0;

	/* As TRACK does it: change a copy, and take that if all went well. */
	for (i = 0; i < 50; i++) {
		ck_assert_int_eq(wpt_set_union(&copy, &set), 0);
		ret = wpt_set_add(&copy, 10 * i, 10 * i + 5, 12);
		ck_assert_int_eq(ret, i < 12 ? 0 : -ENOSPC);
		if (!ret) {
			wpt_set_destroy(&set);
			set = copy;
			memset(&copy, 0, sizeof(copy));
		}
		wpt_set_destroy(&copy);
	}
	ck_assert_uint_eq(set.nr, 12);
	/* A split needs room, too. */
	ck_assert_int_eq(wpt_set_union(&copy, &set), 0);
	ck_assert_int_eq(wpt_set_del(&copy, 2, 3, 12), -ENOSPC);
	wpt_set_destroy(&copy);
}
END_TEST

START_TEST(no_memory_changes_nothing)
{
	unsigned int n;

	for (n = 0; n < 40; n++) {
		struct wpt_interval before[40];
		unsigned int nr = set.nr;
		int ret;

		if (nr)
			memcpy(before, set.iv, nr * sizeof(*before));
		allocs_left = 0;
		ret = add(10 * n, 10 * n + 5);
		allocs_left = -1;
		if (ret) {
			ck_assert_int_eq(ret, -ENOMEM);
			expect(nr, before);
			ck_assert_int_eq(add(10 * n, 10 * n + 5), 0);
		}
	}
	ck_assert_uint_eq(set.nr, 40);
}
END_TEST

const char unit_name[] = "intervals";

void unit_tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, empty, destroy);
	tcase_add_test(tc, apart_stay_apart_and_sorted);
	tcase_add_test(tc, neighbours_become_one);
	tcase_add_test(tc, overlaps_become_one);
	tcase_add_test(tc, the_ends_of_the_address_space);
	tcase_add_test(tc, del_cuts_and_splits);
	tcase_add_test(tc, del_of_what_is_not_there);
	tcase_add_test(tc, next_finds_what_ends_later);
	tcase_add_test(tc, overlaps_is_half_open);
	tcase_add_test(tc, random_changes_follow_the_model);
	tcase_add_test(tc, union_has_both);
	tcase_add_test(tc, subtract_leaves_what_the_other_has_not);
	tcase_add_test(tc, subtract_without_memory_changes_nothing);
	tcase_add_test(tc, limit_is_enforced_and_changes_nothing);
	tcase_add_test(tc, limit_holds_from_the_empty_set_on);
	tcase_add_test(tc, limit_holds_for_a_copy);
	tcase_add_test(tc, no_memory_changes_nothing);
}
