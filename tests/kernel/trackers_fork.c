// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trackers that follow forks: what the child's tracker knows at birth, and what it
 * learns after.
 */
#define _GNU_SOURCE
#include "trackers_fork.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define PAGES	700

static struct area place;	/* where children write */
static struct marks *plan;	/* and which pages */

/*
 * Without reading: that maps pages around, which counts as written in shared memory, and
 * a child begins with none of that mapped.
 */
static void write_plan(void)
{
	static uint8_t value;
	size_t i;

	value++;
	for (i = 0; i < place.pages; i++)
		if (plan->w[i])
			*(volatile uint8_t *)(place.p + i * PAGE + i % PAGE) = value;
}

static void plan_random(struct area a, size_t one_in)
{
	size_t i;

	place = a;
	if (!plan || plan->pages != a.pages)
		plan = marks_new(a.pages);
	for (i = 0; i < a.pages; i++)
		plan->w[i] = !rnd_below(one_in);
}

static void writes_at_once(int fd, void *arg)
{
	write_plan();
	turn_wait(fd);
}

/* In turns: as long as it is asked to. */
static void writes_when_asked(int fd, void *arg)
{
	turn_wait(fd);
	for (;;) {
		write_plan();
		turn_done(fd);
	}
}

/*
 * Nothing more may be reported, but for a reason (@why): memory that cannot be reset while
 * both have it, if not @settles.
 */
static void child_is_as_its_parent(struct area a, const char *why, bool settles)
{
	struct marks *m = marks_new(a.pages), *none = marks_new(a.pages);
	struct wptrack *w = follow_self(), *c;
	struct peer p;

#define expect(w, m, reset)						\
	do {								\
		if (!why)						\
			expect_exact(w, a, m, reset);			\
		else							\
			expect_no_lost(w, a, m, reset, why);		\
	} while (0)
#define settle_or_reset(w)						\
	do {								\
		if (settles)						\
			settle(w, a);					\
		else							\
			reset(w, a);					\
	} while (0)

	touch_all(a);
	track(w, a, 0);
	settle(w, a);
	touch_random(a, m, 7);
	plan_random(a, 5);
	p = peer_start(writes_when_asked, NULL);
	c = child_of(w, p.pid);
	expect(c, m, GET);
	expect(w, m, GET);
	/* From now on they have nothing to do with each other. */
	settle_or_reset(w);
	expect(c, m, GET);
	settle_or_reset(c);
	touch_random(a, none, 9);
	expect(w, none, GET);
	peer_turn(&p);
	expect(c, plan, RESET);
	expect(w, none, GET);
	marks_none(none);
	expect(c, none, GET);
	peer_turn(&p);
	expect(c, plan, GET);
	kill(p.pid, SIGKILL);
	must(waitpid(p.pid, NULL, 0));
	close(p.fd);
	wptrack_close(c);
	wptrack_close(w);
#undef settle_or_reset
#undef expect
}

START_TEST(child_begins_with_the_set_of_its_parent)
{
	long forked = stats_value("overreport_forked");
	struct map m;

	if (!map_exists(_i))
		return;
	m = map_make(_i, PAGES, 3);
	/* Writeback passes over memory that the child has not mapped yet. */
	child_is_as_its_parent(m.a, _i == MAP_KIND_EXT4 ? "writeback" : NULL, true);
	ck_assert_int_eq(stats_value("overreport_forked"), forked);
}
END_TEST

START_TEST(many_runs_of_written_pages)
{
	struct area a = anon(40000);
	struct wptrack *w = follow_self(), *c;
	struct marks *m = marks_new(a.pages);
	struct peer p;
	size_t i;

	touch_all(a);
	track(w, a, 0);
	settle(w, a);
	for (i = 3; i < a.pages; i += 7) {
		touch(a, i);
		m->w[i] = true;
	}
	place = area_sub(a, 0, 0);
	p = peer_start(writes_at_once, NULL);
	c = child_of(w, p.pid);
	expect_exact(c, a, m, RESET);
	marks_none(m);
	expect_exact(c, a, m, GET);
	peer_end(&p);
	wptrack_close(c);
	wptrack_close(w);
}
END_TEST

START_TEST(huge_pages_of_a_child)
{
	struct area a = thp(2);

	if (!thp_bytes(a))
		skip("no huge pages");
	if (linux_before(6, 12))
		child_is_as_its_parent(a, "both have parts of the same page", false);
	else
		child_is_as_its_parent(a, NULL, true);
}
END_TEST

START_TEST(huge_pages_that_are_kept_are_kept_in_the_child)
{
	struct area a = thp(2);
	struct wptrack *w = follow_self(), *c;
	struct marks *m = marks_new(a.pages);
	struct peer p;

	if (!thp_bytes(a))
		skip("no huge pages");
	track(w, a, WPTRACK_TRACK_KEEP_HUGE);
	settle(w, a);
	touch(a, 5);
	plan_random(a, 1);
	marks_none(plan);
	plan->w[PMD_PAGES + 7] = 1;
	marks_set(m, 0, PMD_PAGES);
	p = peer_start(writes_when_asked, NULL);
	c = child_of(w, p.pid);
	expect_exact(c, a, m, GET);
	reset(c, a);
	peer_turn(&p);
	/* The copy that the write makes may be a small page. */
	expect_no_lost(c, a, plan, GET, "huge pages");
	kill(p.pid, SIGKILL);
	must(waitpid(p.pid, NULL, 0));
}
END_TEST

START_TEST(what_a_child_writes_at_once_is_seen)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = follow_self(), *c;
	struct marks *m = marks_new(PAGES);
	struct peer p;
	int round;

	track(w, a, 0);
	for (round = 0; round < 15; round++) {
		marks_none(m);
		settle(w, a);
		touch_random(a, m, 11);
		plan_random(a, 7);
		p = peer_start(writes_at_once, NULL);
		c = child_of(w, p.pid);
		/* It is still at it. */
		peer_end(&p);
		if (wptrack_count(c, area_start(a), area_end(a), NULL) != -ESRCH)
			ck_abort_msg("the child has ended, its tracker has not");
		wptrack_close(c);
		p = peer_start(writes_when_asked, NULL);
		c = child_of(w, p.pid);
		peer_turn(&p);
		marks_add(m, plan);
		expect_exact(c, a, m, GET);
		kill(p.pid, SIGKILL);
		must(waitpid(p.pid, NULL, 0));
		close(p.fd);
		wptrack_close(c);
	}
}
END_TEST

/* No turns: the child writes before anybody looks, and says so in shared memory. */
START_TEST(the_first_instructions_of_a_child_are_seen)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = follow_self(), *c;
	struct marks *m = marks_new(PAGES);
	volatile int *done;
	int round;

	done = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		    -1, 0);
	track(w, a, 0);
	for (round = 0; round < 30; round++) {
		pid_t pid;

		marks_none(m);
		settle(w, a);
		touch_random(a, m, 20);
		plan_random(a, 9);
		*done = 0;
		pid = must(fork());
		if (!pid) {
			write_plan();
			*done = 1;
			for (;;)
				pause();
		}
		while (!*done)
			sched_yield();
		c = child_of(w, pid);
		marks_add(m, plan);
		expect_exact(c, a, m, GET);
		kill(pid, SIGKILL);
		must(waitpid(pid, NULL, 0));
		wptrack_close(c);
	}
}
END_TEST

/* The child tells its own child's process ID, and both sit. */
static void forks(int fd, void *arg)
{
	pid_t pid;

	turn_wait(fd);
	write_plan();
	pid = peer_must(fork());
	if (!pid) {
		write_plan();
		for (;;)
			pause();
	}
	peer_must(write(fd, &pid, sizeof(pid)));
	turn_wait(fd);
	kill(pid, SIGKILL);
}

START_TEST(grandchildren)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = follow_self(), *c, *g;
	struct marks *m = marks_new(PAGES);
	uint64_t epoch = 0;
	struct wptrack_scan_opts opts = {
		.sz = sizeof(opts), .flags = WPTRACK_SCAN_ADVANCE | WPTRACK_SCAN_RESET,
		.epoch = &epoch,
	};
	struct peer p;
	pid_t pid;

	track(w, a, 0);
	settle(w, a);
	ck_assert_int_ge(wptrack_count(w, area_start(a), area_end(a), &opts), 0);
	touch_random(a, m, 9);
	plan_random(a, 9);
	p = peer_start(forks, NULL);
	c = child_of(w, p.pid);
	must(write(p.fd, "", 1));
	must(read(p.fd, &pid, sizeof(pid)));
	g = child_of(c, pid);
	marks_add(m, plan);
	expect_exact(c, a, m, GET);
	expect_exact(g, a, m, GET);
	reset(c, a);
	expect_exact(g, a, m, GET);
	opts.flags = 0;
	ck_assert_int_ge(wptrack_count(g, area_start(a), area_end(a), &opts), 0);
	ck_assert_uint_eq(epoch, 2);
	peer_end(&p);
}
END_TEST

static int nothing(void *arg)
{
	_exit(0);
}

static void *nothing_in_a_thread(void *arg)
{
	return arg;
}

START_TEST(who_shares_the_memory_gets_no_tracker)
{
	struct area a = anon_populated(PAGES), stack = anon_populated(16);
	struct wptrack *w = follow_self();
	long forks = stats_value("forks_followed");
	pthread_t thread;
	pid_t pid;

	track(w, a, 0);
	pid = vfork();
	if (!pid)
		_exit(0);
	must(waitpid(pid, NULL, 0));
	pid = must(clone(nothing, stack.p + 16 * PAGE, CLONE_VM | SIGCHLD, NULL));
	must(waitpid(pid, NULL, 0));
	ck_assert(!pthread_create(&thread, NULL, nothing_in_a_thread, NULL));
	pthread_join(thread, NULL);
	expect_no_child(w, 0);
	ck_assert_int_eq(stats_value("forks_followed"), forks);
	expect_clean(w, a);
}
END_TEST

/* Forks and exits; the child goes on. */
static void leaves_a_child(int fd, void *arg)
{
	pid_t pid;

	turn_wait(fd);
	write_plan();
	pid = peer_must(fork());
	if (!pid)
		for (;;)
			pause();
	peer_must(write(fd, &pid, sizeof(pid)));
}

START_TEST(parent_exits_first)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = tracker_open(), *c;
	struct peer p = peer_start(leaves_a_child, (plan_random(a, 6), NULL));
	long forked = stats_value("overreport_forked");
	pid_t pid;

	follow(w, p.pid);
	track(w, a, 0);
	settle(w, a);
	must(write(p.fd, "", 1));
	must(read(p.fd, &pid, sizeof(pid)));
	must(waitpid(p.pid, NULL, 0));
	c = child_of(w, pid);
	expect_exact(c, a, plan, GET);
	ck_assert_int_eq(stats_value("overreport_forked"), forked);
	/* It does not need its parent's. */
	wptrack_close(w);
	expect_exact(c, a, plan, RESET);
	expect_clean(c, a);
	kill(pid, SIGKILL);
}
END_TEST

START_TEST(thread_id_that_the_kernel_stores)
{
	struct area a = anon_populated(8);
	struct wptrack *w = follow_self(), *c;
	struct marks *m = marks_new(8);
	pid_t pid;

	track(w, a, 0);
	settle(w, a);
	/* In two pages. */
	pid = must(syscall(SYS_clone, CLONE_CHILD_SETTID | SIGCHLD, 0, NULL,
			   a.p + 4 * PAGE - 2, 0));
	if (!pid)
		for (;;)
			pause();
	c = child_of(w, pid);
	marks_set(m, 3, 2);
	expect_exact(c, a, m, GET);
	expect_clean(w, a);
	kill(pid, SIGKILL);
	must(waitpid(pid, NULL, 0));
}
END_TEST

static void maps_over(int fd, void *arg)
{
	struct area *a = arg;

	turn_wait(fd);
	map_over(area_sub(*a, 400, 100), PROT_READ | PROT_WRITE);
	read_all(area_sub(*a, 400, 100));
	turn_done(fd);
}

START_TEST(memory_that_a_child_does_not_get)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = follow_self(), *c;
	struct marks *m = marks_new(PAGES);
	struct peer p;

	track(w, a, 0);
	settle(w, a);
	must(madvise(a.p + 100 * PAGE, 100 * PAGE, MADV_WIPEONFORK));
	must(madvise(a.p + 400 * PAGE, 100 * PAGE, MADV_DONTFORK));
	settle(w, a);
	p = peer_start(maps_over, &a);
	c = child_of(w, p.pid);
	marks_set(m, 100, 100);
	expect_exact(c, a, m, GET);
	/* What it puts there is not what the parent has there. */
	peer_turn(&p);
	marks_set(m, 400, 100);
	expect_exact(c, a, m, GET);
	expect_clean(w, a);
	peer_end(&p);
}
END_TEST

void trackers_fork(Suite *s)
{
	TCase *tc = tcase_new(s, "fork", TEST_TIMEOUT);

	tcase_add_loop_test(tc, child_begins_with_the_set_of_its_parent, 0, MAP_KINDS);
	tcase_add_test(tc, many_runs_of_written_pages);
	tcase_add_test(tc, huge_pages_of_a_child);
	tcase_add_test(tc, huge_pages_that_are_kept_are_kept_in_the_child);
	tcase_add_test(tc, what_a_child_writes_at_once_is_seen);
	tcase_add_test(tc, the_first_instructions_of_a_child_are_seen);
	tcase_add_test(tc, grandchildren);
	tcase_add_test(tc, who_shares_the_memory_gets_no_tracker);
	tcase_add_test(tc, parent_exits_first);
	tcase_add_test(tc, thread_id_that_the_kernel_stores);
	tcase_add_test(tc, memory_that_a_child_does_not_get);
	trackers_fork_life(s);
	trackers_fork_race(s);
	trackers_fork_born(s);
	trackers_fork_gaps(s);
	trackers_fork_others(s);
	trackers_fork_inherit(s);
	trackers_fork_huge(s);
	trackers_fork_filled(s);
}
