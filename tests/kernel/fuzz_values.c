// SPDX-License-Identifier: GPL-2.0-only
/* Random arguments.  See fuzz_values.h. */
#define _GNU_SOURCE
#include "fuzz_values.h"

uint64_t fuzz_rnd(struct fuzz_rnd *r)
{
	r->state ^= r->state << 13;
	r->state ^= r->state >> 7;
	r->state ^= r->state << 17;
	return r->state;
}

size_t fuzz_below(struct fuzz_rnd *r, size_t n)
{
	return (fuzz_rnd(r) >> 16) % n;
}

uint64_t odd_number(struct fuzz_rnd *r)
{
	uint64_t n = PICK(r, 0, 1, PAGE, PMD, 1UL << 30, 1UL << 47,
			  0x7ffffffff000, 0x7fffffffffff, 0x800000000000,
			  0xffff800000000000, ~0UL, ~0UL - PAGE, 1UL << 63,
			  0xffffffff, 1UL << 32, 0x7fffffffffffffff);

	if (one_in(r, 2))
		n += fuzz_below(r, 3) - 1;
	return one_in(r, 4) ? fuzz_rnd(r) : n;
}

uint64_t some_address(struct fuzz_world *w, struct fuzz_rnd *r)
{
	uint64_t addr = area_start(w->a);

	if (one_in(r, 40))
		return odd_number(r);
	addr += fuzz_below(r, w->a.pages) * PAGE;
	if (one_in(r, 4))
		addr &= ~(PMD - 1);
	return one_in(r, 60) ? addr + fuzz_below(r, PAGE) : addr;
}

void some_range(struct fuzz_world *w, struct fuzz_rnd *r, uint64_t *start, uint64_t *end)
{
	*start = some_address(w, r);
	switch (fuzz_below(r, 8)) {
	case 0:
		*start = area_start(w->a);
		*end = area_end(w->a);
		break;
	case 1:
		*end = some_address(w, r);
		break;
	case 2:
		*start = 0;
		*end = ~0UL;
		break;
	case 3:
		*end = *start + PMD * fuzz_below(r, 4);
		break;
	default:
		*end = *start + PAGE * (1 + fuzz_below(r, 30));
	}
}

uint64_t some_flags(struct fuzz_rnd *r, uint64_t known)
{
	return one_in(r, 30) ? fuzz_rnd(r) : fuzz_rnd(r) & known;
}

uint64_t some_categories(struct fuzz_rnd *r)
{
	const uint64_t known = 0x1ff | WPTRACK_PAGE_PINNED;

	if (one_in(r, 60))
		return fuzz_rnd(r);
	switch (fuzz_below(r, 10)) {
	case 1:
		return fuzz_rnd(r) & known;
	case 2:
		return fuzz_rnd(r) & fuzz_rnd(r) & known;
	case 3:
		return WPTRACK_PAGE_WRITTEN;
	case 4:
		return WPTRACK_PAGE_PRESENT | WPTRACK_PAGE_SWAPPED;
	default:
		return 0;
	}
}

uint64_t some_size(struct fuzz_rnd *r, size_t size)
{
	if (!one_in(r, 30))
		return size;
	return one_in(r, 2) ? odd_number(r) : size + fuzz_below(r, 64) - 32;
}

void *some_place(struct fuzz_world *w, struct fuzz_rnd *r, void *good)
{
	if (!one_in(r, 25))
		return good;
	if (one_in(r, 2))
		return (void *)odd_number(r);
	return w->a.p + fuzz_below(r, w->a.pages) * PAGE - fuzz_below(r, 100);
}
