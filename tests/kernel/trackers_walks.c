// SPDX-License-Identifier: GPL-2.0-only
/*
 * Walks that pass over many places: empty memory, and pages that are pending where there is
 * no record.
 */
#define _GNU_SOURCE
#include "trackers.h"

#include <sys/ioctl.h>
#include <sys/mman.h>

struct area trackers_reserve(size_t chunks)
{
	struct area a = hole(chunks * PMD_PAGES, 0);

	must((long)mmap(a.p, a.pages * PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0));
	must(madvise(a.p, a.pages * PAGE, MADV_NOHUGEPAGE));
	return a;
}

static void zap(struct area a)
{
	must(madvise(a.p, a.pages * PAGE, MADV_DONTNEED));
}

long fdinfo_number(const struct wptrack *w, const char *key)
{
	char line[256], path[64];
	size_t len = strlen(key);
	long n = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", wptrack_fd(w));
	f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	while (n < 0 && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, len) && line[len] == ':')
			n = atol(line + len + 1);
	fclose(f);
	return n;
}

/* Pages of a tracker in the list of all, which has no patience: try again. */
static void expect_listed(struct wptrack *w, long armed, long written)
{
	char line[256], a[24], n[24];
	long id = fdinfo_number(w, "wptrack-id");
	int tries;
	FILE *f;

	for (tries = 0; tries < 50; tries++) {
		f = fopen("/proc/wptrack/trackers", "re");
		ck_assert_ptr_nonnull(f);
		while (fgets(line, sizeof(line), f))
			if (atol(line) == id)
				break;
		fclose(f);
		ck_assert_int_eq(sscanf(line, "%*s %*s %*s %*s %*s %*s %23s %23s", a, n), 2);
		if (a[0] != '-')
			break;
		usleep(20000);
	}
	if (a[0] == '-' && slow_kernel()) {
		note("the list has never counted within its time");
		return;
	}
	ck_assert_int_eq(atol(a), armed);
	ck_assert_int_eq(atol(n), written);
}

/*
 * Each chunk without anything in it that is zapped gets a record, up to 4096 of them.  Of
 * what comes after that it is only known that something was zapped there.
 */
START_TEST(zapped_holes_have_so_many_records_and_no_more)
{
	const size_t piece = 32 * PMD_PAGES, fit = 4096 / 32;
	struct area a = trackers_reserve(4096 + 512), beyond, part;
	struct wptrack *w = tracker_on(a);
	long bytes = stats_value("record_bytes"), full, unsure;
	struct marks *m = marks_new(600);
	size_t i;

	for (i = 0; i < fit; i++)
		zap(area_sub(a, i * piece, piece));
	full = stats_value("record_bytes");
	note("record_bytes %ld before, %ld then", bytes, full);
	ck_assert_int_ge(full - bytes, 4096 * 128);
	beyond = area_sub(a, 4096 * PMD_PAGES, 512 * PMD_PAGES);
	part = area_sub(beyond, 100 * PMD_PAGES + 300, 600);
	write_random(part, m, 5);
	unsure = stats_value("overreport_unsure");
	/* What is mapped has a record, at the limit too; the holes around it have none. */
	for (i = 0; i < beyond.pages; i += piece)
		zap(area_sub(beyond, i, piece));
	ck_assert_int_le(stats_value("record_bytes") - full, 20000);
	expect_no_lost(w, part, m, GET, "MADV_DONTNEED");
	/* Nobody knows what was there: it reads written until it is reset. */
	ck_assert_uint_eq(count_written(w, area_sub(beyond, 0, PMD_PAGES)), PMD_PAGES);
	reset(w, beyond);
	ck_assert_int_gt(stats_value("overreport_unsure"), unsure);
	expect_clean(w, beyond);
	/* And those that have one. */
	ck_assert_uint_eq(count_written(w, area_sub(a, 0, piece)), piece);
	reset(w, a);
	expect_clean(w, a);
	marks_none(m);
	write_random(part, m, 7);
	expect_exact(w, part, m, GET);
	ck_assert_uint_eq(count_written(w, a), marks_count(m));
}
END_TEST

/* Chunks that need no look and places without a chunk, by turns. */
START_TEST(a_look_for_what_is_written_takes_several_steps)
{
	const size_t pairs = 140;
	struct area a = trackers_reserve(2 * pairs);
	struct wptrack *w = tracker_self();
	struct marks *m = marks_new(5);
	size_t i;

	/* The zero page: nothing but page tables. */
	for (i = 0; i < pairs; i++)
		if (madvise(a.p + 2 * i * PMD, PMD, 22 /* MADV_POPULATE_READ */))
			read_all(area_sub(a, 2 * i * PMD_PAGES, PMD_PAGES));
	track(w, a, 0);
	reset(w, a);
	expect_clean(w, a);
	expect_clean(w, a);
	touch(a, 7);
	touch(a, 139 * PMD_PAGES + 9);
	touch(a, a.pages - 1);
	ck_assert_uint_eq(count_written(w, a), 3);
	m->w[4] = 1;
	expect_exact(w, area_sub(a, a.pages - 5, 5), m, RESET);
	ck_assert_uint_eq(count_written(w, a), 2);
	reset(w, a);
	expect_clean(w, a);
}
END_TEST

/* A scan with reset whose answer cannot be delivered: an error, or 0. */
static int undelivered(struct wptrack *w, struct area a, uint64_t mask, uint64_t ret)
{
	struct wptrack_scan s = {
		.size = sizeof(s), .flags = WPTRACK_SCAN_RESET,
		.start = area_start(a), .end = area_end(a),
		.vec = area_start(hole(100, 0)), .vec_len = 1000,
		.category_mask = mask, .return_mask = ret,
	};

	return ioctl(wptrack_fd(w), WPTRACK_IOC_SCAN, &s) < 0 ? -errno : 0;
}

/*
 * Pages without a record, which read written as nothing is known of them, are pending once
 * their reset has failed.
 */
START_TEST(pending_pages_where_there_is_no_record)
{
	const size_t half = 150 * PMD_PAGES;
	struct area a = trackers_reserve(300), end = area_sub(a, half, half);
	struct wptrack_scan_opts all = {
		.sz = sizeof(all), .return_mask = WPTRACK_PAGE_PRESENT | WPTRACK_PAGE_WRITTEN,
		.category_anyof_mask = WPTRACK_PAGE_PRESENT | WPTRACK_PAGE_WRITTEN,
	}, of_both = {
		.sz = sizeof(of_both), .category_mask = WPTRACK_PAGE_WRITTEN,
		.return_mask = WPTRACK_PAGE_PRESENT | WPTRACK_PAGE_WRITTEN,
	};
	struct wptrack *w = tracker_self();
	struct marks *m = marks_new(50);
	struct wptrack_region v[10];

	track(w, a, WPTRACK_TRACK_START_WRITTEN);
	ck_assert_int_eq(undelivered(w, end, WPTRACK_PAGE_WRITTEN, WPTRACK_PAGE_WRITTEN),
			 -EFAULT);
	ck_assert_uint_eq(count_written(w, a), a.pages);
	expect_listed(w, 0, half);
	reset(w, area_sub(a, 0, half));
	ck_assert_uint_eq(count_written(w, a), half);
	ck_assert_int_eq(wptrack_count(w, area_start(a), area_end(a), &of_both), half);
	/* By categories: first nothing, then what is pending. */
	ck_assert_int_eq(wptrack_scan(w, area_start(a), area_end(a), v, 10, NULL, &all), 1);
	ck_assert_uint_eq(v[0].start, area_start(end));
	ck_assert_uint_eq(v[0].end, area_end(end));
	ck_assert_uint_eq(v[0].categories, WPTRACK_PAGE_WRITTEN);
	/* Given up and taken again it is as empty as it is. */
	untrack(w, a);
	expect_listed(w, 0, 0);
	track(w, a, 0);
	expect_clean(w, a);
	end = area_sub(end, 40, 50);
	write_random(end, m, 4);
	ck_assert_uint_eq(count_written(w, a), marks_count(m));
	expect_exact(w, end, m, RESET);
	expect_clean(w, a);
}
END_TEST

/* What others have between is none of its business, and nothing of that is kept. */
START_TEST(an_answer_about_untracked_memory_that_is_not_delivered)
{
	struct area a = anon_populated(300), mine = area_sub(a, 100, 100);
	const uint64_t both = WPTRACK_PAGE_PRESENT | WPTRACK_PAGE_WRITTEN;
	struct wptrack *w = tracker_on(mine);
	struct marks *m = marks_new(100);

	settle(w, mine);
	touch_random(mine, m, 5);
	ck_assert_int_eq(undelivered(w, a, WPTRACK_PAGE_PRESENT, both), -EFAULT);
	expect_no_lost(w, mine, m, GET, "not delivered");
	ck_assert_int_eq(undelivered(w, area_sub(a, 0, 100), WPTRACK_PAGE_PRESENT, both),
			 -EFAULT);
	track(w, a, WPTRACK_TRACK_START_WRITTEN);
	settle(w, a);
	marks_none(m);
	touch_random(mine, m, 5);
	expect_exact(w, mine, m, RESET);
	expect_clean(w, a);
}
END_TEST

START_TEST(a_list_of_many_chunks_is_counted_in_steps)
{
	struct area a = trackers_reserve(200);
	struct wptrack *w = tracker_self();
	size_t i;

	for (i = 0; i < 200; i++)
		touch(a, i * PMD_PAGES + i);
	track(w, a, 0);
	settle(w, a);
	for (i = 0; i < 200; i += 10)
		touch(a, i * PMD_PAGES + i);
	expect_listed(w, 180, 20);
	/* Here it counts no longer than one step, and leaves it out if that is not all. */
	ck_assert_int_eq(fdinfo_number(w, "wptrack-armed"), -1);
	ck_assert_uint_eq(count_written(w, a), 20);
	untrack(w, area_sub(a, 60 * PMD_PAGES, 140 * PMD_PAGES));
	expect_listed(w, 54, 6);
	ck_assert_int_eq(fdinfo_number(w, "wptrack-written"), 6);
	ck_assert_int_eq(fdinfo_number(w, "wptrack-armed"), 54);
}
END_TEST

START_TEST(tracked_again_over_many_groups)
{
	const size_t group = 128UL << 20, groups = 160;
	struct area a = trackers_reserve(groups * group / PMD);
	struct wptrack *w = tracker_self();
	size_t i;

	for (i = 0; i < groups; i++)
		touch(a, i * group / PAGE + i);
	track(w, a, WPTRACK_TRACK_KEEP_HUGE);
	settle(w, a);
	touch(a, 150 * group / PAGE + 150);
	track(w, a, 0);
	/* To track is to reset. */
	settle(w, a);
	for (i = 0; i < groups; i += 16)
		touch(a, i * group / PAGE + i);
	touch(a, a.pages - 1);
	ck_assert_uint_eq(count_written(w, a), groups / 16 + 1);
}
END_TEST

void trackers_walks(Suite *s)
{
	TCase *tc = tcase_new(s, "walks", TEST_TIMEOUT);

	tcase_add_test(tc, zapped_holes_have_so_many_records_and_no_more);
	tcase_add_test(tc, a_look_for_what_is_written_takes_several_steps);
	tcase_add_test(tc, pending_pages_where_there_is_no_record);
	tcase_add_test(tc, an_answer_about_untracked_memory_that_is_not_delivered);
	tcase_add_test(tc, a_list_of_many_chunks_is_counted_in_steps);
	tcase_add_test(tc, tracked_again_over_many_groups);
}
