// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shared memory in huge pages.
 */
#define _GNU_SOURCE
#include "memory.h"
#include "maps.h"

#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <fcntl.h>

#define DIR	"/tmp/huge-tmpfs"
#define HUGE	4

bool huge_shmem(struct area *a, struct area *alias)
{
	int fd;

	must(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0));
	mkdir(DIR, 0700);
	if (mount("none", DIR, "tmpfs", 0, "huge=always"))
		return false;
	fd = must(open(DIR "/file", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
	umount2(DIR, MNT_DETACH);
	must(ftruncate(fd, HUGE * PMD));
	*a = hole(HUGE * PMD_PAGES, 0);
	*alias = hole(HUGE * PMD_PAGES, 0);
	must((long)mmap(a->p, HUGE * PMD, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_FIXED, fd, 0));
	must((long)mmap(alias->p, HUGE * PMD, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_FIXED, fd, 0));
	memset(a->p, 1, HUGE * PMD);
	close(fd);
	return thp_bytes(*a) == HUGE * PMD;
}

bool huge_shmem_private(struct area *a, struct area *alias)
{
	struct area shared;
	char path[64];
	int fd;

	if (!huge_shmem(&shared, alias))
		return false;
	snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx", area_start(shared),
		 area_end(shared));
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return false;
	*a = map_huge(fd, 2, false);
	close(fd);
	return true;
}

START_TEST(huge_shmem_is_exact)
{
	struct area a, alias;
	struct marks *m;
	struct wptrack *w;
	int round;

	if (!huge_shmem(&a, &alias))
		skip("no huge pages in tmpfs");
	m = marks_new(a.pages);
	w = tracker_on(a);
	expect_clean(w, a);
	for (round = 0; round < 4; round++) {
		marks_none(m);
		touch(a, round * PMD_PAGES + 3);
		m->w[round * PMD_PAGES + 3] = 1;
		expect_exact(w, a, m, GET);
		expect_exact(w, a, m, RESET);
		expect_clean(w, a);
	}
}
END_TEST

START_TEST(part_of_huge_shmem_can_be_tracked)
{
	struct area a, alias, part;
	struct marks *m;
	struct wptrack *w;

	if (!huge_shmem(&a, &alias))
		skip("no huge pages in tmpfs");
	part = area_sub(a, 100, 1000);
	m = marks_new(part.pages);
	w = tracker_on(part);
	expect_clean(w, part);
	touch_random(part, m, 300);
	expect_exact(w, part, m, RESET);
	marks_none(m);
	touch_random(part, m, 300);
	expect_exact(w, part, m, RESET);
}
END_TEST

START_TEST(huge_shmem_does_not_see_other_mappings)
{
	struct area a, alias;
	struct wptrack *w;

	if (!huge_shmem(&a, &alias))
		skip("no huge pages in tmpfs");
	touch_all(alias);
	w = tracker_on(a);
	touch_all(alias);
	expect_clean(w, a);
}
END_TEST

void memory_shmem(Suite *s)
{
	TCase *tc = tcase_new(s, "shmem", TEST_TIMEOUT);

	tcase_add_test(tc, huge_shmem_is_exact);
	tcase_add_test(tc, part_of_huge_shmem_can_be_tracked);
	tcase_add_test(tc, huge_shmem_does_not_see_other_mappings);
}
