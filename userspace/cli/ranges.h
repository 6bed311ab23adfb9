/* SPDX-License-Identifier: MIT */
/*
 * Sets of bytes as sorted lists of ranges that do not touch.  Pure: no process,
 * no device.
 */
#ifndef RANGES_H
#define RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct range {
	uint64_t start, end;
};

struct ranges {
	struct range *v;
	size_t n, room;
};

/* Add a range that begins at or after the start of the last one. */
void ranges_append(struct ranges *r, uint64_t start, uint64_t end);

/* Bytes in the set. */
uint64_t ranges_bytes(const struct ranges *r);

bool ranges_hold(const struct ranges *r, uint64_t addr);

/* The first range that ends after @addr: its index, or r->n. */
size_t ranges_seek(const struct ranges *r, uint64_t addr);

/* New sets; the caller frees them. */
struct ranges ranges_and(const struct ranges *a, const struct ranges *b);
struct ranges ranges_or(const struct ranges *a, const struct ranges *b);
struct ranges ranges_minus(const struct ranges *a, const struct ranges *b);

void ranges_free(struct ranges *r);

#endif
