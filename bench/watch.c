// SPDX-License-Identifier: MIT
/*
 * Another process, watched by the module and by soft-dirty.  Only what it can write to
 * is asked for.  The two steps of soft-dirty, read and clear, lose what a running
 * process writes between them.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libwptrack.h>

#include "watch.h"

#define MAPPINGS	4096
#define ENTRIES		65536
#define SOFT_DIRTY	(1ULL << 55)

struct watch {
	pid_t pid;
	struct wptrack *w;	/* NULL: soft-dirty */
	int pagemap, clear;
	size_t n;
	struct {
		uint64_t start, end;
	} mapping[MAPPINGS];
	uint64_t entry[ENTRIES];
};

const char *watch_missing(const struct method *m)
{
	const char *why = "it cannot track another process";
	struct area a;
	void *s;

	if (m != &method_wptrack && m != &method_softdirty)
		return why;
	area_map(&a, KIND_ANON, MIB);
	s = m->begin(&a, &why);
	if (s)
		m->end(s);
	area_unmap(&a);
	return s ? NULL : why;
}

static int open_proc(pid_t pid, const char *name, int flags)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		fail("%s: %s", path, strerror(errno));
	return fd;
}

static void clear(const struct watch *w)
{
	if (pwrite(w->clear, "4", 1, 0) != 1)
		fail("clear_refs: %s", strerror(errno));
}

struct watch *watch_begin(const struct method *m, pid_t pid)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (!w)
		fail("out of memory");
	w->pid = pid;
	w->pagemap = w->clear = -1;
	if (m == &method_softdirty) {
		w->pagemap = open_proc(pid, "pagemap", O_RDONLY);
		w->clear = open_proc(pid, "clear_refs", O_WRONLY);
		clear(w);
		return w;
	}
	if (wptrack_open(&w->w, NULL))
		fail("no tracker");
	if (wptrack_attach_pid(w->w, pid) || wptrack_track(w->w, 0, UINT64_MAX, 0))
		fail("%s", wptrack_error(w->w));
	return w;
}

void watch_mappings(struct watch *w)
{
	FILE *f = fdopen(open_proc(w->pid, "maps", O_RDONLY), "r");
	uint64_t start, end;
	size_t size = 0;
	char *line = NULL;
	char perm[5];

	if (!f)
		fail("out of memory");
	w->n = 0;
	while (getline(&line, &size, f) > 0) {
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s", &start, &end, perm) != 3 ||
		    perm[1] != 'w')
			continue;
		if (w->n == MAPPINGS)
			fail("the process has too many mappings");
		w->mapping[w->n].start = start;
		w->mapping[w->n++].end = end;
	}
	free(line);
	fclose(f);
}

static long tracked_pages(struct watch *w, uint64_t start, uint64_t end)
{
	struct wptrack_scan_opts o = { .sz = sizeof(o), .flags = WPTRACK_SCAN_RESET };
	int64_t n = wptrack_count(w->w, start, end, &o);

	if (n < 0)
		fail("%s", wptrack_error(w->w));
	return n;
}

static long dirty_pages(struct watch *w, uint64_t start, uint64_t end)
{
	size_t i, n;
	long pages = 0;

	for (; start < end; start += n * PAGE) {
		n = (end - start) / PAGE < ENTRIES ? (end - start) / PAGE : ENTRIES;
		if (pread(w->pagemap, w->entry, n * 8, start / PAGE * 8) !=
		    (ssize_t)(n * 8))
			fail("pagemap: %s", strerror(errno));
		for (i = 0; i < n; i++)
			pages += !!(w->entry[i] & SOFT_DIRTY);
	}
	return pages;
}

long watch_snapshot(struct watch *w)
{
	long pages = 0;
	size_t i;

	for (i = 0; i < w->n; i++) {
		uint64_t start = w->mapping[i].start, end = w->mapping[i].end;

		pages += w->w ? tracked_pages(w, start, end) : dirty_pages(w, start, end);
	}
	if (!w->w)
		clear(w);
	return pages;
}

void watch_end(struct watch *w)
{
	wptrack_close(w->w);
	if (w->pagemap >= 0) {
		close(w->pagemap);
		close(w->clear);
	}
	free(w);
}
