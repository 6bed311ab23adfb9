// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every allocation, and every copy from and to the caller, of every command fails
 * once: the command gives a clean error, nothing that was written is lost, and
 * afterwards all is as precise as it was.  The same for what the kernel tells us of
 * (faults, fork, mremap ...), where there is nobody to give an error to.
 */
#define _GNU_SOURCE
#include "faultinject.h"
#include "faultinject_bench.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static struct bench bench;

/* --- commands: 0 or more, or -errno */

static long run_write(struct bench *b)
{
	size_t i;

	for (i = 3; i < b->a.pages; i += b->a.pages / 8) {
		touch(b->a, i);
		b->mine->w[i] = 1;
	}
	return 0;
}

static long run_info(struct bench *b)
{
	char text[4096];
	struct wptrack_info arg = {
		.size = sizeof(arg), .text = (uintptr_t)text,
		.text_len = sizeof(text),
	};

	return command(b->t, WPTRACK_IOC_INFO, &arg);
}

/* A tracker from its beginning to its end. */
static long run_whole(struct bench *b)
{
	int fd = device();
	long ret;

	if (fd < 0)
		return fd;
	ret = attach(fd, -1, 0);
	if (!ret)
		ret = range(fd, WPTRACK_IOC_TRACK, b->a, 0);
	if (!ret)
		ret = scan(fd, b->a, b->vec, 0, 0);
	close(fd);
	return ret;
}

static void child_waits(int fd, void *arg)
{
	turn_wait(fd);
}

/* Began before there was any tracker that it would hold. */
static struct peer peer;

/* The first tracker of another process, whose space has to be made. */
static long run_attach_other(struct bench *b)
{
	int pidfd, fd;
	long ret;

	pidfd = syscall(SYS_pidfd_open, peer.pid, 0);
	if (pidfd < 0)
		return -errno;
	fd = device();
	ret = fd < 0 ? fd : attach(fd, pidfd, 0);
	if (!ret)
		ret = range(fd, WPTRACK_IOC_TRACK, b->a,
			    WPTRACK_TRACK_START_WRITTEN);
	if (fd >= 0)
		close(fd);
	close(pidfd);
	return ret;
}

static long run_track(struct bench *b)
{
	long ret = range(b->t, WPTRACK_IOC_TRACK, b->a, 0);

	/* It resets.  If it failed, nobody knows how far it got. */
	marks_none(b->mine);
	return ret;
}

static long run_track_written(struct bench *b)
{
	return range(b->t, WPTRACK_IOC_TRACK, b->a, WPTRACK_TRACK_START_WRITTEN);
}

static long run_track_keep(struct bench *b)
{
	long ret = range(b->t, WPTRACK_IOC_TRACK, b->a, WPTRACK_TRACK_KEEP_HUGE);

	marks_none(b->mine);
	return ret;
}

/* Many ranges, where nothing is mapped: the sets have to grow. */
static long run_track_many(struct bench *b)
{
	struct area h = { b->a.p - 4096 * PAGE, 1 };
	long ret = 0;
	int i;

	for (i = 0; i < 40 && !ret; i++, h.p += 2 * PAGE)
		ret = range(b->t, WPTRACK_IOC_TRACK, h, i % 2 ?
			    WPTRACK_TRACK_START_WRITTEN : WPTRACK_TRACK_KEEP_HUGE);
	return ret;
}

/* Cut holes, and track them again. */
static long run_untrack(struct bench *b)
{
	long ret = 0, again;
	size_t i;

	for (i = 2; i < b->a.pages - 10 && !ret; i += b->a.pages / 3) {
		ret = range(b->t, WPTRACK_IOC_UNTRACK, area_sub(b->a, i, 5), 0);
		memset(b->mine->w + i, 0, 5);
	}
	inject_end();
	again = range(b->t, WPTRACK_IOC_TRACK, b->a,
		      WPTRACK_TRACK_START_WRITTEN);
	ck_assert_int_eq(again, 0);
	return ret;
}

static long run_scan(struct bench *b)
{
	return scan(b->t, b->a, b->vec, 0, 0);
}

static long run_scan_reset(struct bench *b)
{
	b->reset = true;
	return scan(b->t, b->a, b->vec, WPTRACK_SCAN_RESET, 0);
}

static long run_scan_some(struct bench *b)
{
	b->reset = true;
	return scan(b->t, b->a, b->vec, WPTRACK_SCAN_RESET, 30);
}

/* The caller has the list: what was cleared, or not, is read after this. */
static long run_clear(struct bench *b)
{
	const size_t half = b->a.pages / 2;
	struct wptrack_region list[] = {
		{ area_start(b->a), area_start(b->a) + 3 * PAGE, 0 },
		{ area_start(b->a) + 3 * PAGE, area_start(b->a) + half * PAGE, 0 },
		{ area_start(b->a) + half * PAGE, area_end(b->a), 0 },
	};
	struct wptrack_clear arg = {
		.size = sizeof(arg), .flags = WPTRACK_CLEAR_ADVANCE,
		.vec = (uintptr_t)list, .vec_len = 3,
	};
	long ret = command(b->t, WPTRACK_IOC_CLEAR, &arg);

	inject_end();
	if (!ret)
		ck_assert_uint_ge(arg.pages, marks_count(b->mine));
	marks_none(b->mine);
	return ret;
}

static long run_notify(struct bench *b)
{
	struct wptrack_notify arg = {
		.size = sizeof(arg), .pages = 1, .eventfd = eventfd(0, EFD_CLOEXEC),
	};
	struct pollfd p = { .fd = arg.eventfd, .events = POLLIN };
	long ret;

	if (arg.eventfd < 0)
		return -errno;
	ret = command(b->t, WPTRACK_IOC_NOTIFY, &arg);
	inject_end();
	run_write(b);
	if (!ret)
		ck_assert_int_eq(poll(&p, 1, 20000), 1);
	close(arg.eventfd);
	return ret;
}

static long run_close(struct bench *b)
{
	int fd = dup(b->t);

	if (fd < 0)
		return -errno;
	close(b->t);
	b->t = fd;
	return 0;
}

/* --- what happens to the memory meanwhile */

static long run_fork(struct bench *b)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	inject_end();
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return run_write(b);
}

static long run_protect(struct bench *b)
{
	size_t len = b->memory == MEM_HUGETLB ? PMD : b->a.pages / 4 * PAGE;
	long ret = mprotect(b->a.p, len, PROT_READ) ? -errno : 0;

	inject_end();
	must(mprotect(b->a.p, b->a.pages * PAGE, PROT_READ | PROT_WRITE));
	run_write(b);
	return ret;
}

static long run_dontneed(struct bench *b)
{
	long ret;

	run_write(b);
	ret = madvise(b->a.p, b->a.pages * PAGE, MADV_DONTNEED) ? -errno : 0;
	inject_end();
	/* Gone is written; of shared memory it is what was written before. */
	touch_random(b->a, b->mine, b->a.pages / 10);
	return ret;
}

/* Over what is tracked: it is written wherever something new has come. */
static long run_move(struct bench *b)
{
	const bool populated = !is_new(b->memory);
	size_t from = 0, to = b->a.pages / 2, n = b->a.pages / 4, i;
	void *p;
	long ret;

	p = mremap(b->a.p + from * PAGE, n * PAGE, n * PAGE,
		   MREMAP_MAYMOVE | MREMAP_FIXED, b->a.p + to * PAGE);
	ret = p == MAP_FAILED ? -errno : 0;
	inject_end();
	if (!ret) {
		/* What is empty in both places is so after. */
		for (i = 0; i < n; i++)
			b->mine->w[to + i] |= populated || b->mine->w[from + i];
		memset(b->mine->w + from, 0, n);
		memset(b->others->w + from, 0, n);
		map_over(area_sub(b->a, from, n), PROT_READ | PROT_WRITE);
	} else if (msync(b->a.p, b->a.pages * PAGE, MS_ASYNC)) {
		/* The destination was unmapped before it failed. */
		memset(b->mine->w + to, 0, n);
		memset(b->others->w + to, 0, n);
		map_over(area_sub(b->a, to, n), PROT_READ | PROT_WRITE);
	}
	return ret;
}

#define ANON		(1U << MEM_ANON)
#define THP		(1U << MEM_THP)
#define HUGETLB		(1U << MEM_HUGETLB)
#define FILE_SHARED	(1U << MEM_FILE)
#define SHMEM		(1U << MEM_SHMEM)
#define NEW_ANON	(1U << MEM_NEW_ANON)
#define NEW_SHMEM	(1U << MEM_NEW_SHMEM)
#define ONCE		(1U << MEMS)	/* nothing is afterwards as it was */

/* On which memory: where the code is another. */
static const struct op {
	const char *name;
	long (*run)(struct bench *b);
	unsigned int memory;
} ops[] = {
	{ "INFO", run_info, ANON },
	{ "open, ATTACH, TRACK, SCAN, close", run_whole, ANON },
	{ "ATTACH to another process", run_attach_other, ANON },
	{ "TRACK", run_track, ANON | THP | HUGETLB | FILE_SHARED },
	{ "TRACK START_WRITTEN", run_track_written, ANON | NEW_SHMEM },
	{ "TRACK KEEP_HUGE", run_track_keep, THP | HUGETLB },
	{ "TRACK of many ranges", run_track_many, ANON | ONCE },
	{ "UNTRACK", run_untrack, SHMEM },
	{ "SCAN", run_scan, ANON | NEW_SHMEM },
	{ "SCAN RESET", run_scan_reset, ANON | THP | HUGETLB | FILE_SHARED | NEW_SHMEM },
	{ "SCAN RESET max_pages", run_scan_some, ANON | NEW_ANON },
	{ "CLEAR", run_clear, ANON | HUGETLB | NEW_SHMEM },
	{ "NOTIFY", run_notify, ANON },
	{ "close", run_close, ANON | ONCE },
	{ "writes", run_write, ANON | THP | HUGETLB | FILE_SHARED },
	{ "fork and writes", run_fork, ANON | NEW_SHMEM },
	{ "mprotect and writes", run_protect, THP | NEW_ANON | NEW_SHMEM },
	{ "madvise(MADV_DONTNEED)", run_dontneed, ANON | THP | NEW_SHMEM },
	{ "mremap over it", run_move, ANON | NEW_ANON | NEW_SHMEM | ONCE },
};
#define OPS ((int)(sizeof(ops) / sizeof(ops[0])))


/*
 * And all that comes after so many bytes: what the module tries once more must fail too.
 * In steps that are less than a record takes.
 */
#define STEP		192
#define MOST_BYTES	(1U << 20)

static bool clean_error(long ret)
{
	return ret >= 0 || ret == -ENOMEM || ret == -EFAULT;
}

/* One failure, or from one point on all of them.  Returns whether there was any. */
static bool one_round(const struct op *op, struct bench *b, unsigned int n, bool all,
		      unsigned int *errors)
{
	bool hit;
	long ret;

	bench_write(b);
	if (all)
		inject_after_bytes(n, true);
	else
		inject_begin(n);
	ret = op->run(b);
	hit = inject_end();
	ck_assert_msg(clean_error(ret), "%s, failure %u: %s", op->name, n,
		      strerror(-ret));
	ck_assert_msg(hit || ret >= 0, "%s: %s", op->name, strerror(-ret));
	marks_add(b->others, b->mine);
	bench_check(b, op->name, n);
	*errors += ret < 0;
	return hit;
}

static void run_op(const struct op *op, enum memory memory, bool all)
{
	const bool once = (op->memory & ONCE) || memory == MEM_THP || is_new(memory);
	const unsigned int most = all ? MOST_BYTES : MOST, step = all ? STEP : 1;
	unsigned int n, rounds = 0, errors = 0;
	struct bench *b = &bench;
	bool hit = true;

	for (n = all ? 0 : 1; hit && n < most; n += step, rounds++) {
		if (once || !rounds)
			bench_new(b, memory);
		hit = one_round(op, b, n, all, &errors);
		if (once || !hit)
			bench_end(b);
	}
	ck_assert(!hit);
	note("%-34s %-13s %3u %s, %3u errors", op->name, memory_name[memory],
	     rounds - 1, all ? "times no memory any more" : "failures", errors);
}

static void run_ops(const struct op *op, bool all)
{
	enum memory memory;

	if (inject_missing())
		skip("%s", inject_missing());
	peer = peer_start(child_waits, NULL);
	for (memory = 0; memory < MEMS; memory++) {
		if (!(op->memory & 1U << memory))
			continue;
		if (memory == MEM_HUGETLB && !hugetlb_pages(8))
			continue;
		if (memory == MEM_FILE && !ext4_dir())
			continue;
		run_op(op, memory, all);
	}
	peer_end(&peer);
	ck_assert(stats_wait("trackers", "0", 10));
	ck_assert(stats_wait("armed", "0", 10));
}

START_TEST(every_failure_is_clean)
{
	run_ops(&ops[_i], false);
}
END_TEST

/* Where something is noted that nobody can be told has failed. */
static const struct op events[] = {
	{ "mprotect and writes", run_protect, NEW_ANON | NEW_SHMEM },
	{ "madvise(MADV_DONTNEED)", run_dontneed, NEW_SHMEM },
	{ "mremap over it", run_move, NEW_SHMEM },
	{ "SCAN RESET", run_scan_reset, NEW_SHMEM },
};
#define EVENTS ((int)(sizeof(events) / sizeof(events[0])))

START_TEST(no_memory_any_more)
{
	run_ops(&events[_i], true);
}
END_TEST

static void stop_injecting(void)
{
	inject_end();
}

static void fill_suite(Suite *s)
{
	TCase *tc;

	faultinject_scan(s);
	tc = tcase_new(s, "events", 4 * TEST_TIMEOUT);
	tcase_add_checked_fixture(tc, NULL, stop_injecting);
	tcase_add_loop_test(tc, no_memory_any_more, 0, EVENTS);
	faultinject_fork(s);
	tc = tcase_new(s, "commands", 4 * TEST_TIMEOUT);
	tcase_add_checked_fixture(tc, NULL, stop_injecting);
	tcase_add_loop_test(tc, every_failure_is_clean, 0, OPS);
}

int main(void)
{
	return suite_run("faultinject", fill_suite);
}
