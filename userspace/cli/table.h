/* SPDX-License-Identifier: MIT */
/* A tally as a table for people and as JSON for programs. */
#ifndef TABLE_H
#define TABLE_H

#include <jansson.h>
#include <stdio.h>

#include "tally.h"

struct table_style {
	unsigned int width;	/* columns of the terminal; 0: no limit */
	unsigned int rows;	/* mappings to show; 0: all */
	bool utf8;
	uint64_t page_size;
	double seconds;		/* the time in which it was written; 0: no rates */
};

/* @t is sorted.  Writes a heading, the rows, and what is not in the rows. */
void table_print(FILE *out, const struct tally *t,
		 const struct table_style *style);

/* The sums and the rows as members of @object. */
void table_json(json_t *object, const struct tally *t, uint64_t page_size);

#endif
