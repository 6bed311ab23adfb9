// SPDX-License-Identifier: MIT
/*
 * The soft-dirty bit: /proc/PID/pagemap tells, /proc/PID/clear_refs resets, for all
 * of the address space at once.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"

#define ENTRIES		65536
#define SOFT_DIRTY	(1ULL << 55)

struct session {
	int pagemap, clear;
	char *p;
	size_t len;
	uint64_t *entry;
};

static void clear(const struct session *s)
{
	if (pwrite(s->clear, "4", 1, 0) != 1)
		fail("/proc/self/clear_refs: %s", strerror(errno));
}

static bool is_dirty(const struct session *s, const char *p)
{
	uint64_t entry;

	if (pread(s->pagemap, &entry, sizeof(entry), (uintptr_t)p / PAGE * 8) != 8)
		fail("/proc/self/pagemap: %s", strerror(errno));
	return entry & SOFT_DIRTY;
}

/* Some kernels are built without: the bit is never set, or never cleared. */
static bool works(const struct session *s)
{
	char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool good;

	*(volatile char *)p = 1;
	good = is_dirty(s, p);
	clear(s);
	good = good && !is_dirty(s, p);
	munmap(p, PAGE);
	return good;
}

static void end(void *session)
{
	struct session *s = session;

	close(s->pagemap);
	close(s->clear);
	free(s->entry);
	free(s);
}

static void *begin(const struct area *a, const char **why)
{
	struct session *s;

	if (a->kind == KIND_HUGETLB) {
		*why = "soft-dirty does not know hugetlb";
		return NULL;
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		fail("out of memory");
	s->pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	s->clear = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
	s->p = a->p;
	s->len = a->len;
	s->entry = calloc(ENTRIES, sizeof(*s->entry));
	if (s->pagemap < 0 || s->clear < 0 || !s->entry)
		fail("/proc/self: %s", strerror(errno));
	if (!works(s)) {
		*why = "this kernel is built without soft-dirty";
		end(s);
		return NULL;
	}
	return s;
}

static void arm(void *session)
{
	clear(session);
}

static long scan(void *session, bool reset)
{
	struct session *s = session;
	size_t first = (uintptr_t)s->p / PAGE, n = s->len / PAGE, i, k, now;
	long pages = 0;

	for (i = 0; i < n; i += now) {
		now = n - i < ENTRIES ? n - i : ENTRIES;
		if (pread(s->pagemap, s->entry, now * 8, (first + i) * 8) !=
		    (ssize_t)(now * 8))
			fail("/proc/self/pagemap: %s", strerror(errno));
		for (k = 0; k < now; k++)
			pages += s->entry[k] >> 55 & 1;
	}
	if (reset)
		clear(s);
	return pages;
}

const struct method method_softdirty = {
	.name = "soft-dirty",
	.title = "soft-dirty and pagemap",
	.begin = begin,
	.arm = arm,
	.scan = scan,
	.end = end,
};
