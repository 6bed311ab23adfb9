// SPDX-License-Identifier: MIT
/* wptrack scan: the written regions, one by one. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "fmt.h"
#include "json.h"
#include "maps.h"
#include "progress.h"
#include "target.h"

struct scan_args {
	struct common common;
	bool reset;
	bool all;
};

enum {
	KEY_RESET = 'r',
	KEY_ALL	= 'a',
};

static const struct argp_option options[] = {
	OPT_PID,
	{ "interval", KEY_INTERVAL, "SECONDS", 0,
	  "Time from the start to the scan, and between scans (1)", 0 },
	{ "count", KEY_COUNT, "N", 0, "Scan N times (1)", 0 },
	{ "reset", KEY_RESET, NULL, 0,
	  "Each scan lists what was written since the one before, not since the start",
	  0 },
	{ "all", KEY_ALL, NULL, 0,
	  "List all mapped memory with its categories, not only what was written",
	  0 },
	OPT_JSON,
	OPT_KEEP_HUGE,
	OPT_DEVICE,
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct scan_args *args = state->input;

	switch (key) {
	case KEY_RESET:
		args->reset = true;
		return 0;
	case KEY_ALL:
		args->all = true;
		return 0;
	default:
		return common_parse(key, arg, state, &args->common);
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc = "List the memory that a process writes."
	       "\vTracking starts with the command and ends with it, so a scan "
	       "tells what was written while the command ran.  Memory that always "
	       "reads written (it cannot be write-protected), and private memory "
	       "without write permission, is listed only with --all.",
};

/* Collects the regions of a scan. */
static int scan(struct target *t, const struct scan_args *args,
		struct regions *out)
{
	struct wptrack_scan_opts opts = {
		.sz = sizeof(opts),
		.flags = args->reset ? WPTRACK_SCAN_RESET : 0,
	};
	struct wptrack_info info;
	int err;

	*out = (struct regions){ 0 };
	err = wptrack_query_info(t->w, &info, NULL, 0);
	if (!err) {
		opts.return_mask = info.categories;
		if (!args->all) {
			opts.category_mask = WPTRACK_PAGE_WRITTEN |
					     WPTRACK_PAGE_WPALLOWED;
			/* another way to track; it would cut the regions up */
			opts.return_mask &= ~WPTRACK_PAGE_SOFT_DIRTY;
		}
		err = wptrack_for_each(t->w, 0, UINT64_MAX, regions_collect,
				       out, &opts);
	}
	if (!err)
		return 0;
	regions_free(out);
	return target_failed(t, err);
}

/* What the regions of one scan are printed with. */
struct view {
	const struct scan_args *args;
	uint64_t page_size;
	json_t *regions;	/* NULL: text */
	uint64_t written;	/* bytes */
};

static void show_text(const struct wptrack_region *part,
		      const struct mapping *m, uint64_t pages)
{
	char categories[FMT_CATEGORIES];

	printf("%012" PRIx64 "-%012" PRIx64 " %8" PRIu64 "  %-24s  %s\n",
	       (uint64_t)part->start, (uint64_t)part->end, pages,
	       fmt_categories(categories, part->categories),
	       m ? m->name : "(unmapped)");
}

static json_t *part_json(const struct wptrack_region *part,
			 const struct mapping *m, uint64_t pages)
{
	json_t *names = json_array();
	unsigned int bit;

	for (bit = 0; bit < 64; bit++)
		if (part->categories >> bit & 1 && category_name(bit))
			json_array_append_new(names,
				json_string(category_name(bit)));
	return json_pack("{sI sI sI so so}",
		"start", (json_int_t)part->start,
		"end", (json_int_t)part->end, "pages", (json_int_t)pages,
		"categories", names,
		"name", m ? json_text(m->name) : json_null());
}

/* A part of a region that lies in one mapping, or in none any more. */
static void show_part(struct view *view, struct wptrack_region *part,
		      const struct mapping *m)
{
	const uint64_t told = WPTRACK_PAGE_WRITTEN | WPTRACK_PAGE_WPALLOWED;
	const uint64_t bytes = part->end - part->start;

	if ((part->categories & told) == told && (!m || mapping_tells(m)))
		view->written += bytes;
	else if (!view->args->all)
		return;
	/* that it is tracked goes without saying */
	if (!view->args->all)
		part->categories &= ~WPTRACK_PAGE_WPALLOWED;
	if (view->regions)
		json_array_append_new(view->regions,
			part_json(part, m, bytes / view->page_size));
	else
		show_text(part, m, bytes / view->page_size);
}

static void show_regions(struct view *view, const struct regions *list,
			 const struct maps *maps)
{
	size_t i;

	for (i = 0; i < list->n; i++) {
		uint64_t at = list->v[i].start;

		while (at < list->v[i].end) {
			const struct mapping *m = maps_find(maps, at);
			struct wptrack_region part = list->v[i];

			part.start = at;
			at = m ? m->end : maps_next(maps, at);
			if (at < part.end)
				part.end = at;
			show_part(view, &part, m);
			at = part.end;
		}
	}
}

static bool show(const struct target *t, const struct scan_args *args,
		 const struct regions *list, double seconds)
{
	struct view view = { .args = args, .page_size = t->page_size };
	struct maps maps;
	char bytes[FMT_BYTES];

	maps_read(t->pid, &maps);
	if (args->common.json)
		view.regions = json_array();
	else
		printf("%-25s %8s  %-24s  %s\n", "START-END", "PAGES",
		       "CATEGORIES", "MAPPING");
	show_regions(&view, list, &maps);
	maps_free(&maps);
	if (!args->common.json) {
		printf("process %d (%s): %" PRIu64 " pages (%s) written in %.2f s\n",
		       t->pid, t->comm, view.written / view.page_size,
		       fmt_bytes(bytes, view.written), seconds);
		return !fflush(stdout);
	}
	return json_line(stdout, json_pack("{sf sI so sI sI so}",
		"seconds", seconds,
		"pid", (json_int_t)t->pid, "comm", json_text(t->comm),
		"page_size", (json_int_t)view.page_size,
		"written_pages", (json_int_t)(view.written / view.page_size),
		"regions", view.regions));
}

static int wait_for_scan(const struct target *t, double deadline)
{
	for (;;) {
		double left = deadline - clock_now();
		enum wait_result r;

		if (left > 0.2)
			progress("process %d (%s): scanning in %.1f s", t->pid,
				 t->comm, left);
		r = target_wait(t, left > 0.2 ? clock_now() + 0.2 : deadline);
		if (r == WAIT_INTERRUPTED)
			return EXIT_SIGNAL + interrupted();
		if (r == WAIT_READY)
			return EXIT_GONE;
		if (clock_now() >= deadline)
			break;
	}
	progress_clear();
	return 0;
}

int cmd_scan(int argc, char **argv)
{
	struct scan_args args = { .common = { .of_process = true, .interval = 1, .count = 1 } };
	struct regions list;
	struct target t;
	double start, next;
	unsigned long i;
	int code;

	argp_parse(&argp, argc, argv, 0, NULL, &args);
	code = target_open(&t, &args.common);
	if (code)
		return code;

	start = next = clock_now();
	for (i = 0; i < args.common.count && !code; i++) {
		next += args.common.interval;
		code = wait_for_scan(&t, next);
		if (!code)
			code = scan(&t, &args, &list);
		if (code)
			break;
		if (!show(&t, &args, &list, clock_now() - start))
			code = EXIT_ERROR;
		if (args.reset)
			start = clock_now();
		regions_free(&list);
	}
	progress_clear();
	if (code == EXIT_GONE && target_gone(&t))
		complain("process %d (%s) has exited, and its memory with it",
			 t.pid, t.comm);
	target_close(&t);
	return code;
}
