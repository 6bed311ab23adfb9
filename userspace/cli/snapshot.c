// SPDX-License-Identifier: MIT
/*
 * A copy of the private writable memory of a process.
 *
 * Pages that hold nothing are not read: a read would fill in page tables of the
 * target, for all of a sparse mapping.  /proc/PID/pagemap tells them; it is also
 * a witness that does not depend on the module that is on trial.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli.h"
#include "fmt.h"
#include "progress.h"
#include "snapshot.h"

/* Documentation/admin-guide/mm/pagemap.rst */
#define PM_PRESENT	(1ULL << 63)
#define PM_SWAP		(1ULL << 62)
#define PM_FILE		(1ULL << 61)	/* of a file, or shared anonymous */

#define BATCH		8192		/* pagemap entries in one read */

static void add_page(struct snapshot *s, uint64_t addr, bool file)
{
	struct page_run *last = s->n ? &s->runs[s->n - 1] : NULL;

	if (last && last->end == addr && last->file == file) {
		last->end += s->page_size;
	} else {
		if (s->n == s->room) {
			s->room = s->room ? 2 * s->room : 256;
			s->runs = xrealloc(s->runs, s->room, sizeof(*s->runs));
		}
		s->runs[s->n++] = (struct page_run){
			.start = addr,
			.end = addr + s->page_size,
			.file = file,
		};
	}
	s->bytes += s->page_size;
}

static int index_mapping(struct snapshot *s, const struct mapping *m,
			 int pagemap, uint64_t *entries)
{
	uint64_t addr = m->start;

	while (addr < m->end) {
		size_t want = (m->end - addr) / s->page_size, i;
		ssize_t got;

		if (want > BATCH)
			want = BATCH;
		got = pread(pagemap, entries, want * sizeof(*entries),
			    addr / s->page_size * sizeof(*entries));
		if (got < (ssize_t)sizeof(*entries)) {
			if (!got)
				errno = ESRCH;	/* its memory is gone */
			return -1;
		}
		for (i = 0; i < got / sizeof(*entries); i++) {
			if (entries[i] & (PM_PRESENT | PM_SWAP))
				add_page(s, addr, entries[i] & PM_FILE);
			addr += s->page_size;
		}
	}
	return 0;
}

int snapshot_index(struct snapshot *s, pid_t pid, uint64_t page_size)
{
	uint64_t *entries = xrealloc(NULL, BATCH, sizeof(*entries));
	char path[32];
	int pagemap, err = -1;
	size_t i;

	*s = (struct snapshot){ .page_size = page_size };
	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	pagemap = open(path, O_RDONLY | O_CLOEXEC);
	if (pagemap < 0 || maps_read(pid, &s->maps))
		goto out;
	for (i = 0; i < s->maps.n; i++) {
		const struct mapping *m = &s->maps.v[i];

		if (!m->write)
			continue;
		if (m->shared) {
			s->shared += m->end - m->start;
			continue;
		}
		ranges_append(&s->private, m->start, m->end);
		if (m->inode)
			ranges_append(&s->files, m->start, m->end);
		progress("looking for memory to copy: %zu of %zu mappings",
			 i, s->maps.n);
		if (index_mapping(s, m, pagemap, entries))
			goto out;
	}
	err = 0;
out:
	if (pagemap >= 0)
		close(pagemap);
	free(entries);
	if (err)
		snapshot_free(s);
	return err;
}

/* Bytes that the system can give without swapping; 0 if it does not say. */
static uint64_t memory_available(void)
{
	unsigned long long kib = 0;
	char line[128];
	FILE *f = fopen("/proc/meminfo", "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib * 1024;
}

bool snapshot_reserve(struct snapshot *s, size_t already_held)
{
	const uint64_t have = memory_available();
	const uint64_t more = s->bytes > already_held ?
			      s->bytes - already_held : 0;
	unsigned char *at;
	size_t i;

	at = MAP_FAILED;
	if (!have || more <= have)
		at = mmap(NULL, s->bytes ? s->bytes : 1, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at == MAP_FAILED) {
		char need[FMT_BYTES], avail[FMT_BYTES];

		complain("not enough memory to copy the private writable memory of the process: it holds %s, %s is available; free some memory or choose a smaller process",
			 fmt_bytes(need, s->bytes),
			 fmt_bytes(avail, have + already_held));
		return false;
	}
	s->data = at;
	for (i = 0; i < s->n; i++) {
		s->runs[i].data = at;
		at += s->runs[i].end - s->runs[i].start;
	}
	return true;
}

void snapshot_read(struct snapshot *s, int memfd, const struct page_run *run,
		   uint64_t start, uint64_t end, struct ranges *unreadable)
{
	while (start < end) {
		ssize_t got = pread(memfd, run->data + (start - run->start),
				    end - start, start);

		if (got > 0) {
			/* a short read ends before the page that is at fault */
			start += got;
			continue;
		}
		if (got < 0 && errno == EINTR)
			continue;
		start &= ~(s->page_size - 1);
		ranges_append(unreadable, start, start + s->page_size);
		start += s->page_size;
	}
}

void snapshot_drop_below(struct snapshot *s, uint64_t addr)
{
	size_t low = 0, high = s->n;
	size_t len;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->runs[mid].end <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	len = low < s->n ? (size_t)(s->runs[low].data - s->data) : s->bytes;
	if (len > s->dropped) {
		madvise(s->data + s->dropped, len - s->dropped, MADV_DONTNEED);
		s->dropped = len;
	}
}

struct ranges snapshot_populated(const struct snapshot *s)
{
	struct ranges r = { 0 };
	size_t i;

	for (i = 0; i < s->n; i++)
		ranges_append(&r, s->runs[i].start, s->runs[i].end);
	return r;
}

void snapshot_free(struct snapshot *s)
{
	if (s->data)
		munmap(s->data, s->bytes ? s->bytes : 1);
	maps_free(&s->maps);
	ranges_free(&s->private);
	ranges_free(&s->files);
	free(s->runs);
	*s = (struct snapshot){ 0 };
}
