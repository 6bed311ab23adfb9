// SPDX-License-Identifier: GPL-2.0-only
/*
 * What userfaultfd fills in a child before that has run.  Up to Linux 5.19 nothing of it shows
 * in memory without write permission, so nobody may take the page away while it is looked for.
 */
#define _GNU_SOURCE
#include "maps.h"
#include "swap.h"
#include "trackers_fork.h"
#include "uffd.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

/* It takes a while until the last of it is looked at. */
#define BEFORE	8000
#define SHARED	64
#define ROUNDS	20

struct monitor {
	int uffd;
	struct area page;
	bool filled;
};

/* Of a child, before fork() goes on. */
static void *fill(void *arg)
{
	static uint8_t data[PAGE] = { 7 };
	struct monitor *m = arg;
	struct pollfd ready = { .fd = m->uffd, .events = POLLIN };
	struct uffd_msg msg;
	struct uffdio_copy copy = {
		.dst = area_start(m->page), .src = (uintptr_t)data, .len = PAGE,
	};

	if (poll(&ready, 1, 10000) != 1 || read(m->uffd, &msg, sizeof(msg)) != sizeof(msg) ||
	    msg.event != UFFD_EVENT_FORK)
		return NULL;
	m->filled = !ioctl(msg.arg.fork.ufd, UFFDIO_COPY, &copy);
	close(msg.arg.fork.ufd);
	return NULL;
}

static long spaces(void)
{
	char text[4096] = "", *at;
	int fd = open("/proc/wptrack/stats", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	close(fd);
	at = n > 0 ? strstr(text, "spaces ") : NULL;
	return at ? atol(at + 7) : -1;
}

struct reclaimer {
	int pidfd;
	struct area page;
	long spaces;
};

/* As soon as the child is tracked. */
static void *reclaim(void *arg)
{
	struct reclaimer *r = arg;
	struct iovec what = { r->page.p, PAGE };
	int i;

	for (i = 0; i < 2000 && spaces() <= r->spaces; i++)
		;
	for (i = 0; i < 50; i++)
		syscall(SYS_process_madvise, r->pidfd, &what, 1, 21 /* MADV_PAGEOUT */, 0);
	return NULL;
}

/* Private memory, all of it written, and a file behind it that nobody may write to. */
static struct area memory(struct area *shared)
{
	struct area all = hole(BEFORE + SHARED, 0), before = area_sub(all, 0, BEFORE);
	int fd = must(memfd_create("filled", 0));

	map_over(before, PROT_READ | PROT_WRITE);
	touch_all(before);
	must(ftruncate(fd, SHARED * PAGE));
	*shared = area_sub(all, BEFORE, SHARED);
	must(mmap(shared->p, SHARED * PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0));
	close(fd);
	return all;
}

START_TEST(what_is_filled_before_the_child_runs_and_reclaimed_is_written)
{
	struct monitor m;
	struct reclaimer r;
	struct wptrack *w, *c;
	struct area all, shared;
	pthread_t thread;
	pid_t pid;
	int round;

	if (swap_missing())
		skip("%s", swap_missing());
	all = memory(&shared);
	m.uffd = uffd_on(shared, UFFD_FEATURE_EVENT_FORK, UFFDIO_REGISTER_MODE_MISSING);
	if (m.uffd < 0)
		skip("userfaultfd: %s", strerror(errno));
	w = follow_self();
	track(w, all, 0);
	for (round = 0; round < ROUNDS; round++) {
		m.page = area_sub(shared, SHARED - 1 - round, 1);
		m.filled = false;
		settle(w, area_sub(all, 0, BEFORE));
		reset(w, shared);
		ck_assert(!pthread_create(&thread, NULL, fill, &m));
		pid = unborn();
		pthread_join(thread, NULL);
		ck_assert(m.filled);
		r = (struct reclaimer){
			.pidfd = must(syscall(SYS_pidfd_open, pid, 0)),
			.page = m.page, .spaces = spaces(),
		};
		ck_assert(!pthread_create(&thread, NULL, reclaim, &r));
		usleep(1000);
		let_it_run();
		pthread_join(thread, NULL);
		close(r.pidfd);
		c = child_of(w, pid);
		expect_all(c, m.page);
		kill(pid, SIGKILL);
		must(waitpid(pid, NULL, 0));
		wptrack_close(c);
	}
	close(m.uffd);
}
END_TEST

void trackers_fork_filled(Suite *s)
{
	TCase *tc = tcase_new(s, "filled", TEST_TIMEOUT);

	tcase_add_unchecked_fixture(tc, swap_setup, swap_teardown);
	tcase_add_test(tc, what_is_filled_before_the_child_runs_and_reclaimed_is_written);
}
