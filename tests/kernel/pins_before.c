// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shared memory that is pinned before it is tracked, and whose ptes tell nothing of
 * it any more: a device can write there all the same.
 */
#define _GNU_SOURCE
#include "maps.h"
#include "pins.h"

#include <sys/mman.h>

#define PAGES	96
#define FIRST	16
#define PINNED	40

static void made_readonly(struct area buf)
{
	must(mprotect(buf.p, buf.pages * PAGE, PROT_READ));
}

static void taken_away(struct area buf)
{
	must(madvise(buf.p, buf.pages * PAGE, MADV_DONTNEED));
}

static void (*const hide[])(struct area buf) = { made_readonly, taken_away };

/* Data for the transfer that no page holds before. */
static int source(size_t round)
{
	static uint8_t data[PINNED * PAGE];
	int fd = must(memfd_create("source", MFD_CLOEXEC));

	memset(data, 0xc0 + round, sizeof(data));
	ck_assert_int_eq(must(pwrite(fd, data, sizeof(data), 0)), sizeof(data));
	return fd;
}

START_TEST(pinned_before_it_is_tracked)
{
	struct map map = map_make(MAP_KIND_MEMFD, PAGES, 5);
	struct area buf = area_sub(map.a, FIRST, PINNED);
	struct marks *m = marks_new(PAGES);
	bool start_written = _i & 2;
	struct wptrack *w = tracker_self();
	struct io_uring ring;
	size_t round;

	touch_all(map.a);
	if (!pin_buffer(&ring, buf))
		skip("io_uring: %s", strerror(errno));
	hide[_i & 1](buf);
	track(w, map.a, start_written ? WPTRACK_TRACK_START_WRITTEN : 0);
	if (start_written)
		reset(w, map.a);
	marks_set(m, FIRST, PINNED);
	for (round = 0; round < 3; round++) {
		int fd = source(round);

		pin_transfer(&ring, buf, fd, true, 0, PINNED);
		close(fd);
		expect_no_lost(w, map.a, m, RESET, "pinned");
		ck_assert_uint_eq(buf.p[7 * PAGE], 0xc0 + round);
	}
	/* The rest is as exact as ever. */
	expect_clean(w, area_sub(map.a, 0, FIRST));
	/* And the pages are, once they are let go. */
	io_uring_unregister_buffers(&ring);
	io_uring_queue_exit(&ring);
	settle(w, map.a);
}
END_TEST

void pins_before(Suite *s)
{
	TCase *tc = tcase_new(s, "before", TEST_TIMEOUT);

	tcase_add_loop_test(tc, pinned_before_it_is_tracked, 0, 4);
}
