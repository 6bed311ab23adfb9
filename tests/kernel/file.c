// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files: private mappings, and shared ones with writeback going on.
 */
#define _GNU_SOURCE
#include "maps.h"

#include <fcntl.h>
#include <sys/mman.h>

#define PAGES 1237

#define need_ext4()							\
	do {								\
		if (!ext4_dir())					\
			skip("no ext4 scratch disk");			\
	} while (0)

static void drop_caches(void)
{
	sync();
	ck_assert(write_file("/proc/sys/vm/drop_caches", "3"));
}

START_TEST(private_empty_mapping_is_clean_when_read)
{
	struct map map;
	struct wptrack *w;
	struct marks *m = marks_new(PAGES);

	need_ext4();
	map = map_make(MAP_KIND_EXT4_PRIVATE, PAGES, 5);
	w = tracker_on(map.a);
	expect_clean(w, map.a);
	read_all(area_sub(map.a, 0, 700));
	expect_clean(w, map.a);
	touch_random(map.a, m, 5);
	expect_exact(w, map.a, m, GET);
	read_all(map.a);
	expect_exact(w, map.a, m, RESET);
	expect_clean(w, map.a);
	marks_none(m);
	touch_random(map.a, m, 5);
	expect_exact(w, map.a, m, RESET);
}
END_TEST

START_TEST(private_mapping_of_read_and_copied_pages_is_exact)
{
	struct map map;
	struct wptrack *w;
	struct marks *m = marks_new(PAGES);
	int round;

	need_ext4();
	map = map_make(MAP_KIND_EXT4_PRIVATE, PAGES, 5);
	read_all(map.a);
	touch_all(area_sub(map.a, 300, 500));
	w = tracker_on(map.a);
	expect_clean(w, map.a);
	for (round = 0; round < 5; round++) {
		marks_none(m);
		touch_random(map.a, m, 9);
		expect_exact(w, map.a, m, RESET);
		expect_clean(w, map.a);
	}
}
END_TEST

static void starts_written(enum map_kind kind)
{
	struct map map = map_make(kind, PAGES, 5);
	struct wptrack *w = tracker_self();
	struct marks *m = marks_new(PAGES);

	read_all(area_sub(map.a, 0, 800));
	touch_all(area_sub(map.a, 300, 200));
	track(w, map.a, WPTRACK_TRACK_START_WRITTEN);
	expect_all(w, map.a);
	reset(w, map.a);
	expect_clean(w, map.a);
	touch_random(area_sub(map.a, 0, 800), m, 5);
	expect_exact(w, map.a, m, RESET);
	expect_clean(w, map.a);
}

START_TEST(start_written_holds_for_all_of_a_private_mapping)
{
	need_ext4();
	starts_written(MAP_KIND_EXT4_PRIVATE);
}
END_TEST

START_TEST(start_written_holds_for_all_of_a_shared_mapping)
{
	need_ext4();
	starts_written(MAP_KIND_EXT4);
}
END_TEST

START_TEST(private_mapping_does_not_see_writes_to_the_file)
{
	struct map map;
	struct wptrack *w;
	struct marks *m = marks_new(PAGES);
	char buf[PAGE] = "x";

	need_ext4();
	map = map_make(MAP_KIND_EXT4_PRIVATE, PAGES, 5);
	read_all(map.a);
	w = tracker_on(map.a);
	must(pwrite(map.fd, buf, PAGE, 3 * PAGE));
	must(fsync(map.fd));
	expect_clean(w, map.a);
	touch(map.a, 3);
	m->w[3] = 1;
	expect_exact(w, map.a, m, RESET);
}
END_TEST

START_TEST(private_mapping_with_caches_dropped_loses_no_write)
{
	struct map map;
	struct wptrack *w;
	struct marks *m = marks_new(PAGES);
	int round;

	need_ext4();
	map = map_make(MAP_KIND_EXT4_PRIVATE, PAGES, 5);
	must(fsync(map.fd));
	touch_all(area_sub(map.a, 300, 300));
	w = tracker_on(map.a);
	for (round = 0; round < 4; round++) {
		must(madvise(map.a.p, PAGES * PAGE, 21 /* MADV_PAGEOUT */));
		drop_caches();
		touch_random(map.a, m, 9);
		expect_no_lost(w, map.a, m, GET, "paged out");
		read_all(map.a);
		expect_no_lost(w, map.a, m, RESET, "paged out");
		marks_none(m);
	}
}
END_TEST

START_TEST(private_mapping_loses_its_copies_by_dontneed)
{
	struct map map;
	struct wptrack *w;
	struct marks *m = marks_new(PAGES);

	need_ext4();
	map = map_make(MAP_KIND_EXT4_PRIVATE, PAGES, 5);
	touch_all(map.a);
	w = tracker_on(map.a);
	must(madvise(map.a.p + 100 * PAGE, 50 * PAGE, MADV_DONTNEED));
	read_all(map.a);
	marks_set(m, 100, 50);
	expect_exact(w, map.a, m, RESET);
}
END_TEST

START_TEST(private_mapping_of_a_file_cut_and_grown_again)
{
	struct map map;
	struct wptrack *w;
	struct marks *m = marks_new(PAGES);

	need_ext4();
	map = map_make(MAP_KIND_EXT4_PRIVATE, PAGES, 5);
	touch_all(map.a);
	w = tracker_on(map.a);
	/* Truncation takes private copies away, too. */
	must(ftruncate(map.fd, 900 * PAGE));
	must(ftruncate(map.fd, PAGES * PAGE));
	marks_set(m, 900, PAGES - 900);
	read_all(map.a);
	expect_exact(w, map.a, m, RESET);
}
END_TEST

START_TEST(shared_mapping_is_exact)
{
	struct map map;
	struct wptrack *w;
	struct marks *m = marks_new(PAGES);
	int round;

	need_ext4();
	map = map_make(MAP_KIND_EXT4, PAGES, 5);
	touch_all(map.a);
	w = tracker_on(map.a);
	expect_clean(w, map.a);
	for (round = 0; round < 5; round++) {
		marks_none(m);
		touch_random(map.a, m, 9);
		expect_exact(w, map.a, m, GET);
		touch_random(map.a, m, 9);
		expect_exact(w, map.a, m, RESET);
		expect_clean(w, map.a);
	}
	must(msync(map.a.p, PAGES * PAGE, MS_SYNC));
}
END_TEST

START_TEST(shared_mapping_that_was_only_read_is_exact)
{
	struct map map;
	struct wptrack *w;
	struct marks *m = marks_new(PAGES);

	need_ext4();
	map = map_make(MAP_KIND_EXT4, PAGES, 5);
	must(fsync(map.fd));
	read_all(map.a);
	w = tracker_on(map.a);
	expect_clean(w, map.a);
	read_all(map.a);
	expect_clean(w, map.a);
	touch_random(map.a, m, 9);
	expect_exact(w, map.a, m, RESET);
}
END_TEST

START_TEST(shared_empty_mapping_loses_no_write)
{
	struct map map;
	struct wptrack *w;
	struct marks *m = marks_new(PAGES);

	need_ext4();
	map = map_make(MAP_KIND_EXT4, PAGES, 5);
	must(fsync(map.fd));
	w = tracker_on(map.a);
	expect_clean(w, map.a);
	read_all(area_sub(map.a, 0, 700));
	touch_random(map.a, m, 9);
	expect_no_lost(w, map.a, m, RESET, "read after track");
	expect_clean(w, map.a);
	marks_none(m);
	touch_random(map.a, m, 9);
	expect_exact(w, map.a, m, RESET);
}
END_TEST

START_TEST(writeback_between_scans_changes_nothing)
{
	struct map map;
	struct wptrack *w;
	struct marks *m = marks_new(PAGES);
	int round;

	need_ext4();
	map = map_make(MAP_KIND_EXT4, PAGES, 5);
	touch_all(map.a);
	w = tracker_on(map.a);
	for (round = 0; round < 6; round++) {
		touch_random(map.a, m, 9);
		/* Written back before it was reported: still written. */
		must(msync(map.a.p, PAGES * PAGE, MS_SYNC));
		expect_exact(w, map.a, m, GET);
		touch_random(map.a, m, 9);
		expect_exact(w, map.a, m, RESET);
		/* Written back after it was reported: still clean. */
		must(fsync(map.fd));
		expect_clean(w, map.a);
		marks_none(m);
		touch_random(map.a, m, 9);
		expect_exact(w, map.a, m, RESET);
		marks_none(m);
	}
}
END_TEST

START_TEST(shared_mapping_with_caches_dropped_loses_no_write)
{
	struct map map;
	struct wptrack *w;
	struct marks *m = marks_new(PAGES);
	int round;

	need_ext4();
	map = map_make(MAP_KIND_EXT4, PAGES, 5);
	touch_all(map.a);
	w = tracker_on(map.a);
	for (round = 0; round < 4; round++) {
		touch_random(map.a, m, 9);
		drop_caches();
		/* Reclaim that goes on passes over pages that are away already. */
		expect_no_lost(w, map.a, m, GET, "caches dropped");
		must(madvise(map.a.p, PAGES * PAGE, 21 /* MADV_PAGEOUT */));
		drop_caches();
		if (round % 2)
			read_all(map.a);
		touch_random(map.a, m, 9);
		expect_no_lost(w, map.a, m, RESET, "paged out");
		settle(w, map.a);
		marks_none(m);
	}
}
END_TEST

START_TEST(shared_mapping_truncated_and_punched_is_written)
{
	struct map map;
	struct wptrack *w;
	struct marks *m = marks_new(PAGES);

	need_ext4();
	map = map_make(MAP_KIND_EXT4, PAGES, 5);
	touch_all(map.a);
	w = tracker_on(map.a);
	must(ftruncate(map.fd, 1000 * PAGE));
	must(ftruncate(map.fd, PAGES * PAGE));
	must(fallocate(map.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		       100 * PAGE, 50 * PAGE));
	marks_set(m, 1000, PAGES - 1000);
	marks_set(m, 100, 50);
	expect_exact(w, map.a, m, GET);
	touch_all(area_sub(map.a, 90, 20));
	marks_set(m, 90, 20);
	expect_exact(w, map.a, m, RESET);
	marks_none(m);
	touch_random(map.a, m, 9);
	expect_no_lost(w, map.a, m, RESET, "punched");
}
END_TEST

START_TEST(shared_mapping_does_not_see_other_writers)
{
	struct map map;
	struct area other;
	struct wptrack *w;
	struct marks *m = marks_new(PAGES);
	char buf[PAGE] = "x";

	need_ext4();
	map = map_make(MAP_KIND_EXT4, PAGES, 5);
	touch_all(map.a);
	other = map_alias(&map);
	w = tracker_on(map.a);
	touch_all(other);
	must(pwrite(map.fd, buf, PAGE, 3 * PAGE));
	must(fsync(map.fd));
	expect_clean(w, map.a);
	touch(map.a, 3);
	m->w[3] = 1;
	expect_exact(w, map.a, m, RESET);
}
END_TEST

START_TEST(the_file_has_what_was_written)
{
	struct map map;
	uint8_t *buf = malloc(PAGES * PAGE), *disk;
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	int round;

	need_ext4();
	map = map_make(MAP_KIND_EXT4, PAGES, 5);
	w = tracker_on(map.a);
	for (round = 0; round < 5; round++) {
		touch_random(map.a, m, 3);
		reset(w, map.a);
		if (round % 2)
			must(fsync(map.fd));
	}
	must(msync(map.a.p, PAGES * PAGE, MS_SYNC));
	ck_assert_int_eq(must(pread(map.fd, buf, PAGES * PAGE, 0)),
			 PAGES * PAGE);
	ck_assert(!memcmp(buf, map.a.p, PAGES * PAGE));
	wptrack_close(w);
	/* What is on the disk, not in the cache. */
	must(munmap(map.a.p, PAGES * PAGE));
	drop_caches();
	disk = malloc(PAGES * PAGE);
	ck_assert_int_eq(must(pread(map.fd, disk, PAGES * PAGE, 0)),
			 PAGES * PAGE);
	ck_assert(!memcmp(buf, disk, PAGES * PAGE));
}
END_TEST

START_TEST(program_text_and_data_can_be_tracked)
{
	static char data[8 * PAGE] __attribute__((aligned(4096))) = "data";
	struct area a = { (uint8_t *)data, 8 };
	uintptr_t text = (uintptr_t)&suite_run & ~(PAGE - 1);
	struct area code = { (uint8_t *)text, 1 };
	struct wptrack *w = tracker_self();
	struct marks *m = marks_new(8);

	track(w, a, 0);
	track(w, code, 0);
	touch(a, 2);
	m->w[2] = 1;
	expect_exact(w, a, m, RESET);
	expect_clean(w, a);
	marks_none(m);
	touch(a, 5);
	m->w[5] = 1;
	expect_exact(w, a, m, RESET);
	ck_assert_uint_le(count_written(w, code), 1);
}
END_TEST

static void fill_suite(Suite *s)
{
	TCase *tc = tcase_new(s, "private", TEST_TIMEOUT);

	tcase_add_test(tc, private_empty_mapping_is_clean_when_read);
	tcase_add_test(tc, private_mapping_of_read_and_copied_pages_is_exact);
	tcase_add_test(tc, start_written_holds_for_all_of_a_private_mapping);
	tcase_add_test(tc, private_mapping_does_not_see_writes_to_the_file);
	tcase_add_test(tc, private_mapping_with_caches_dropped_loses_no_write);
	tcase_add_test(tc, private_mapping_loses_its_copies_by_dontneed);
	tcase_add_test(tc, private_mapping_of_a_file_cut_and_grown_again);
	tcase_add_test(tc, program_text_and_data_can_be_tracked);

	tc = tcase_new(s, "shared", TEST_TIMEOUT);
	tcase_add_test(tc, shared_mapping_is_exact);
	tcase_add_test(tc, start_written_holds_for_all_of_a_shared_mapping);
	tcase_add_test(tc, shared_mapping_that_was_only_read_is_exact);
	tcase_add_test(tc, shared_empty_mapping_loses_no_write);
	tcase_add_test(tc, writeback_between_scans_changes_nothing);
	tcase_add_test(tc, shared_mapping_with_caches_dropped_loses_no_write);
	tcase_add_test(tc, shared_mapping_truncated_and_punched_is_written);
	tcase_add_test(tc, shared_mapping_does_not_see_other_writers);
	tcase_add_test(tc, the_file_has_what_was_written);
}

int main(void)
{
	return suite_run("file", fill_suite);
}
