// SPDX-License-Identifier: GPL-2.0-only
/*
 * Failures on request, through /proc/thread-self/fail-nth, which children do not
 * inherit, and through /proc/self/make-it-fail, which they do.
 */
#define _GNU_SOURCE
#include "inject.h"

#include <fcntl.h>
#include <sys/rseq.h>
#include <sys/syscall.h>

#define FAIL_NTH	"/proc/thread-self/fail-nth"
#define MAKE_IT_FAIL	"/proc/self/make-it-fail"
#define DEBUGFS		"/sys/kernel/debug/"
#define SLAB		DEBUGFS "failslab/"

/*
 * The defaults spare what may wait for memory, which is nearly everything, and
 * single pages; and each failure would be printed with its call trace.
 */
static const char *const settings[][2] = {
	{ SLAB "ignore-gfp-wait", "N" },
	{ SLAB "verbose", "0" },
	{ SLAB "task-filter", "Y" },
	{ DEBUGFS "fail_page_alloc/ignore-gfp-wait", "N" },
	{ DEBUGFS "fail_page_alloc/ignore-gfp-highmem", "N" },
	{ DEBUGFS "fail_page_alloc/min-order", "0" },
	{ DEBUGFS "fail_page_alloc/verbose", "0" },
	{ DEBUGFS "fail_usercopy/verbose", "0" },
};

/*
 * From here to the end of the failures nothing may be asserted: what holds is told as well,
 * into a file, and that takes memory.
 */
static void put(int fd, const char *text)
{
	const ssize_t len = strlen(text);

	if (pwrite(fd, text, len, 0) != len)
		ck_abort_msg("fault injection: %s", strerror(errno));
}

static int nth_fd = -1, me_fd = -1;
static bool active, failed;
static bool bytes;		/* active: of inject_after_bytes() */

/* The largest object that is asked for: what is left is of no use when it is less. */
#define LARGEST	4096

/*
 * The kernel writes the number of the processor to user memory whenever it has changed,
 * and kills who has no memory for that, right after a fork for instance.
 */
static void no_rseq(void)
{
	const unsigned int signature = 0x53053053;

	syscall(SYS_rseq, (char *)__builtin_thread_pointer() + __rseq_offset, 32,
		RSEQ_FLAG_UNREGISTER, signature);
}

const char *inject_missing(void)
{
	size_t i;

	no_rseq();

	for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (!write_file(settings[i][0], settings[i][1]))
			return "this kernel has no fault injection";
	if (nth_fd < 0)
		nth_fd = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	if (me_fd < 0)
		me_fd = open(MAKE_IT_FAIL, O_RDWR | O_CLOEXEC);
	if (me_fd < 0)
		return "no " MAKE_IT_FAIL;
	return nth_fd < 0 ? "no " FAIL_NTH : NULL;
}

void inject_begin(unsigned int n)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", n);
	active = true;
	put(nth_fd, text);
}

bool inject_end(void)
{
	char text[16] = "";
	ssize_t n;

	if (bytes) {
		failed = inject_bytes_left() <= LARGEST;
		inject_after_bytes_end();
		return failed;
	}
	if (!active)
		return failed;
	active = false;
	/*
	 * This copies to user space itself, which counts: if that is what fails,
	 * nothing has failed before.
	 */
	n = pread(nth_fd, text, sizeof(text) - 1, 0);
	/* The first attempt may fail for the same reason, but not the second. */
	if (pwrite(nth_fd, "0", 1, 0) != 1)
		ck_assert_int_eq(pwrite(nth_fd, "0", 1, 0), 1);
	failed = n > 0 && !atoi(text);
	return failed;
}

static void me(const char *text)
{
	if (me_fd >= 0)
		put(me_fd, text);
}

void inject_after_bytes(unsigned int n, bool all)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", n);
	ck_assert(write_file(SLAB "space", text) && write_file(SLAB "interval", "1") &&
		  write_file(SLAB "times", all ? "-1" : "1") &&
		  write_file(SLAB "probability", "100"));
	bytes = true;
	me("1");
}

int inject_bytes_left(void)
{
	char text[16] = "";
	int fd;

	me("0");
	fd = must(open(SLAB "space", O_RDONLY | O_CLOEXEC));
	ck_assert_int_gt(read(fd, text, sizeof(text) - 1), 0);
	close(fd);
	return atoi(text);
}

void inject_after_bytes_end(void)
{
	bytes = false;
	me("0");
	write_file(SLAB "probability", "0");
}
