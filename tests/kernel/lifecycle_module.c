// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module itself: unloading, loading, and ftrace being turned off under it.
 */
#define _GNU_SOURCE
#include "lifecycle.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define MODULE	"wptrack"
#define PAGES	600
#define ROUNDS	6

/* Where the harness puts it; a distribution's module is loaded by modprobe. */
static const char *module_file(void)
{
	const char *path = getenv("WPTRACK_TEST_MODULE");

	return path ? path : "/lib/wptrack.ko";
}

static int load(void)
{
	int fd = open(module_file(), O_RDONLY | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	ret = syscall(SYS_finit_module, fd, "", 0) ? -errno : 0;
	close(fd);
	return ret;
}

static int unload(void)
{
	return syscall(SYS_delete_module, MODULE, O_NONBLOCK) ? -errno : 0;
}

static bool in_use(int err)
{
	return err == -EAGAIN || err == -EBUSY;
}

/* Whatever the last test has left: the next suite needs the module. */
static void loaded_as_before(void)
{
	load();
}

#define need_module_file()						\
	do {								\
		if (access(module_file(), R_OK))			\
			skip("%s: %s", module_file(), strerror(errno));	\
	} while (0)

START_TEST(unload_is_refused_while_a_tracker_is_open)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w;
	struct marks *m = marks_new(PAGES);
	int err;

	need_module_file();
	w = tracker_open();
	ck_assert(in_use(unload()));
	ck_assert(!wptrack_attach_self(w));
	ck_assert(in_use(unload()));
	track(w, a, 0);
	ck_assert(in_use(unload()));
	touch_random(a, m, 5);
	expect_exact(w, a, m, RESET);
	wptrack_close(w);
	err = unload();
	ck_assert_msg(!err, "unload: %s", strerror(-err));
	ck_assert_int_ne(access(WPTRACK_DEVICE, F_OK), 0);
	ck_assert_int_ne(access(STATS_FILE, F_OK), 0);
	touch_all(a);
	ck_assert_int_eq(load(), 0);
}
END_TEST

START_TEST(load_and_unload_over_and_over)
{
	struct area a = anon_populated(PAGES);
	uint8_t *copy = malloc(PAGES * PAGE);
	struct marks *m = marks_new(PAGES);
	int round, err;

	need_module_file();
	for (round = 0; round < ROUNDS; round++) {
		struct wptrack *w, *other;

		w = tracker_self();
		/* What an earlier load has left in the ptes means nothing. */
		track(w, a, round % 2 ? WPTRACK_TRACK_START_WRITTEN : 0);
		other = tracker_on(area_sub(a, 100, 300));
		if (round % 2)
			expect_all(w, a);
		reset(w, a);
		marks_none(m);
		touch_random(a, m, 5);
		memcpy(copy, a.p, PAGES * PAGE);
		expect_exact(w, a, m, RESET);
		ck_assert(in_use(unload()));
		wptrack_close(w);
		ck_assert(in_use(unload()));
		wptrack_close(other);
		/* Without a word, however short ago the last tracker closed. */
		err = unload();
		ck_assert_msg(!err, "round %d: unload: %s", round,
			      strerror(-err));
		ck_assert(!memcmp(copy, a.p, PAGES * PAGE));
		touch_all(area_sub(a, 0, 300));
		err = load();
		ck_assert_msg(!err, "round %d: load: %s", round,
			      strerror(-err));
	}
	expect_nothing_left();
}
END_TEST

/* Children get their trackers while the last descriptor is closed. */
START_TEST(unload_while_children_are_born)
{
	struct area a = anon_populated(PAGES);
	int round, i, err;
	pid_t pid[4];

	need_module_file();
	for (round = 0; round < ROUNDS / 2; round++) {
		struct wptrack *w = tracker_open();

		err = wptrack_attach_flags(w, -1, WPTRACK_ATTACH_FOLLOW_FORK);
		if (err == -EOPNOTSUPP)
			skip("%s", wptrack_error(w));
		ck_assert_int_eq(err, 0);
		track(w, a, 0);
		for (i = 0; i < 4; i++) {
			pid[i] = must(fork());
			if (pid[i])
				continue;
			/* Its copy would keep the tracker. */
			close(wptrack_fd(w));
			touch_all(a);
			for (;;)
				pause();
		}
		usleep(rnd_below(5000));
		wptrack_close(w);
		for (i = 0; i < 2000 && in_use(err = unload()); i++)
			usleep(5000);
		ck_assert_msg(!err, "round %d: unload: %s", round, strerror(-err));
		for (i = 0; i < 4; i++) {
			kill(pid[i], SIGKILL);
			must(waitpid(pid[i], NULL, 0));
		}
		ck_assert_int_eq(load(), 0);
	}
	expect_nothing_left();
}
END_TEST

/* Comes again and again, whether the module is there or not. */
static void comes_and_goes(struct area a)
{
	struct wptrack *w;

	for (;;) {
		if (wptrack_open(&w, NULL)) {
			usleep(1000);
			continue;
		}
		if (wptrack_attach_self(w) ||
		    wptrack_track(w, area_start(a), area_end(a), 0))
			_exit(1);
		touch_all(a);
		if (!rnd_below(2))
			reset(w, a);
		wptrack_close(w);
		usleep(rnd_below(200000));
	}
}

#define VISITORS	2

/* libcheck cannot count for more than half an hour: so many go into one test. */
#define UNLOADS_MAX	100

/* WPTRACK_TEST_UNLOADS: how often, if not a few times. */
static int unloads(void)
{
	const char *env = getenv("WPTRACK_TEST_UNLOADS");

	return env ? atoi(env) : 4;
}

START_TEST(unload_under_load)
{
	int wanted = unloads() - _i * UNLOADS_MAX, done = 0, refused = 0, i, err;
	struct area a = anon_populated(64);
	pid_t pid[VISITORS];

	need_module_file();
	for (i = 0; i < VISITORS; i++) {
		pid[i] = must(fork());
		if (!pid[i]) {
			while (i--)
				rnd();
			comes_and_goes(a);
		}
	}
	wanted = wanted > UNLOADS_MAX ? UNLOADS_MAX : wanted;
	while (done < wanted) {
		err = unload();
		if (in_use(err)) {
			refused++;
			usleep(rnd_below(2000));
			continue;
		}
		ck_assert_msg(!err, "unload: %s", strerror(-err));
		done++;
		err = load();
		ck_assert_msg(!err, "load: %s", strerror(-err));
	}
	for (i = 0; i < VISITORS; i++) {
		ck_assert_int_eq(waitpid(pid[i], NULL, WNOHANG), 0);
		kill(pid[i], SIGKILL);
		must(waitpid(pid[i], NULL, 0));
	}
	note("unloaded %d times under load, refused %d times", done, refused);
	expect_nothing_left();
}
END_TEST

#define FTRACE "/proc/sys/kernel/ftrace_enabled"

static void ftrace_on(void)
{
	write_file(FTRACE, "1");
}

START_TEST(ftrace_cannot_be_turned_off_under_a_tracker)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(PAGES);
	int fd = open(FTRACE, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		skip(FTRACE ": %s", strerror(errno));
	ck_assert_int_eq(write(fd, "0", 1), -1);
	/* EOPNOTSUPP: Linux 7.3 */
	ck_assert(errno == EBUSY || errno == EOPNOTSUPP);
	close(fd);
	touch_random(a, m, 5);
	expect_exact(w, a, m, RESET);
	expect_clean(w, a);
	wptrack_close(w);
	expect_nothing_left();
}
END_TEST

/* The statistics tell that the hooks are removed a moment before the last of them is. */
static bool ftrace_off(void)
{
	double end = seconds() + 20;

	while (!write_file(FTRACE, "0")) {
		if (seconds() > end)
			return false;
		usleep(20000);
	}
	return true;
}

START_TEST(attach_without_ftrace_fails_or_works_but_does_not_lie)
{
	struct area a = anon_populated(PAGES);
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	int err;

	expect_nothing_left();
	if (!ftrace_off())
		skip(FTRACE ": %s", strerror(errno));
	w = tracker_open();
	err = wptrack_attach_self(w);
	if (err) {
		note("%s", wptrack_error(w));
	} else {
		track(w, a, 0);
		touch_random(a, m, 5);
		expect_no_lost(w, a, m, RESET, "no ftrace");
	}
	wptrack_close(w);
	ck_assert(write_file(FTRACE, "1"));
	/* And all is well when it is back. */
	w = tracker_on(a);
	marks_none(m);
	touch_random(a, m, 5);
	expect_exact(w, a, m, RESET);
	wptrack_close(w);
	expect_nothing_left();
}
END_TEST

void lifecycle_module(Suite *s)
{
	TCase *tc = tcase_new(s, "ftrace", TEST_TIMEOUT);

	tcase_add_unchecked_fixture(tc, NULL, ftrace_on);
	tcase_add_test(tc, ftrace_cannot_be_turned_off_under_a_tracker);
	tcase_add_test(tc,
		       attach_without_ftrace_fails_or_works_but_does_not_lie);

	tc = tcase_new(s, "module", 2 * TEST_TIMEOUT);
	tcase_add_unchecked_fixture(tc, NULL, loaded_as_before);
	tcase_add_test(tc, unload_is_refused_while_a_tracker_is_open);
	tcase_add_test(tc, load_and_unload_over_and_over);
	tcase_add_test(tc, unload_while_children_are_born);

	/* With visitors who hold it most of the time, a chance is rare. */
	tc = tcase_new(s, "unload", 100 * TEST_TIMEOUT);
	tcase_add_unchecked_fixture(tc, NULL, loaded_as_before);
	tcase_add_loop_test(tc, unload_under_load, 0,
			    (unloads() + UNLOADS_MAX - 1) / UNLOADS_MAX);
}
