// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that the program shares with the kernel, which writes to it by an address of its
 * own: no pte tells, and it must never be reported clean.
 */
#define _GNU_SOURCE
#include "kwrites.h"
#include "maps.h"

#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

/* The pages of the ring have changed since they were reset: all of them are reported. */
static void expect_ring(struct wptrack *w, struct area a, const uint8_t *before)
{
	struct marks *m = written(w, a, GET);
	size_t i, lost = 0, changed = 0;

	for (i = 0; i < a.pages; i++) {
		if (!memcmp(a.p + i * PAGE, before + i * PAGE, PAGE))
			continue;
		changed++;
		lost += !m->w[i];
	}
	free(m);
	ck_assert_uint_gt(changed, 0);
	ck_assert_msg(!lost, "of %zu pages that have changed %zu are lost", changed, lost);
}

static uint8_t *copy_of(struct area a)
{
	uint8_t *copy = malloc(a.pages * PAGE);

	memcpy(copy, a.p, a.pages * PAGE);
	return copy;
}

static void aio_reads(aio_context_t aio, int fd, unsigned int n)
{
	static char buf[16];
	struct iocb cb = {
		.aio_fildes = fd, .aio_lio_opcode = IOCB_CMD_PREAD,
		.aio_buf = (uintptr_t)buf, .aio_nbytes = sizeof(buf),
	}, *list = &cb;
	struct io_event ev;

	while (n--) {
		ck_assert_int_eq(must(syscall(SYS_io_submit, aio, 1, &list)), 1);
		ck_assert_int_eq(must(syscall(SYS_io_getevents, aio, 1, 1, &ev, NULL)), 1);
	}
}

/* The ring is there before all is tracked, or it comes after. */
START_TEST(ring_of_io_setup_is_never_clean)
{
	struct area a = { NULL, 1 };
	int fd = must(open("/proc/self/exe", O_RDONLY));
	struct wptrack *w = tracker_self();
	aio_context_t aio = 0;
	uint8_t *before;
	int round;

	if (_i && syscall(SYS_io_setup, 64, &aio))
		skip("no io_setup(2)");
	must(wptrack_track(w, 0, UINT64_MAX, 0));
	if (!_i && syscall(SYS_io_setup, 64, &aio))
		skip("no io_setup(2)");
	/* Its address is its name. */
	a.p = (uint8_t *)aio;
	for (round = 0; round < 3; round++) {
		reset(w, a);
		before = copy_of(a);
		aio_reads(aio, fd, 5);
		expect_ring(w, a, before);
		free(before);
	}
	wptrack_close(w);
	syscall(SYS_io_destroy, aio);
}
END_TEST

START_TEST(buffer_of_a_perf_event_is_never_clean)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE, .size = sizeof(attr),
		.config = PERF_COUNT_SW_PAGE_FAULTS, .sample_period = 1,
		.sample_type = PERF_SAMPLE_IP, .exclude_hv = 1,
	};
	struct area a = { NULL, 3 }, faults = anon(64);
	struct wptrack *w = tracker_self();
	volatile uint8_t *p;
	uint8_t *before;
	size_t i;
	int fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);

	if (fd < 0)
		skip("no perf events");
	/* Read-only, so that the kernel overwrites what nobody has read. */
	a.p = mmap(NULL, a.pages * PAGE, _i ? PROT_READ : PROT_READ | PROT_WRITE,
		   MAP_SHARED, fd, 0);
	ck_assert(a.p != MAP_FAILED);
	for (i = 0, p = a.p; i < a.pages; i++)
		(void)p[i * PAGE];
	must(wptrack_track(w, 0, UINT64_MAX, 0));
	reset(w, a);
	before = copy_of(a);
	touch_all(faults);
	expect_ring(w, a, before);
	free(before);
	wptrack_close(w);
	munmap(a.p, a.pages * PAGE);
	close(fd);
}
END_TEST

void kwrites_rings(Suite *s)
{
	TCase *tc = tcase_new(s, "rings", TEST_TIMEOUT);

	tcase_add_loop_test(tc, ring_of_io_setup_is_never_clean, 0, 2);
	tcase_add_loop_test(tc, buffer_of_a_perf_event_is_never_clean, 0, 2);
}
