// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shared mappings that are no files of a file system with a name of its own: of a block
 * device, whose contents can be discarded below it; and empty ones of a file on a disk, of
 * which the file does not tell what was written.
 */
#define _GNU_SOURCE
#include "carry.h"
#include "maps.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define DEVICE	"/dev/zram0"
#define BLOCKS	256

static int device(void)
{
	write_file("/sys/block/zram0/reset", "1");
	if (!write_file("/sys/block/zram0/disksize", "33554432"))
		return -1;
	return open(DEVICE, O_RDWR | O_CLOEXEC);
}

static void device_off(void)
{
	write_file("/sys/block/zram0/reset", "1");
}

START_TEST(a_block_device_that_is_dropped_and_discarded)
{
	struct area a = hole(BLOCKS, 0);
	struct marks *m = marks_new(BLOCKS);
	uint64_t range[2] = { 20 * PAGE, 100 * PAGE };
	struct wptrack *w;
	int fd = device(), round;
	size_t i;

	if (fd < 0)
		skip("no zram");
	must(mmap(a.p, BLOCKS * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0));
	for (i = 0; i < BLOCKS; i++)
		a.p[i * PAGE] = 1 + i % 200;
	w = tracker_on(a);
	must(msync(a.p, BLOCKS * PAGE, MS_SYNC));
	settle(w, a);
	for (round = 0; round < 3; round++) {
		marks_none(m);
		touch_random(a, m, 5);
		must(madvise(a.p, BLOCKS * PAGE, MADV_DONTNEED));
		expect_no_lost(w, a, m, GET, "a block device");
		if (round)
			read_all(a);
		expect_no_lost(w, a, m, RESET, "a block device");
		must(msync(a.p, BLOCKS * PAGE, MS_SYNC));
		settle(w, a);
		marks_none(m);
		/* Mapped, and not: what is discarded has changed for who maps it. */
		read_all(a);
		if (round == 1)
			must(madvise(a.p, 50 * PAGE, MADV_DONTNEED));
		expect_no_lost(w, a, m, GET, "a block device");
		if (ioctl(fd, BLKDISCARD, range)) {
			note("BLKDISCARD: %s", strerror(errno));
			continue;
		}
		for (i = 20; i < 120; i++)
			m->w[i] = a.p[i * PAGE] == 0;
		/* Nothing was there to be told of where it was not mapped. */
		if (round != 1)
			expect_no_lost(w, a, m, GET, "a block device");
		settle(w, a);
		memset(a.p + 20 * PAGE, 3, 100 * PAGE);
		must(msync(a.p, BLOCKS * PAGE, MS_SYNC));
		settle(w, a);
	}
	marks_none(m);
	touch_random(a, m, 5);
	expect_no_lost(w, a, m, RESET, "a block device");
	close(fd);
	munmap(a.p, BLOCKS * PAGE);
	wptrack_close(w);
}
END_TEST

/* An event that leaves a trace of empty pages, which the file itself may not explain away. */
START_TEST(empty_memory_of_a_disk_is_filled_after_clear_refs)
{
	struct map map = map_make(_i & 1 ? MAP_KIND_MEMFD : MAP_KIND_EXT4, BLOCKS, 0);
	struct marks *m = marks_new(BLOCKS);
	struct wptrack *w;
	int round;

	if (!map_exists(map.kind))
		skip("no ext4 scratch disk");
	w = tracker_on(map.a);
	expect_clean(w, map.a);
	for (round = 0; round < 4; round++) {
		marks_none(m);
		if (round & 1)
			read_all(area_sub(map.a, 0, 9));
		if (!write_file("/proc/self/clear_refs", "4"))
			skip("clear_refs: %s", strerror(errno));
		write_random(map.a, m, 6);
		if (_i & 2)
			write_file("/proc/self/clear_refs", "4");
		if (round & 2)
			must(msync(map.a.p, BLOCKS * PAGE, MS_SYNC));
		must(madvise(map.a.p, BLOCKS * PAGE, MADV_DONTNEED));
		expect_no_lost(w, map.a, m, GET, "empty while ptes changed");
		expect_no_lost(w, map.a, m, RESET, "empty while ptes changed");
		must(msync(map.a.p, BLOCKS * PAGE, MS_SYNC));
		settle(w, map.a);
		must(madvise(map.a.p, BLOCKS * PAGE, MADV_DONTNEED));
		settle(w, map.a);
	}
}
END_TEST

void carry_device(Suite *s)
{
	TCase *tc = tcase_new(s, "device", TEST_TIMEOUT);

	tcase_add_unchecked_fixture(tc, NULL, device_off);
	tcase_add_test(tc, a_block_device_that_is_dropped_and_discarded);
	tcase_add_loop_test(tc, empty_memory_of_a_disk_is_filled_after_clear_refs, 0, 4);
}
