// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes by other processes: process_vm_writev, ptrace, /proc/PID/mem, in both
 * directions, and pages that userfaultfd fills in.
 */
#define _GNU_SOURCE
#include "kwrites.h"
#include "maps.h"
#include "uffd.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define PAGES 300

struct target {
	struct area a;
	pid_t pid;
};

/* Write one byte to a page of another process. */
typedef bool (*remote_writer)(pid_t pid, uint8_t *p);

static bool by_process_vm_writev(pid_t pid, uint8_t *p)
{
	struct iovec local = { "remote", 6 }, remote = { p + 44, 6 };

	return process_vm_writev(pid, &local, 1, &remote, 1, 0) == 6;
}

static bool by_proc_mem(pid_t pid, uint8_t *p)
{
	char path[64];
	bool done;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return false;
	done = pwrite(fd, "mem", 3, (uintptr_t)p + 55) == 3;
	close(fd);
	return done;
}

static bool by_poke(pid_t pid, uint8_t *p)
{
	return !ptrace(PTRACE_POKEDATA, pid, p + 64, 0x1234567);
}

static bool attached(pid_t pid)
{
	int status;

	return !ptrace(PTRACE_ATTACH, pid, 0, 0) &&
	       waitpid(pid, &status, 0) == pid && WIFSTOPPED(status);
}

static const struct {
	const char *name;
	remote_writer fn;
} writers[] = {
	{ "process_vm_writev", by_process_vm_writev },
	{ "/proc/PID/mem", by_proc_mem },
	{ "PTRACE_POKEDATA", by_poke },
};
#define WRITERS ((int)(sizeof(writers) / sizeof(*writers)))

static void populate_and_wait(int fd, void *arg)
{
	struct target *t = arg;

	turn_wait(fd);
	touch_all(t->a);
	turn_done(fd);
}

/* The test tracks a child and writes to its memory. */
START_TEST(write_to_a_tracked_child_is_reported)
{
	struct target t = { .a = anon(PAGES) };
	struct marks *m = marks_new(PAGES);
	struct peer p = peer_start(populate_and_wait, &t);
	struct wptrack *w;
	int round;
	size_t i;

	peer_turn(&p);
	w = tracker_pid(p.pid);
	track(w, t.a, 0);
	ck_assert(attached(p.pid));
	expect_clean(w, t.a);
	for (round = 0; round < 3; round++) {
		marks_none(m);
		for (i = 0; i < PAGES; i++) {
			if (rnd_below(6))
				continue;
			ck_assert_msg(writers[_i].fn(p.pid, t.a.p + i * PAGE),
				      "%s: %s", writers[_i].name,
				      strerror(errno));
			m->w[i] = 1;
		}
		expect_exact(w, t.a, m, RESET);
		expect_clean(w, t.a);
	}
	must(ptrace(PTRACE_DETACH, p.pid, 0, 0));
	peer_end(&p);
}
END_TEST

/* Memory that the child never touched. */
START_TEST(write_to_empty_memory_of_a_child_is_reported)
{
	struct target t = { .a = anon(PAGES) };
	struct marks *m = marks_new(PAGES);
	struct peer p = peer_start(populate_and_wait, &t);
	struct wptrack *w = tracker_pid(p.pid);
	size_t i;

	track(w, t.a, 0);
	ck_assert(attached(p.pid));
	for (i = 3; i < PAGES; i += 11) {
		ck_assert(writers[_i].fn(p.pid, t.a.p + i * PAGE));
		m->w[i] = 1;
	}
	expect_exact(w, t.a, m, RESET);
	must(ptrace(PTRACE_DETACH, p.pid, 0, 0));
	peer_turn(&p);
	peer_end(&p);
}
END_TEST

static void write_to_parent(int fd, void *arg)
{
	struct target *t = arg;
	size_t i;

	turn_wait(fd);
	for (i = 1; i < PAGES; i += 7)
		peer_must(by_process_vm_writev(t->pid, t->a.p + i * PAGE) - 1);
	turn_done(fd);
	for (i = 2; i < PAGES; i += 9)
		peer_must(by_proc_mem(t->pid, t->a.p + i * PAGE) - 1);
}

/* The test tracks itself, and a child writes to its memory. */
START_TEST(write_by_a_child_to_its_tracked_parent_is_reported)
{
	struct target t = { .a = anon_populated(PAGES), .pid = getpid() };
	struct marks *m = marks_new(PAGES);
	struct wptrack *w = tracker_on(t.a);
	struct peer p = peer_start(write_to_parent, &t);
	size_t i;

	peer_turn(&p);
	for (i = 1; i < PAGES; i += 7)
		m->w[i] = 1;
	expect_exact(w, t.a, m, RESET);
	peer_end(&p);
	marks_none(m);
	for (i = 2; i < PAGES; i += 9)
		m->w[i] = 1;
	expect_exact(w, t.a, m, RESET);
	expect_clean(w, t.a);
}
END_TEST

START_TEST(userfaultfd_copy_and_zeropage_are_reported)
{
	struct area a = anon(16);
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(16);
	int fd = uffd_on(a, 0, UFFDIO_REGISTER_MODE_MISSING);
	struct uffdio_copy copy = {
		.dst = area_start(a) + 3 * PAGE, .len = 2 * PAGE,
	};
	struct uffdio_zeropage zero = {
		.range = { area_start(a) + 9 * PAGE, PAGE },
	};
	char *src = malloc(2 * PAGE);

	if (fd < 0)
		skip("userfaultfd: %s", strerror(errno));
	memset(src, 7, 2 * PAGE);
	copy.src = (uintptr_t)src;
	must(ioctl(fd, UFFDIO_COPY, &copy));
	must(ioctl(fd, UFFDIO_ZEROPAGE, &zero));
	ck_assert_uint_eq(a.p[4 * PAGE], 7);
	marks_set(m, 3, 2);
	expect_no_lost(w, a, m, RESET, "memory of a userfaultfd");
	close(fd);
	reset(w, a);
	marks_none(m);
	touch(a, 4);
	touch(a, 9);
	m->w[4] = m->w[9] = 1;
	expect_no_lost(w, a, m, RESET, "memory of a userfaultfd");
}
END_TEST

/*
 * What a private mapping shows of its file where nothing is mapped is hidden by a page of
 * zeros.  _i: that was mapped before and is dropped; a reset finds it, not GET.
 */
START_TEST(userfaultfd_zeropage_over_a_file_is_reported)
{
	struct area a = map_make(MAP_KIND_MEMFD_PRIVATE, 16, 3).a;
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(16);
	struct uffdio_zeropage zero = {
		.range = { area_start(a) + 9 * PAGE, 2 * PAGE },
	};
	int fd;

	if (_i & 1) {
		read_all(a);
		settle(w, a);
		must(madvise(a.p, 16 * PAGE, MADV_DONTNEED));
	}
	reset(w, a);
	fd = uffd_on(a, 0, UFFDIO_REGISTER_MODE_MISSING);
	if (fd < 0)
		skip("userfaultfd: %s", strerror(errno));
	must(ioctl(fd, UFFDIO_ZEROPAGE, &zero));
	close(fd);
	ck_assert_uint_eq(a.p[10 * PAGE], 0);
	ck_assert_uint_ne(a.p[11 * PAGE], 0);
	marks_set(m, 9, 2);
	expect_exact(w, a, m, _i & 2 ? RESET : GET);
	if (!(_i & 2))
		reset(w, a);
	/* From here on the zeros are what it holds. */
	expect_clean(w, a);
	marks_none(m);
	touch(a, 10);
	m->w[10] = 1;
	expect_exact(w, a, m, RESET);
	must(madvise(a.p, 16 * PAGE, MADV_DONTNEED));
	ck_assert_uint_ne(a.p[9 * PAGE], 0);
	m->w[9] = 1;
	expect_no_lost(w, a, m, RESET, "dropped");
}
END_TEST

/*
 * What it puts into shared memory behind a read-only pte looks like a page of the
 * file that was only read; _i: also after it has gone.
 */
START_TEST(userfaultfd_copy_behind_write_protection_is_reported)
{
	struct area a = map_make(MAP_KIND_MEMFD, 16, 3).a;
	struct wptrack *w = tracker_self();
	struct marks *m = marks_new(16);
	struct uffdio_copy copy = {
		.dst = area_start(a) + 3 * PAGE, .len = 2 * PAGE,
		.mode = UFFDIO_COPY_MODE_WP,
	};
	char *src = malloc(2 * PAGE);
	int fd;

	must(madvise(a.p, 16 * PAGE, MADV_REMOVE));
	track(w, a, 0);
	reset(w, a);
	fd = uffd_on(a, UFFD_FEATURE_WP_HUGETLBFS_SHMEM,
		     UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP);
	if (fd < 0)
		skip("userfaultfd of shared memory protects it from Linux 5.19 on: %s",
		     strerror(errno));
	memset(src, 7, 2 * PAGE);
	copy.src = (uintptr_t)src;
	must(ioctl(fd, UFFDIO_COPY, &copy));
	if (_i)
		close(fd);
	marks_set(m, 3, 2);
	expect_no_lost(w, a, m, RESET, "memory of a userfaultfd");
	ck_assert_uint_eq(a.p[4 * PAGE], 7);
}
END_TEST

/*
 * The same without write protection, where the program itself may not write.
 */
START_TEST(userfaultfd_copy_into_readonly_memory_is_reported)
{
	struct area a = map_make(MAP_KIND_MEMFD, 16, 3).a;
	struct wptrack *w = tracker_self();
	struct marks *m = marks_new(16);
	struct uffdio_copy copy = {
		.dst = area_start(a) + 3 * PAGE, .len = 2 * PAGE,
	};
	char *src = malloc(2 * PAGE);
	int fd;

	must(madvise(a.p, 16 * PAGE, MADV_REMOVE));
	must(mprotect(a.p, 16 * PAGE, PROT_READ));
	track(w, a, 0);
	reset(w, a);
	expect_clean(w, a);
	fd = uffd_on(a, 0, UFFDIO_REGISTER_MODE_MISSING);
	if (fd < 0)
		skip("userfaultfd: %s", strerror(errno));
	memset(src, 7, 2 * PAGE);
	copy.src = (uintptr_t)src;
	must(ioctl(fd, UFFDIO_COPY, &copy));
	if (_i)
		close(fd);
	marks_set(m, 3, 2);
	expect_no_lost(w, a, m, RESET, "memory of a userfaultfd");
	ck_assert_uint_eq(a.p[4 * PAGE], 7);
}
END_TEST

/* Registered by another owner, with pages protected by it before and after. */
START_TEST(userfaultfd_write_protection_loses_no_write)
{
	struct area a = anon_populated(64);
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(64);
	int fd = uffd_on(a, 0, UFFDIO_REGISTER_MODE_WP);
	struct uffdio_writeprotect wp = {
		.range = { area_start(a), 64 * PAGE },
		.mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};
	int round;

	if (fd < 0)
		skip("userfaultfd: %s", strerror(errno));
	for (round = 0; round < 3; round++) {
		touch_random(a, m, 6);
		wp.mode = UFFDIO_WRITEPROTECT_MODE_WP;
		must(ioctl(fd, UFFDIO_WRITEPROTECT, &wp));
		expect_no_lost(w, a, m, RESET, "memory of a userfaultfd");
		wp.mode = 0;
		must(ioctl(fd, UFFDIO_WRITEPROTECT, &wp));
		marks_none(m);
		touch_random(a, m, 6);
		expect_no_lost(w, a, m, RESET, "memory of a userfaultfd");
		marks_none(m);
	}
	close(fd);
	reset(w, a);
	touch_random(a, m, 6);
	expect_no_lost(w, a, m, RESET, "memory of a userfaultfd");
}
END_TEST

START_TEST(userfaultfd_move_is_reported_at_its_new_place)
{
	struct area from = anon_populated(32), to = anon(32);
	struct wptrack *w = tracker_self();
	struct marks *m = marks_new(32);
	int fd;

	if (!uffd_has_move())
		skip("UFFDIO_MOVE came with Linux 6.8");
	track(w, from, 0);
	track(w, to, 0);
	expect_clean(w, from);
	/* What keeps it clean over this may not keep it from being moved. */
	if (_i) {
		must(mprotect(from.p, 32 * PAGE, PROT_READ));
		must(mprotect(from.p, 32 * PAGE, PROT_READ | PROT_WRITE));
		expect_clean(w, from);
	}
	fd = uffd_on(to, 0, UFFDIO_REGISTER_MODE_MISSING);
	must(fd);
	ck_assert_int_eq(uffd_move(fd, to.p + 4 * PAGE, from.p + 2 * PAGE, 8 * PAGE), 0);
	marks_set(m, 4, 8);
	expect_no_lost(w, to, m, RESET, "memory of a userfaultfd");
	marks_none(m);
	marks_set(m, 2, 8);
	expect_no_lost(w, from, m, RESET, "moved away");
}
END_TEST

void kwrites_remote(Suite *s)
{
	TCase *tc = tcase_new(s, "remote", TEST_TIMEOUT);

	tcase_add_loop_test(tc, write_to_a_tracked_child_is_reported, 0,
			    WRITERS);
	tcase_add_loop_test(tc, write_to_empty_memory_of_a_child_is_reported, 0,
			    WRITERS);
	tcase_add_test(tc, write_by_a_child_to_its_tracked_parent_is_reported);
	tcase_add_test(tc, userfaultfd_copy_and_zeropage_are_reported);
	tcase_add_loop_test(tc, userfaultfd_zeropage_over_a_file_is_reported, 0, 4);
	tcase_add_loop_test(tc, userfaultfd_copy_into_readonly_memory_is_reported, 0, 2);
	tcase_add_loop_test(tc, userfaultfd_copy_behind_write_protection_is_reported,
			    0, 2);
	tcase_add_test(tc, userfaultfd_write_protection_loses_no_write);
	tcase_add_loop_test(tc, userfaultfd_move_is_reported_at_its_new_place, 0, 2);
}
