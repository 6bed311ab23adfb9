// SPDX-License-Identifier: GPL-2.0-only
/* A process that is tracked: its memory, its writers, and what happens to them. */
#define _GNU_SOURCE
#include "soak.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const enum map_kind kinds[] = {
	MAP_KIND_ANON, MAP_KIND_SHARED_ANON, MAP_KIND_MEMFD_PRIVATE, MAP_KIND_EXT4,
};

#define NR_KINDS (sizeof(kinds) / sizeof(kinds[0]))

size_t soak_pages(void)
{
	/* And two huge pages. */
	return NR_KINDS * SOAK_AREA + 2 * PMD_PAGES;
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

void soak_note(struct soak_page *p, enum soak_what what, unsigned int event,
	       uint64_t number)
{
	uint64_t i = __atomic_fetch_add(&p->next, 1, __ATOMIC_RELAXED);

	p->history[i % SOAK_HISTORY] = (struct soak_entry){
		what, event, number, now()
	};
}

/* Shared, in a huge page if the kernel has one. */
static struct area huge_file;

static void make_huge_file(struct area part)
{
	int fd = memfd_create("soak", MFD_CLOEXEC);

	write_file("/sys/kernel/mm/transparent_hugepage/shmem_enabled", "advise");
	if (fd < 0 || ftruncate(fd, PMD) ||
	    mmap(part.p, PMD, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) ==
	    MAP_FAILED)
		_exit(3);
	close(fd);
	madvise(part.p, PMD, MADV_HUGEPAGE);
	memset(part.p, 0, PMD);
	huge_file = part;
}

/* All of it at addresses that follow each other, with the huge pages at the end. */
static struct area make_memory(void)
{
	size_t small = NR_KINDS * SOAK_AREA, i;
	struct area all = hole(soak_pages(), 0);

	prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
	for (i = 0; i < NR_KINDS; i++) {
		struct area part = area_sub(all, i * SOAK_AREA, SOAK_AREA);
		struct map map;

		if (!map_exists(kinds[i])) {
			map_over(part, PROT_READ | PROT_WRITE);
			continue;
		}
		map = map_make(kinds[i], SOAK_AREA, 0);
		memset(map.a.p, 0, SOAK_AREA * PAGE);
		if (mremap(map.a.p, SOAK_AREA * PAGE, SOAK_AREA * PAGE,
			   MREMAP_MAYMOVE | MREMAP_FIXED, part.p) == MAP_FAILED)
			_exit(3);
	}
	map_over(area_sub(all, small, PMD_PAGES), PROT_READ | PROT_WRITE);
	madvise(all.p + small * PAGE, PMD, MADV_HUGEPAGE);
	memset(all.p + small * PAGE, 0, PMD);
	make_huge_file(area_sub(all, small + PMD_PAGES, PMD_PAGES));
	return all;
}

struct worker {
	struct soak_world *world;
	unsigned int nr;
	uint64_t random;
};

static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state >> 8;
}

/* Each page has one writer, so that its number only grows. */
static void *write_pages(void *arg)
{
	struct worker *w = arg;
	struct soak_world *world = w->world;

	while (!__atomic_load_n(&world->stop, __ATOMIC_RELAXED)) {
		size_t i = next(&w->random) % world->a.pages;
		uint64_t number;

		i -= i % SOAK_WRITERS;
		i += w->nr;
		if (i >= world->a.pages)
			continue;
		number = world->page[i].written + 1;
		*(volatile uint64_t *)(world->a.p + i * PAGE) = number;
		soak_note(&world->page[i], SOAK_WRITE, 0, number);
		__atomic_store_n(&world->page[i].written, number, __ATOMIC_RELEASE);
		__atomic_fetch_add(&world->writes, 1, __ATOMIC_RELAXED);
		if (!(number % 4))
			usleep(next(&w->random) % 300);
	}
	return NULL;
}

static void wait_child(pid_t pid)
{
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static void ev_fork(struct area part, uint64_t random)
{
	pid_t pid = fork();

	if (!pid) {
		usleep(random % 2000);
		_exit(0);
	}
	if (pid > 0)
		wait_child(pid);
}

/* A child that writes to its copies. */
static void ev_fork_write(struct area part, uint64_t random)
{
	pid_t pid = fork();
	size_t i;

	if (!pid) {
		for (i = random % 3; i < part.pages; i += 3)
			part.p[i * PAGE + 100] = 1;
		_exit(0);
	}
	if (pid > 0)
		wait_child(pid);
}

static void ev_protect(struct area part, uint64_t random)
{
	mprotect(part.p, part.pages * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
	mprotect(part.p, part.pages * PAGE, PROT_READ | PROT_WRITE);
}

static void ev_cold(struct area part, uint64_t random)
{
	madvise(part.p, part.pages * PAGE, 20 /* MADV_COLD */);
}

static void ev_pageout(struct area part, uint64_t random)
{
	madvise(part.p, part.pages * PAGE, 21 /* MADV_PAGEOUT */);
}

static void ev_read(struct area part, uint64_t random)
{
	read_all(part);
}

static void ev_compact(struct area part, uint64_t random)
{
	write_file("/proc/sys/vm/compact_memory", "1");
}

/* To one node or the other, if there are two. */
static void ev_move(struct area part, uint64_t random)
{
	size_t i, n = part.pages < 64 ? part.pages : 64;
	int node[n], status[n];
	void *page[n];

	for (i = 0; i < n; i++) {
		page[i] = part.p + i * PAGE;
		node[i] = random & 1;
	}
	syscall(SYS_move_pages, 0, n, page, node, status, 2UL);
}

static void ev_soft_dirty(struct area part, uint64_t random)
{
	write_file("/proc/self/clear_refs", "4");
}

static void ev_mlock(struct area part, uint64_t random)
{
	mlock(part.p, part.pages * PAGE);
	munlock(part.p, part.pages * PAGE);
}

static void ev_collapse(struct area part, uint64_t random)
{
	madvise(part.p, part.pages * PAGE, 25 /* MADV_COLLAPSE */);
}

/* What is not mapped is still in the file. */
static void ev_drop(struct area part, uint64_t random)
{
	const uint64_t start = area_start(huge_file) > area_start(part) ?
			       area_start(huge_file) : area_start(part);

	if (start < area_end(part))
		madvise((void *)start, area_end(part) - start, MADV_DONTNEED);
}

static const struct {
	const char *name;
	void (*run)(struct area part, uint64_t random);
} soak_events[] = {
	{ "fork", ev_fork },
	{ "fork and writes by the child", ev_fork_write },
	{ "mprotect", ev_protect },
	{ "MADV_COLD", ev_cold },
	{ "MADV_PAGEOUT", ev_pageout },
	{ "MADV_PAGEOUT", ev_pageout },
	{ "reads", ev_read },
	{ "reads", ev_read },
	{ "move_pages", ev_move },
	{ "move_pages", ev_move },
	{ "compaction", ev_compact },
	{ "clear_refs", ev_soft_dirty },
	{ "mlock", ev_mlock },
	{ "MADV_COLLAPSE", ev_collapse },
	{ "MADV_DONTNEED of a file", ev_drop },
};

#define NR_EVENTS (sizeof(soak_events) / sizeof(soak_events[0]))

const char *soak_event_name(unsigned int event)
{
	return soak_events[event].name;
}

static void *make_events(void *arg)
{
	struct worker *w = arg;
	struct soak_world *world = w->world;

	while (!__atomic_load_n(&world->stop, __ATOMIC_RELAXED)) {
		unsigned int event = next(&w->random) % NR_EVENTS;
		size_t first = next(&w->random) % world->a.pages;
		size_t pages = 1 + next(&w->random) % (world->a.pages - first), i;

		for (i = first; i < first + pages; i++)
			soak_note(&world->page[i], SOAK_EVENT, event, 0);
		soak_events[event].run(area_sub(world->a, first, pages),
				       next(&w->random));
		__atomic_fetch_add(&world->events, 1, __ATOMIC_RELAXED);
		usleep(next(&w->random) % 3000);
	}
	return NULL;
}

void soak_target(struct soak_world *world, uint64_t seed)
{
	struct worker worker[SOAK_WRITERS + SOAK_EVENTS];
	pthread_t thread[SOAK_WRITERS + SOAK_EVENTS];
	unsigned int i;

	world->a = make_memory();
	__atomic_store_n(&world->ready, true, __ATOMIC_RELEASE);
	for (i = 0; i < SOAK_WRITERS + SOAK_EVENTS; i++) {
		worker[i] = (struct worker){ world, i, seed + 77 * (i + 1) };
		if (pthread_create(&thread[i], NULL, i < SOAK_WRITERS ?
				   write_pages : make_events, &worker[i]))
			_exit(4);
	}
	for (i = 0; i < SOAK_WRITERS + SOAK_EVENTS; i++)
		pthread_join(thread[i], NULL);
	_exit(0);
}
