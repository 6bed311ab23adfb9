// SPDX-License-Identifier: GPL-2.0-only
/*
 * Beginning and end: close, exit, exec and kill in any order leave nothing
 * behind.
 */
#define _GNU_SOURCE
#include "lifecycle.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define PAGES	1100

void expect_nothing_left(void)
{
	static const struct {
		const char *key, *text;
	} want[] = {
		{ "trackers", "0" }, { "spaces", "0" }, { "armed", "0" },
		{ "hooks", "removed" },
	};
	size_t i;

	for (i = 0; i < sizeof(want) / sizeof(*want); i++)
		ck_assert_msg(stats_wait(want[i].key, want[i].text, 10),
			      "%s: %s is '%s', not '%s'", STATS_FILE,
			      want[i].key, stats_text(want[i].key),
			      want[i].text);
}

START_TEST(close_leaves_nothing_behind)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = tracker_on(a), *other = tracker_on(a);

	ck_assert_str_eq(stats_text("hooks"), "installed");
	ck_assert_int_eq(stats_value("trackers"), 2);
	ck_assert_int_eq(stats_value("spaces"), 1);
	ck_assert_int_ge(stats_value("armed"), PAGES);
	touch_all(area_sub(a, 0, 500));
	wptrack_close(w);
	ck_assert_str_eq(stats_text("hooks"), "installed");
	wptrack_close(other);
	expect_nothing_left();
	touch_all(a);
}
END_TEST

START_TEST(open_without_attach_leaves_nothing_behind)
{
	struct wptrack *w = tracker_open();

	wptrack_close(w);
	expect_nothing_left();
	w = tracker_self();
	wptrack_close(w);
	expect_nothing_left();
}
END_TEST

static void tracks_and_exits(int fd, void *arg)
{
	struct area *a = arg;
	struct wptrack *w;

	turn_wait(fd);
	touch_all(*a);
	if (wptrack_open(&w, NULL) || wptrack_attach_self(w) ||
	    wptrack_track(w, 0, UINT64_MAX, 0))
		_exit(1);
	touch_all(area_sub(*a, 0, 100));
	turn_done(fd);
	/* Loop 1 is killed here. */
}

START_TEST(exit_or_kill_of_a_self_tracker_leaves_nothing_behind)
{
	struct area a = anon(PAGES);
	struct peer p = peer_start(tracks_and_exits, &a);

	peer_turn(&p);
	ck_assert_str_eq(stats_text("hooks"), "installed");
	if (_i) {
		kill(p.pid, SIGKILL);
		must(waitpid(p.pid, NULL, 0));
	} else {
		peer_end(&p);
	}
	expect_nothing_left();
}
END_TEST

static void sits(int fd, void *arg)
{
	struct area *a = arg;

	turn_wait(fd);
	touch_all(*a);
	turn_done(fd);
	touch_all(*a);
}

static long try_scan(struct wptrack *w, struct area a)
{
	return wptrack_count(w, area_start(a), area_end(a), NULL);
}

START_TEST(exit_of_the_target_is_esrch)
{
	struct area a = anon(PAGES);
	struct peer p = peer_start(sits, &a);
	struct wptrack *w;

	peer_turn(&p);
	w = tracker_pid(p.pid);
	track(w, a, 0);
	expect_clean(w, a);
	if (_i) {
		kill(p.pid, SIGKILL);
		must(waitpid(p.pid, NULL, 0));
	} else {
		peer_end(&p);
	}
	ck_assert_int_eq(try_scan(w, a), -ESRCH);
	note("%s", wptrack_error(w));
	ck_assert_int_eq(wptrack_track(w, area_start(a), area_end(a), 0),
			 -ESRCH);
	ck_assert_int_eq(wptrack_untrack(w, area_start(a), area_end(a)), -ESRCH);
	wptrack_close(w);
	expect_nothing_left();
}
END_TEST

static void tracks_parent(int fd, void *arg)
{
	struct area *a = arg;
	struct wptrack *w;

	turn_wait(fd);
	if (wptrack_open(&w, NULL) || wptrack_attach_pid(w, getppid()) ||
	    wptrack_track(w, area_start(*a), area_end(*a), 0))
		_exit(1);
	turn_done(fd);
	for (;;)
		free(written(w, *a, RESET));
}

START_TEST(kill_of_a_tracker_leaves_its_target_alone)
{
	struct area a = anon_populated(PAGES);
	uint8_t *copy = malloc(PAGES * PAGE);
	int i, round;

	for (round = 0; round < 10; round++) {
		struct peer p = peer_start(tracks_parent, &a);

		peer_turn(&p);
		for (i = 0; i < 2000; i++)
			touch(a, rnd_below(PAGES));
		memcpy(copy, a.p, PAGES * PAGE);
		kill(p.pid, SIGKILL);
		must(waitpid(p.pid, NULL, 0));
		close(p.fd);
		ck_assert(!memcmp(copy, a.p, PAGES * PAGE));
		touch_all(a);
	}
	expect_nothing_left();
}
END_TEST

static void runs(int fd, void *arg)
{
	struct area *a = arg;

	turn_wait(fd);
	touch_all(*a);
	turn_done(fd);
	for (;;)
		touch_all(*a);
}

START_TEST(target_killed_during_scans)
{
	struct area a = anon(PAGES);
	int round, i;

	for (round = 0; round < 20; round++) {
		struct peer p = peer_start(runs, &a);
		struct wptrack *w;
		double t = seconds();
		long n = 0;

		peer_turn(&p);
		w = tracker_pid(p.pid);
		track(w, a, 0);
		for (i = 0; i < 3 + round; i++)
			ck_assert_int_ge(try_scan(w, a), 0);
		kill(p.pid, SIGKILL);
		while (n >= 0 && seconds() - t < 60) {
			struct wptrack_scan_opts o = {
				.sz = sizeof(o), .flags = WPTRACK_SCAN_RESET,
			};

			n = wptrack_count(w, area_start(a), area_end(a), &o);
		}
		ck_assert_int_eq(n, -ESRCH);
		must(waitpid(p.pid, NULL, 0));
		close(p.fd);
		/* Closed before the target is gone, and after. */
		wptrack_close(w);
	}
	expect_nothing_left();
}
END_TEST

/* What this program does when it is run again by the tests of exec. */
static int after_exec(const char *arg)
{
	struct wptrack_scan s = { .size = sizeof(s), .start = 0, .end = ~0ULL };
	int fd = atoi(arg);

	if (ioctl(fd, WPTRACK_IOC_SCAN, &s) >= 0)
		return 3;
	return errno == ESRCH ? 0 : 4;
}

static void tracks_and_execs(int fd, void *arg)
{
	struct area *a = arg;
	struct wptrack *w;
	char number[16];

	turn_wait(fd);
	touch_all(*a);
	if (wptrack_open(&w, NULL) || wptrack_attach_self(w) ||
	    wptrack_track(w, 0, UINT64_MAX, 0))
		_exit(1);
	snprintf(number, sizeof(number), "%d", dup(wptrack_fd(w)));
	execl("/proc/self/exe", "lifecycle", "after-exec", number, NULL);
	_exit(2);
}

START_TEST(exec_ends_the_tracking_of_oneself)
{
	struct area a = anon(PAGES);
	struct peer p = peer_start(tracks_and_execs, &a);

	peer_end(&p);
	expect_nothing_left();
}
END_TEST

static void execs(int fd, void *arg)
{
	turn_wait(fd);
	touch_all(*(struct area *)arg);
	turn_done(fd);
	execl("/proc/self/exe", "lifecycle", "wait", NULL);
	_exit(2);
}

START_TEST(exec_ends_the_tracking_by_others)
{
	struct area a = anon(PAGES);
	struct peer p = peer_start(execs, &a);
	struct wptrack *w;
	char go = 0;
	double t = seconds();
	long n;

	peer_turn(&p);
	w = tracker_pid(p.pid);
	track(w, a, 0);
	must(send(p.fd, &go, 1, 0));
	do {
		n = try_scan(w, a);
	} while (n >= 0 && seconds() - t < 30);
	ck_assert_int_eq(n, -ESRCH);
	kill(p.pid, SIGKILL);
	must(waitpid(p.pid, NULL, 0));
	/* The new program can be tracked, by a new tracker only. */
	ck_assert_int_eq(wptrack_attach_self(w), -EBUSY);
	wptrack_close(w);
	expect_nothing_left();
}
END_TEST

/* Opens, tracks, scans and dies at any moment. */
static void churns(int fd, void *arg)
{
	struct area *a = arg;
	pid_t parent = getppid();

	turn_wait(fd);
	turn_done(fd);
	for (;;) {
		struct wptrack *w;
		bool self = rnd_below(2);

		if (wptrack_open(&w, NULL))
			_exit(1);
		if (self ? wptrack_attach_self(w) :
			   wptrack_attach_pid(w, parent))
			_exit(2);
		wptrack_track(w, area_start(*a), area_end(*a), rnd_below(2));
		touch(*a, rnd_below(a->pages));
		free(written(w, *a, RESET));
		if (rnd_below(2))
			wptrack_untrack(w, area_start(*a),
					area_start(*a) + PAGES / 2 * PAGE);
		wptrack_close(w);
	}
}

START_TEST(processes_that_come_and_go_at_any_moment)
{
	struct area a = anon_populated(PAGES);
	struct marks *m = marks_new(PAGES);
	double end = seconds() + run_seconds(4);
	struct wptrack *w = tracker_on(a);
	size_t killed = 0;

	while (seconds() < end) {
		struct peer p[3];
		int i;

		for (i = 0; i < 3; i++) {
			rnd();
			p[i] = peer_start(churns, &a);
			peer_turn(&p[i]);
			must(send(p[i].fd, "", 1, 0));
		}
		marks_none(m);
		touch_random(a, m, 9);
		usleep(rnd_below(30000));
		for (i = 0; i < 3; i++) {
			kill(p[i].pid, SIGKILL);
			must(waitpid(p[i].pid, NULL, 0));
			close(p[i].fd);
			killed++;
		}
		touch_random(a, m, 9);
		expect_exact(w, a, m, RESET);
	}
	note("%zu processes killed", killed);
	wptrack_close(w);
	expect_nothing_left();
}
END_TEST

static atomic_bool stop;

static void *writes_and_checks(void *arg)
{
	struct area *a = arg;
	uint64_t value = 0;

	while (!stop) {
		volatile uint64_t *at = (uint64_t *)(a->p + value % a->pages *
						     PAGE);

		*at = ++value;
		if (*at != value)
			ck_abort_msg("the write of %llu got lost",
				     (unsigned long long)value);
	}
	return (void *)(long)value;
}

START_TEST(trackers_come_and_go_while_threads_write)
{
	struct area a = anon_populated(PAGES), own[2];
	double end = seconds() + run_seconds(3);
	pthread_t thread[2];
	size_t n = 0;
	int i;

	for (i = 0; i < 2; i++) {
		own[i] = area_sub(a, i * PAGES / 2, PAGES / 2);
		ck_assert(!pthread_create(&thread[i], NULL, writes_and_checks,
					  &own[i]));
	}
	while (seconds() < end) {
		struct wptrack *w = tracker_on(a);

		if (n % 2)
			reset(w, a);
		wptrack_close(w);
		n++;
	}
	stop = true;
	for (i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	note("%zu trackers", n);
	expect_nothing_left();
}
END_TEST

/* In KiB; -1 if there is no such line. */
static long meminfo(const char *path, const char *key)
{
	char line[256];
	FILE *f = fopen(path, "re");
	long n = -1;

	ck_assert_ptr_nonnull(f);
	while (n < 0 && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			n = atol(line + strlen(key));
	fclose(f);
	return n;
}

static long kernel_memory(void)
{
	return meminfo("/proc/meminfo", "PageTables:") +
	       meminfo("/proc/meminfo", "Slab:") +
	       meminfo("/proc/meminfo", "VmallocUsed:") +
	       meminfo("/proc/meminfo", "Percpu:");
}

#define TIB (1UL << 40)

START_TEST(sparse_terabyte_costs_next_to_nothing)
{
	struct area a = hole(TIB / PAGE, 0), part;
	struct wptrack *w = tracker_self();
	struct marks *m;
	long before, after, tables;
	double t;

	must(mmap(a.p, TIB, _i ? PROT_READ | PROT_WRITE : PROT_NONE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
		  0));
	before = kernel_memory();
	tables = meminfo("/proc/self/status", "VmPTE:");
	t = seconds();
	track(w, a, 0);
	ck_assert_int_eq(try_scan(w, a), 0);
	t = seconds() - t;
	after = kernel_memory();
	note("%.3f s, %ld KiB, page tables %+ld KiB", t, after - before,
	     meminfo("/proc/self/status", "VmPTE:") - tables);
	ck_assert_int_lt(t, 5);
	ck_assert_int_lt(after - before, 4096);
	ck_assert_int_le(meminfo("/proc/self/status", "VmPTE:") - tables, 8);
	/* And it works, in the middle of it. */
	part = area_sub(a, TIB / PAGE / 3 + 77, 900);
	must(mprotect(part.p, 900 * PAGE, PROT_READ | PROT_WRITE));
	m = marks_new(900);
	touch_random(part, m, 5);
	t = seconds();
	ck_assert_int_eq(try_scan(w, a), marks_count(m));
	note("a scan of all with %zu pages written: %.3f s", marks_count(m),
	     seconds() - t);
	expect_exact(w, part, m, RESET);
	expect_clean(w, part);
	marks_none(m);
	touch_random(part, m, 5);
	expect_exact(w, part, m, RESET);
}
END_TEST

static void fill_suite(Suite *s)
{
	TCase *tc = tcase_new(s, "ends", TEST_TIMEOUT);

	tcase_add_test(tc, close_leaves_nothing_behind);
	tcase_add_test(tc, open_without_attach_leaves_nothing_behind);
	tcase_add_loop_test(tc,
			    exit_or_kill_of_a_self_tracker_leaves_nothing_behind,
			    0, 2);
	tcase_add_loop_test(tc, exit_of_the_target_is_esrch, 0, 2);
	tcase_add_test(tc, kill_of_a_tracker_leaves_its_target_alone);
	tcase_add_test(tc, target_killed_during_scans);
	tcase_add_test(tc, exec_ends_the_tracking_of_oneself);
	tcase_add_test(tc, exec_ends_the_tracking_by_others);
	tcase_add_test(tc, processes_that_come_and_go_at_any_moment);
	tcase_add_test(tc, trackers_come_and_go_while_threads_write);

	tc = tcase_new(s, "size", TEST_TIMEOUT);
	tcase_add_loop_test(tc, sparse_terabyte_costs_next_to_nothing, 0, 2);

	lifecycle_hostile(s);
	lifecycle_module(s);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "after-exec"))
		return after_exec(argv[2]);
	if (argc == 2 && !strcmp(argv[1], "wait"))
		return pause();
	return suite_run("lifecycle", fill_suite);
}
