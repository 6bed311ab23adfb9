// SPDX-License-Identifier: GPL-2.0-only
/* The kinds of memory. */
#define _GNU_SOURCE
#include "events.h"
#include "maps.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define SMALL	64		/* pages */
#define HUGE	3		/* huge pages that are written as a whole */

#define NOP	0x90

/* A uprobe wants to find an instruction, wherever it is. */
static void nops(int fd)
{
	uint8_t page[PAGE];
	size_t i;

	memset(page, NOP, PAGE);
	for (i = 0; i < SMALL; i++)
		ck_assert_int_eq(must(pwrite(fd, page, PAGE, i * PAGE)), PAGE);
}

static void make_map(enum map_kind kind, struct mem *m)
{
	struct map map;

	if (!map_exists(kind))
		return;
	map = map_make(kind, SMALL, 3);
	m->a = map.a;
	m->fd = map.fd;
	if (m->fd >= 0)
		nops(m->fd);
}

static void make_anon(const struct kind *k, struct mem *m)
{
	make_map(MAP_KIND_ANON, m);
}

static void make_shared(const struct kind *k, struct mem *m)
{
	make_map(MAP_KIND_SHARED_ANON, m);
}

static void make_memfd(const struct kind *k, struct mem *m)
{
	make_map(k->flags & KIND_SHARED ? MAP_KIND_MEMFD : MAP_KIND_MEMFD_PRIVATE, m);
}

static void make_ext4(const struct kind *k, struct mem *m)
{
	make_map(k->flags & KIND_SHARED ? MAP_KIND_EXT4 : MAP_KIND_EXT4_PRIVATE, m);
}

/* What is written at once is in one folio, if the file system has large ones. */
static void make_folio(const struct kind *k, struct mem *m)
{
	static uint8_t data[SMALL * PAGE];

	make_map(MAP_KIND_EXT4, m);
	if (!m->a.pages)
		return;
	memset(data, NOP, sizeof(data));
	must(ftruncate(m->fd, 0));
	ck_assert_int_eq(must(pwrite(m->fd, data, sizeof(data), 0)), sizeof(data));
}

static void make_aligned(const struct kind *k, struct mem *m)
{
	m->a = small(1);
}

/* Who collapses it puts a huge page into the file. */
static void make_aligned_memfd(const struct kind *k, struct mem *m)
{
	must(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0));
	m->fd = must(memfd_create("aligned", 0));
	must(ftruncate(m->fd, PMD));
	m->a = hole(PMD_PAGES, 0);
	must((long)mmap(m->a.p, PMD, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, m->fd, 0));
	nops(m->fd);
}

static void make_thp(const struct kind *k, struct mem *m)
{
	m->a = thp(k->unit == 1 ? 1 : HUGE);
}

static void make_hugetlb(const struct kind *k, struct mem *m)
{
	if (hugetlb_pages(4 * HUGE))
		m->a = hugetlb(HUGE, k->flags & KIND_SHARED, &m->fd);
}

const struct kind kinds[] = {
	{ "private anonymous", KIND_ANON, 1, 0, make_anon },
	{ "private anonymous, empty", KIND_ANON | KIND_EMPTY, 1, 0, make_anon },
	{ "shared anonymous", KIND_SHARED, 1, 0, make_shared },
	{ "shared anonymous, empty", KIND_SHARED | KIND_EMPTY, 1, 0, make_shared },
	{ "memfd, shared", KIND_SHARED | KIND_FILE, 1, 0, make_memfd },
	{ "memfd, of a huge page's size", KIND_SHARED | KIND_FILE | KIND_ALIGNED, 1, 0,
	  make_aligned_memfd },
	{ "memfd, private", KIND_FILE, 1, 0, make_memfd },
	{ "ext4 file, shared", KIND_SHARED | KIND_FILE, 1, 0, make_ext4 },
	{ "ext4 file in a large folio, shared", KIND_SHARED | KIND_FILE, 1, 0, make_folio },
	{ "ext4 file in a large folio, empty", KIND_SHARED | KIND_FILE | KIND_EMPTY, 1, 0, make_folio },
	{ "ext4 file, private", KIND_FILE, 1, 0, make_ext4 },
	{ "small pages in place of a huge one", KIND_ANON | KIND_ALIGNED, 1, 0,
	  make_aligned },
	{ "transparent huge page", KIND_ANON | KIND_ALIGNED | KIND_THP, 1, 0,
	  make_thp },
	{ "the same, kept huge", KIND_ANON | KIND_ALIGNED | KIND_THP, PMD_PAGES,
	  WPTRACK_TRACK_KEEP_HUGE, make_thp },
	{ "hugetlb, private", KIND_HUGETLB, PMD_PAGES, 0, make_hugetlb },
	{ "hugetlb, shared", KIND_HUGETLB | KIND_SHARED, PMD_PAGES, 0, make_hugetlb },
};
const unsigned int nr_kinds = sizeof(kinds) / sizeof(kinds[0]);

enum phase mem_phase(const struct mem *m, size_t page)
{
	/* Of so many pages one in 16 has a part to play. */
	size_t step = m->a.pages > SMALL ? 16 : 1;

	/* They are dear: one is written twice, one after the event, one never. */
	if (m->kind->unit > 1)
		return page == 7 ? PHASE_BOTH :
		       page == m->kind->unit + 7 ? PHASE_AFTER : PHASE_NEVER;
	return page % step ? PHASE_NEVER : page / step % PHASES;
}

static void populate(struct mem *m)
{
	size_t i;

	for (i = 0; i < m->a.pages; i++) {
		uint8_t *p = m->a.p + i * PAGE;
		enum phase phase = mem_phase(m, i);

		if (phase == PHASE_READ) {
			(void)*(volatile uint8_t *)p;
			continue;
		}
		memset(p, NOP, m->kind->unit > 1 && i % 16 ? 16 : PAGE);
		if (phase != PHASE_SAME)
			*(volatile size_t *)p = i + 1;
	}
}

bool mem_make(const struct kind *k, struct mem *m)
{
	*m = (struct mem){ .kind = k, .fd = -1 };
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	k->make(k, m);
	if (!m->a.pages)
		return false;
	m->ev = m->a;
	if (!(k->flags & KIND_EMPTY))
		populate(m);
	return true;
}

void mem_free(struct mem *m)
{
	munmap(m->a.p, m->a.pages * PAGE);
	if (m->fd >= 0)
		close(m->fd);
}

void mem_map(const struct mem *m, void *p, size_t pages, size_t first)
{
	int flags = MAP_FIXED |
		    (m->kind->flags & KIND_SHARED ? MAP_SHARED : MAP_PRIVATE);

	if (m->fd < 0)
		flags |= MAP_ANONYMOUS;
	if (m->fd < 0 && m->kind->flags & KIND_HUGETLB)
		flags |= MAP_HUGETLB;
	must((long)mmap(p, pages * PAGE, PROT_READ | PROT_WRITE, flags, m->fd,
			m->fd < 0 ? 0 : first * PAGE));
	if (m->kind->flags & KIND_THP)
		must(madvise(p, pages * PAGE, MADV_HUGEPAGE));
}
