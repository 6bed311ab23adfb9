/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Random arguments of calls.  Half of them make sense, as far as that is known here: what
 * is refused at once reaches no code.
 */
#ifndef TESTS_FUZZ_VALUES_H
#define TESTS_FUZZ_VALUES_H

#include "fuzz.h"

static inline bool one_in(struct fuzz_rnd *r, size_t n)
{
	return !fuzz_below(r, n);
}

static inline uint64_t pick(struct fuzz_rnd *r, const uint64_t *from, size_t n)
{
	return from[fuzz_below(r, n)];
}

#define PICK(r, ...)							\
	pick(r, (const uint64_t[]){ __VA_ARGS__ },			\
	     sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t))

/* Numbers with which others have had trouble. */
uint64_t odd_number(struct fuzz_rnd *r);
uint64_t some_address(struct fuzz_world *w, struct fuzz_rnd *r);
void some_range(struct fuzz_world *w, struct fuzz_rnd *r, uint64_t *start, uint64_t *end);
uint64_t some_flags(struct fuzz_rnd *r, uint64_t known);
uint64_t some_categories(struct fuzz_rnd *r);
uint64_t some_size(struct fuzz_rnd *r, size_t size);
/*
 * Where an argument lies: in good memory, at the end of it, or nowhere.  What is
 * taken from the arena may go away at any moment.
 */
void *some_place(struct fuzz_world *w, struct fuzz_rnd *r, void *good);

#endif /* TESTS_FUZZ_VALUES_H */
