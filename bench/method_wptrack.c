// SPDX-License-Identifier: MIT
/* The module, through the library. */
#include <stdlib.h>

#include <libwptrack.h>

#include "bench.h"

#define REGIONS	32768

struct session {
	struct wptrack *w;
	uint64_t start, end, flags;
	struct wptrack_region *vec;
};

static void *begin(const struct area *a, const char **why)
{
	struct session *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		fail("out of memory");
	err = wptrack_open(&s->w, NULL);
	if (err) {
		*why = "the module is not loaded";
		free(s);
		return NULL;
	}
	if (wptrack_attach_self(s->w))
		fail("%s", wptrack_error(s->w));
	s->start = (uintptr_t)a->p;
	s->end = s->start + a->len;
	s->vec = calloc(REGIONS, sizeof(*s->vec));
	if (!s->vec)
		fail("out of memory");
	return s;
}

static void *begin_keep(const struct area *a, const char **why)
{
	struct session *s;

	if (a->kind != KIND_THP)
		return NULL;
	s = begin(a, why);
	if (s)
		s->flags = WPTRACK_TRACK_KEEP_HUGE;
	return s;
}

static void arm(void *session)
{
	struct session *s = session;

	if (wptrack_track(s->w, s->start, s->end, s->flags))
		fail("%s", wptrack_error(s->w));
}

static long scan(void *session, bool reset)
{
	struct wptrack_scan_opts o = { .sz = sizeof(o) };
	struct session *s = session;
	uint64_t at = s->start;
	long pages = 0;
	ssize_t i, n;

	o.flags = reset ? WPTRACK_SCAN_RESET : 0;
	while (at < s->end) {
		n = wptrack_scan(s->w, at, s->end, s->vec, REGIONS, &at, &o);
		if (n < 0)
			fail("%s", wptrack_error(s->w));
		for (i = 0; i < n; i++)
			pages += (s->vec[i].end - s->vec[i].start) / PAGE;
	}
	return pages;
}

static void end(void *session)
{
	struct session *s = session;

	wptrack_close(s->w);
	free(s->vec);
	free(s);
}

const struct method method_wptrack = {
	.name = "wptrack",
	.title = "wptrack",
	.begin = begin,
	.arm = arm,
	.scan = scan,
	.end = end,
};

const struct method method_wptrack_keep = {
	.name = "wptrack-keep-huge",
	.title = "wptrack, huge pages kept whole",
	.begin = begin_keep,
	.arm = arm,
	.scan = scan,
	.end = end,
};
