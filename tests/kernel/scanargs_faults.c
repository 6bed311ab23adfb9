// SPDX-License-Identifier: GPL-2.0-only
/*
 * Results that cannot be delivered.  What the caller did not get must still be
 * there for the next scan.
 */
#define _GNU_SOURCE
#include "scanargs.h"

#include <sys/mman.h>

#define REGIONS	1500
#define PAGES	(2 * REGIONS)

static struct area alternating(int *fd, struct marks **want)
{
	struct area a = anon_populated(PAGES);
	size_t i;

	*fd = raw_tracker(a);
	*want = marks_new(PAGES);
	for (i = 0; i < PAGES; i += 2) {
		touch(a, i);
		(*want)->w[i] = 1;
	}
	return a;
}

/* An array with room for @room regions, after which there is nothing. */
static struct wptrack_region *edge(size_t room)
{
	size_t pages = (room * sizeof(struct wptrack_region) + PAGE - 1) / PAGE;
	struct area a = hole(pages + 1, 0);

	if (pages)
		map_over(area_sub(a, 0, pages), PROT_READ | PROT_WRITE);
	return (struct wptrack_region *)(a.p + pages * PAGE) - room;
}

START_TEST(array_that_ends_too_early_loses_nothing)
{
	static const size_t rooms[] = { 0, 1, 5, 511, 512, 513, 700, 1024, 1499 };
	struct marks *want;
	int fd;
	struct area a = alternating(&fd, &want);
	size_t i, j;

	for (i = 0; i < sizeof(rooms) / sizeof(*rooms); i++) {
		struct wptrack_region *vec = edge(rooms[i]);
		struct wptrack_scan s = scan_of(a, vec, REGIONS,
						WPTRACK_SCAN_RESET);
		struct marks *got = marks_new(PAGES), *left;

		for (j = 0; j < PAGES; j += 2)
			touch(a, j);
		expect_errno(fd, WPTRACK_IOC_SCAN, &s, EFAULT);
		ck_assert_uint_le(s.regions, rooms[i]);
		ck_assert_uint_eq(s.pages, s.regions);
		mark_regions(got, a, vec, s.regions);
		/* Delivered or still written, one or the other. */
		left = raw_written(fd, a);
		for (j = 0; j < PAGES; j++)
			ck_assert_msg(got->w[j] + left->w[j] == want->w[j],
				      "room for %zu: page %zu delivered %d, still written %d",
				      rooms[i], j, got->w[j], left->w[j]);
		/* And going on from walk_end finds the rest. */
		if (s.regions)
			ck_assert_uint_ge(s.walk_end, vec[s.regions - 1].end);
		note("room for %zu regions: %llu delivered", rooms[i],
		     (unsigned long long)s.regions);
		s.start = s.walk_end;
		vec = edge(REGIONS);
		s.vec = (uintptr_t)vec;
		mark_regions(got, a, vec, scan(fd, &s));
		expect_marks(got, want);
	}
}
END_TEST

START_TEST(array_that_is_nowhere_resets_nothing)
{
	struct area nowhere = hole(64, 0), readonly = anon(64);
	void *vecs[] = {
		nowhere.p, readonly.p, (void *)0x1000,
		(void *)0xffff888000000000UL, (void *)-4096L,
	};
	struct marks *want;
	int fd;
	struct area a = alternating(&fd, &want);
	size_t i;

	must(mprotect(readonly.p, 64 * PAGE, PROT_READ));
	for (i = 0; i < sizeof(vecs) / sizeof(*vecs); i++) {
		struct wptrack_scan s = scan_of(a, vecs[i], REGIONS,
						WPTRACK_SCAN_RESET);

		expect_errno(fd, WPTRACK_IOC_SCAN, &s, EFAULT);
		ck_assert_uint_eq(s.regions, 0);
		ck_assert_uint_eq(s.pages, 0);
		expect_marks(raw_written(fd, a), want);
	}
}
END_TEST

START_TEST(array_at_an_odd_address_works)
{
	uint8_t *buf = malloc(REGIONS * sizeof(struct wptrack_region) + 8);
	struct wptrack_region *copy = malloc(REGIONS * sizeof(*copy));
	struct marks *want, *got = marks_new(PAGES);
	int fd;
	struct area a = alternating(&fd, &want);
	struct wptrack_scan s = scan_of(a, NULL, REGIONS, 0);

	s.vec = (uintptr_t)buf + 3;
	ck_assert_int_eq(raw(fd, WPTRACK_IOC_SCAN, &s), REGIONS);
	memcpy(copy, buf + 3, REGIONS * sizeof(*copy));
	mark_regions(got, a, copy, REGIONS);
	expect_marks(got, want);
}
END_TEST

START_TEST(structure_that_cannot_be_written_back_loses_nothing)
{
	struct area args = anon_populated(1);
	struct wptrack_scan *s = (void *)args.p;
	struct wptrack_region *vec = calloc(REGIONS, sizeof(*vec));
	struct marks *want, *got = marks_new(PAGES), *left;
	int fd;
	struct area a = alternating(&fd, &want);
	size_t n;

	*s = scan_of(a, vec, REGIONS, WPTRACK_SCAN_RESET);
	must(mprotect(args.p, PAGE, PROT_READ));
	expect_errno(fd, WPTRACK_IOC_SCAN, s, EFAULT);
	/* How many regions there are is unknown, but they are there. */
	for (n = 0; n < REGIONS && vec[n].end; n++)
		;
	mark_regions(got, a, vec, n);
	left = raw_written(fd, a);
	marks_add(got, left);
	expect_marks(got, want);
}
END_TEST

START_TEST(range_that_cannot_be_written_back_is_efault)
{
	struct area args = anon_populated(1), a = anon_populated(10);
	struct wptrack_range *r = (void *)args.p;
	int fd = raw_tracker((struct area){ 0 });

	*r = (struct wptrack_range){
		.size = sizeof(*r), .start = area_start(a), .end = area_end(a),
	};
	must(mprotect(args.p, PAGE, PROT_READ));
	expect_errno(fd, WPTRACK_IOC_TRACK, r, EFAULT);
	expect_errno(fd, WPTRACK_IOC_UNTRACK, r, EFAULT);
}
END_TEST

/* The array lies in the memory that is scanned, and is written by the scan. */
START_TEST(array_inside_the_scanned_memory_loses_nothing)
{
	struct marks *want, *got = marks_new(PAGES), *left;
	int fd;
	struct area a = alternating(&fd, &want);
	struct wptrack_region *vec = (void *)(a.p + 1001 * PAGE), *copy;
	struct wptrack_scan s = scan_of(a, vec, REGIONS + 10,
					WPTRACK_SCAN_RESET);
	size_t used = (REGIONS * sizeof(*vec) + PAGE - 1) / PAGE, n;

	n = scan(fd, &s);
	copy = malloc(n * sizeof(*copy));
	memcpy(copy, vec, n * sizeof(*copy));
	mark_regions(got, a, copy, n);
	left = raw_written(fd, a);
	marks_add(got, left);
	marks_set(want, 1001, used - 1);
	/* The last page of the array may have been left alone. */
	got->w[1001 + used - 1] = want->w[1001 + used - 1];
	expect_marks(got, want);
}
END_TEST

void scanargs_faults(Suite *s)
{
	TCase *tc = tcase_new(s, "faults", TEST_TIMEOUT);

	tcase_add_test(tc, array_that_ends_too_early_loses_nothing);
	tcase_add_test(tc, array_that_is_nowhere_resets_nothing);
	tcase_add_test(tc, array_at_an_odd_address_works);
	tcase_add_test(tc, structure_that_cannot_be_written_back_loses_nothing);
	tcase_add_test(tc, range_that_cannot_be_written_back_is_efault);
	tcase_add_test(tc, array_inside_the_scanned_memory_loses_nothing);
}
