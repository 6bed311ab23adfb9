// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that goes away while others look at it: holes that are made in a file, and page
 * tables that are freed.
 */
#define _GNU_SOURCE
#include "maps.h"
#include "remap.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "../../userspace/preload/abi.h"

static atomic_bool stop;

#define FILE_PAGES	(24 * PMD_PAGES)

static struct file {
	int fd;
	struct area a;
	/* What the tracker has told so far, by reading the file. */
	uint64_t copy[FILE_PAGES];
} f;

static uint64_t file_value(size_t page)
{
	uint64_t v;

	check_that(pread(f.fd, &v, sizeof(v), page * PAGE) == sizeof(v));
	return v;
}

static void copy_written(struct wptrack *w)
{
	struct marks *m = written(w, f.a, RESET);
	size_t i;

	for (i = 0; i < FILE_PAGES; i++)
		if (m->w[i])
			f.copy[i] = file_value(i);
	free(m);
}

static void *punch(void *arg)
{
	must(fallocate(f.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
		       FILE_PAGES * PAGE));
	stop = true;
	return NULL;
}

/*
 * The ptes of all of it are taken first, and pages out of the file after that.  Who looks in
 * between is not to believe that this was all; and reads the file, as a page fault would
 * wait for the end.
 */
START_TEST(hole_that_is_being_made_is_seen_by_who_reads_the_file)
{
	struct wptrack *w;
	struct marks *m;
	pthread_t thread;
	size_t i, round;

	f.fd = must(memfd_create("hole", MFD_CLOEXEC));
	must(ftruncate(f.fd, FILE_PAGES * PAGE));
	f.a = (struct area){ mmap(NULL, FILE_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
				  f.fd, 0), FILE_PAGES };
	ck_assert(f.a.p != MAP_FAILED);
	w = tracker_on(f.a);
	for (round = 1; round < 5; round++) {
		for (i = 0; i < FILE_PAGES; i++)
			*(uint64_t *)(f.a.p + i * PAGE) = round << 32 | (i + 1);
		copy_written(w);
		stop = false;
		ck_assert(!pthread_create(&thread, NULL, punch, NULL));
		while (!stop)
			copy_written(w);
		pthread_join(thread, NULL);
		m = written(w, f.a, GET);
		for (i = 0; i < FILE_PAGES; i++)
			if (!m->w[i] && f.copy[i] != file_value(i))
				ck_abort_msg("round %zu: page %zu is clean, but was %lx, and is %lx",
					     round, i, f.copy[i], file_value(i));
		free(m);
	}
	wptrack_close(w);
	close(f.fd);
}
END_TEST

/* Page tables, and the tables above them, come and go. */
static void *map_and_unmap(void *arg)
{
	const size_t step = 8 * PMD, bytes = 1UL << 30;
	uint8_t *p;
	size_t i;

	while (!stop) {
		p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		check_that(p != MAP_FAILED);
		for (i = 0; i < bytes; i += step)
			p[i] = 1;
		must(munmap(p, bytes));
	}
	return NULL;
}

/*
 * The kernel's own scan is an event over all that there is, with holes in it, where munmap()
 * may be at work.
 */
START_TEST(page_tables_are_freed_while_the_kernel_scans)
{
	struct area a = anon_populated(700), all = { NULL, (1UL << 47) / PAGE - 1 };
	double end = seconds() + run_seconds(4);
	struct marks *m = marks_new(a.pages);
	struct wptrack *w = tracker_self();
	struct pm_scan_arg arg = {
		.size = sizeof(arg), .flags = PM_SCAN_WP_MATCHING,
		.end = area_end(all), .category_mask = 1, .return_mask = 1,
	};
	int fd = must(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
	pthread_t thread;
	size_t scans;

	if (ioctl(fd, PAGEMAP_SCAN, &arg) && errno == ENOTTY) {
		close(fd);
		skip("PAGEMAP_SCAN came with Linux 6.7");
	}
	track(w, all, 0);
	settle(w, a);
	stop = false;
	ck_assert(!pthread_create(&thread, NULL, map_and_unmap, NULL));
	for (scans = 0; seconds() < end; scans++) {
		touch_random(a, m, 50);
		must(ioctl(fd, PAGEMAP_SCAN, &arg));
		expect_no_lost(w, a, m, GET, "events over it");
	}
	stop = true;
	pthread_join(thread, NULL);
	note("%zu scans", scans);
	wptrack_close(w);
	close(fd);
}
END_TEST

void remap_holes(Suite *s)
{
	TCase *tc = tcase_new(s, "holes", TEST_TIMEOUT);

	tcase_add_test(tc, hole_that_is_being_made_is_seen_by_who_reads_the_file);
	tcase_add_test(tc, page_tables_are_freed_while_the_kernel_scans);
}
