// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shared memory: what counts is the mapping through which it was written.
 */
#define _GNU_SOURCE
#include "maps.h"
#include "shmem.h"
#include "swap.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define PAGES 1237

/* The kinds that every test runs with, by the number of the loop. */
static const enum map_kind kinds[] = {
	MAP_KIND_SHARED_ANON,
	MAP_KIND_MEMFD,
	MAP_KIND_TMPFS,
	MAP_KIND_SYSV,
};
#define KINDS ((int)(sizeof(kinds) / sizeof(*kinds)))

static struct map make(int loop)
{
	return map_make(kinds[loop], PAGES, 5);
}

static struct map make_populated(int loop)
{
	struct map map = make(loop);

	touch_all(map.a);
	return map;
}

START_TEST(populated_memory_is_clean_after_track)
{
	struct map map = make_populated(_i);
	struct wptrack *w = tracker_on(map.a);

	expect_clean(w, map.a);
	read_all(map.a);
	expect_clean(w, map.a);
}
END_TEST

START_TEST(random_writes_are_exact_and_stay_until_reset)
{
	struct map map = make_populated(_i);
	struct wptrack *w = tracker_on(map.a);
	struct marks *m = marks_new(PAGES);
	int round;

	for (round = 0; round < 8; round++) {
		marks_none(m);
		touch_random(map.a, m, 20 << round % 3);
		expect_exact(w, map.a, m, GET);
		touch_random(map.a, m, 20);
		expect_exact(w, map.a, m, RESET);
		expect_clean(w, map.a);
	}
}
END_TEST

START_TEST(empty_memory_is_exact)
{
	struct map map = make(_i);
	struct wptrack *w = tracker_on(map.a);
	struct marks *m = marks_new(PAGES);

	expect_clean(w, map.a);
	/* A read fault also maps neighbours. */
	touch_random(map.a, m, 6);
	expect_exact(w, map.a, m, GET);
	read_all(map.a);
	touch_random(map.a, m, 6);
	expect_exact(w, map.a, m, RESET);
	expect_clean(w, map.a);
	marks_none(m);
	touch_random(map.a, m, 6);
	expect_exact(w, map.a, m, RESET);
}
END_TEST

START_TEST(read_memory_is_clean_after_track)
{
	struct map map = make(_i);
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;

	read_all(map.a);
	w = tracker_on(map.a);
	expect_clean(w, map.a);
	touch_random(map.a, m, 6);
	expect_exact(w, map.a, m, RESET);
}
END_TEST

START_TEST(start_written_reports_every_page_until_reset)
{
	struct map map = make(_i);
	struct wptrack *w = tracker_self();
	struct marks *m = marks_new(PAGES);

	touch_all(area_sub(map.a, 0, 600));
	track(w, map.a, WPTRACK_TRACK_START_WRITTEN);
	expect_all(w, map.a);
	reset(w, map.a);
	expect_clean(w, map.a);
	touch_random(map.a, m, 6);
	expect_exact(w, map.a, m, RESET);
}
END_TEST

START_TEST(writes_through_another_mapping_are_not_seen)
{
	struct map map = make_populated(_i);
	struct area other = map_alias(&map);
	struct wptrack *w = tracker_on(map.a);
	struct marks *m = marks_new(PAGES), *unseen = marks_new(PAGES);

	touch_random(other, unseen, 3);
	expect_clean(w, map.a);
	touch_random(map.a, m, 5);
	touch_random(other, unseen, 3);
	expect_exact(w, map.a, m, RESET);
	touch_all(other);
	expect_clean(w, map.a);
}
END_TEST

START_TEST(two_mappings_of_the_same_memory_are_tracked_apart)
{
	struct map map = make_populated(_i);
	struct area other = map_alias(&map);
	struct wptrack *w = tracker_self();
	struct marks *m = marks_new(PAGES), *n = marks_new(PAGES);

	touch_all(other);
	track(w, map.a, 0);
	track(w, other, 0);
	touch_random(map.a, m, 5);
	touch_random(other, n, 5);
	expect_exact(w, map.a, m, RESET);
	expect_exact(w, other, n, GET);
	expect_clean(w, map.a);
	touch_all(map.a);
	expect_exact(w, other, n, RESET);
	expect_all(w, map.a);
}
END_TEST

static void touch_in_child(int fd, void *arg)
{
	struct area *a = arg;

	turn_wait(fd);
	touch_all(*a);
	turn_done(fd);
}

START_TEST(writes_of_another_process_are_not_seen)
{
	struct map map = make_populated(_i);
	struct wptrack *w = tracker_on(map.a);
	struct marks *m = marks_new(PAGES);
	struct peer p = peer_start(touch_in_child, &map.a);

	touch_random(map.a, m, 5);
	peer_turn(&p);
	expect_exact(w, map.a, m, RESET);
	peer_end(&p);
	marks_none(m);
	touch_random(map.a, m, 5);
	expect_exact(w, map.a, m, RESET);
}
END_TEST

START_TEST(write_to_the_file_is_not_seen)
{
	struct map map = make_populated(_i);
	struct wptrack *w = tracker_on(map.a);
	struct marks *m = marks_new(PAGES);
	char buf[3 * PAGE] = "x";

	if (map.fd < 0)
		return;
	must(pwrite(map.fd, buf, sizeof(buf), 7 * PAGE));
	expect_clean(w, map.a);
	touch(map.a, 8);
	m->w[8] = 1;
	expect_exact(w, map.a, m, RESET);
}
END_TEST

/* No record can be kept of all that is not there: so much is said, and counted. */
START_TEST(doubt_about_empty_memory_is_counted)
{
	struct area a = { .pages = 100 * PMD_PAGES };
	long before = stats_value("overreport_unsure");
	struct wptrack *w;

	a.p = must(mmap(NULL, a.pages * PAGE, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
	w = tracker_on(a);
	expect_clean(w, a);
	must(madvise(a.p, a.pages * PAGE, MADV_DONTNEED));
	ck_assert_uint_gt(count_written(w, a), 90 * PMD_PAGES);
	ck_assert_int_eq(stats_value("overreport_unsure"), before);
	reset(w, a);
	/* Where others have left a record, each page has a cause of its own. */
	ck_assert_int_gt(stats_value("overreport_unsure"), before + 90 * PMD_PAGES);
	expect_clean(w, a);
	wptrack_close(w);
}
END_TEST

START_TEST(hole_punch_is_written)
{
	struct map map = make_populated(_i);
	struct wptrack *w = tracker_on(map.a);
	struct marks *m = marks_new(PAGES);
	size_t i;

	must(madvise(map.a.p + 9 * PAGE, 30 * PAGE, MADV_REMOVE));
	marks_set(m, 9, 30);
	if (map.fd >= 0) {
		must(fallocate(map.fd,
			       FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       500 * PAGE, 300 * PAGE));
		marks_set(m, 500, 300);
	}
	expect_exact(w, map.a, m, GET);
	for (i = 0; i < 30; i++)
		ck_assert_uint_eq(map.a.p[(9 + i) * PAGE + 9 + i], 0);
	expect_no_lost(w, map.a, m, RESET, "read after a hole punch");
	marks_none(m);
	touch_random(map.a, m, 5);
	expect_no_lost(w, map.a, m, RESET, "read after a hole punch");
}
END_TEST

START_TEST(truncate_is_written)
{
	struct map map = make_populated(_i);
	struct wptrack *w = tracker_on(map.a);
	struct marks *m = marks_new(PAGES);

	if (map.fd < 0)
		return;
	must(ftruncate(map.fd, 1000 * PAGE));
	must(ftruncate(map.fd, PAGES * PAGE));
	marks_set(m, 1000, PAGES - 1000);
	expect_exact(w, map.a, m, RESET);
	marks_none(m);
	touch_random(map.a, m, 5);
	expect_exact(w, map.a, m, RESET);
}
END_TEST

START_TEST(child_of_a_tracked_process_changes_nothing)
{
	struct map map = make_populated(_i);
	struct wptrack *w = tracker_on(map.a);
	struct marks *m = marks_new(PAGES);
	pid_t pid = must(fork());

	if (!pid) {
		touch_all(map.a);
		munmap(map.a.p, PAGES * PAGE);
		_exit(0);
	}
	touch_random(map.a, m, 5);
	must(waitpid(pid, NULL, 0));
	expect_exact(w, map.a, m, RESET);
}
END_TEST

START_TEST(swapped_out_memory_loses_no_write)
{
	struct map map = make_populated(_i);
	struct wptrack *w = tracker_on(map.a);
	struct marks *m = marks_new(PAGES);
	int round;

	if (swap_missing())
		skip("%s", swap_missing());
	for (round = 0; round < 4; round++) {
		touch_random(map.a, m, 5);
		must(madvise(map.a.p, PAGES * PAGE, 21 /* MADV_PAGEOUT */));
		if (round % 2)
			read_all(map.a);
		touch_random(map.a, m, 5);
		expect_no_lost(w, map.a, m, RESET, "MADV_PAGEOUT");
		marks_none(m);
	}
}
END_TEST

START_TEST(private_mapping_of_a_memfd_is_exact)
{
	struct map map = map_make(MAP_KIND_MEMFD_PRIVATE, PAGES, 5);
	struct wptrack *w = tracker_on(map.a);
	struct marks *m = marks_new(PAGES);
	char buf[PAGE] = "x";

	expect_clean(w, map.a);
	read_all(area_sub(map.a, 0, 800));
	expect_clean(w, map.a);
	touch_random(map.a, m, 5);
	expect_exact(w, map.a, m, RESET);
	expect_clean(w, map.a);
	must(pwrite(map.fd, buf, PAGE, 7 * PAGE));
	expect_clean(w, map.a);
	marks_none(m);
	touch_random(map.a, m, 5);
	expect_exact(w, map.a, m, RESET);
}
END_TEST

static void fill_suite(Suite *s)
{
	TCase *tc = tcase_new(s, "shmem", TEST_TIMEOUT);

	tcase_add_unchecked_fixture(tc, swap_setup, swap_teardown);
#define EACH_KIND(test) tcase_add_loop_test(tc, test, 0, KINDS)
	EACH_KIND(populated_memory_is_clean_after_track);
	EACH_KIND(random_writes_are_exact_and_stay_until_reset);
	EACH_KIND(empty_memory_is_exact);
	EACH_KIND(read_memory_is_clean_after_track);
	EACH_KIND(start_written_reports_every_page_until_reset);
	EACH_KIND(writes_through_another_mapping_are_not_seen);
	EACH_KIND(two_mappings_of_the_same_memory_are_tracked_apart);
	EACH_KIND(writes_of_another_process_are_not_seen);
	EACH_KIND(write_to_the_file_is_not_seen);
	tcase_add_test(tc, doubt_about_empty_memory_is_counted);
	EACH_KIND(hole_punch_is_written);
	EACH_KIND(truncate_is_written);
	EACH_KIND(child_of_a_tracked_process_changes_nothing);
	EACH_KIND(swapped_out_memory_loses_no_write);
	tcase_add_test(tc, private_mapping_of_a_memfd_is_exact);
	shmem_protect(s);
	shmem_drop(s);
	shmem_fill(s);
}

int main(void)
{
	return suite_run("shmem", fill_suite);
}
