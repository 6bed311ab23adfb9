// SPDX-License-Identifier: MIT
/*
 * A program that knows nothing of wptrack, run by "wptrack run --compat": what the
 * kernel's selftest leaves out.  Prints TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../preload/table.h"
#include "async.h"

#define NOWHERE		((void *)8)

static void test_handshake(void)
{
	struct uffdio_api a;
	char *p = map(1);
	int fd = new_uffd();

	point(!api(fd, 0, &a) && a.features & UFFD_FEATURE_WP_ASYNC,
	      "a probe finds WP_ASYNC");
	close(fd);

	fd = new_uffd();
	fails(reg(fd, p, PAGE, UFFDIO_REGISTER_MODE_WP), EINVAL,
	      "nothing before the handshake");
	fails(api(fd, UFFD_FEATURE_WP_ASYNC | 1ULL << 60, &a), EINVAL,
	      "an unknown feature beside WP_ASYNC");
	point(!a.api && !a.features, "the structure is cleared");
	fails(ioctl(fd, UFFDIO_API, NOWHERE), EFAULT, "handshake at a wrong address");
	point(!api(fd, UFFD_FEATURE_WP_ASYNC, &a) && a.features & UFFD_FEATURE_WP_ASYNC,
	      "WP_ASYNC is granted");
	fails(api(fd, UFFD_FEATURE_WP_ASYNC, &a), EINVAL, "only once");
	point(fcntl(fd, F_GETFD) == FD_CLOEXEC && fcntl(fd, F_GETFL) & O_NONBLOCK,
	      "flags of the descriptor are kept");
	close(fd);

	/* A sync one is the kernel's, if it lets us have one. */
	fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (!api(fd, 0, &a)) {
		struct uffdio_range r = { (__u64)p, PAGE };

		point(!reg(fd, p, PAGE, UFFDIO_REGISTER_MODE_MISSING) &&
		      !ioctl(fd, UFFDIO_WAKE, &r) && !unreg(fd, p, PAGE),
		      "a sync userfaultfd is left alone");
	}
	close(fd);
	munmap(p, PAGE);
}

static void test_ranges(void)
{
	char *p = map(8), *hole = map(1);
	int a = async_uffd(), b = async_uffd(), d;

	munmap(hole, PAGE);
	fails(reg(a, p, 8 * PAGE, 0), EINVAL, "register: no mode");
	fails(reg(a, p, 8 * PAGE, 1 << 20), EINVAL, "register: unknown mode");
	fails(reg(a, p + 1, 8 * PAGE, 2), EINVAL, "register: unaligned start");
	fails(reg(a, p, 100, 2), EINVAL, "register: unaligned length");
	fails(reg(a, p, 0, 2), EINVAL, "register: no length");
	fails(reg(a, p, -PAGE, 2), EINVAL, "register: beyond the address space");
	fails(reg(a, hole, PAGE, 2), EINVAL, "register: nothing mapped");
	fails(ioctl(a, UFFDIO_REGISTER, NOWHERE), EFAULT, "register: wrong address");
	fails(protect(a, p, PAGE, 1), ENOENT, "protect: not registered");

	p[0] = 1;
	point(!reg(a, p, 4 * PAGE, UFFDIO_REGISTER_MODE_WP), "register");
	point(written(p, PAGE, 0) == 1, "what is registered reads written at first");
	fails(reg(b, p + PAGE, PAGE, UFFDIO_REGISTER_MODE_WP), EBUSY,
	      "register: another one has it");
	d = dup(a);
	point(!reg(d, p, PAGE, UFFDIO_REGISTER_MODE_WP), "a duplicate is no other one");
	close(d);
	fails(protect(a, p, PAGE, 0), EINVAL, "protection cannot be taken away");
	fails(protect(a, p, PAGE, 3), EINVAL, "protect: both modes");
	fails(protect(a, p, PAGE, 4), EINVAL, "protect: unknown mode");
	fails(protect(a, p, 8 * PAGE, 1), ENOENT, "protect: in part not registered");
	point(!protect(a, p, 4 * PAGE, 1) && !written(p, 4 * PAGE, 0), "protect");
	p[PAGE] = 1;
	point(written(p, 8 * PAGE, 0) == 1, "one write, one page");

	fails(unreg(a, hole, PAGE), EINVAL, "unregister: nothing mapped");
	point(!unreg(a, p, 4 * PAGE), "unregister");
	fails(written(p, PAGE, PM_SCAN_CHECK_WPASYNC), EPERM, "and it is not tracked");
	point(!reg(b, p + PAGE, PAGE, UFFDIO_REGISTER_MODE_WP), "another one may have it");
	close(a);
	close(b);
	fails(written(p + PAGE, PAGE, PM_SCAN_CHECK_WPASYNC), EPERM, "close is the end");
	munmap(p, 8 * PAGE);
}

static void test_arguments(void)
{
	struct region vec[4];
	char *p = map(4);
	struct pm_scan_arg good = scan_of(p, 4 * PAGE, vec, 4), a;
	int fd = async_uffd();

	reg(fd, p, 4 * PAGE, UFFDIO_REGISTER_MODE_WP);
	a = good, a.size--;
	fails(scan(a), EINVAL, "scan: wrong size");
	a = good, a.start++;
	fails(scan(a), EINVAL, "scan: unaligned start");
	a = good, a.flags = 4;
	fails(scan(a), EINVAL, "scan: unknown flag");
	a = good, a.return_mask = 1ULL << 32;
	fails(scan(a), EINVAL, "scan: a category of wptrack");
	a = good, a.vec = 0;
	fails(scan(a), EINVAL, "scan: length without an array");
	a = good, a.end = a.start - PAGE;
	fails(scan(a), EFAULT, "scan: end before start");
	a = good, a.end = -PAGE;
	fails(scan(a), EFAULT, "scan: beyond the address space");
	a = good, a.vec = 8;
	fails(scan(a), EFAULT, "scan: array at a wrong address");
	fails(ioctl(pagemap, PAGEMAP_SCAN, NOWHERE), EFAULT, "scan: wrong address");
	fails(syscall(SYS_ioctl, pagemap, PAGEMAP_SCAN, NOWHERE), EFAULT,
	      "scan by syscall()");
	fails(ioctl(0, PAGEMAP_SCAN, &good), ENOTTY, "scan of something else");
	fails(ioctl(-1, PAGEMAP_SCAN, &good), EBADF, "scan of nothing");
	close(fd);
	munmap(p, 4 * PAGE);
}

/* With a write-protecting scan, memory that is not registered is passed over. */
static void test_untracked(void)
{
	struct region vec[4];
	char *p = map(4);
	struct pm_scan_arg a = scan_of(p, 4 * PAGE, vec, 4);
	int fd = async_uffd();

	memset(p, 1, 4 * PAGE);
	reg(fd, p, PAGE, UFFDIO_REGISTER_MODE_WP);
	protect(fd, p, PAGE, 1);
	a.category_mask = a.return_mask = PRESENT;
	point(scan(a) == 1 && vec[0].end == (__u64)p + 4 * PAGE,
	      "a scan shows what is not registered");
	a.flags = PM_SCAN_WP_MATCHING;
	point(scan(a) == 1 && vec[0].end == (__u64)p + PAGE,
	      "a write-protecting scan does not");
	a.category_mask = a.category_inverted = WPALLOWED;
	point(scan(a) == 0, "not even if it asks for it");
	a.category_mask = 0;
	a.category_anyof_mask = WPALLOWED | PRESENT;
	point(scan(a) == 1 && vec[0].end == (__u64)p + PAGE, "nor by any of several");
	close(fd);
	munmap(p, 4 * PAGE);
}

static void test_two(void)
{
	struct region vec[8];
	char *p = map(12);
	struct pm_scan_arg a = scan_of(p, 12 * PAGE, vec, 8);
	int fds[2] = { async_uffd(), async_uffd() };
	int ret;

	memset(p, 1, 12 * PAGE);
	reg(fds[0], p, 4 * PAGE, UFFDIO_REGISTER_MODE_WP);
	reg(fds[1], p + 6 * PAGE, 4 * PAGE, UFFDIO_REGISTER_MODE_WP);
	protect(fds[0], p, 4 * PAGE, 1);
	protect(fds[1], p + 6 * PAGE, 4 * PAGE, 1);
	point(!written(p, 12 * PAGE, 0), "two of them: clean");
	p[3 * PAGE] = p[5 * PAGE] = p[6 * PAGE] = p[9 * PAGE] = 2;
	ret = scan(a);
	point(ret == 3 && vec[0].start == (__u64)p + 3 * PAGE &&
	      vec[1].start == (__u64)p + 6 * PAGE && vec[2].end == (__u64)p + 10 * PAGE,
	      "two of them: what was written to each");
	a.max_pages = 2;
	ret = ioctl(pagemap, PAGEMAP_SCAN, &a);
	point(ret == 2 && a.walk_end > vec[1].start && a.walk_end <= (__u64)p + 9 * PAGE,
	      "two of them: a limit of pages");
	a.max_pages = 0;
	a.vec_len = 1;
	ret = ioctl(pagemap, PAGEMAP_SCAN, &a);
	point(ret == 1 && a.walk_end >= vec[0].end && a.walk_end <= (__u64)p + 6 * PAGE,
	      "two of them: a short array");
	point(written(p, 12 * PAGE, PM_SCAN_WP_MATCHING) == 3 &&
	      !written(p, 12 * PAGE, 0), "two of them: reset");
	close(fds[0]);
	p[9 * PAGE] = 3;
	point(written(p, 12 * PAGE, 0) == 1, "one of them is closed");
	close(fds[1]);
	munmap(p, 12 * PAGE);
}

static int child(int (*fn)(int fd, char *p), int fd, char *p)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(fn(fd, p));
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* In the child the old descriptors are the parent's, as in the kernel. */
static int in_child(int fd, char *p)
{
	int own;

	p[PAGE] = 9;
	if (written(p, 4 * PAGE, 0) != 1)
		return 1;
	pagemap = open("/proc/self/pagemap", O_RDONLY);
	if (written(p, 4 * PAGE, PM_SCAN_CHECK_WPASYNC) != -1 || errno != EPERM)
		return 2;
	own = async_uffd();
	if (reg(own, p, 4 * PAGE, UFFDIO_REGISTER_MODE_WP) || protect(own, p, 4 * PAGE, 1))
		return 3;
	p[2 * PAGE] = 9;
	return written(p, 4 * PAGE, 0) == 1 ? 0 : 4;
}

static void test_fork(void)
{
	char *p = map(4);
	int ret, fd = async_uffd();

	memset(p, 1, 4 * PAGE);
	reg(fd, p, 4 * PAGE, UFFDIO_REGISTER_MODE_WP);
	protect(fd, p, 4 * PAGE, 1);
	p[0] = 2;
	ret = child(in_child, fd, p);
	printf("# the child says %d\n", ret);
	point(!ret, "a child has its own, and sees its parent's");
	point(written(p, 4 * PAGE, 0) == 1, "the parent goes on");
	close(fd);
	munmap(p, 4 * PAGE);
}

static char *ticked;

static void tick(int sig)
{
	const int saved = errno;

	written(ticked, 4 * PAGE, 0);
	errno = saved;
}

static void test_signals(void)
{
	struct itimerval often = { { 0, 3000 }, { 0, 3000 } }, never = { 0 };
	char *p = ticked = map(4);
	bool good = true;
	int i, fd = -1;

	signal(SIGALRM, tick);
	setitimer(ITIMER_REAL, &often, NULL);
	for (i = 0; i < 20 && good; i++) {
		fd = async_uffd();
		good = !reg(fd, p, 4 * PAGE, UFFDIO_REGISTER_MODE_WP) &&
		       !protect(fd, p, 4 * PAGE, 1);
		p[PAGE] = i;
		errno = 77;
		good = good && written(p, 4 * PAGE, PM_SCAN_WP_MATCHING) == 1 && errno == 77;
		close(fd);
	}
	setitimer(ITIMER_REAL, &never, NULL);
	point(good, "signal handlers that scan");
	munmap(p, 4 * PAGE);
}

static void test_many(void)
{
	char *p = map(1);
	bool good = true;
	int i, fd;

	for (i = 0; i < TABLE_MAX + 50 && good; i++) {
		/* Each at a number of its own, and closed behind the library's back. */
		int high = fcntl(fd = new_uffd(), F_DUPFD, 300 + i);
		struct uffdio_api a;

		close(fd);
		good = !api(high, ASYNC, &a) && !reg(high, p, PAGE, UFFDIO_REGISTER_MODE_WP) &&
		       !protect(high, p, PAGE, 1) && !written(p, PAGE, 0);
		syscall(SYS_close, high);
	}
	point(good, "more than fit in the table, one after the other");
	munmap(p, PAGE);
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	pagemap = open("/proc/self/pagemap", O_RDONLY);
	test_handshake();
	test_ranges();
	test_arguments();
	test_untracked();
	test_two();
	test_fork();
	test_signals();
	test_many();
	printf("1..%d\n", points);
	return bad;
}
