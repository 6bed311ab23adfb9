// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that somebody has pinned, or refers to, only to read them: transfers to a disk,
 * process_vm_readv() that waits for memory to read into, a pipe.  Nobody writes there but the
 * program, and who reads finds what it has written.
 */
#define _GNU_SOURCE
#include "maps.h"
#include "pins.h"

#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define PAGES	PMD_PAGES
#define FIRST	48	/* of the pages that are read */
#define HELD	32
#define RW	(PROT_READ | PROT_WRITE)
#define SLOW	"/dev/slow"	/* takes 0.3 s for each request */

/* It has pinned what it reads, and waits for a page to put it into. */
struct reader {
	struct area from, to;
	int uffd;
	pthread_t thread;
};

static void *reads(void *arg)
{
	struct reader *r = arg;
	struct iovec to = { r->to.p, r->to.pages * PAGE };
	struct iovec from = { r->from.p, r->from.pages * PAGE };

	return (void *)process_vm_readv(getpid(), &to, 1, &from, 1, 0);
}

static bool reader_begins(struct reader *r, struct area from)
{
	*r = (struct reader){ .from = from, .to = anon(from.pages) };
	r->uffd = faults_wait(r->to);
	if (r->uffd < 0)
		return false;
	ck_assert(!pthread_create(&r->thread, NULL, reads, r));
	ck_assert(fault_is_waiting(r->uffd));
	return true;
}

static void reader_ends(struct reader *r)
{
	struct uffdio_zeropage zero = {
		.range = { area_start(r->to), r->to.pages * PAGE },
	};
	void *n;

	must(ioctl(r->uffd, UFFDIO_ZEROPAGE, &zero));
	pthread_join(r->thread, &n);
	ck_assert_int_eq((long)n, r->from.pages * PAGE);
	close(r->uffd);
}

static struct area split_huge(struct wptrack **w)
{
	struct area a = thp(1);

	*w = tracker_on(a);
	touch(a, 5);
	return a;
}

/* In which kinds of memory; all of it is mapped, and clean. */
enum { SMALL, PARTS, SHARED, CACHE, KINDS };

static const char *const names[KINDS] = {
	"small pages", "parts of a huge page", "a memfd, read only so far", "the cache of a file",
};

static struct area begin(int kind, struct wptrack **w)
{
	struct area a;

	switch (kind) {
	case SMALL:
		a = anon_populated(PAGES);
		*w = tracker_on(a);
		break;
	case PARTS:
		a = split_huge(w);
		break;
	default:
		/* Mapped since the last reset: nothing is armed. */
		a = map_make(kind == SHARED ? MAP_KIND_MEMFD : MAP_KIND_MEMFD_PRIVATE, PAGES, 0).a;
		*w = tracker_on(a);
		reset(*w, a);
		read_all(a);
		expect_clean(*w, a);
		return a;
	}
	settle(*w, a);
	return a;
}

static void protect(struct area a, int prot)
{
	must(mprotect(a.p, a.pages * PAGE, prot));
}

static void only_scan(struct wptrack *w, struct area a)
{
	reset(w, a);
}

static void read_only(struct wptrack *w, struct area a)
{
	protect(a, PROT_READ);
	protect(a, RW);
}

static void read_only_twice(struct wptrack *w, struct area a)
{
	read_only(w, a);
	reset(w, a);
	read_only(w, area_sub(a, FIRST + 3, 200));
}

static void no_access(struct wptrack *w, struct area a)
{
	protect(a, PROT_NONE);
	count_written(w, a);
	protect(a, RW);
}

static void scan_read_only(struct wptrack *w, struct area a)
{
	protect(a, PROT_READ);
	reset(w, a);
	protect(a, RW);
}

/* Who is pinned is copied for the child. */
static void fork_read_only(struct wptrack *w, struct area a)
{
	pid_t pid;

	protect(a, PROT_READ);
	pid = must(fork());
	if (!pid) {
		protect(a, RW);
		touch_all(a);
		_exit(0);
	}
	must(waitpid(pid, NULL, 0));
	protect(a, RW);
}

static void (*const during[])(struct wptrack *w, struct area a) = {
	only_scan, read_only, read_only_twice, no_access, scan_read_only, fork_read_only,
};
#define DURING ((int)(sizeof(during) / sizeof(*during)))

/* What is not read, and shares no page with what is, is as exact as ever. */
static void expect_rest(struct wptrack *w, struct area a, const struct marks *m)
{
	struct marks *part = marks_new(FIRST);

	memcpy(part->w, m->w, FIRST);
	expect_exact(w, area_sub(a, 0, FIRST), part, GET);
	free(part);
}

static void write_some(struct area a, struct marks *m)
{
	touch_random(a, m, 3);
}

START_TEST(pages_that_are_pinned_to_be_read)
{
	const int kind = _i / DURING;
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	struct area a = begin(kind, &w), buf = area_sub(a, FIRST, HELD);
	struct reader r;
	uint8_t *was = malloc(PAGES * PAGE);
	bool exact;
	size_t i;

	note("%s, %d", names[kind], _i % DURING);
	if (!reader_begins(&r, buf))
		skip("userfaultfd: %s", strerror(errno));
	during[_i % DURING](w, a);
	/* What was never armed says nothing while it cannot be read, if somebody asks then. */
	exact = kind != PARTS && (kind == SMALL || during[_i % DURING] != no_access);
	if (exact)
		expect_rest(w, a, m);
	memcpy(was, a.p, PAGES * PAGE);
	write_some(a, m);
	for (i = 0; i < PAGES; i++)
		check_that(!m->w[i] == !memcmp(was + i * PAGE, a.p + i * PAGE, PAGE));
	if (exact)
		expect_rest(w, a, m);
	expect_no_lost(w, a, m, GET, "pinned");
	expect_no_lost(w, a, m, RESET, "pinned");
	marks_none(m);
	write_some(a, m);
	expect_no_lost(w, a, m, RESET, "pinned");
	reader_ends(&r);
	/* A copy is what a private mapping of a file has, and all that Linux 5.10 protects. */
	if (kind != CACHE && (kind == SHARED || !linux_before(5, 19))) {
		/* Of the first page he had read the first bytes when he had to wait. */
		check_that(!memcmp(r.to.p + PAGE, buf.p + PAGE, (HELD - 1) * PAGE));
	}
	/* These are pages as any other. */
	settle(w, a);
	marks_none(m);
	touch_random(a, m, 4);
	expect_exact(w, a, m, RESET);
	expect_clean(w, a);
}
END_TEST

static aio_context_t aio;

static bool slow_begins(int fd, struct area buf)
{
	struct iocb cb = {
		.aio_fildes = fd, .aio_lio_opcode = IOCB_CMD_PWRITE,
		.aio_buf = (uintptr_t)buf.p, .aio_nbytes = buf.pages * PAGE,
	}, *list = &cb;

	return syscall(SYS_io_submit, aio, 1, &list) == 1;
}

/* Without @wait: is it over? */
static bool slow_done(bool wait, struct area buf)
{
	struct timespec now = { 0 };
	struct io_event ev;
	long n = must(syscall(SYS_io_getevents, aio, wait, 1, &ev, wait ? NULL : &now));

	if (n)
		ck_assert_int_eq(ev.res, buf.pages * PAGE);
	return n;
}

#define ATTEMPTS 8

START_TEST(memory_that_goes_to_a_slow_disk)
{
	const int kind = _i / DURING;
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	struct area a, buf;
	bool late = false;
	int fd = open(SLOW, O_WRONLY | O_DIRECT | O_CLOEXEC), attempt;

	if (fd < 0 || syscall(SYS_io_setup, 8, &aio))
		skip(SLOW ": %s", strerror(errno));
	note("%s, %d", names[kind], _i % DURING);
	a = begin(kind, &w);
	buf = area_sub(a, FIRST, HELD);
	for (attempt = 0; attempt < ATTEMPTS && !late; attempt++) {
		settle(w, a);
		marks_none(m);
		ck_assert(slow_begins(fd, buf));
		during[_i % DURING](w, a);
		write_some(a, m);
		expect_no_lost(w, a, m, GET, "read by a disk");
		late = !slow_done(false, buf);
		if (late)
			slow_done(true, buf);
	}
	if (!late)
		note("every transfer was over before it was looked at");
	expect_no_lost(w, a, m, RESET, "read by a disk");
	settle(w, a);
	marks_none(m);
	touch_random(a, m, 4);
	expect_exact(w, a, m, RESET);
}
END_TEST

/* As for a scan: what is held stays written, and nothing else does. */
START_TEST(written_pages_in_a_pipe_are_not_cleared)
{
	struct area a = anon_populated(PAGES), buf = area_sub(a, FIRST, 8);
	struct wptrack_region all = {
		.start = area_start(a), .end = area_end(a), .categories = WPTRACK_PAGE_WRITTEN,
	};
	struct iovec iov = { buf.p, buf.pages * PAGE };
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(PAGES);
	char *out = malloc(buf.pages * PAGE);
	int fds[2];

	touch_all(a);
	must(pipe2(fds, O_CLOEXEC));
	ck_assert_int_eq(must(vmsplice(fds[1], &iov, 1, 0)), buf.pages * PAGE);
	ck_assert_int_eq(wptrack_clear(w, &all, 1, NULL, 0), 1);
	marks_set(m, FIRST, buf.pages);
	expect_exact(w, a, m, GET);
	touch_random(a, m, 5);
	expect_no_lost(w, a, m, GET, "in a pipe");
	ck_assert_int_eq(must(read(fds[0], out, buf.pages * PAGE)), buf.pages * PAGE);
	ck_assert_int_eq(wptrack_clear(w, &all, 1, NULL, 0), 1);
	settle(w, a);
	marks_none(m);
	touch_random(a, m, 5);
	expect_exact(w, a, m, RESET);
}
END_TEST

void pins_readers(Suite *s)
{
	TCase *tc = tcase_new(s, "readers", TEST_TIMEOUT);

	tcase_add_loop_test(tc, pages_that_are_pinned_to_be_read, 0, KINDS * DURING);
	/* Of files nothing else happens than above. */
	tcase_add_loop_test(tc, memory_that_goes_to_a_slow_disk, 0, SHARED * DURING);
	tcase_add_test(tc, written_pages_in_a_pipe_are_not_cleared);
}
