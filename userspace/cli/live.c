// SPDX-License-Identifier: MIT
/* The live view of "watch" and "run": scan, reset, show, again. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "fmt.h"
#include "json.h"
#include "live.h"
#include "terminal.h"

/* Lines of a screen that are no rows of the table. */
#define SCREEN_EXTRA	8

void live_start(struct live *live, const struct target *t, FILE *out, bool json,
		bool screen)
{
	unsigned int width, height;

	*live = (struct live){ .out = out, .json = json };
	terminal_size(out, &width, &height);
	live->screen = screen && height && !json;
	live->utf8 = fmt_utf8();
	live->start = live->last = clock_now();
	if (live->screen)
		fprintf(out, "\033[2J\033[Htracking process %d (%s)\n", t->pid,
			t->comm);
	fflush(out);
}

/* The rates of the last intervals, the newest at the right. */
static void print_history(const struct live *live, FILE *out)
{
	unsigned long have = live->frames < LIVE_HISTORY ? live->frames :
							   LIVE_HISTORY;
	double max = 0;
	unsigned long i;

	for (i = 0; i < have; i++)
		if (live->rate[i] > max)
			max = live->rate[i];
	fputc('|', out);
	for (i = live->frames - have; i < live->frames; i++)
		fputs(fmt_heat(max > 0 ? live->rate[i % LIVE_HISTORY] / max : 0,
			       live->utf8), out);
	fprintf(out, "| up to %.0f pages/s", max);
}

static void print_frame(const struct live *live, const struct target *t,
			const struct tally *tally, double seconds, FILE *out)
{
	struct table_style style = {
		.utf8 = live->utf8,
		.page_size = t->page_size,
		.seconds = seconds,
	};
	char bytes[FMT_BYTES], speed[FMT_BYTES];
	unsigned int height;

	terminal_size(live->out, &style.width, &height);
	style.rows = 20;
	if (live->screen)
		style.rows = height > SCREEN_EXTRA + 1 ? height - SCREEN_EXTRA :
							 1;
	fprintf(out, "%.1f s  process %d (%s)  written %" PRIu64 " pages, %s in %.2f s: %.0f pages/s, %s/s\n",
		live->last - live->start, t->pid, t->comm,
		tally->written / t->page_size,
		fmt_bytes(bytes, tally->written), seconds,
		tally->written / t->page_size / seconds,
		fmt_bytes(speed, tally->written / seconds));
	if (live->screen) {
		print_history(live, out);
		fputs("\n\n", out);
	}
	table_print(out, tally, &style);
	if (!live->screen)
		fputc('\n', out);
}

/*
 * Draw over the frame before: each line is cleared as it is written, and the
 * terminal cuts it off rather than wrap it.
 */
static void put_screen(FILE *out, const char *text)
{
	fputs("\033[H\033[?7l", out);
	while (*text) {
		size_t len = strcspn(text, "\n");

		fprintf(out, "%.*s\033[K\n", (int)len, text);
		text += len + (text[len] == '\n');
	}
	fputs("\033[J\033[?7h", out);
}

static int show(struct live *live, const struct target *t,
		const struct tally *tally, double seconds)
{
	char *text = NULL;
	size_t len = 0;
	FILE *mem;

	if (live->json) {
		json_t *o = json_pack("{sf sf sI so}",
			"time", live->last - live->start, "seconds", seconds,
			"pid", (json_int_t)t->pid, "comm", json_text(t->comm));

		table_json(o, tally, t->page_size);
		return json_line(live->out, o) ? 0 : EXIT_ERROR;
	}
	/* In one piece: a screen that is drawn bit by bit flickers. */
	mem = open_memstream(&text, &len);
	if (!mem) {
		complain("out of memory");
		return EXIT_ERROR;
	}
	print_frame(live, t, tally, seconds, mem);
	fclose(mem);
	if (live->screen)
		put_screen(live->out, text);
	else
		fputs(text, live->out);
	free(text);
	return fflush(live->out) ? EXIT_ERROR : 0;
}

int live_frame(struct live *live, struct target *t)
{
	struct regions regions;
	struct tally tally;
	struct maps maps;
	double now, seconds;
	int code;

	code = target_scan(t, &regions, true);
	if (code)
		return code;
	now = clock_now();
	seconds = now - live->last;
	live->last = now;

	maps_read(t->pid, &maps);
	tally_make(&tally, &regions, &maps, t->page_size);
	tally_sort(&tally);
	live->rate[live->frames % LIVE_HISTORY] =
		tally.written / t->page_size / seconds;
	live->frames++;
	code = show(live, t, &tally, seconds);

	tally_free(&tally);
	maps_free(&maps);
	regions_free(&regions);
	return code;
}
