// SPDX-License-Identifier: GPL-2.0-only
/* Events: what a program does to its mappings. */
#define _GNU_SOURCE
#include "events.h"
#include "maps.h"

#include <sys/mman.h>

#define RW	(PROT_READ | PROT_WRITE)

static size_t bytes(struct area a)
{
	return a.pages * PAGE;
}

const char *ev_grow(struct cell *c)
{
	struct area a = c->m.a;

	if (c->m.kind->flags & KIND_HUGETLB)
		return "not of hugetlb";
	try((long)mremap(a.p, bytes(a), bytes(a) + 8 * PAGE, 0));
	try((long)mremap(a.p, bytes(a) + 8 * PAGE, bytes(a), 0));
	return NULL;
}

const char *ev_move_back(struct cell *c)
{
	struct area a = c->m.ev, b = hole(a.pages, (area_start(a) % PMD) / PAGE);

	try((long)mremap(a.p, bytes(a), bytes(a), MREMAP_MAYMOVE | MREMAP_FIXED,
			 b.p));
	must((long)mremap(b.p, bytes(a), bytes(a), MREMAP_MAYMOVE | MREMAP_FIXED,
			  a.p));
	return NULL;
}

/* Another area of the same kind, with other data, comes from elsewhere. */
const char *ev_move_over(struct cell *c)
{
	struct area a = c->m.ev, b = hole(a.pages, (area_start(a) % PMD) / PAGE);
	struct mem other = c->m;
	size_t i;

	other.fd = -1;
	if (c->m.kind->flags & KIND_FILE) {
		other.fd = must(memfd_create("wptrack-other", MFD_CLOEXEC));
		must(ftruncate(other.fd, bytes(a)));
	} else if (c->m.fd >= 0) {
		other.fd = must(memfd_create("wptrack-other", MFD_CLOEXEC | 4));
		must(ftruncate(other.fd, bytes(a)));
	}
	mem_map(&other, b.p, b.pages, 0);
	for (i = 0; i < b.pages; i++)
		b.p[i * PAGE + 100] = 0xcc;
	if (mremap(b.p, bytes(b), bytes(b), MREMAP_MAYMOVE | MREMAP_FIXED, a.p) ==
	    MAP_FAILED) {
		const char *why = refused("mremap");

		munmap(b.p, bytes(b));
		return why;
	}
	if (other.fd >= 0)
		close(other.fd);
	cell_wrote_all(c);
	return NULL;
}

const char *ev_dontunmap(struct cell *c)
{
	struct area a = c->m.ev, b = hole(a.pages, (area_start(a) % PMD) / PAGE);

	try((long)mremap(a.p, bytes(a), bytes(a), MREMAP_MAYMOVE | MREMAP_FIXED |
			 4 /* MREMAP_DONTUNMAP */, b.p));
	must(munmap(b.p, bytes(b)));
	return NULL;
}

const char *ev_remap(struct cell *c)
{
	struct area a = c->m.ev;

	must(munmap(a.p, bytes(a)));
	mem_map(&c->m, a.p, a.pages, 0);
	return NULL;
}

static const char *change(struct area a, int prot)
{
	try(mprotect(a.p, bytes(a), prot));
	must(mprotect(a.p, bytes(a), RW));
	return NULL;
}

const char *ev_mprotect_read(struct cell *c)
{
	return change(c->m.ev, PROT_READ);
}

const char *ev_mprotect_none(struct cell *c)
{
	return change(c->m.ev, PROT_NONE);
}

const char *ev_mprotect_exec(struct cell *c)
{
	return change(c->m.ev, RW | PROT_EXEC);
}

const char *ev_mprotect_half(struct cell *c)
{
	size_t n = c->m.ev.pages / 2;

	if (c->m.kind->unit > 1)
		n = c->m.kind->unit;
	return change(area_sub(c->m.ev, 0, n), PROT_READ);
}

const char *ev_mprotect_write(struct cell *c)
{
	return change(c->m.ev, RW);
}

const char *ev_pkey(struct cell *c)
{
	int key = pkey_alloc(0, 0);

	if (key < 0)
		return "no protection keys on this machine";
	try(pkey_mprotect(c->m.ev.p, bytes(c->m.ev), RW, key));
	must(pkey_mprotect(c->m.ev.p, bytes(c->m.ev), RW, 0));
	pkey_free(key);
	return NULL;
}

const char *ev_mlock(struct cell *c)
{
	try(mlock(c->m.ev.p, bytes(c->m.ev)));
	must(munlock(c->m.ev.p, bytes(c->m.ev)));
	return NULL;
}
