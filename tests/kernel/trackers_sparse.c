// SPDX-License-Identifier: GPL-2.0-only
/*
 * Large and nearly empty ranges: they cost nothing, and whoever walks through them
 * can be killed.
 */
#define _GNU_SOURCE
#include "trackers.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define GIB	(1UL << 30)

static struct area reserve(size_t bytes)
{
	struct area a;

	a.p = must(mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
	a.pages = bytes / PAGE;
	return a;
}

/* A number of kB in a file of /proc. */
static long kib(const char *path, const char *key)
{
	char line[256];
	FILE *f = fopen(path, "re");
	long n = -1;

	ck_assert_ptr_nonnull(f);
	while (n < 0 && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			n = atol(line + strlen(key));
	fclose(f);
	ck_assert_int_ge(n, 0);
	return n;
}

static long page_tables(void)
{
	return kib("/proc/self/status", "VmPTE:");
}

START_TEST(a_sparse_tebibyte_takes_no_page_tables_and_no_records)
{
	struct area a = reserve(1024 * GIB), part = area_sub(a, 300 * GIB / PAGE, 9);
	struct wptrack *w = tracker_self();
	struct marks *m = marks_new(9);
	long all, own, bytes;
	double t;

	all = kib("/proc/meminfo", "PageTables:");
	own = page_tables();
	bytes = stats_value("record_bytes");
	t = seconds();
	track(w, a, 0);
	note("tracked in %.1f ms", (seconds() - t) * 1e3);
	note("PageTables of the machine: %ld kB before, %ld kB after", all,
	     kib("/proc/meminfo", "PageTables:"));
	note("page tables of the process: %ld kB before, %ld kB after", own,
	     page_tables());
	note("record_bytes: %ld before, %ld after", bytes,
	     stats_value("record_bytes"));
	ck_assert_int_eq(page_tables(), own);
	ck_assert_int_eq(stats_value("record_bytes"), bytes);

	t = seconds();
	ck_assert_uint_eq(count_written(w, a), 0);
	note("scanned in %.1f ms", (seconds() - t) * 1e3);
	ck_assert_int_eq(page_tables(), own);
	touch(part, 1);
	touch(part, 8);
	m->w[1] = m->w[8] = 1;
	ck_assert_uint_eq(count_written(w, a), 2);
	expect_exact(w, part, m, RESET);
	expect_clean(w, a);
	/* A page table and its parents, some for the test's own memory; a chunk and its group. */
	ck_assert_int_le(page_tables(), own + 40);
	ck_assert_int_le(stats_value("record_bytes"), bytes + 2048);
}
END_TEST

/* A page in each 128 MiB makes a group for each; they go with the last chunk. */
START_TEST(records_of_a_sparse_range_are_freed_as_a_whole)
{
	struct area a = reserve(16 * GIB), little = anon_populated(3);
	struct wptrack *first = tracker_on(little), *w = tracker_self();
	long before = stats_value("record_bytes"), with;
	size_t i, every = (128UL << 20) / PAGE;
	struct marks *m = marks_new(3);

	for (i = 0; i < a.pages; i += every)
		touch(a, i);
	track(w, a, 0);
	with = stats_value("record_bytes");
	note("%zu chunks: record_bytes %ld before, %ld with them", a.pages / every,
	     before, with);
	ck_assert_int_ge(with, before + (long)(a.pages / every) * 500);
	untrack(w, area_sub(a, 0, a.pages / 2));
	ck_assert_int_lt(stats_value("record_bytes"), before + (with - before) * 6 / 10);
	wptrack_close(w);
	ck_assert_int_eq(stats_value("record_bytes"), before);
	touch(little, 2);
	m->w[2] = 1;
	expect_exact(first, little, m, RESET);
}
END_TEST

struct kill {
	struct area a;
	bool idle;
};

/* Each page of the range matches: the walk takes seconds. */
static void scans_for_ever(int fd, void *arg)
{
	const struct kill *k = arg;
	const struct area *a = &k->a;
	struct wptrack_scan_opts o = {
		.sz = sizeof(o), .return_mask = WPTRACK_PAGE_PRESENT,
	};
	struct wptrack *w;

	turn_wait(fd);
	if (wptrack_open(&w, NULL) || wptrack_attach_self(w) ||
	    wptrack_track(w, area_start(*a), area_end(*a), 0))
		_exit(1);
	peer_must(send(fd, "", 1, 0));
	while (k->idle)
		pause();
	for (;;)
		wptrack_count(w, area_start(*a), area_end(*a), &o);
}

/*
 * How long it takes until a child that was killed is gone, at best of @tries, or until
 * it is less than @enough.
 */
static double kill_time(struct kill *k, const char *what, int tries, double enough)
{
	double best = 1e9, took;
	struct peer p;
	int try;

	for (try = 0; try < tries && best >= enough; try++) {
		p = peer_start(scans_for_ever, k);
		peer_turn(&p);
		usleep(20000 + rnd_below(100000));
		took = seconds();
		must(kill(p.pid, SIGKILL));
		must(waitpid(p.pid, NULL, 0));
		took = seconds() - took;
		close(p.fd);
		note("%s: gone after %.1f ms", what, took * 1e3);
		if (took < best)
			best = took;
	}
	return best;
}

/*
 * The machine that emulates this one may be busy, and then all takes longer: what
 * the end of the same process takes when it is not scanning is not the scan's.
 */
START_TEST(a_killed_scan_of_100_gib_is_gone_in_100_ms)
{
	struct kill k = { .a = reserve(100 * GIB) };
	double idle, scanning;
	size_t i;

	/* Chunks every GiB: between them one step, over them many. */
	for (i = 0; i < k.a.pages; i += GIB / PAGE)
		touch(k.a, i);
	k.idle = true;
	idle = kill_time(&k, "idle", 5, 0);
	k.idle = false;
	scanning = kill_time(&k, "scanning", 25, idle + 0.1);
	ck_assert_msg(scanning < idle + 0.1, "at best it took %.0f ms, and %.0f ms when idle",
		      scanning * 1e3, idle * 1e3);
}
END_TEST

struct given_up {
	struct area a;
	struct wptrack *w;
};

static void untracks(int fd, void *arg)
{
	struct given_up *g = arg;

	turn_wait(fd);
	peer_must(send(fd, "", 1, 0));
	wptrack_untrack(g->w, area_start(g->a), area_end(g->a));
	pause();
}

/*
 * The child uses its parent's tracker.  Whatever it was killed in, the range is
 * tracked no more or still is, and the next commands work.
 */
START_TEST(killed_untrack_leaves_a_tracker_that_works)
{
	struct given_up g = { anon_populated(20000), NULL };
	struct area little = area_sub(g.a, 700, 50);
	struct marks *m = marks_new(50);
	struct peer p;
	int try;

	g.w = tracker_self();
	for (try = 0; try < 5; try++) {
		track(g.w, g.a, 0);
		p = peer_start(untracks, &g);
		peer_turn(&p);
		usleep(rnd_below(15000));
		must(kill(p.pid, SIGKILL));
		must(waitpid(p.pid, NULL, 0));
		close(p.fd);
		track(g.w, little, 0);
		touch(little, 7);
		marks_none(m);
		m->w[7] = 1;
		expect_exact(g.w, little, m, RESET);
		untrack(g.w, g.a);
		ck_assert_int_eq(stats_value("armed"), 0);
		ck_assert_uint_eq(count_written(g.w, g.a), 0);
	}
	note("max_hold_us %ld", stats_value("max_hold_us"));
	ck_assert_int_gt(stats_value("max_hold_us"), 0);
}
END_TEST

void trackers_sparse(Suite *s)
{
	TCase *tc = tcase_new(s, "sparse", TEST_TIMEOUT);

	tcase_add_test(tc, a_sparse_tebibyte_takes_no_page_tables_and_no_records);
	tcase_add_test(tc, records_of_a_sparse_range_are_freed_as_a_whole);
	tcase_add_test(tc, a_killed_scan_of_100_gib_is_gone_in_100_ms);
	tcase_add_test(tc, killed_untrack_leaves_a_tracker_that_works);
}
