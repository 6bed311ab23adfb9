// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many writers and resetting scanners at the same time: nothing may be lost.
 */
#define _GNU_SOURCE
#include "threads.h"
#include "ksm.h"
#include "swap.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#define PAGES	1100
#define LONG	20	/* seconds */
#define SHORT	2

static struct world world_of(enum map_kind kind)
{
	struct map map = map_make(kind, PAGES, 400);

	return (struct world){ .a = map.a, .file = map.fd, .scanners = 1 };
}

static struct world world_new(void)
{
	return world_of(MAP_KIND_ANON);
}

static void add_writers(struct world *w, int n)
{
	while (n--)
		world_add(w, &role_writer);
}

START_TEST(four_writers_against_a_resetting_scanner)
{
	struct world w = world_new();

	add_writers(&w, 4);
	world_run(&w, "four writers", run_seconds(LONG));
}
END_TEST

START_TEST(two_trackers_reset_at_the_same_time)
{
	struct world w = world_new();

	w.scanners = 2;
	add_writers(&w, 3);
	world_run(&w, "two trackers", run_seconds(SHORT));
}
END_TEST

static const struct role *const disturbers[] = {
	&role_reader, &role_forker, &role_dontneed, &role_protector,
	&role_readonly, &role_mover, &role_remote, &role_compactor,
	&role_merger, &role_pageout,
};
#define DISTURBERS ((int)(sizeof(disturbers) / sizeof(*disturbers)))

START_TEST(writers_with_one_disturber)
{
	struct world w = world_new();
	const struct role *role = disturbers[_i];

	if (role == &role_pageout && swap_missing())
		skip("%s", swap_missing());
	add_writers(&w, 2);
	world_add(&w, role);
	world_run(&w, role->name, run_seconds(SHORT));
}
END_TEST

START_TEST(writers_with_all_disturbers)
{
	struct world w = world_new();
	int i;

	w.scanners = 2;
	add_writers(&w, 3);
	for (i = 0; i < DISTURBERS; i++)
		world_add(&w, disturbers[i]);
	world_run(&w, "all disturbers", run_seconds(2 * SHORT));
}
END_TEST

START_TEST(writers_with_direct_io_into_the_same_pages)
{
	struct world w = world_new();

	if (!ext4_dir())
		skip("no ext4 scratch disk");
	add_writers(&w, 2);
	world_add(&w, &role_direct);
	world_run(&w, "direct I/O", run_seconds(SHORT));
}
END_TEST

START_TEST(writers_on_shared_memory)
{
	struct world w = world_of(MAP_KIND_MEMFD);

	add_writers(&w, 3);
	world_add(&w, &role_reader);
	world_add(&w, &role_dontneed);
	world_add(&w, &role_protector);
	world_add(&w, &role_remote);
	world_run(&w, "shared memory", run_seconds(SHORT));
}
END_TEST

static const struct {
	const struct role *roles[6];
	uint64_t flags;
} huge_worlds[] = {
	{ { &role_reader }, 0 },
	{ { &role_collapser, &role_forker }, 0 },
	{ { &role_collapser, &role_compactor, &role_remote }, 0 },
	{ { &role_collapser, &role_dontneed, &role_protector }, 0 },
	{ { &role_collapser, &role_dontneed, &role_forker },
	  WPTRACK_TRACK_KEEP_HUGE },
	{ { &role_reader }, WPTRACK_TRACK_KEEP_HUGE },
	{ { &role_collapser, &role_forker, &role_compactor, &role_remote,
	    &role_protector, &role_dontneed }, WPTRACK_TRACK_KEEP_HUGE },
};

START_TEST(writers_on_huge_pages)
{
	struct world w = { .a = thp(4), .file = -1, .scanners = 2 };
	size_t i;

	w.flags = huge_worlds[_i].flags;
	add_writers(&w, 3);
	for (i = 0; i < 6 && huge_worlds[_i].roles[i]; i++)
		world_add(&w, huge_worlds[_i].roles[i]);
	world_run(&w, w.flags ? "kept huge pages" : "huge pages",
		  run_seconds(SHORT));
	note("  splits %ld, carried %ld", stats_value("splits"),
	     stats_value("carried"));
}
END_TEST

static const struct {
	const struct role *roles[4];
	uint64_t flags;
} collapsed_worlds[] = {
	{ { &role_collapser, &role_pageout }, 0 },
	{ { &role_collapser, &role_pageout, &role_dontneed, &role_protector }, 0 },
	{ { &role_collapser, &role_pageout, &role_dontneed, &role_remote }, WPTRACK_TRACK_KEEP_HUGE },
};

/* What is swapped out is in small pages when it comes back. */
START_TEST(writers_on_a_file_that_is_collapsed)
{
	struct world w = { .file = must(memfd_create("world", 0)), .scanners = 2 };
	const long before = stats_value("carried");
	size_t i;

	if (swap_missing())
		skip("%s", swap_missing());
	if (linux_before(6, 1))
		skip("MADV_COLLAPSE came with Linux 6.1");
	must(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0));
	must(ftruncate(w.file, 4 * PMD));
	w.a = hole(4 * PMD_PAGES, 0);
	must(mmap(w.a.p, 4 * PMD, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, w.file, 0));
	touch_all(w.a);
	w.flags = collapsed_worlds[_i].flags;
	add_writers(&w, 3);
	for (i = 0; i < 4 && collapsed_worlds[_i].roles[i]; i++)
		world_add(&w, collapsed_worlds[_i].roles[i]);
	world_run(&w, w.flags ? "a file with kept huge pages" : "a file that is collapsed",
		  run_seconds(2 * SHORT));
	note("  carried %ld", stats_value("carried") - before);
}
END_TEST

START_TEST(writers_on_hugetlb)
{
	struct world w = { .file = -1, .scanners = 2 };

	if (!hugetlb_pages(24))
		skip("no huge pages");
	w.a = hugetlb(4, _i, &w.file);
	memset(w.a.p, 1, w.a.pages * PAGE);
	add_writers(&w, 3);
	world_add(&w, &role_reader);
	world_add(&w, &role_remote);
	world_add(&w, &role_protector);
	world_add(&w, _i ? &role_dontneed : &role_forker);
	world_run(&w, _i ? "shared hugetlb" : "private hugetlb",
		  run_seconds(SHORT));
}
END_TEST

START_TEST(writers_on_a_shared_file_with_writeback)
{
	struct world w;

	if (!ext4_dir())
		skip("no ext4 scratch disk");
	w = world_of(MAP_KIND_EXT4);
	add_writers(&w, 3);
	world_add(&w, &role_fsync);
	world_add(&w, &role_reader);
	world_add(&w, &role_dontneed);
	world_run(&w, "shared file", run_seconds(SHORT));
}
END_TEST

START_TEST(writers_on_a_private_file)
{
	struct world w;

	if (!ext4_dir())
		skip("no ext4 scratch disk");
	w = world_of(MAP_KIND_EXT4_PRIVATE);
	add_writers(&w, 3);
	world_add(&w, &role_reader);
	world_add(&w, &role_dontneed);
	world_add(&w, &role_forker);
	world_run(&w, "private file", run_seconds(SHORT));
}
END_TEST

static void fill_suite(Suite *s)
{
	TCase *tc = tcase_new(s, "long", LONG * 6 + TEST_TIMEOUT);

	tcase_add_test(tc, four_writers_against_a_resetting_scanner);

	tc = tcase_new(s, "short", SHORT * 20 + TEST_TIMEOUT);
	tcase_add_unchecked_fixture(tc, swap_setup, swap_teardown);
	tcase_add_unchecked_fixture(tc, NULL, ksm_off);
	tcase_add_test(tc, two_trackers_reset_at_the_same_time);
	tcase_add_loop_test(tc, writers_with_one_disturber, 0, DISTURBERS);
	tcase_add_test(tc, writers_with_direct_io_into_the_same_pages);
	tcase_add_test(tc, writers_on_shared_memory);
	tcase_add_test(tc, writers_on_a_shared_file_with_writeback);
	tcase_add_test(tc, writers_on_a_private_file);
	tcase_add_test(tc, writers_with_all_disturbers);

	tc = tcase_new(s, "huge", SHORT * 20 + TEST_TIMEOUT);
	tcase_add_unchecked_fixture(tc, NULL, hugetlb_none);
	tcase_add_loop_test(tc, writers_on_huge_pages, 0,
			    sizeof(huge_worlds) / sizeof(huge_worlds[0]));
	tcase_add_loop_test(tc, writers_on_hugetlb, 0, 2);

	tc = tcase_new(s, "collapse", SHORT * 20 + TEST_TIMEOUT);
	tcase_add_unchecked_fixture(tc, swap_setup, swap_teardown);
	tcase_add_loop_test(tc, writers_on_a_file_that_is_collapsed, 0,
			    sizeof(collapsed_worlds) / sizeof(collapsed_worlds[0]));

	threads_crowd(s);
	threads_zaps(s);
}

int main(void)
{
	return suite_run("threads", fill_suite);
}
