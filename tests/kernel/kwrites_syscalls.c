// SPDX-License-Identifier: GPL-2.0-only
/*
 * System calls that write to the memory of their caller: a table of them, and
 * the memory they are pointed at must be reported.
 */
#define _GNU_SOURCE
#include "kwrites.h"
#include "maps.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

#include <linux/futex.h>

/*
 * Each writes at least one byte, in no page but that of @p, and the program
 * itself writes nothing there: what is reported, the kernel wrote.
 */
typedef bool (*writer)(uint8_t *p);

/* From here on the page holds zeros, once a page of them was read into it. */
#define ZEROS 3072

static int zero_fd(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = must(open("/dev/zero", O_RDONLY | O_CLOEXEC));
	return fd;
}

static bool by_read(uint8_t *p)
{
	return must(read(zero_fd(), p + 50, 1000)) == 1000;
}

static bool by_read_of_a_page(uint8_t *p)
{
	return must(read(zero_fd(), p, PAGE)) == (ssize_t)PAGE;
}

static bool by_readv(uint8_t *p)
{
	struct iovec iov[2] = { { p, 10 }, { p + 2000, 10 } };

	return must(readv(zero_fd(), iov, 2)) == 20;
}

static bool by_pread_of_a_file(uint8_t *p)
{
	int fd = must(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
	bool done = must(pread(fd, p, 300, 0)) == 300;

	close(fd);
	return done;
}

static bool by_direct_read(uint8_t *p)
{
	int fd = direct_file(2, 0);
	bool done;

	if (fd < 0)
		return by_read(p);
	done = must(pread(fd, p, PAGE, PAGE)) == (ssize_t)PAGE;
	close(fd);
	return done && p[77] == file_byte(1);
}

static bool by_pipe(uint8_t *p)
{
	int fds[2];
	bool done;

	must(pipe2(fds, O_CLOEXEC));
	must(write(fds[1], "pipe", 4));
	done = must(read(fds[0], p + 90, 10)) == 4;
	close(fds[0]);
	close(fds[1]);
	return done;
}

static bool by_recv(uint8_t *p)
{
	int sv[2];
	bool done;

	must(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, sv));
	must(send(sv[0], "socket", 6, 0));
	done = must(recv(sv[1], p + 1, 100, 0)) == 6;
	close(sv[0]);
	close(sv[1]);
	return done;
}

static bool by_recvmsg(uint8_t *p)
{
	int sv[2];
	struct iovec iov = { p + 700, 20 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	bool done;

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv));
	must(send(sv[0], "socket", 6, 0));
	done = must(recvmsg(sv[1], &msg, 0)) == 6;
	close(sv[0]);
	close(sv[1]);
	return done;
}

static bool by_getsockopt(uint8_t *p)
{
	int sv[2];
	socklen_t len = 4;
	bool done;

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv));
	done = !must(getsockopt(sv[0], SOL_SOCKET, SO_RCVBUF, p, &len));
	close(sv[0]);
	close(sv[1]);
	return done;
}

static bool by_getrandom(uint8_t *p)
{
	return must(getrandom(p + 17, 128, 0)) == 128;
}

static bool by_fstat(uint8_t *p)
{
	return !must(fstat(zero_fd(), (struct stat *)p));
}

static bool by_uname(uint8_t *p)
{
	return !must(uname((struct utsname *)p));
}

static bool by_sysinfo(uint8_t *p)
{
	return !must(sysinfo((struct sysinfo *)p));
}

static bool by_clock_gettime(uint8_t *p)
{
	/* Not by the vDSO, which is the program itself. */
	return !must(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, p));
}

static bool by_poll(uint8_t *p)
{
	/* Zeros are file 0 and no events: the kernel still fills in revents. */
	return must(poll((struct pollfd *)(p + ZEROS), 1, 0)) >= 0;
}

static bool by_epoll_wait(uint8_t *p)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int efd = must(epoll_create1(EPOLL_CLOEXEC)), fds[2];
	bool done;

	must(pipe2(fds, O_CLOEXEC));
	must(write(fds[1], "x", 1));
	must(epoll_ctl(efd, EPOLL_CTL_ADD, fds[0], &ev));
	done = must(epoll_wait(efd, (struct epoll_event *)p, 4, 0)) == 1;
	close(efd);
	close(fds[0]);
	close(fds[1]);
	return done;
}

static bool by_getcwd(uint8_t *p)
{
	return must(syscall(SYS_getcwd, p, PAGE)) > 0;
}

static bool by_mincore(uint8_t *p)
{
	return !must(mincore((void *)((uintptr_t)&by_mincore & ~(PAGE - 1)),
			     PAGE, p));
}

static bool by_prctl(uint8_t *p)
{
	return !must(prctl(PR_GET_NAME, p));
}

static bool by_pagemap(uint8_t *p)
{
	int fd = must(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
	bool done;

	done = must(pread(fd, p, 64, (uintptr_t)p / PAGE * 8)) == 64;
	close(fd);
	return done;
}

static bool by_fionread(uint8_t *p)
{
	int fds[2];
	bool done;

	must(pipe2(fds, O_CLOEXEC));
	must(write(fds[1], "abc", 3));
	done = !must(ioctl(fds[0], FIONREAD, p)) && p[0] == 3;
	close(fds[0]);
	close(fds[1]);
	return done;
}

static bool by_process_vm_readv(uint8_t *p)
{
	struct iovec local = { p, 100 };
	struct iovec remote = { (void *)(uintptr_t)&by_process_vm_readv, 100 };

	return must(process_vm_readv(getpid(), &local, 1, &remote, 1, 0)) ==
	       100;
}

static bool by_waitid(uint8_t *p)
{
	pid_t pid = must(fork());

	if (!pid)
		_exit(0);
	return !must(waitid(P_PID, pid, (siginfo_t *)p, WEXITED));
}

static bool by_futex_wake_op(uint8_t *p)
{
	uint32_t other = 0, before = *(volatile uint32_t *)p;

	must(syscall(SYS_futex, &other, FUTEX_WAKE_OP_PRIVATE, 1, 1, p,
		     FUTEX_OP(FUTEX_OP_ADD, 7, FUTEX_OP_CMP_EQ, 0)));
	return *(volatile uint32_t *)p == before + 7;
}

/* Locks and unlocks in turns: the kernel stores our thread's number, or 0. */
static bool by_futex_pi(uint8_t *p)
{
	volatile uint32_t *f = (void *)(p + ZEROS + 64);
	uint32_t before = *f;

	must(syscall(SYS_futex, f, before ? FUTEX_UNLOCK_PI_PRIVATE :
					    FUTEX_LOCK_PI_PRIVATE, 0, NULL));
	return *f == (before ? 0 : (uint32_t)gettid());
}

static bool by_vmsplice(uint8_t *p)
{
	struct iovec iov = { p + 33, 6 };
	int fds[2];
	bool done;

	must(pipe2(fds, O_CLOEXEC));
	must(write(fds[1], "splice", 6));
	done = must(vmsplice(fds[0], &iov, 1, 0)) == 6;
	close(fds[0]);
	close(fds[1]);
	return done;
}

static bool by_madvise_populate_write(uint8_t *p)
{
	/* Linux 5.14 and later */
	return !madvise(p, PAGE, 23 /* MADV_POPULATE_WRITE */) || by_read(p);
}

static const struct {
	const char *name;
	writer fn;
} writers[] = {
	{ "O_DIRECT read", by_direct_read },
	{ "read of a page", by_read_of_a_page },
	{ "read", by_read },
	{ "readv", by_readv },
	{ "pread of a file", by_pread_of_a_file },
	{ "read of a pipe", by_pipe },
	{ "recv", by_recv },
	{ "recvmsg", by_recvmsg },
	{ "getsockopt", by_getsockopt },
	{ "getrandom", by_getrandom },
	{ "fstat", by_fstat },
	{ "uname", by_uname },
	{ "sysinfo", by_sysinfo },
	{ "clock_gettime", by_clock_gettime },
	{ "poll", by_poll },
	{ "epoll_wait", by_epoll_wait },
	{ "getcwd", by_getcwd },
	{ "mincore", by_mincore },
	{ "prctl", by_prctl },
	{ "read of pagemap", by_pagemap },
	{ "FIONREAD", by_fionread },
	{ "process_vm_readv", by_process_vm_readv },
	{ "waitid", by_waitid },
	{ "FUTEX_WAKE_OP", by_futex_wake_op },
	{ "FUTEX_LOCK_PI and FUTEX_UNLOCK_PI", by_futex_pi },
	{ "vmsplice", by_vmsplice },
	{ "MADV_POPULATE_WRITE", by_madvise_populate_write },
};
#define WRITERS ((int)(sizeof(writers) / sizeof(*writers)))

static const enum map_kind kinds[] = {
	MAP_KIND_ANON, MAP_KIND_MEMFD, MAP_KIND_MEMFD_PRIVATE, MAP_KIND_EXT4,
};
#define KINDS ((int)(sizeof(kinds) / sizeof(*kinds)))

START_TEST(system_call_is_reported)
{
	struct marks *m = marks_new(16);
	enum map_kind kind = kinds[_i];
	struct wptrack *w;
	struct map map;
	size_t i;
	int turn;

	if (!map_exists(kind))
		skip("no ext4 scratch disk");
	if (!ext4_dir())
		note("SKIP O_DIRECT: no ext4 scratch disk");
	map = map_make(kind, 16, 500);
	touch_all(map.a);
	w = tracker_on(map.a);
	marks_set(m, 5, 1);
	for (i = 0; i < WRITERS; i++) {
		for (turn = 0; turn < 2; turn++) {
			if (!writers[i].fn(map.a.p + 5 * PAGE))
				ck_abort_msg("%s into %s memory did nothing",
					     writers[i].name, map_name(kind));
			if (count_written(w, map.a) != 1)
				note("%s into %s memory:", writers[i].name,
				     map_name(kind));
			expect_exact(w, map.a, m, RESET);
			expect_clean(w, map.a);
		}
	}
}
END_TEST

START_TEST(system_call_into_empty_memory_is_reported)
{
	struct area a = anon(WRITERS);
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(WRITERS);
	size_t i;

	for (i = 0; i < WRITERS; i++) {
		marks_none(m);
		marks_set(m, i, 1);
		if (!writers[i].fn(a.p + i * PAGE))
			ck_abort_msg("%s did nothing", writers[i].name);
		if (count_written(w, a) != 1)
			note("%s into empty memory:", writers[i].name);
		expect_exact(w, a, m, RESET);
	}
}
END_TEST

START_TEST(long_read_into_many_pages_is_exact)
{
	struct area a = anon_populated(900);
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(900);

	must(read(zero_fd(), a.p + 100 * PAGE + 5, 600 * PAGE));
	marks_set(m, 100, 601);
	expect_exact(w, a, m, RESET);
}
END_TEST

START_TEST(long_direct_read_into_many_pages_is_exact)
{
	struct area a = anon_populated(300);
	struct wptrack *w = tracker_on(a);
	struct marks *m = marks_new(300);
	int fd = direct_file(200, 0), round;
	size_t i;

	if (fd < 0)
		skip("no file for O_DIRECT");
	for (round = 0; round < 3; round++) {
		ck_assert_int_eq(must(pread(fd, a.p + 50 * PAGE, 200 * PAGE, 0)),
				 200 * PAGE);
		marks_none(m);
		marks_set(m, 50, 200);
		expect_exact(w, a, m, RESET);
		expect_clean(w, a);
		for (i = 0; i < 200; i++)
			ck_assert_uint_eq(a.p[(50 + i) * PAGE + 9],
					  file_byte(i));
	}
}
END_TEST

void kwrites_syscalls(Suite *s)
{
	TCase *tc = tcase_new(s, "syscalls", TEST_TIMEOUT);

	tcase_add_loop_test(tc, system_call_is_reported, 0, KINDS);
	tcase_add_test(tc, system_call_into_empty_memory_is_reported);
	tcase_add_test(tc, long_read_into_many_pages_is_exact);
	tcase_add_test(tc, long_direct_read_into_many_pages_is_exact);
}
