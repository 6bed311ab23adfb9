// SPDX-License-Identifier: MIT
/*
 * wptrack verify: prove on a process that no write goes unreported.  compare.c
 * says why the comparison is proof.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "compare.h"
#include "fmt.h"
#include "json.h"
#include "progress.h"
#include "stats.h"
#include "stop.h"
#include "target.h"

#define PIECE		(1UL << 20)	/* bytes copied and compared at once */
#define NOTES		4096		/* changes of a round to remember */
#define SHOW_MISSED	20		/* missed pages to list in a round */

struct verify_args {
	struct common common;
	unsigned long rounds;
};

enum { KEY_ROUNDS = 'n' };

struct verify {
	const struct verify_args *args;
	struct target t;
	int memfd;
	struct snapshot old, new;
	struct ranges report, second;	/* of the two scans of a round */
	struct change *notes;		/* changes that the first did not report */
	size_t n_notes;
	struct verdict sum;
	unsigned long done;		/* rounds */
	double stopped;			/* seconds that the last stop took */
};

static const struct argp_option options[] = {
	OPT_PID,
	{ "rounds", KEY_ROUNDS, "N", 0, "Check N times (3)", 0 },
	{ "interval", KEY_INTERVAL, "SECONDS", 0,
	  "Time that the process runs in a round (1)", 0 },
	OPT_JSON,
	OPT_KEEP_HUGE,
	OPT_DEVICE,
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct verify_args *args = state->input;

	switch (key) {
	case KEY_ROUNDS:
		args->rounds = parse_number("--rounds", arg, 1, state);
		return 0;
	default:
		return common_parse(key, arg, state, &args->common);
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc = "Prove on a process that wptrack reports every page that changes."
	       "\vIt stops the process, copies its private writable memory, lets it "
	       "run, stops it again, and compares each page with the copy and with "
	       "the report.  missed are pages that changed and were not reported: "
	       "there must be none.  over are pages that were reported and hold the "
	       "same as before: a program may write what was there already, and "
	       "wptrack reports written what it cannot know.  Exit status: 0 "
	       "nothing was missed, 1 a page was missed, 2 an error, 3 the process "
	       "ended first.",
};

static int add_reported(const struct wptrack_region *r, void *ctx)
{
	ranges_append(ctx, r->start, r->end);
	return 0;
}

static int scan(struct verify *v, struct ranges *out, uint64_t flags)
{
	struct wptrack_scan_opts opts = { .sz = sizeof(opts), .flags = flags };
	int err;

	ranges_free(out);
	err = wptrack_for_each(v->t.w, 0, UINT64_MAX, add_reported, out, &opts);
	return err ? target_failed(&v->t, err) : 0;
}

/* A change that the first scan did not report; the second has to. */
static void on_change(const struct change *change, void *ctx)
{
	struct verify *v = ctx;

	if (v->n_notes < NOTES && !ranges_hold(&v->report, change->addr))
		v->notes[v->n_notes++] = *change;
}

static int index_memory(struct verify *v)
{
	if (snapshot_index(&v->new, v->t.pid, v->t.page_size)) {
		if (errno != ENOENT && errno != ESRCH) {
			complain("cannot look at the memory of process %d: %s",
				 v->t.pid, strerror(errno));
			return EXIT_ERROR;
		}
		return EXIT_GONE;
	}
	return snapshot_reserve(&v->new, v->old.bytes) ? 0 : EXIT_ERROR;
}

/* Copy the memory, and compare it with the copy before if @c is given. */
static int copy_memory(struct verify *v, struct compare *c)
{
	struct ranges unreadable = { 0 }, readable;
	uint64_t copied = 0;
	int code = 0;
	size_t i;

	for (i = 0; i < v->new.n && !code; i++) {
		const struct page_run *run = &v->new.runs[i];
		uint64_t start, end;

		for (start = run->start; start < run->end; start = end) {
			char now[FMT_BYTES], all[FMT_BYTES];

			if (interrupted()) {
				code = EXIT_SIGNAL + interrupted();
				break;
			}
			end = run->end - start > PIECE ? start + PIECE :
							 run->end;
			snapshot_read(&v->new, v->memfd, run, start, end,
				      &unreadable);
			copied += end - start;
			progress("process %d is stopped: %s %s of %s", v->t.pid,
				 c ? "comparing" : "copying",
				 fmt_bytes(now, copied),
				 fmt_bytes(all, v->new.bytes));
			if (!c)
				continue;
			compare_part(c, run, start, end);
			snapshot_drop_below(&v->old, end);
		}
	}
	if (c)
		compare_finish(c, &unreadable);
	readable = ranges_minus(&v->new.private, &unreadable);
	ranges_free(&v->new.private);
	v->new.private = readable;
	ranges_free(&unreadable);
	return code;
}

static void keep_new_as_old(struct verify *v)
{
	snapshot_free(&v->old);
	v->old = v->new;
	v->new = (struct snapshot){ 0 };
}

/* The first stop: reset, then copy. */
static int begin(struct verify *v)
{
	const double start = clock_now();
	struct stopped stopped;
	int code = stop_all(&stopped, v->t.pid);

	if (code)
		return code;
	code = scan(v, &v->report, WPTRACK_SCAN_RESET);
	if (!code)
		code = index_memory(v);
	if (!code)
		code = copy_memory(v, NULL);
	stop_release(&stopped);
	v->stopped = clock_now() - start;
	progress_clear();
	keep_new_as_old(v);
	return code;
}

/* A later stop: scan with a reset, copy and compare, scan again. */
static int look(struct verify *v, struct compare *c)
{
	const double start = clock_now();
	struct stopped stopped;
	int code = stop_all(&stopped, v->t.pid);

	if (code)
		return code;
	code = scan(v, &v->report, WPTRACK_SCAN_RESET);
	if (!code)
		code = index_memory(v);
	if (!code) {
		v->n_notes = 0;
		compare_start(c, &v->old, &v->new);
		code = copy_memory(v, c);
	}
	if (!code)
		code = scan(v, &v->second, 0);
	stop_release(&stopped);
	v->stopped = clock_now() - start;
	progress_clear();
	return code;
}

static void print_verdict(const struct verdict *r)
{
	printf("changed=%" PRIu64 " reported=%" PRIu64 " missed=%" PRIu64 " over=%" PRIu64,
	       r->changed, r->reported, r->missed, r->over);
	if (r->late)
		printf(" late=%" PRIu64, r->late);
}

static void verdict_json(json_t *o, const struct verdict *r)
{
	json_object_set_new(o, "changed", json_integer(r->changed));
	json_object_set_new(o, "reported", json_integer(r->reported));
	json_object_set_new(o, "missed", json_integer(r->missed));
	json_object_set_new(o, "over", json_integer(r->over));
	json_object_set_new(o, "late", json_integer(r->late));
	json_object_set_new(o, "compared", json_integer(r->compared));
}

static void list_missed(const struct verify *v, const struct ranges *missed,
			uint64_t pages)
{
	unsigned int shown = 0;
	size_t i;

	for (i = 0; i < v->n_notes && shown < SHOW_MISSED; i++) {
		const struct change *n = &v->notes[i];
		const struct mapping *m;

		if (!ranges_hold(missed, n->addr))
			continue;
		m = maps_find(&v->new.maps, n->addr);
		printf("  missed %012" PRIx64 " in %s: byte %u was %02x, is %02x\n",
		       n->addr, m ? m->name : "?", n->offset, n->was, n->is);
		shown++;
	}
	if (pages > shown)
		printf("  and %" PRIu64 " more\n", pages - shown);
}

static json_t *missed_json(const struct verify *v, const struct ranges *missed)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < missed->n; i++) {
		const struct mapping *m = maps_find(&v->new.maps,
						    missed->v[i].start);

		json_array_append_new(list, json_pack("{sI sI so}",
			"start", (json_int_t)missed->v[i].start,
			"end", (json_int_t)missed->v[i].end,
			"name", m ? json_text(m->name) : json_null()));
	}
	return list;
}

static void judge(struct verify *v, const struct compare *c)
{
	struct ranges missed;
	struct verdict r = compare_judge(c, &v->report, &v->second, &missed);

	v->done++;
	v->sum.changed += r.changed;
	v->sum.reported += r.reported;
	v->sum.missed += r.missed;
	v->sum.over += r.over;
	v->sum.late += r.late;
	v->sum.compared += r.compared;
	if (v->args->common.json) {
		json_t *o = json_pack("{sI}", "round", (json_int_t)v->done);

		verdict_json(o, &r);
		json_object_set_new(o, "stopped", json_real(v->stopped));
		json_object_set_new(o, "shared_pages",
			json_integer(v->new.shared / v->t.page_size));
		json_object_set_new(o, "missed_regions", missed_json(v, &missed));
		json_line(stdout, o);
	} else {
		printf("round %lu: ", v->done);
		print_verdict(&r);
		printf(" of %" PRIu64 " pages compared, stopped %.0f ms\n",
		       r.compared, v->stopped * 1000);
		list_missed(v, &missed, r.missed);
		fflush(stdout);
	}
	ranges_free(&missed);
}

static int run_interval(struct verify *v)
{
	const double deadline = clock_now() + v->args->common.interval;

	for (;;) {
		double left = deadline - clock_now();

		if (left > 0.2)
			progress("round %lu of %lu: process %d runs for another %.1f s",
				 v->done + 1, v->args->rounds, v->t.pid, left);
		switch (target_wait(&v->t, left > 0.2 ? clock_now() + 0.2 :
							deadline)) {
		case WAIT_INTERRUPTED:
			return EXIT_SIGNAL + interrupted();
		case WAIT_READY:
			return EXIT_GONE;
		case WAIT_TIME:
			if (clock_now() >= deadline)
				return 0;
		}
	}
}

static int round_trip(struct verify *v)
{
	struct compare c = { .on_change = on_change, .ctx = v };
	int code = run_interval(v);

	if (code)
		return code;
	code = look(v, &c);
	if (!code)
		judge(v, &c);
	compare_free(&c);
	keep_new_as_old(v);
	return code;
}

/* Counters that grew, by cause: of all trackers, as the module counts so. */
static void print_causes(const struct stats *before, const struct stats *after)
{
	static const char prefix[] = "overreport_";
	bool any = false;
	size_t i;

	for (i = 0; i < after->n; i++) {
		const char *key = after->v[i].key;
		int64_t grown;

		if (strncmp(key, prefix, strlen(prefix)))
			continue;
		grown = stats_number(after, key) - stats_number(before, key);
		if (grown <= 0)
			continue;
		printf("%s %s +%" PRId64,
		       any ? "," : "over-reports by cause, as counted by the module for all its users:",
		       key + strlen(prefix), grown);
		any = true;
	}
	if (any)
		putchar('\n');
}

static void summarize(const struct verify *v, const struct stats *before)
{
	struct stats after;
	char shared[FMT_BYTES];

	if (v->args->common.json) {
		json_t *o = json_pack("{sI}", "rounds", (json_int_t)v->done);

		verdict_json(o, &v->sum);
		json_line(stdout, o);
		return;
	}
	printf("%lu round%s on process %d (%s): ", v->done, v->done == 1 ? "" : "s",
	       v->t.pid, v->t.comm);
	print_verdict(&v->sum);
	putchar('\n');
	if (v->old.shared)
		printf("not compared: %s of writable shared mappings (others may write to them)\n",
		       fmt_bytes(shared, v->old.shared));
	if (v->sum.late)
		printf("late: written while all threads were stopped, by the kernel or by a process that shares the memory\n");
	if (!stats_read(&after))
		print_causes(before, &after);
	stats_free(&after);
	if (!v->sum.changed)
		printf("nothing changed, so this proves little: try a busier process or a longer --interval\n");
	fflush(stdout);
}

static int open_memory(struct verify *v)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/mem", v->t.pid);
	v->memfd = open(path, O_RDONLY | O_CLOEXEC);
	if (v->memfd >= 0)
		return 0;
	complain("cannot read the memory of process %d: %s (%s)", v->t.pid,
		 path, strerror(errno));
	return EXIT_ERROR;
}

int cmd_verify(int argc, char **argv)
{
	struct verify_args args = {
		.common = { .of_process = true, .interval = 1 },
		.rounds = 3,
	};
	struct verify v = { .args = &args, .memfd = -1 };
	struct stats before;
	int code;

	argp_parse(&argp, argc, argv, 0, NULL, &args);
	if (args.common.pid == getpid()) {
		complain("verify cannot stop itself; choose another process");
		return EXIT_ERROR;
	}
	code = target_open(&v.t, &args.common);
	if (code)
		return code;
	stats_read(&before);
	v.notes = xrealloc(NULL, NOTES, sizeof(*v.notes));

	code = open_memory(&v);
	if (!code)
		code = begin(&v);
	while (!code && v.done < args.rounds)
		code = round_trip(&v);
	progress_clear();

	if (v.done)
		summarize(&v, &before);
	if (code == EXIT_GONE && target_gone(&v.t))
		complain("process %d (%s) exited after %lu of %lu rounds",
			 v.t.pid, v.t.comm, v.done, args.rounds);
	if (v.sum.missed)
		code = EXIT_MISSED;

	snapshot_free(&v.old);
	snapshot_free(&v.new);
	ranges_free(&v.report);
	ranges_free(&v.second);
	free(v.notes);
	stats_free(&before);
	if (v.memfd >= 0)
		close(v.memfd);
	target_close(&v.t);
	return code;
}
