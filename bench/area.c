// SPDX-License-Identifier: MIT
/* The memory that is measured: mapped, filled, and of the kind that was asked for. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"

#ifndef MAP_HUGE_2MB
#define MAP_HUGE_2MB	(21 << 26)
#endif

const char *const kind_name[KIND_NR] = {
	[KIND_ANON] = "anon", [KIND_SHMEM] = "shmem", [KIND_FILE] = "file",
	[KIND_THP] = "thp", [KIND_HUGETLB] = "hugetlb",
};

void area_touch(const struct area *a)
{
	size_t i;

	for (i = 0; i < a->len; i += a->page)
		*(volatile char *)(a->p + i) = 1;
}

/* Is all of the area mapped by huge pages? */
static bool area_is_huge(const struct area *a)
{
	unsigned long start, end, kb = 0;
	bool inside = false;
	char line[256];
	FILE *f = fopen("/proc/self/smaps", "r");

	if (!f)
		return false;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			inside = start <= (unsigned long)a->p &&
				 (unsigned long)a->p < end;
		else if (inside && sscanf(line, "AnonHugePages: %lu", &kb) == 1)
			break;
	}
	fclose(f);
	return kb * 1024 >= a->len;
}

/* A file that is gone when it is unmapped. */
static int new_file(size_t len)
{
	char name[256];
	int fd;

	snprintf(name, sizeof(name), "%s/wptrack-bench-XXXXXX", opts.file_dir);
	fd = mkstemp(name);
	if (fd < 0)
		return -1;
	unlink(name);
	/* Real blocks, or each first write would look for one. */
	errno = posix_fallocate(fd, 0, len);
	if (errno) {
		close(fd);
		return -1;
	}
	return fd;
}

static const char *no_file(enum kind kind)
{
	static char why[320];

	snprintf(why, sizeof(why), "no file could be made in %s: %s",
		 kind == KIND_FILE ? opts.file_dir : "memory", strerror(errno));
	return why;
}

static char *map_huge_aligned(size_t len)
{
	char *p = mmap(NULL, len + HUGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	size_t skip;

	if (p == MAP_FAILED)
		return p;
	skip = -(uintptr_t)p % HUGE;
	if (skip)
		munmap(p, skip);
	munmap(p + skip + len, HUGE - skip);
	return p + skip;
}

const char *area_map(struct area *a, enum kind kind, size_t len)
{
	int fd = -1;

	*a = (struct area){ .len = len, .kind = kind, .page = PAGE };
	switch (kind) {
	case KIND_ANON:
		a->p = map_huge_aligned(len);
		break;
	case KIND_THP:
		a->page = HUGE;
		a->p = map_huge_aligned(len);
		break;
	case KIND_HUGETLB:
		a->page = HUGE;
		a->p = mmap(NULL, len, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB |
			    MAP_HUGE_2MB, -1, 0);
		if (a->p == MAP_FAILED)
			return "no huge pages are reserved";
		break;
	case KIND_SHMEM:
	case KIND_FILE:
		fd = kind == KIND_FILE ? new_file(len) :
					 memfd_create("bench", MFD_CLOEXEC);
		if (fd < 0 || (kind == KIND_SHMEM && ftruncate(fd, len)))
			return no_file(kind);
		a->p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		close(fd);
		break;
	default:
		return "there is no such memory";
	}
	if (a->p == MAP_FAILED)
		fail("mmap: %s", strerror(errno));
	madvise(a->p, len, kind == KIND_THP ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	area_touch(a);
	if (kind == KIND_THP && !area_is_huge(a)) {
		area_unmap(a);
		return "the kernel gave no huge pages";
	}
	return NULL;
}

void area_map_empty(struct area *a, size_t len)
{
	*a = (struct area){ .len = len, .kind = KIND_ANON, .page = PAGE };
	a->p = map_huge_aligned(len);
	if (a->p == MAP_FAILED)
		fail("mmap: %s", strerror(errno));
	madvise(a->p, len, MADV_NOHUGEPAGE);
}

void area_unmap(struct area *a)
{
	munmap(a->p, a->len);
}
