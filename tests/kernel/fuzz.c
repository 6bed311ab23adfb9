// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random calls by threads of several processes that watch themselves and each other,
 * change their memory, close what the others use, and are killed at any moment.
 *
 * The kernel must not complain (the harness looks), each error must be one that
 * the header allows, nothing may be left, and a tracker that all this happens around
 * must not lose a write.  WPTRACK_TEST_SECONDS makes it longer.
 */
#define _GNU_SOURCE
#include "fuzz.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define SECONDS		15
#define WORLDS		2
#define THREADS		3
#define CANARY_PAGES	300UL
#define LONGEST_MS	3000

struct shared {
	struct fuzz_count count;
	atomic_ulong worlds, killed;
	/* Of the trackers that nobody else touches. */
	atomic_ulong canary_writes, canary_scans, canary_lost, canary_failed;
};

static struct shared *shared;
static struct fuzz_world world;

struct thread {
	pthread_t thread;
	struct fuzz_rnd rnd;
};

static void *fuzz_thread(void *arg)
{
	struct thread *t = arg;

	for (;;)
		fuzz_step(&world, &t->rnd);
	return NULL;
}

/*
 * A tracker on memory of its own in the address space that is fuzzed.  One thread
 * writes and scans, so that each page has to be reported by the next scan.
 */
static void *canary_thread(void *arg)
{
	struct thread *t = arg;
	struct area a = hole(CANARY_PAGES, 300);
	static struct wptrack_region vec[CANARY_PAGES];
	static bool want[CANARY_PAGES];
	struct wptrack_attach attach = { .size = sizeof(attach), .pidfd = -1 };
	struct wptrack_range range = {
		.size = sizeof(range), .start = area_start(a), .end = area_end(a),
	};
	int fd = open(WPTRACK_DEVICE, O_RDWR | O_CLOEXEC);
	size_t i, p;
	long n;

	map_over(a, PROT_READ | PROT_WRITE);
	if (fd < 0 || ioctl(fd, WPTRACK_IOC_ATTACH, &attach) ||
	    ioctl(fd, WPTRACK_IOC_TRACK, &range)) {
		atomic_fetch_add(&shared->canary_failed, 1);
		return NULL;
	}
	for (;;) {
		struct wptrack_scan scan = {
			.size = sizeof(scan), .flags = WPTRACK_SCAN_RESET,
			.start = range.start, .end = range.end,
			.vec = (uintptr_t)vec, .vec_len = CANARY_PAGES,
			.category_mask = WPTRACK_PAGE_WRITTEN,
			.return_mask = WPTRACK_PAGE_WRITTEN,
		};

		memset(want, 0, sizeof(want));
		for (i = 0; i < CANARY_PAGES / 4; i++) {
			p = fuzz_below(&t->rnd, CANARY_PAGES);
			touch(a, p);
			want[p] = true;
		}
		atomic_fetch_add(&shared->canary_writes, CANARY_PAGES / 4);
		n = ioctl(fd, WPTRACK_IOC_SCAN, &scan);
		if (n < 0) {
			atomic_fetch_add(&shared->canary_failed, 1);
			return NULL;
		}
		for (i = 0; i < (size_t)n; i++)
			for (p = vec[i].start; p < vec[i].end; p += PAGE)
				want[(p - range.start) / PAGE] = false;
		for (i = 0; i < CANARY_PAGES; i++)
			if (want[i])
				atomic_fetch_add(&shared->canary_lost, 1);
		atomic_fetch_add(&shared->canary_scans, 1);
	}
	return NULL;
}

/* A process that plays until it is killed, or ends somehow by itself. */
static void world_run(int peer, uint64_t seed)
{
	struct thread t[THREADS + 1];
	struct fuzz_rnd r = { seed };
	int i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Suites run without huge pages, unless a test asks for them. */
	prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
	fuzz_world_init(&world, &shared->count);
	atomic_store(&world.peer, peer);
	for (i = 0; i <= THREADS; i++) {
		t[i].rnd.state = fuzz_rnd(&r) | 1;
		if (pthread_create(&t[i].thread, NULL, i ? fuzz_thread :
				   canary_thread, &t[i]))
			_exit(1);
	}
	usleep(1000 * fuzz_below(&r, 2 * LONGEST_MS));
	if (fuzz_below(&r, 2))
		execl("/proc/self/exe", "fuzz", "--nothing", NULL);
	_exit(0);
}

static pid_t world_start(int peer)
{
	uint64_t seed = rnd();
	pid_t pid = must(fork());

	if (!pid)
		world_run(peer, seed);
	atomic_fetch_add(&shared->worlds, 1);
	return pid;
}

/* Kill one of the worlds at a random moment, put another in its place. */
static void worlds_run(int secs)
{
	double end = seconds() + secs;
	struct wptrack *holder = NULL;
	pid_t pid[WORLDS];
	int fd[WORLDS], i;

	for (i = 0; i < WORLDS; i++) {
		pid[i] = world_start(i ? fd[i - 1] : -1);
		fd[i] = must(syscall(SYS_pidfd_open, pid[i], 0));
	}
	for (i = 0; seconds() < end; i = (i + 1) % WORLDS) {
		/* Placing and removing the hooks takes long: not each time. */
		if (holder && !rnd_below(4)) {
			wptrack_close(holder);
			holder = NULL;
		} else if (!holder) {
			holder = tracker_self();
		}
		usleep(1000 * rnd_below(LONGEST_MS));
		/* It may have come to an end before. */
		if (!syscall(SYS_pidfd_send_signal, fd[i], SIGKILL, NULL, 0))
			atomic_fetch_add(&shared->killed, 1);
		must(waitpid(pid[i], NULL, 0));
		close(fd[i]);
		pid[i] = world_start(fd[(i + 1) % WORLDS]);
		fd[i] = must(syscall(SYS_pidfd_open, pid[i], 0));
	}
	for (i = 0; i < WORLDS; i++) {
		kill(pid[i], SIGKILL);
		must(waitpid(pid[i], NULL, 0));
		close(fd[i]);
	}
	if (holder)
		wptrack_close(holder);
}

START_TEST(random_calls)
{
	struct fuzz_count *c;
	size_t i, all = 0;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(shared, MAP_FAILED);
	c = &shared->count;
	worlds_run(run_seconds(SECONDS));

	for (i = 0; i < CALLS; i++) {
		all += c->calls[i];
		note("%-18s %9lu calls, %9lu good", fuzz_call_name[i],
		     c->calls[i], c->good[i]);
		/* A fuzzer that gets nowhere finds nothing. */
		if (i <= CALL_SCAN)
			ck_assert_msg(c->good[i], "%s never worked",
				      fuzz_call_name[i]);
	}
	note("%zu calls in %lu processes, %lu of them killed", all,
	     shared->worlds, shared->killed);
	note("beside them %lu writes, %lu scans, %lu lost", shared->canary_writes,
	     shared->canary_scans, shared->canary_lost);
	ck_assert_msg(!c->wrong, "%s: unexpected error %ld (%s)",
		      fuzz_call_name[c->wrong_call], c->wrong,
		      strerror(c->wrong));
	ck_assert_uint_gt(shared->canary_scans, 0);
	ck_assert_uint_eq(shared->canary_failed, 0);
	ck_assert_uint_eq(shared->canary_lost, 0);

	ck_assert(stats_wait("trackers", "0", 10));
	ck_assert(stats_wait("spaces", "0", 10));
	ck_assert(stats_wait("armed", "0", 10));
	ck_assert(stats_wait("hooks", "removed", 10));
}
END_TEST

static void fill_suite(Suite *s)
{
	TCase *tc = tcase_new(s, "calls", 4 * run_seconds(SECONDS) + TEST_TIMEOUT);

	tcase_add_test(tc, random_calls);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return 0;
	return suite_run("fuzz", fill_suite);
}
