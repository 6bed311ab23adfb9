// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages: writing to them, asking the tracker, comparing.
 */
#include "common.h"

struct marks *marks_new(size_t pages)
{
	struct marks *m = calloc(1, sizeof(*m) + pages);

	ck_assert_ptr_nonnull(m);
	m->pages = pages;
	return m;
}

void marks_none(struct marks *m)
{
	memset(m->w, 0, m->pages);
}

void marks_all(struct marks *m)
{
	memset(m->w, 1, m->pages);
}

void marks_set(struct marks *m, size_t first, size_t pages)
{
	memset(m->w + first, 1, pages);
}

void marks_add(struct marks *m, const struct marks *from)
{
	size_t i;

	for (i = 0; i < m->pages; i++)
		m->w[i] |= from->w[i];
}

size_t marks_count(const struct marks *m)
{
	size_t i, n = 0;

	for (i = 0; i < m->pages; i++)
		n += !!m->w[i];
	return n;
}

void touch(struct area a, size_t page)
{
	volatile uint8_t *p = a.p + page * PAGE;

	p[page % PAGE]++;
}

void touch_all(struct area a)
{
	size_t i;

	for (i = 0; i < a.pages; i++)
		touch(a, i);
}

void read_all(struct area a)
{
	size_t i;

	for (i = 0; i < a.pages; i++)
		(void)*(volatile uint8_t *)(a.p + i * PAGE);
}

void touch_random(struct area a, struct marks *m, size_t one_in)
{
	size_t i;

	for (i = 0; i < a.pages; i++) {
		volatile uint8_t *p = a.p + i * PAGE + rnd_below(PAGE);

		if (rnd_below(one_in))
			continue;
		(*p)++;
		m->w[i] = 1;
	}
}

void write_random(struct area a, struct marks *m, size_t one_in)
{
	static uint8_t value;
	size_t i;

	value++;
	for (i = 0; i < a.pages; i++) {
		if (rnd_below(one_in))
			continue;
		*(volatile uint8_t *)(a.p + i * PAGE + rnd_below(PAGE)) = value;
		m->w[i] = 1;
	}
}

static void must_work(struct wptrack *w, int err, const char *what)
{
	if (err < 0)
		ck_abort_msg("%s: %s", what, wptrack_error(w));
}

struct wptrack *tracker_open(void)
{
	struct wptrack *w;
	int err = wptrack_open(&w, NULL);

	if (err)
		ck_abort_msg("%s", wptrack_open_error(err, NULL));
	return w;
}

struct wptrack *tracker_self(void)
{
	struct wptrack *w = tracker_open();

	must_work(w, wptrack_attach_self(w), "attach");
	return w;
}

struct wptrack *tracker_pid(pid_t pid)
{
	struct wptrack *w = tracker_open();

	must_work(w, wptrack_attach_pid(w, pid), "attach");
	return w;
}

void track(struct wptrack *w, struct area a, uint64_t flags)
{
	must_work(w, wptrack_track(w, area_start(a), area_end(a), flags),
		  "track");
}

void untrack(struct wptrack *w, struct area a)
{
	must_work(w, wptrack_untrack(w, area_start(a), area_end(a)), "untrack");
}

struct wptrack *tracker_on(struct area a)
{
	struct wptrack *w = tracker_self();

	track(w, a, 0);
	return w;
}

struct wptrack_info info(void)
{
	static struct wptrack_info cached;
	struct wptrack *w;

	if (!cached.size) {
		w = tracker_open();
		must_work(w, wptrack_query_info(w, &cached, NULL, 0), "info");
		cached.size = sizeof(cached);
		wptrack_close(w);
	}
	return cached;
}

struct collect {
	struct area a;
	struct marks *m;
	uint64_t *cat;
};

static int collect_region(const struct wptrack_region *r, void *ctx)
{
	struct collect *c = ctx;
	uint64_t p;

	check_that(r->start < r->end);
	check_that(r->start >= area_start(c->a));
	check_that(r->end <= area_end(c->a));
	for (p = r->start; p < r->end; p += PAGE) {
		size_t i = (p - area_start(c->a)) / PAGE;

		if (c->m) {
			if (c->m->w[i])
				ck_abort_msg("page %zu reported twice", i);
			c->m->w[i] = 1;
		}
		if (c->cat)
			c->cat[i] = r->categories;
	}
	return 0;
}

struct marks *written(struct wptrack *w, struct area a, bool reset)
{
	struct wptrack_scan_opts o = {
		.sz = sizeof(o),
		.flags = reset ? WPTRACK_SCAN_RESET : 0,
		.category_mask = WPTRACK_PAGE_WRITTEN,
		.return_mask = WPTRACK_PAGE_WRITTEN,
	};
	struct collect c = { .a = a, .m = marks_new(a.pages) };

	must_work(w, wptrack_for_each(w, area_start(a), area_end(a),
				      collect_region, &c, &o), "scan");
	return c.m;
}

size_t count_written(struct wptrack *w, struct area a)
{
	int64_t n = wptrack_count(w, area_start(a), area_end(a), NULL);

	must_work(w, n < 0 ? -1 : 0, "count");
	return n;
}

void reset(struct wptrack *w, struct area a)
{
	free(written(w, a, RESET));
}

/* Why pages stay written: the causes that a reset counts. */
static void note_causes(struct wptrack *w, struct area a)
{
	char before[4096] = "", after[4096] = "", *line, *next;
	FILE *f;

	f = fopen(STATS_FILE, "re");
	before[fread(before, 1, sizeof(before) - 1, f)] = '\0';
	fclose(f);
	reset(w, a);
	f = fopen(STATS_FILE, "re");
	after[fread(after, 1, sizeof(after) - 1, f)] = '\0';
	fclose(f);
	for (line = after; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (!strncmp(line, "overreport", 10) && !strstr(before, line))
			note("one more reset: %s", line);
	}
}

void settle(struct wptrack *w, struct area a)
{
	double end = seconds() + 40;

	reset(w, a);
	while (count_written(w, a)) {
		if (seconds() > end) {
			note_causes(w, a);
			ck_abort_msg("%zu pages cannot be reset",
				     count_written(w, a));
		}
		usleep(20000);
		reset(w, a);
	}
}

static uint64_t *all_categories(struct wptrack *w, struct area a)
{
	struct collect c = { .a = a };
	struct wptrack_scan_opts o = {
		.sz = sizeof(o),
		.return_mask = info().categories,
	};

	c.cat = calloc(a.pages, sizeof(*c.cat));
	ck_assert_ptr_nonnull(c.cat);
	must_work(w, wptrack_for_each(w, area_start(a), area_end(a),
				      collect_region, &c, &o), "scan");
	return c.cat;
}

uint64_t categories(struct wptrack *w, const void *page)
{
	struct area a = {
		(uint8_t *)((uintptr_t)page & ~(PAGE - 1)), 1
	};
	uint64_t *cat = all_categories(w, a);
	uint64_t c = *cat;

	free(cat);
	return c;
}

static const char *category_names(uint64_t cat)
{
	static const struct {
		uint64_t bit;
		const char *name;
	} names[] = {
		{ WPTRACK_PAGE_WPALLOWED, "wpallowed" },
		{ WPTRACK_PAGE_WRITTEN, "written" },
		{ WPTRACK_PAGE_FILE, "file" },
		{ WPTRACK_PAGE_PRESENT, "present" },
		{ WPTRACK_PAGE_SWAPPED, "swapped" },
		{ WPTRACK_PAGE_PFNZERO, "pfnzero" },
		{ WPTRACK_PAGE_HUGE, "huge" },
		{ WPTRACK_PAGE_SOFT_DIRTY, "soft_dirty" },
		{ WPTRACK_PAGE_GUARD, "guard" },
		{ WPTRACK_PAGE_PINNED, "pinned" },
	};
	static char text[128];
	size_t i;

	text[0] = 0;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!(cat & names[i].bit))
			continue;
		strcat(text, " ");
		strcat(text, names[i].name);
	}
	return text[0] ? text : " none";
}

static void note_overreport_causes(void)
{
	char line[256];
	FILE *f = fopen(STATS_FILE, "re");

	if (!f)
		return;
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, "overreport", 10) && !strstr(line, " 0\n"))
			printf("#   stats: %s", line);
	fclose(f);
}

#define LIST_MAX 8

/* Say which pages differ.  Their categories are those of now, not of the scan. */
static void explain(struct wptrack *w, struct area a, const struct marks *want,
		    const struct marks *got)
{
	uint64_t *cat = all_categories(w, a);
	size_t i, listed = 0;

	for (i = 0; i < a.pages && listed < LIST_MAX; i++) {
		if (!want->w[i] == !got->w[i])
			continue;
		note("  page %zu at %p: %s, now:%s", i, a.p + i * PAGE,
		     want->w[i] ? "LOST" : "over-reported",
		     category_names(cat[i]));
		listed++;
	}
	note_overreport_causes();
	free(cat);
}

static void compare(const struct marks *want, const struct marks *got,
		    size_t *lost, size_t *over)
{
	size_t i;

	*lost = 0;
	*over = 0;
	for (i = 0; i < want->pages; i++) {
		*lost += want->w[i] && !got->w[i];
		*over += !want->w[i] && got->w[i];
	}
}

void expect_exact_at(const char *file, int line, struct wptrack *w,
		     struct area a, const struct marks *m, bool reset)
{
	struct marks *got = written(w, a, reset);
	size_t lost, over;

	ck_assert_uint_eq(m->pages, a.pages);
	compare(m, got, &lost, &over);
	if (lost || over) {
		explain(w, a, m, got);
		ck_abort_msg("%s:%d: of %zu pages %zu were written: %zu lost, %zu over-reported",
			     file, line, a.pages, marks_count(m), lost, over);
	}
	free(got);
}

void expect_no_lost_at(const char *file, int line, struct wptrack *w,
		       struct area a, const struct marks *m, bool reset,
		       const char *why)
{
	struct marks *got = written(w, a, reset);
	size_t lost, over;

	ck_assert_uint_eq(m->pages, a.pages);
	compare(m, got, &lost, &over);
	if (lost) {
		explain(w, a, m, got);
		ck_abort_msg("%s:%d: of %zu pages %zu were written: %zu lost",
			     file, line, a.pages, marks_count(m), lost);
	}
	if (over)
		note("over-reported %zu of %zu clean pages (%s)", over,
		     a.pages - marks_count(m), why);
	free(got);
}

void expect_clean_at(const char *file, int line, struct wptrack *w,
		     struct area a)
{
	struct marks *m = marks_new(a.pages);

	expect_exact_at(file, line, w, a, m, GET);
	free(m);
}

void expect_all_at(const char *file, int line, struct wptrack *w, struct area a)
{
	struct marks *m = marks_new(a.pages);

	marks_all(m);
	expect_exact_at(file, line, w, a, m, GET);
	free(m);
}
