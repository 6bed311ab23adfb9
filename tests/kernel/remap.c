// SPDX-License-Identifier: GPL-2.0-only
/*
 * mremap and MAP_FIXED: ptes that say "clean" travel to where they do not
 * belong.
 */
#define _GNU_SOURCE
#include "maps.h"
#include "remap.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

/* Whole page tables move as such where size and place allow it. */
static const struct {
	size_t pages, offset;
} shapes[] = {
	{ 1, 3 },
	{ 64, 0 },
	{ 7, 509 },
	{ 700, 100 },
	{ PMD_PAGES, 0 },
	{ 3 * PMD_PAGES, 0 },
};
#define SHAPES ((int)(sizeof(shapes) / sizeof(*shapes)))

static struct area shaped(int loop)
{
	return map_make(MAP_KIND_ANON, shapes[loop].pages,
			shapes[loop].offset).a;
}

static struct area shaped_populated(int loop)
{
	struct area a = shaped(loop);

	touch_all(a);
	return a;
}

static struct area shaped_hole(int loop)
{
	return hole(shapes[loop].pages, shapes[loop].offset);
}

static void move(struct area from, struct area to, int flags)
{
	must(mremap(from.p, from.pages * PAGE, to.pages * PAGE,
		    MREMAP_MAYMOVE | MREMAP_FIXED | flags, to.p));
}

/* From here on the area has to be as good as any other. */
static void expect_works(struct wptrack *w, struct area a)
{
	struct marks *m = marks_new(a.pages);
	int round;

	reset(w, a);
	for (round = 0; round < 2; round++) {
		marks_none(m);
		expect_clean(w, a);
		touch(a, 0);
		m->w[0] = 1;
		touch_random(a, m, 5);
		expect_exact(w, a, m, RESET);
	}
	free(m);
}

/*
 * One munmap() of several mappings is one event, and on older kernels it names the first of
 * them: here one of hugetlb, which needs no page.  _i: who asks.
 */
START_TEST(move_to_where_hugetlb_and_more_was_is_written)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
	struct area all = hole(PMD_PAGES + 64, 0), to = area_sub(all, PMD_PAGES, 64);
	struct area from = map_make(MAP_KIND_ANON, 64, 0).a;
	struct wptrack *w = tracker_self();
	struct marks *m = marks_new(to.pages);

	if (mmap(all.p, PMD, PROT_READ | PROT_WRITE, flags | MAP_HUGETLB | MAP_NORESERVE, -1,
		 0) == MAP_FAILED)
		skip("hugetlb: %s", strerror(errno));
	must(mmap(to.p, to.pages * PAGE, PROT_READ | PROT_WRITE, flags, -1, 0));
	touch_all(to);
	touch_all(from);
	track(w, to, 0);
	track(w, from, 0);
	settle(w, to);
	settle(w, from);
	must(munmap(all.p, all.pages * PAGE));
	move(from, to, 0);
	marks_set(m, 0, to.pages);
	expect_exact(w, to, m, _i ? RESET : GET);
}
END_TEST

START_TEST(move_over_tracked_memory_is_written)
{
	struct area from = shaped_populated(_i), to = shaped_populated(_i);
	struct wptrack *w = tracker_self();

	track(w, from, 0);
	track(w, to, 0);
	expect_clean(w, from);
	expect_clean(w, to);
	move(from, to, 0);
	expect_all(w, to);
	expect_works(w, to);
	/* What was moved away is gone from there. */
	map_over(from, PROT_READ | PROT_WRITE);
	expect_all(w, from);
	expect_works(w, from);
}
END_TEST

START_TEST(move_into_a_tracked_hole_is_written)
{
	struct area from = shaped_populated(_i), to = shaped_hole(_i);
	struct wptrack *w = tracker_self();

	track(w, from, 0);
	track(w, to, 0);
	expect_clean(w, from);
	expect_clean(w, to);
	move(from, to, 0);
	expect_all(w, to);
	expect_works(w, to);
}
END_TEST

START_TEST(move_over_empty_tracked_memory_is_written)
{
	struct area from = shaped_populated(_i), to = shaped(_i);
	struct wptrack *w = tracker_self();

	track(w, from, 0);
	track(w, to, 0);
	read_all(area_sub(to, 0, to.pages / 2));
	expect_clean(w, to);
	move(from, to, 0);
	expect_all(w, to);
	expect_works(w, to);
}
END_TEST

START_TEST(move_of_untracked_memory_over_tracked_is_written)
{
	struct area from = shaped_populated(_i), to = shaped_populated(_i);
	struct wptrack *w = tracker_on(to);

	move(from, to, 0);
	expect_all(w, to);
	expect_works(w, to);
}
END_TEST

START_TEST(move_of_memory_that_another_tracker_watches_is_written)
{
	struct area from = shaped_populated(_i), to = shaped_populated(_i);
	struct wptrack *w = tracker_on(to), *other = tracker_on(from);

	expect_clean(other, from);
	move(from, to, 0);
	expect_all(w, to);
	expect_works(w, to);
	expect_clean(other, to);
}
END_TEST

START_TEST(write_made_elsewhere_comes_back_with_the_memory)
{
	struct area a = shaped_populated(_i), away = shaped_hole(_i);
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(a.pages);

	expect_clean(w, a);
	move(a, away, 0);
	touch_random(away, m, 5);
	move(away, a, 0);
	expect_no_lost(w, a, m, GET, "moved away and back");
	expect_works(w, a);
}
END_TEST

START_TEST(scan_while_the_memory_is_away)
{
	struct area a = shaped_populated(_i), away = shaped_hole(_i);
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(a.pages);

	move(a, away, 0);
	/* Nothing is mapped there: there is nothing to reset. */
	reset(w, a);
	touch_random(away, m, 5);
	move(away, a, 0);
	expect_no_lost(w, a, m, GET, "moved away and back");
	expect_works(w, a);
}
END_TEST

START_TEST(dontunmap_leaves_written_memory_on_both_sides)
{
	struct area from = shaped_populated(_i), to = shaped_hole(_i);
	struct wptrack *w = tracker_self();
	void *p;

	track(w, from, 0);
	track(w, to, 0);
	expect_clean(w, from);
	p = mremap(from.p, from.pages * PAGE, to.pages * PAGE,
		   MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to.p);
	if (p == MAP_FAILED)
		skip("MREMAP_DONTUNMAP: %s", strerror(errno));
	expect_all(w, to);
	expect_all(w, from);
	expect_works(w, to);
	expect_works(w, from);
}
END_TEST

START_TEST(growth_in_place_is_clean_until_written)
{
	struct area all = hole(1600, 77), a = area_sub(all, 0, 700);
	struct wptrack *w = tracker_on(all);
	struct marks *m = marks_new(all.pages);

	map_over(a, PROT_READ | PROT_WRITE);
	touch_all(a);
	reset(w, all);
	must(mremap(a.p, 700 * PAGE, 1500 * PAGE, 0));
	expect_clean(w, all);
	touch_random(area_sub(all, 0, 1500), m, 5);
	expect_exact(w, all, m, RESET);
	expect_clean(w, all);
}
END_TEST

START_TEST(what_was_cut_off_and_grown_again_is_written)
{
	struct area a = map_make(MAP_KIND_ANON, 1237, 5).a;
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(a.pages);

	touch_all(a);
	reset(w, a);
	must(mremap(a.p, 1237 * PAGE, 600 * PAGE, 0));
	must(mremap(a.p, 600 * PAGE, 1237 * PAGE, 0));
	marks_set(m, 600, 637);
	expect_exact(w, a, m, GET);
	expect_works(w, a);
}
END_TEST

START_TEST(growth_by_moving_into_tracked_memory)
{
	struct area from = map_make(MAP_KIND_ANON, 700, 100).a;
	struct area to = hole(1500, 100);
	struct wptrack *w = tracker_self();
	struct marks *m = marks_new(to.pages);

	touch_all(from);
	track(w, from, 0);
	track(w, to, 0);
	move(from, to, 0);
	marks_set(m, 0, 700);
	touch(to, 900);
	m->w[900] = 1;
	expect_no_lost(w, to, m, GET, "mremap to a larger size");
	expect_works(w, to);
}
END_TEST

START_TEST(move_of_shared_memory_over_tracked_is_written)
{
	struct map from = map_make(MAP_KIND_MEMFD, 1024, 0);
	struct map to = map_make(MAP_KIND_MEMFD, 1024, 0);
	struct wptrack *w = tracker_self();

	touch_all(from.a);
	touch_all(to.a);
	track(w, from.a, 0);
	track(w, to.a, 0);
	expect_clean(w, to.a);
	move(from.a, to.a, 0);
	expect_all(w, to.a);
	expect_works(w, to.a);
}
END_TEST

START_TEST(clean_shared_memory_moved_into_a_tracked_hole_is_written)
{
	struct area a = map_make(MAP_KIND_MEMFD, 600, 0).a, to = hole(600, 0);
	struct wptrack *w = tracker_self();

	touch_all(a);
	track(w, a, 0);
	track(w, to, 0);
	expect_clean(w, a);
	move(a, to, 0);
	expect_all(w, to);
	expect_works(w, to);
}
END_TEST

/* What was written is in the file, and no pte that moves tells of it. */
START_TEST(shared_memory_that_moves_while_it_is_not_mapped_is_written)
{
	static const enum map_kind kinds[] = {
		MAP_KIND_MEMFD, MAP_KIND_EXT4, MAP_KIND_SHARED_ANON,
	};
	const enum map_kind kind = kinds[_i / 2];
	struct wptrack *w = tracker_self();
	/* With a page less than a page table has the kernel begins where that does. */
	const size_t less = _i % 2, pages = less ? PMD_PAGES - less : 600;
	struct area to = hole(pages, less);
	struct marks *m = marks_new(pages);
	struct map map;

	if (kind == MAP_KIND_EXT4 && !ext4_dir())
		skip("no ext4 scratch disk");
	map = map_make(kind, pages, less);
	track(w, (struct area){ map.a.p - less * PAGE, pages + less }, 0);
	track(w, (struct area){ to.p - less * PAGE, pages + less }, 0);
	reset(w, map.a);
	touch_random(map.a, m, 5);
	if (map.fd >= 0)
		must(fdatasync(map.fd));
	must(madvise(map.a.p, map.a.pages * PAGE, MADV_DONTNEED));
	move(map.a, to, 0);
	expect_no_lost(w, to, m, GET, "moved while it was not mapped");
	read_all(to);
	expect_no_lost(w, to, m, RESET, "moved while it was not mapped");
	expect_works(w, to);
}
END_TEST

/* Stops its parent as the next mremap() begins, and changes what its result will replace. */
static void meddle(int ready)
{
	const pid_t pid = getppid();
	struct user_regs_struct regs;
	int status;

	if (ptrace(PTRACE_ATTACH, pid, 0, 0) || waitpid(pid, NULL, __WALL) != pid ||
	    write(ready, "", 1) != 1)
		_exit(1);
	do {
		if (ptrace(PTRACE_SYSCALL, pid, 0, 0) ||
		    waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status) ||
		    ptrace(PTRACE_GETREGS, pid, 0, &regs))
			_exit(2);
	} while (regs.orig_rax != SYS_mremap);
	regs.rax = 0;
	if (ptrace(PTRACE_SETREGS, pid, 0, &regs) || ptrace(PTRACE_DETACH, pid, 0, 0))
		_exit(3);
	_exit(0);
}

START_TEST(shared_memory_that_moves_while_a_debugger_meddles_is_written)
{
	struct wptrack *w = tracker_self();
	struct area to = hole(600, 0);
	struct marks *m = marks_new(600);
	int ready[2], status;
	struct map map;
	uint8_t byte;

	map = map_make(MAP_KIND_MEMFD, 600, 0);
	track(w, map.a, 0);
	track(w, to, 0);
	reset(w, map.a);
	touch_random(map.a, m, 5);
	must(madvise(map.a.p, map.a.pages * PAGE, MADV_DONTNEED));
	/* EINVAL: nobody has to be allowed where there is no Yama. */
	if (prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0))
		ck_assert_int_eq(errno, EINVAL);
	must(pipe(ready));
	if (!must(fork()))
		meddle(ready[1]);
	ck_assert_int_eq(must(read(ready[0], &byte, 1)), 1);
	move(map.a, to, 0);
	must(wait(&status));
	ck_assert_int_eq(status, 0);
	expect_no_lost(w, to, m, GET, "moved while a debugger meddled");
	read_all(to);
	expect_no_lost(w, to, m, RESET, "moved while a debugger meddled");
	expect_works(w, to);
}
END_TEST

/* The record says nothing of it any more, but one of the trackers has not heard of it. */
START_TEST(shared_memory_that_another_tracker_has_reset_is_written_where_it_moves)
{
	struct wptrack *w = tracker_self(), *other = tracker_self();
	struct area to = hole(600, 0);
	struct marks *m = marks_new(600);
	struct map map;

	if (!ext4_dir())
		skip("no ext4 scratch disk");
	map = map_make(MAP_KIND_EXT4, 600, 0);
	track(w, map.a, 0);
	track(w, to, 0);
	track(other, map.a, 0);
	reset(w, map.a);
	touch_random(map.a, m, 5);
	must(fdatasync(map.fd));
	must(madvise(map.a.p, map.a.pages * PAGE, MADV_DONTNEED));
	settle(other, map.a);
	move(map.a, to, 0);
	read_all(to);
	expect_no_lost(w, to, m, RESET, "moved while it was not mapped");
	expect_works(w, to);
}
END_TEST

/*
 * Written back, and moved: its pte is as clean as one that nobody has used, but for the
 * mark that it has taken along, and mprotect() takes that.
 */
START_TEST(written_shared_memory_that_moves_and_is_protected_is_written)
{
	struct wptrack *w = tracker_self();
	struct area to = hole(64, 0);
	struct marks *m = marks_new(64);
	struct map map;

	if (!ext4_dir())
		skip("no ext4 scratch disk");
	map = map_make(MAP_KIND_EXT4, 64, 0);
	read_all(map.a);
	track(w, map.a, 0);
	track(w, to, 0);
	reset(w, map.a);
	touch_random(map.a, m, 5);
	must(fdatasync(map.fd));
	move(map.a, to, 0);
	must(mprotect(to.p, 64 * PAGE, _i ? PROT_NONE : PROT_READ));
	must(mprotect(to.p, 64 * PAGE, PROT_READ | PROT_WRITE));
	expect_no_lost(w, to, m, RESET, "moved and protected");
	expect_works(w, to);
}
END_TEST

static void *write_back(void *arg)
{
	int *fd = arg;

	for (;;)
		fdatasync(*fd);
	return NULL;
}

/*
 * Writeback looks for the mappings of a page one after the other, and a page may move
 * meanwhile from one that it has seen to one that it is about to see: it is read-only
 * at its new place, and has never been anything else there.
 */
START_TEST(shared_memory_that_moves_during_writeback_loses_no_write)
{
	const size_t first = 30, pages = 12;
	double end = seconds() + run_seconds(4);
	struct area holes = hole(4 * PMD_PAGES, 0), part, to;
	const size_t places = holes.pages / pages;
	struct marks *m = marks_new(pages);
	struct wptrack *w = tracker_self();
	size_t rounds = 0, i;
	pthread_t thread;
	struct map map;

	if (!ext4_dir())
		skip("no ext4 scratch disk");
	map = map_make(MAP_KIND_EXT4, 64, 0);
	part = area_sub(map.a, first, pages);
	track(w, map.a, 0);
	track(w, holes, 0);
	marks_set(m, 0, pages);
	ck_assert(!pthread_create(&thread, NULL, write_back, &map.fd));
	for (; seconds() < end; rounds++) {
		must(mmap(map.a.p, map.a.pages * PAGE, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_FIXED, map.fd, 0));
		/* Nothing is known of any of the places. */
		if (rounds % places == 0)
			must(munmap(holes.p, holes.pages * PAGE));
		if (rounds % places == 0)
			reset(w, holes);
		reset(w, map.a);
		for (i = 0; i < pages; i++)
			touch(part, i);
		to = area_sub(holes, rounds % places * pages, pages);
		move(part, to, 0);
		expect_no_lost(w, to, m, GET, "moved");
	}
	pthread_cancel(thread);
	pthread_join(thread, NULL);
	note("%zu moves during writeback", rounds);
}
END_TEST

START_TEST(second_mapping_made_by_mremap_loses_no_write)
{
	struct map map = map_make(MAP_KIND_MEMFD, 600, 0);
	struct area to = hole(600, 0);
	struct wptrack *w = tracker_on(to);
	struct marks *m = marks_new(600);

	touch_all(map.a);
	track(w, map.a, 0);
	must(mremap(map.a.p, 0, 600 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		    to.p));
	touch_random(to, m, 5);
	expect_no_lost(w, to, m, RESET, "read of new shared memory");
	expect_clean(w, map.a);
	read_all(to);
	expect_works(w, to);
}
END_TEST

START_TEST(map_fixed_over_tracked_memory_is_written)
{
	struct area a = shaped_populated(_i);
	struct wptrack *w = tracker_on(a);
	struct map file = map_make(MAP_KIND_MEMFD_PRIVATE, a.pages, 0);

	expect_clean(w, a);
	map_over(a, PROT_READ | PROT_WRITE);
	expect_all(w, a);
	expect_works(w, a);
	touch_all(a);
	reset(w, a);
	/* Other data, and not one pte of it is there yet. */
	must(mmap(a.p, a.pages * PAGE, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_FIXED, file.fd, 0));
	expect_all(w, a);
	expect_works(w, a);
}
END_TEST

static void fill_suite(Suite *s)
{
	TCase *tc = tcase_new(s, "remap", TEST_TIMEOUT);

#define EACH_SHAPE(test) tcase_add_loop_test(tc, test, 0, SHAPES)
	EACH_SHAPE(move_over_tracked_memory_is_written);
	EACH_SHAPE(move_into_a_tracked_hole_is_written);
	EACH_SHAPE(move_over_empty_tracked_memory_is_written);
	EACH_SHAPE(move_of_untracked_memory_over_tracked_is_written);
	EACH_SHAPE(move_of_memory_that_another_tracker_watches_is_written);
	EACH_SHAPE(write_made_elsewhere_comes_back_with_the_memory);
	EACH_SHAPE(scan_while_the_memory_is_away);
	EACH_SHAPE(dontunmap_leaves_written_memory_on_both_sides);
	EACH_SHAPE(map_fixed_over_tracked_memory_is_written);
	tcase_add_loop_test(tc, move_to_where_hugetlb_and_more_was_is_written, 0, 2);
	tcase_add_test(tc, growth_in_place_is_clean_until_written);
	tcase_add_test(tc, what_was_cut_off_and_grown_again_is_written);
	tcase_add_test(tc, growth_by_moving_into_tracked_memory);
	tcase_add_loop_test(tc, written_shared_memory_that_moves_and_is_protected_is_written,
			    0, 2);
	tcase_add_test(tc, shared_memory_that_moves_during_writeback_loses_no_write);
	tcase_add_test(tc, shared_memory_that_another_tracker_has_reset_is_written_where_it_moves);
	tcase_add_test(tc, shared_memory_that_moves_while_a_debugger_meddles_is_written);
	tcase_add_loop_test(tc, shared_memory_that_moves_while_it_is_not_mapped_is_written,
			    0, 6);
	tcase_add_test(tc, move_of_shared_memory_over_tracked_is_written);
	tcase_add_test(tc, clean_shared_memory_moved_into_a_tracked_hole_is_written);
	tcase_add_test(tc, second_mapping_made_by_mremap_loses_no_write);
	remap_random(s);
	remap_holes(s);
}

int main(void)
{
	return suite_run("remap", fill_suite);
}
