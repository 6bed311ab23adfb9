// SPDX-License-Identifier: GPL-2.0-only
/* One cell of the matrix, and what is printed of it. */
#define _GNU_SOURCE
#include "events.h"
#include "maps.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

/* The questions of one run. */
enum { ASKED, AGAIN, NEXT, QUESTIONS };
/* A run without a fork, and one with. */
enum { PLAIN, FORKED, RUNS };

struct figures {
	const char *skipped;
	bool always;		/* written before anything happened */
	size_t lost;
	size_t over[RUNS][QUESTIONS];
	size_t of;		/* pages */
};

const char *refused(const char *what)
{
	static char text[200];

	if (*what == '(')
		what = strchr(what, ')') + 1;
	snprintf(text, sizeof(text), "%.*s: %s", (int)strcspn(what, "("), what,
		 strerror(errno));
	return text;
}

void cell_wrote(struct cell *c, size_t page)
{
	c->done->w[page] = 1;
}

void cell_wrote_all(struct cell *c)
{
	marks_set(c->done, (c->m.ev.p - c->m.a.p) / PAGE, c->m.ev.pages);
}

/* What the pages hold is not looked at if a look would change the answer. */
static uint64_t sum(const struct mem *m, size_t page)
{
	const uint64_t *p = (const uint64_t *)(m->a.p + page * PAGE);
	size_t i, n = m->a.pages > 64 ? 16 : PAGE / 8;
	uint64_t s = 0;

	if (m->kind->flags & KIND_EMPTY)
		return 0;
	for (i = 0; i < n; i++)
		s = (s ^ p[i]) * 0x9e3779b97f4a7c15ULL;
	return s;
}

static void remember(struct cell *c)
{
	size_t i;

	marks_none(c->done);
	for (i = 0; i < c->m.a.pages; i++)
		c->sums[i] = sum(&c->m, i);
}

/* Each write changes the data, at one of 15 places that sum() looks at. */
static void write_phase(struct cell *c, enum phase phase)
{
	size_t i;

	for (i = 0; i < c->m.a.pages; i++) {
		enum phase is = mem_phase(&c->m, i);

		if (is != phase && !(is == PHASE_BOTH && (phase == PHASE_BEFORE ||
							  phase == PHASE_RESET)))
			continue;
		++*(volatile uint64_t *)(c->m.a.p + i * PAGE + 8 + i % 15 * 8);
		c->done->w[i] = 1;
	}
}

/* Is any page of the unit that @page belongs to written? */
static bool unit_done(const struct cell *c, size_t page)
{
	size_t unit = c->m.kind->unit, first = page / unit * unit, i;

	for (i = first; i < first + unit; i++)
		if (c->done->w[i])
			return true;
	return false;
}

static void judge(struct cell *c, const char *event, struct marks *got,
		  struct figures *f, int run, int question)
{
	size_t i, lost = 0;

	for (i = 0; i < c->m.a.pages; i++)
		if (sum(&c->m, i) != c->sums[i])
			c->done->w[i] = 1;
	for (i = 0; i < c->m.a.pages; i++) {
		if (c->done->w[i] && !got->w[i]) {
			if (!lost++)
				note("%s, %s, %s, run %d, question %d: page %zu of "
				     "phase %d: LOST", event, c->m.kind->name,
				     c->o->name, run, question, i,
				     mem_phase(&c->m, i));
			f->lost++;
		}
		if (got->w[i] && !c->done->w[i] &&
		    (c->m.kind->unit == 1 || !unit_done(c, i)))
			f->over[run][question]++;
	}
	free(got);
}

/* The tracked memory is clean; false if it cannot be. */
static bool settled(struct cell *c)
{
	int tries;

	for (tries = 0; tries < 50; tries++) {
		struct marks *got = c->o->ask(&c->m, RESET);
		size_t n = marks_count(got);

		free(got);
		if (!n)
			return true;
		usleep(2000);
	}
	return false;
}

static pid_t sleeper(void)
{
	pid_t pid = must(fork());

	if (!pid) {
		pause();
		_exit(0);
	}
	return pid;
}

static void cell_run(struct cell *c, const struct event *e, struct figures *f,
		     int run)
{
	pid_t child = 0;

	f->always = !settled(c);
	remember(c);
	write_phase(c, PHASE_BEFORE);
	f->skipped = e->run(c);
	if (f->skipped)
		return;
	write_phase(c, PHASE_AFTER);
	if (run == FORKED)
		child = sleeper();
	judge(c, e->name, c->o->ask(&c->m, GET), f, run, ASKED);
	write_phase(c, PHASE_ASKED);
	judge(c, e->name, c->o->ask(&c->m, RESET), f, run, AGAIN);
	if (child) {
		kill(child, SIGKILL);
		must(waitpid(child, NULL, 0));
	}
	remember(c);
	write_phase(c, PHASE_RESET);
	judge(c, e->name, c->o->ask(&c->m, RESET), f, run, NEXT);
}

static struct figures cell(const struct event *e, const struct kind *k,
			   const struct oracle *o)
{
	struct figures f = { 0 };
	int run;

	/* Of the kernel's own tracking only the longer run is of interest. */
	run = o == &oracle_wptrack ? PLAIN : FORKED;
	for (; run < RUNS && !f.skipped; run++) {
		struct cell c = { .o = o };

		if (!mem_make(k, &c.m)) {
			f.skipped = "no such memory in this guest";
			break;
		}
		f.of = c.m.a.pages;
		c.done = marks_new(f.of);
		c.sums = calloc(f.of, sizeof(*c.sums));
		f.skipped = o->begin(&c.m);
		if (!f.skipped) {
			cell_run(&c, e, &f, run);
			o->end(&c.m);
		}
		mem_free(&c.m);
		free(c.done);
		free(c.sums);
	}
	return f;
}

static void print(const struct event *e, const struct kind *k,
		  const struct oracle *o, const struct figures *f)
{
	if (f->skipped)
		note("SKIPPED %s | %s | %s | %s", e->name, k->name, o->name,
		     f->skipped);
	else
		note("CELL %s | %s | %s | lost %zu | over %zu %zu %zu, after a fork "
		     "%zu %zu %zu | of %zu%s%s", e->name, k->name, o->name,
		     f->lost, f->over[PLAIN][ASKED], f->over[PLAIN][AGAIN],
		     f->over[PLAIN][NEXT], f->over[FORKED][ASKED],
		     f->over[FORKED][AGAIN], f->over[FORKED][NEXT], f->of,
		     f->always ? " always" : "", e->chance ? " chance" : "");
}

void cell_row(const struct event *e)
{
	bool both = kernel_tracks() && !getenv("WPTRACK_TEST_ALONE");
	size_t lost = 0;
	unsigned int i;

	for (i = 0; i < nr_kinds; i++) {
		struct figures f = cell(e, &kinds[i], &oracle_wptrack);

		print(e, &kinds[i], &oracle_wptrack, &f);
		lost += f.lost;
		if (f.skipped || !both)
			continue;
		f = cell(e, &kinds[i], &oracle_kernel);
		print(e, &kinds[i], &oracle_kernel, &f);
	}
	swap_end();
	ck_assert_msg(!lost, "%s: %zu pages lost", e->name, lost);
}
