// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/wptrack/trackers and fdinfo, and trackers across pid and user namespaces.
 */
#define _GNU_SOURCE
#include "trackers.h"

#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define LISTING "/proc/wptrack/trackers"
#define PAGES	100

struct line {
	unsigned long long id;
	unsigned int uid;
	int pid, target;
	char state[16];
	unsigned int ranges;
	long armed, written;
	unsigned long long scans;
	char last_scan[32];
};

/* The lines of the list, as the caller sees it; -1 if it is not as expected. */
static int listing(struct line *l, int max)
{
	char text[512], armed[32], written[32];
	FILE *f = fopen(LISTING, "re");
	int n = 0;

	if (!f || !fgets(text, sizeof(text), f) ||
	    strncmp(text, "id uid pid target state ranges armed written scans last_scan_ms", 63))
		return -1;
	while (n < max && fgets(text, sizeof(text), f)) {
		if (sscanf(text, "%llu %u %d %d %15s %u %31s %31s %llu %31s",
			   &l[n].id, &l[n].uid, &l[n].pid, &l[n].target,
			   l[n].state, &l[n].ranges, armed, written,
			   &l[n].scans, l[n].last_scan) != 10)
			return -1;
		l[n].armed = armed[0] == '-' ? -1 : atol(armed);
		l[n].written = written[0] == '-' ? -1 : atol(written);
		n++;
	}
	fclose(f);
	return n;
}

/* A line of fdinfo. */
static const char *fdinfo(const struct wptrack *w, const char *key)
{
	static char line[256];
	size_t len = strlen(key);
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", wptrack_fd(w));
	f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, key, len) && line[len] == ':') {
			fclose(f);
			line[strcspn(line, "\n")] = 0;
			return line + len + 2;
		}
	fclose(f);
	return "";
}

START_TEST(the_list_tells_what_each_tracker_has)
{
	struct area a = anon_populated(PAGES);
	struct wptrack *w = tracker_self(), *idle = tracker_open();
	struct line l[3];
	int i;

	track(w, area_sub(a, 0, 30), 0);
	track(w, area_sub(a, 40, 60), 0);
	for (i = 0; i < 7; i++)
		touch(a, 2 * i);
	ck_assert_int_eq(listing(l, 3), 2);
	ck_assert_uint_eq(l[0].uid, 0);
	ck_assert_int_eq(l[0].pid, getpid());
	ck_assert_int_eq(l[0].target, getpid());
	ck_assert_str_eq(l[0].state, "attached");
	ck_assert_uint_eq(l[0].ranges, 2);
	ck_assert_int_eq(l[0].written, 7);
	ck_assert_int_eq(l[0].armed, 90 - 7);
	ck_assert_uint_eq(l[0].scans, 0);
	ck_assert_str_eq(l[0].last_scan, "-");
	ck_assert_uint_gt(l[1].id, l[0].id);
	ck_assert_str_eq(l[1].state, "none");
	ck_assert_int_eq(l[1].target, 0);
	ck_assert_str_eq(fdinfo(w, "wptrack-written"), "7");
	ck_assert_str_eq(fdinfo(w, "wptrack-armed"), "83");
	ck_assert_int_eq(atoi(fdinfo(w, "wptrack-target-pid")), getpid());
	ck_assert_uint_eq(strtoull(fdinfo(w, "wptrack-id"), NULL, 10), l[0].id);
	ck_assert_str_eq(fdinfo(idle, "wptrack-target"), "none");

	reset(w, a);
	usleep(20000);
	ck_assert_int_eq(listing(l, 3), 2);
	ck_assert_int_eq(l[0].written, 0);
	ck_assert_int_eq(l[0].armed, 90);
	ck_assert_uint_eq(l[0].scans, 1);
	ck_assert_int_ge(atoi(l[0].last_scan), 20);
	ck_assert_str_eq(fdinfo(w, "wptrack-scans"), "1");
	/* What is pending for one counts for this one. */
	wptrack_close(idle);
	idle = tracker_on(a);
	touch(a, 3);
	reset(idle, a);
	ck_assert_int_eq(listing(l, 3), 2);
	ck_assert_int_eq(l[0].written, 1);
	ck_assert_int_eq(l[1].written, 0);
}
END_TEST

static void sits(int fd, void *arg)
{
	turn_wait(fd);
	turn_done(fd);
}

START_TEST(exit_of_the_target_shows_in_the_list)
{
	struct peer p = peer_start(sits, NULL);
	struct wptrack *w;
	struct line l[2];

	peer_turn(&p);
	w = tracker_pid(p.pid);
	ck_assert_int_eq(listing(l, 2), 1);
	ck_assert_int_eq(l[0].target, p.pid);
	ck_assert_int_eq(l[0].pid, getpid());
	peer_end(&p);
	ck_assert_int_eq(listing(l, 2), 1);
	ck_assert_str_eq(l[0].state, "gone");
	ck_assert_str_eq(fdinfo(w, "wptrack-target"), "gone");
}
END_TEST

/* Root's tracker is @w of the parent. */
static void looks_as_nobody(int fd, void *arg)
{
	FILE *f = fopen(LISTING, "re");
	struct wptrack *w;
	struct line l[4];
	char text[512];
	int n = 0;

	turn_wait(fd);
	/* Who has opened it is who reads: root sees all through this file. */
	become_nobody();
	while (f && fgets(text, sizeof(text), f))
		n++;
	if (n != 2)
		_exit(1);
	if (listing(l, 4) != 0)
		_exit(2);
	if (wptrack_open(&w, NULL) || wptrack_attach_self(w))
		_exit(3);
	if (listing(l, 4) != 1 || l[0].uid != NOBODY || l[0].pid != getpid())
		_exit(4);
	turn_done(fd);
}

START_TEST(others_see_their_own_trackers_only)
{
	struct peer p = peer_start(looks_as_nobody, NULL);
	struct wptrack *w = tracker_self();
	struct line l[4];
	int n;

	ck_assert_str_eq(fdinfo(w, "wptrack-target"), "attached");
	peer_turn(&p);
	n = listing(l, 4);
	ck_assert_int_eq(n, 2);
	ck_assert_uint_eq(l[0].uid, 0);
	ck_assert_uint_eq(l[1].uid, NOBODY);
	ck_assert_int_eq(l[1].pid, p.pid);
	peer_end(&p);
}
END_TEST

/* In a pid namespace of its own: run @fn there; its exit status is ours. */
static void in_new_pid_namespace(int fd, void (*fn)(int fd, void *arg),
				 void *arg)
{
	int status;
	pid_t pid;

	peer_must(unshare(CLONE_NEWPID));
	pid = fork();
	peer_must(pid);
	if (!pid) {
		fn(fd, arg);
		fflush(stdout);
		_exit(0);
	}
	peer_must(waitpid(pid, &status, 0));
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 99);
}

struct across {
	struct area a;
	int pidfd;
	struct wptrack *w;
};

static void tracks_across(int fd, void *arg)
{
	struct across *x = arg;
	struct wptrack *w;
	struct line l[2];

	turn_wait(fd);
	if (getpid() != 1)
		_exit(1);
	if (wptrack_open(&w, NULL) || wptrack_attach_pidfd(w, x->pidfd) ||
	    wptrack_track(w, area_start(x->a), area_end(x->a), 0)) {
		note("%s", wptrack_error(w));
		_exit(2);
	}
	/* Of the target there is no number in here. */
	if (listing(l, 2) != 1 || l[0].pid != 1 || l[0].target != 0)
		_exit(3);
	turn_done(fd);
	if (count_written(w, x->a) != 2)
		_exit(4);
}

static void root_in_a_pid_namespace(int fd, void *arg)
{
	in_new_pid_namespace(fd, tracks_across, arg);
}

START_TEST(root_in_another_pid_namespace_tracks_by_pidfd)
{
	struct across x = { .a = anon_populated(PAGES) };
	struct peer p;

	x.pidfd = must(syscall(SYS_pidfd_open, getpid(), 0));
	p = peer_start(root_in_a_pid_namespace, &x);
	peer_turn(&p);
	touch(x.a, 3);
	touch(x.a, 99);
	peer_end(&p);
}
END_TEST

static void writes_inside(int fd, void *arg)
{
	struct across *x = arg;
	pid_t self = getpid();

	turn_wait(fd);
	touch_all(x->a);
	peer_must(send(fd, &self, sizeof(self), 0));
	turn_wait(fd);
	touch(x->a, 7);
	turn_done(fd);
}

static void target_in_namespaces(int fd, void *arg)
{
	peer_must(unshare(CLONE_NEWUSER));
	in_new_pid_namespace(fd, writes_inside, arg);
}

/* The process that @parent has forked. */
static pid_t child_of(pid_t parent)
{
	char path[64];
	pid_t pid = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", parent, parent);
	f = fopen(path, "re");
	if (f && fscanf(f, "%d", &pid) != 1)
		pid = 0;
	if (f)
		fclose(f);
	return pid;
}

START_TEST(a_target_in_other_pid_and_user_namespaces)
{
	struct across x = { .a = anon(PAGES) };
	struct peer p = peer_start(target_in_namespaces, &x);
	struct line l[2];
	pid_t inside, target;
	char go = 0;

	must(send(p.fd, &go, 1, 0));
	ck_assert_int_eq(must(recv(p.fd, &inside, sizeof(inside), MSG_WAITALL)),
			 sizeof(inside));
	ck_assert_int_eq(inside, 1);
	target = child_of(p.pid);
	ck_assert_int_gt(target, 1);
	x.w = tracker_pid(target);
	track(x.w, x.a, 0);
	ck_assert_int_eq(listing(l, 2), 1);
	ck_assert_int_eq(l[0].target, target);
	peer_turn(&p);
	ck_assert_uint_eq(count_written(x.w, x.a), 1);
	peer_end(&p);
}
END_TEST

void trackers_listing(Suite *s)
{
	TCase *tc = tcase_new(s, "listing", TEST_TIMEOUT);

	tcase_add_test(tc, the_list_tells_what_each_tracker_has);
	tcase_add_test(tc, exit_of_the_target_shows_in_the_list);

	tc = tcase_new(s, "listing of users", TEST_TIMEOUT);
	tcase_add_unchecked_fixture(tc, device_open_to_all, device_as_before);
	tcase_add_test(tc, others_see_their_own_trackers_only);

	tc = tcase_new(s, "namespaces", TEST_TIMEOUT);
	tcase_add_test(tc, root_in_another_pid_namespace_tracks_by_pidfd);
	tcase_add_test(tc, a_target_in_other_pid_and_user_namespaces);
}
