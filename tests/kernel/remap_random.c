// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random changes of the mappings of an arena that is tracked as a whole, with a
 * copy of its data that knows only what the tracker reported.
 */
#define _GNU_SOURCE
#include "maps.h"
#include "remap.h"
#include "shadow.h"

#include <sys/mman.h>
#include <sys/wait.h>

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

struct arena {
	struct area a;
	/* All places and lengths are multiples of this many pages. */
	size_t grain;
	/* Parts are so many times longer than a few grains. */
	size_t times;
	uint8_t *mapped;
	struct shadow *shadow;
	size_t moves, refused;
};

/* A random run of at most @max times so many grains. */
static struct area part(struct arena *ar, size_t max, size_t *first)
{
	size_t grains = ar->a.pages / ar->grain;
	size_t n = 1 + rnd_below(max * ar->times);

	*first = rnd_below(grains - n + 1) * ar->grain;
	return area_sub(ar->a, *first, n * ar->grain);
}

static void set_mapped(struct arena *ar, size_t first, size_t pages, bool is)
{
	memset(ar->mapped + first, is, pages);
}

static void write_some(struct arena *ar)
{
	int i;

	for (i = 0; i < 12; i++) {
		size_t page = rnd_below(ar->a.pages);

		if (ar->mapped[page])
			touch(ar->a, page);
	}
}

static void map_some(struct arena *ar)
{
	size_t first;
	struct area p = part(ar, 5, &first);

	map_over(p, PROT_READ | PROT_WRITE);
	set_mapped(ar, first, p.pages, true);
}

static void unmap_some(struct arena *ar)
{
	size_t first;
	struct area p = part(ar, 2, &first);

	must(munmap(p.p, p.pages * PAGE));
	set_mapped(ar, first, p.pages, false);
}

static bool all_mapped(struct arena *ar, size_t first, size_t pages)
{
	return !memchr(ar->mapped + first, false, pages);
}

/* Before Linux 6.17 mremap() moves no more than one mapping: some are refused. */
static void move_some(struct arena *ar)
{
	size_t from, to;
	struct area p = part(ar, 4, &from), q = p;
	int flags = MREMAP_MAYMOVE | MREMAP_FIXED;

	to = rnd_below((ar->a.pages - p.pages) / ar->grain + 1) * ar->grain;
	q.p = ar->a.p + to * PAGE;
	if (!all_mapped(ar, from, p.pages) ||
	    (to < from + p.pages && from < to + p.pages))
		return;
	if (!rnd_below(4))
		flags |= MREMAP_DONTUNMAP;
	if (mremap(p.p, p.pages * PAGE, p.pages * PAGE, flags, q.p) !=
	    MAP_FAILED) {
		ar->moves++;
	} else {
		/* Either place may have lost some mappings, or not. */
		flags = MREMAP_DONTUNMAP;
		map_over(p, PROT_READ | PROT_WRITE);
		map_over(q, PROT_READ | PROT_WRITE);
		ar->refused++;
	}
	set_mapped(ar, from, p.pages, flags & MREMAP_DONTUNMAP);
	set_mapped(ar, to, p.pages, true);
}

static void zap_some(struct arena *ar)
{
	size_t first;
	struct area p = part(ar, 3, &first);

	/* ENOMEM if there are holes; it zaps what there is. */
	madvise(p.p, p.pages * PAGE, MADV_DONTNEED);
}

/*
 * A scan passes over what is not mapped.  What is mapped there later is new: it
 * is clean until it is written, and its data before that is zeros.
 */
static void update(struct arena *ar, size_t first, size_t pages)
{
	size_t i;

	shadow_update_part(ar->shadow, first, pages);
	for (i = first; i < first + pages; i++)
		if (!ar->mapped[i])
			memset(ar->shadow->copy + i * PAGE, 0, PAGE);
}

static void update_some(struct arena *ar)
{
	size_t first;
	struct area p = part(ar, ar->a.pages / ar->grain / ar->times, &first);

	update(ar, first, p.pages);
}

static void protect_some(struct arena *ar)
{
	bool readable = rnd_below(2);
	size_t first;
	struct area p = part(ar, 4, &first);

	/* Both calls stop at the first hole. */
	mprotect(p.p, p.pages * PAGE, readable ? PROT_READ : PROT_NONE);
	if (readable)
		update_some(ar);
	mprotect(p.p, p.pages * PAGE, PROT_READ | PROT_WRITE);
}

static void fork_some(struct arena *ar)
{
	pid_t pid = must(fork());

	if (!pid) {
		write_some(ar);
		_exit(0);
	}
	write_some(ar);
	must(waitpid(pid, NULL, 0));
}

static void check_all(struct arena *ar, int step)
{
	size_t n;

	update(ar, 0, ar->a.pages);
	n = shadow_differs(ar->shadow, ar->mapped);
	ck_assert_msg(!n, "after step %d %zu pages are not what was reported",
		      step, n);
}

static void run(struct arena *ar, int steps)
{
	struct wptrack *w;
	int i;

	w = tracker_on(ar->a);
	ar->mapped = calloc(1, ar->a.pages);
	ar->shadow = shadow_new(w, ar->a, false);
	for (i = 0; i < steps; i++) {
		size_t what = rnd_below(100);

		if (what < 35)
			write_some(ar);
		else if (what < 45)
			map_some(ar);
		else if (what < 50)
			unmap_some(ar);
		else if (what < 70)
			move_some(ar);
		else if (what < 75)
			zap_some(ar);
		else if (what < 80)
			protect_some(ar);
		else if (what < 82)
			fork_some(ar);
		else if (what < 97)
			update_some(ar);
		else
			check_all(ar, i);
	}
	check_all(ar, steps);
	note("%d steps, %zu moves (%zu refused), %zu updates, %zu pages copied",
	     steps, ar->moves, ar->refused, ar->shadow->scans,
	     ar->shadow->copied);
	ck_assert_uint_gt(ar->moves, 0);
}

START_TEST(random_changes_of_small_parts)
{
	struct arena ar = { .a = hole(1300, 300), .grain = 1, .times = 20 };

	run(&ar, 3000);
}
END_TEST

START_TEST(random_changes_of_parts_with_unaligned_tables)
{
	struct arena ar = {
		.a = hole(60 * 61, 100), .grain = 61, .times = 1,
	};

	run(&ar, 1500);
}
END_TEST

START_TEST(random_changes_of_whole_page_tables)
{
	struct arena ar = {
		.a = hole(12 * PMD_PAGES, 0), .grain = PMD_PAGES, .times = 1,
	};

	run(&ar, 1000);
}
END_TEST

void remap_random(Suite *s)
{
	TCase *tc = tcase_new(s, "random", 3 * TEST_TIMEOUT);

	tcase_add_test(tc, random_changes_of_small_parts);
	tcase_add_test(tc, random_changes_of_parts_with_unaligned_tables);
	tcase_add_test(tc, random_changes_of_whole_page_tables);
}
