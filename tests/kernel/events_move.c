// SPDX-License-Identifier: GPL-2.0-only
/* Events: pages that the kernel moves, takes away and brings back. */
#define _GNU_SOURCE
#include "events.h"
#include "ksm.h"
#include "maps.h"
#include "swap.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/swap.h>
#include <sys/syscall.h>

static size_t bytes(struct area a)
{
	return a.pages * PAGE;
}

static bool swap_wanted(const struct cell *c, const char **why)
{
	*why = NULL;
	if (c->m.kind->flags & KIND_HUGETLB)
		*why = "hugetlb is not swapped";
	return !*why;
}

static const char *pageout(struct cell *c)
{
	/* What was just used is not taken at the first attempt. */
	try(madvise(c->m.ev.p, bytes(c->m.ev), 20 /* MADV_COLD */));
	try(madvise(c->m.ev.p, bytes(c->m.ev), 21 /* MADV_PAGEOUT */));
	return NULL;
}

/* Reading empty shared memory would populate it. */
static void read_back(struct cell *c)
{
	if (!(c->m.kind->flags & KIND_EMPTY))
		read_all(c->m.ev);
}

static void write_back(struct cell *c)
{
	size_t i;

	for (i = 0; i < c->m.ev.pages; i++) {
		if (mem_phase(&c->m, i) != PHASE_BEFORE)
			continue;
		++*(volatile uint64_t *)(c->m.ev.p + i * PAGE + 8);
		cell_wrote(c, i);
	}
}

enum in { IN_NOT, IN_READ, IN_WRITE };

static const char *out_and_in(struct cell *c, enum in in)
{
	const char *why = pageout(c);

	if (why)
		return why;
	if (in == IN_READ)
		read_back(c);
	else if (in == IN_WRITE)
		write_back(c);
	return NULL;
}

static bool swap_on, zram_on;

static const char *swap_file(struct cell *c, enum in in)
{
	const char *why;

	if (!swap_wanted(c, &why))
		return why;
	if (!swap_on)
		swap_setup();
	swap_on = true;
	if (swap_missing())
		return swap_missing();
	return out_and_in(c, in);
}

const char *ev_pageout(struct cell *c)
{
	return swap_file(c, IN_NOT);
}

const char *ev_swap_read(struct cell *c)
{
	return swap_file(c, IN_READ);
}

const char *ev_swap_write(struct cell *c)
{
	return swap_file(c, IN_WRITE);
}

const char *ev_swapoff(struct cell *c)
{
	char path[256];
	const char *why;

	if (!swap_wanted(c, &why))
		return why;
	why = swap_file(c, IN_NOT);
	if (why)
		return why;
	/* The file is made once: all of it has to be written. */
	snprintf(path, sizeof(path), "%s/swap", ext4_dir());
	try(swapoff(path));
	try(swapon(path, 0));
	return NULL;
}

static const char *zram(void)
{
	if (!zram_on)
		zram_setup();
	zram_on = true;
	return swap_missing();
}

void swap_end(void)
{
	if (swap_on)
		swap_teardown();
	if (zram_on)
		zram_teardown();
}

const char *ev_zram_read(struct cell *c)
{
	const char *why;

	if (!swap_wanted(c, &why))
		return why;
	why = zram();
	return why ? why : out_and_in(c, IN_READ);
}

const char *ev_zram_write(struct cell *c)
{
	const char *why;

	if (!swap_wanted(c, &why))
		return why;
	why = zram();
	return why ? why : out_and_in(c, IN_WRITE);
}

const char *ev_compact(struct cell *c)
{
	if (!write_file("/proc/sys/vm/compact_memory", "1"))
		return "no compact_memory";
	return NULL;
}

static long node_of(void *p)
{
	int node = -1;

	return syscall(SYS_get_mempolicy, &node, NULL, 0, p, 3UL) ? -1 : node;
}

const char *ev_move_pages(struct cell *c)
{
	size_t i, step = c->m.kind->unit > 1 ? c->m.kind->unit : 1;
	size_t n = c->m.ev.pages / step, moved = 0;
	void *page[n];
	int node[n], status[n];
	long other;

	if (access("/sys/devices/system/node/node1", F_OK))
		return "one node only";
	other = !node_of(c->m.ev.p);
	for (i = 0; i < n; i++) {
		page[i] = c->m.ev.p + i * step * PAGE;
		node[i] = other;
	}
	try(syscall(SYS_move_pages, 0, n, page, node, status, 2UL));
	for (i = 0; i < n; i++)
		moved += status[i] == other;
	return moved ? NULL : "none of these pages was moved";
}

const char *ev_migrate_pages(struct cell *c)
{
	unsigned long from, to;
	long node;

	if (access("/sys/devices/system/node/node1", F_OK))
		return "one node only";
	node = node_of(c->m.ev.p);
	from = node == 1 ? 2 : 1;
	to = 3 - from;
	try(syscall(SYS_migrate_pages, 0, 3, &from, &to));
	return NULL;
}

static void numa_tune(bool fast)
{
	static const char *const dirs[] = {
		"/proc/sys/kernel/numa_balancing_", "/sys/kernel/debug/sched/numa_balancing/",
	};
	static const struct { const char *name, *fast, *slow; } knob[] = {
		{ "scan_delay_ms", "1", "1000" },
		{ "scan_period_min_ms", "10", "1000" },
		{ "scan_period_max_ms", "20", "60000" },
		{ "scan_size_mb", "1024", "256" },
	};
	char path[128];
	size_t i, d;

	for (d = 0; d < 2; d++)
		for (i = 0; i < 4; i++) {
			snprintf(path, sizeof(path), "%s%s", dirs[d], knob[i].name);
			write_file(path, fast ? knob[i].fast : knob[i].slow);
		}
	write_file("/proc/sys/kernel/numa_balancing", fast ? "1" : "0");
}

static long vmstat(const char *key)
{
	FILE *f = fopen("/proc/vmstat", "re");
	char name[64];
	long value, found = -1;

	while (f && fscanf(f, "%63s %ld", name, &value) == 2)
		if (!strcmp(name, key))
			found = value;
	if (f)
		fclose(f);
	return found;
}

struct reader {
	struct cell *c;
	long before;
};

/* Until the kernel has taken access away from some pages, and given it back. */
static void *read_on(void *arg)
{
	struct reader *r = arg;
	double end = seconds() + 1.5;

	while (seconds() < end && vmstat("numa_pte_updates") <= r->before)
		read_back(r->c);
	read_back(r->c);
	return NULL;
}

const char *ev_numa(struct cell *c)
{
	struct reader r = { c, vmstat("numa_pte_updates") };
	pthread_t thread;

	if (access("/sys/devices/system/node/node1", F_OK))
		return "one node only";
	if (access("/proc/sys/kernel/numa_balancing", W_OK))
		return "no NUMA balancing";
	if (c->m.kind->flags & KIND_EMPTY)
		return "nothing to move";
	/* Memory for which there is a policy is left alone. */
	must(syscall(SYS_set_mempolicy, 0 /* default */, NULL, 0UL));
	numa_tune(true);
	/* A new thread goes by the new numbers. */
	ck_assert(!pthread_create(&thread, NULL, read_on, &r));
	pthread_join(thread, NULL);
	numa_tune(false);
	read_back(c);
	return vmstat("numa_pte_updates") > r.before ? NULL :
						       "the kernel scanned nothing";
}

#define THP "/sys/kernel/mm/transparent_hugepage/"

const char *ev_khugepaged(struct cell *c)
{
	double end = seconds() + 1;
	const char *why = NULL;
	long full = -1, now;
	FILE *f;

	if (!(c->m.kind->flags & KIND_ALIGNED))
		return "smaller than a huge page";
	write_file(THP "khugepaged/scan_sleep_millisecs", "1");
	write_file(THP "khugepaged/pages_to_scan", "100000");
	write_file(THP "shmem_enabled", "advise");
	if (madvise(c->m.ev.p, bytes(c->m.ev), MADV_HUGEPAGE))
		return refused("madvise");
	/* Two whole rounds, so that one of them began after this. */
	while (seconds() < end) {
		f = fopen(THP "khugepaged/full_scans", "re");
		if (!f || fscanf(f, "%ld", &now) != 1)
			now = 0;
		if (f)
			fclose(f);
		if (full < 0)
			full = now;
		if (now >= full + 2)
			break;
		usleep(2000);
	}
	write_file(THP "khugepaged/scan_sleep_millisecs", "10000");
	if (c->m.kind->flags & KIND_FILE && !file_is_huge(c->m.fd, 1))
		why = "nothing came of it";
	write_file(THP "shmem_enabled", "never");
	return why;
}

const char *ev_split(struct cell *c)
{
	char text[128];

	if (!(c->m.kind->flags & KIND_THP))
		return "no huge pages";
	snprintf(text, sizeof(text), "%d,%#lx,%#lx", getpid(),
		 area_start(c->m.ev), area_end(c->m.ev));
	if (!write_file("/sys/kernel/debug/split_huge_pages", text))
		return "no split_huge_pages for a range";
	return NULL;
}

static const char *merge(struct cell *c)
{
	if (!(c->m.kind->flags & KIND_ANON))
		return "for private anonymous memory only";
	if (c->m.kind->flags & KIND_EMPTY)
		return "nothing to merge";
	return ksm_merge(c->m.ev) ? NULL : "nothing was merged";
}

const char *ev_ksm(struct cell *c)
{
	return merge(c);
}

const char *ev_unmerge(struct cell *c)
{
	const char *why = merge(c);

	ksm_off();
	return why;
}
