// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "shadow.h"

#include <sys/mman.h>
#include <sys/uio.h>

struct shadow *shadow_new(struct wptrack *w, struct area a, bool holes)
{
	struct shadow *s = calloc(1, sizeof(*s));

	ck_assert_ptr_nonnull(s);
	s->w = w;
	s->a = a;
	s->holes = holes;
	s->copy = must(mmap(NULL, a.pages * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	return s;
}

/*
 * A page may go away between its report and its copy.  It counts as empty then: if it
 * held data when it went away, it has to be reported again when it comes back.  A
 * page that was empty then is the same as before, and need not be.
 */
static void copy_page(struct shadow *s, uint64_t addr)
{
	uint8_t *to = s->copy + (addr - area_start(s->a));
	struct iovec local = { to, PAGE }, remote = { (void *)addr, PAGE };

	if (!s->holes)
		memcpy(to, (void *)addr, PAGE);
	else if (process_vm_readv(getpid(), &local, 1, &remote, 1, 0) !=
		 (ssize_t)PAGE)
		memset(to, 0, PAGE);
	s->copied++;
}

static int copy_region(const struct wptrack_region *r, void *ctx)
{
	struct shadow *s = ctx;
	uint64_t p;

	for (p = r->start; p < r->end; p += PAGE)
		copy_page(s, p);
	return 0;
}

void shadow_update_part(struct shadow *s, size_t first, size_t pages)
{
	struct wptrack_scan_opts o = {
		.sz = sizeof(o), .flags = WPTRACK_SCAN_RESET,
	};
	struct area part = area_sub(s->a, first, pages);
	int err = wptrack_for_each(s->w, area_start(part), area_end(part),
				   copy_region, s, &o);

	if (err)
		ck_abort_msg("scan: %s", wptrack_error(s->w));
	s->scans++;
}

void shadow_update(struct shadow *s)
{
	shadow_update_part(s, 0, s->a.pages);
}

/* How a page differs from its copy, for whoever has to find out why. */
static void show_lost(struct shadow *s, size_t page)
{
	const uint64_t *now = (const uint64_t *)(s->a.p + page * PAGE);
	const uint64_t *was = (const uint64_t *)(s->copy + page * PAGE);
	size_t i, words = PAGE / sizeof(*now), n = 0, first = 0, data = 0;

	for (i = words; i--;) {
		data += now[i] != 0;
		if (now[i] != was[i]) {
			first = i;
			n++;
		}
	}
	note("  page %zu at %p: LOST: %zu of %zu words are not what was copied last: "
	     "word %zu is %#lx and was %#lx; %zu words are not 0", page,
	     (const void *)now, n, words, first, now[first], was[first], data);
}

size_t shadow_differs(struct shadow *s, const uint8_t *mapped)
{
	size_t i, n = 0;

	for (i = 0; i < s->a.pages; i++) {
		if (mapped && !mapped[i])
			continue;
		if (!memcmp(s->copy + i * PAGE, s->a.p + i * PAGE, PAGE))
			continue;
		if (n++ < 8)
			show_lost(s, i);
	}
	return n;
}
