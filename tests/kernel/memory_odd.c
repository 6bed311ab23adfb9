// SPDX-License-Identifier: GPL-2.0-only
/* Memory that has a file and is anonymous, and a file whose memory only its mappings show. */
#define _GNU_SOURCE
#include "memory.h"
#include "maps.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGES		64
#define MEMFD_SECRET_NR	447

START_TEST(private_mapping_of_dev_zero_is_exact)
{
	struct area a = hole(PAGES, 3);
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	int fd = must(open("/dev/zero", O_RDWR | O_CLOEXEC));

	must((long)mmap(a.p, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED,
			fd, 0));
	close(fd);
	/* Half of it is there, some was read. */
	touch_all(area_sub(a, 0, PAGES / 2));
	read_all(area_sub(a, 0, PAGES / 2 + 8));
	w = tracker_on(a);
	expect_clean(w, a);
	touch_random(a, m, 3);
	expect_exact(w, a, m, GET);
	expect_exact(w, a, m, RESET);
	marks_none(m);
	must(mprotect(a.p, PAGES * PAGE, PROT_READ));
	must(mprotect(a.p, PAGES * PAGE, PROT_READ | PROT_WRITE));
	expect_clean(w, a);
	touch(a, 5);
	m->w[5] = 1;
	expect_exact(w, a, m, RESET);
	expect_clean(w, a);
}
END_TEST

/* The kernel itself has no address for it. */
START_TEST(secret_memory_is_exact)
{
	struct area a = hole(PAGES, 3);
	struct marks *m = marks_new(PAGES);
	int fd = syscall(MEMFD_SECRET_NR, O_CLOEXEC), round;
	struct wptrack *w;

	if (fd < 0)
		skip("memfd_secret: %s", strerror(errno));
	must(ftruncate(fd, PAGES * PAGE));
	must((long)mmap(a.p, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			fd, 0));
	touch_all(a);
	w = tracker_on(a);
	settle(w, a);
	for (round = 0; round < 3; round++) {
		marks_none(m);
		touch_random(a, m, 5);
		expect_exact(w, a, m, GET);
		expect_exact(w, a, m, RESET);
		expect_clean(w, a);
	}
	close(fd);
}
END_TEST

void memory_odd(Suite *s)
{
	TCase *tc = tcase_new(s, "odd", TEST_TIMEOUT);

	tcase_add_test(tc, private_mapping_of_dev_zero_is_exact);
	tcase_add_test(tc, secret_memory_is_exact);
}
