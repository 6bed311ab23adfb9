/* SPDX-License-Identifier: MIT */
/* Numbers, categories and heat strips as text. */
#ifndef FMT_H
#define FMT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FMT_BYTES	16	/* room for fmt_bytes() */
#define FMT_CATEGORIES	128	/* room for fmt_categories() */
#define FMT_CELL	3	/* bytes of one cell of a strip */

/* "512 B", "4.0 KiB", "1.2 GiB" */
const char *fmt_bytes(char *buf, uint64_t bytes);

/* "written present huge", in the order of the bits; "-" for none */
const char *fmt_categories(char *buf, uint64_t categories);

/* The name of one WPTRACK_PAGE_* bit, NULL if it has none. */
const char *category_name(unsigned int bit);

/*
 * One character for a share from 0 to 1: blank for nothing, and never blank for
 * something.
 */
const char *fmt_heat(double share, bool utf8);

/* Can the user's terminal show UTF-8? */
bool fmt_utf8(void);

#endif
