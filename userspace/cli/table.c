// SPDX-License-Identifier: MIT
/* A tally as a table for people and as JSON for programs. */
#include <inttypes.h>
#include <string.h>

#include "fmt.h"
#include "json.h"
#include "table.h"

/* Columns before the name of the mapping. */
#define FIXED	(9 + 1 + 9 + 1 + 10 + 1 + 10 + 2 + TALLY_CELLS + 2 + 4 + 1)

/* The end of a path says more than its beginning. */
static void print_name(FILE *out, const char *name, unsigned int room)
{
	size_t len = strlen(name);

	if (!room || len <= room)
		fputs(name, out);
	else if (room > 3)
		fprintf(out, "...%s", name + len - (room - 3));
}

static void print_row(FILE *out, const struct tally_row *row,
		      const struct table_style *style)
{
	const uint64_t bytes = row->written;
	char written[FMT_BYTES], size[FMT_BYTES], perms[5];
	unsigned int i;

	fprintf(out, "%9" PRIu64 " ", bytes / style->page_size);
	if (style->seconds > 0)
		fprintf(out, "%9.0f ",
			bytes / style->page_size / style->seconds);
	fprintf(out, "%10s %10s  ", fmt_bytes(written, bytes),
		fmt_bytes(size, row->m->end - row->m->start));
	for (i = 0; i < TALLY_CELLS; i++)
		fputs(i < row->cells ? fmt_heat(row->heat[i], style->utf8) :
				       " ", out);
	fprintf(out, "  %s ", mapping_perms(perms, row->m));
	print_name(out, row->m->name,
		   style->width > FIXED + 8 ? style->width - FIXED : 0);
	fputc('\n', out);
}

void table_print(FILE *out, const struct tally *t,
		 const struct table_style *style)
{
	const uint64_t page = style->page_size;
	uint64_t rest = t->written;
	char buf[FMT_BYTES];
	size_t i;

	fprintf(out, "%9s ", "PAGES");
	if (style->seconds > 0)
		fprintf(out, "%9s ", "PAGES/S");
	fprintf(out, "%10s %10s  %-*s  %s %s\n", "WRITTEN", "OF",
		TALLY_CELLS, "WHERE", "PERM", "MAPPING");

	for (i = 0; i < t->n && (!style->rows || i < style->rows); i++) {
		print_row(out, &t->v[i], style);
		rest -= t->v[i].written;
	}
	if (i < t->n)
		fprintf(out, "%9" PRIu64 " pages (%s) in %zu more mappings\n",
			rest / page, fmt_bytes(buf, rest), t->n - i);
	else if (rest)
		fprintf(out, "%9" PRIu64 " pages (%s) in memory that was unmapped meanwhile\n",
			rest / page, fmt_bytes(buf, rest));
	if (t->pinned)
		fprintf(out, "%9" PRIu64 " pages (%s) of these are pinned: a device may write to them at any time\n",
			t->pinned / page, fmt_bytes(buf, t->pinned));
	if (t->untracked)
		fprintf(out, "%9" PRIu64 " pages (%s) more cannot be write-protected: they may have been written\n",
			t->untracked / page, fmt_bytes(buf, t->untracked));
}

void table_json(json_t *object, const struct tally *t, uint64_t page_size)
{
	json_t *rows = json_array();
	char perms[5];
	size_t i;

	json_object_set_new(object, "page_size", json_integer(page_size));
	json_object_set_new(object, "written_pages",
			    json_integer(t->written / page_size));
	json_object_set_new(object, "pinned_pages",
			    json_integer(t->pinned / page_size));
	json_object_set_new(object, "untracked_pages",
			    json_integer(t->untracked / page_size));
	for (i = 0; i < t->n; i++) {
		const struct tally_row *row = &t->v[i];

		json_array_append_new(rows, json_pack("{sI sI ss so sI sI}",
			"start", (json_int_t)row->m->start,
			"end", (json_int_t)row->m->end,
			"perms", mapping_perms(perms, row->m),
			"name", json_text(row->m->name),
			"written_pages", (json_int_t)(row->written / page_size),
			"pinned_pages", (json_int_t)(row->pinned / page_size)));
	}
	json_object_set_new(object, "mappings", rows);
}
