// SPDX-License-Identifier: GPL-2.0-only
/* Events: madvise, files, and /proc. */
#define _GNU_SOURCE
#include "events.h"
#include "maps.h"

#include <sys/mman.h>

/* Newer than the headers that this may be compiled with. */
enum {
	ADVICE_COLD = 20,
	ADVICE_PAGEOUT = 21,
	ADVICE_POPULATE_READ = 22,
	ADVICE_POPULATE_WRITE = 23,
	ADVICE_COLLAPSE = 25,
	ADVICE_SOFT_OFFLINE = 101,
	ADVICE_GUARD_INSTALL = 102,
	ADVICE_GUARD_REMOVE = 103,
};

static const char *advise(struct cell *c, int advice)
{
	if (madvise(c->m.ev.p, c->m.ev.pages * PAGE, advice))
		return refused("madvise");
	return NULL;
}

const char *ev_dontneed(struct cell *c)
{
	return advise(c, MADV_DONTNEED);
}

const char *ev_free(struct cell *c)
{
	return advise(c, MADV_FREE);
}

/* The pages that are not written again are gone. */
const char *ev_free_reclaimed(struct cell *c)
{
	const char *why = advise(c, MADV_FREE);

	return why ? why : advise(c, ADVICE_PAGEOUT);
}

const char *ev_cold(struct cell *c)
{
	return advise(c, ADVICE_COLD);
}

const char *ev_remove(struct cell *c)
{
	/* What a file shows where it is not mapped is not looked at. */
	if (c->m.kind->flags & KIND_EMPTY && c->m.kind->flags & KIND_FILE)
		return "it has something to remove, which would have to be mapped first";
	return advise(c, MADV_REMOVE);
}

const char *ev_populate_read(struct cell *c)
{
	return advise(c, ADVICE_POPULATE_READ);
}

const char *ev_populate_write(struct cell *c)
{
	return advise(c, ADVICE_POPULATE_WRITE);
}

const char *ev_collapse(struct cell *c)
{
	if (!(c->m.kind->flags & KIND_ALIGNED))
		return "smaller than a huge page";
	/* While it has clean pages wptrack refuses; of a file the cache is huge by then. */
	if (!advise(c, ADVICE_COLLAPSE))
		return NULL;
	if (c->m.kind->flags & KIND_FILE)
		return file_is_huge(c->m.fd, 1) ? NULL : "nothing came of it";
	return errno == EINVAL && !(c->m.kind->flags & KIND_THP) ?
	       "madvise: Invalid argument" : NULL;
}

const char *ev_hugepage(struct cell *c)
{
	const char *why = advise(c, MADV_HUGEPAGE);

	return why ? why : advise(c, MADV_NOHUGEPAGE);
}

/* The data is gone. */
const char *ev_guard(struct cell *c)
{
	const char *why;

	/* Without wptrack, shared or private; it did not come back within two minutes. */
	if (c->o == &oracle_kernel && !(c->m.kind->flags & KIND_ANON))
		return "of a file: seen to hang on Linux 7.2";
	why = advise(c, ADVICE_GUARD_INSTALL);
	return why ? why : advise(c, ADVICE_GUARD_REMOVE);
}

const char *ev_soft_offline(struct cell *c)
{
	if (madvise(c->m.ev.p + 6 * PAGE, 2 * PAGE, ADVICE_SOFT_OFFLINE))
		return refused("madvise");
	return NULL;
}

const char *ev_fsync(struct cell *c)
{
	if (c->m.fd < 0)
		return "not a file";
	try(fsync(c->m.fd));
	return NULL;
}

static const char *write_to(const char *path, const char *text)
{
	return write_file(path, text) ? NULL : refused(path);
}

const char *ev_drop_caches(struct cell *c)
{
	return write_to("/proc/sys/vm/drop_caches", "3");
}

const char *ev_clear_refs(struct cell *c)
{
	return write_to("/proc/self/clear_refs", "1");
}

const char *ev_soft_dirty(struct cell *c)
{
	return write_to("/proc/self/clear_refs", "4");
}
