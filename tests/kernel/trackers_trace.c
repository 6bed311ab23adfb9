// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tracepoints: each of them fires, and says what happened.
 */
#define _GNU_SOURCE
#include "trackers.h"

#include <sys/mman.h>

#define TRACING	"/sys/kernel/tracing/"
#define EVENTS	TRACING "events/wptrack/"

static char *text;

/* What was traced since the buffer was emptied. */
static void take(void)
{
	FILE *f = fopen(TRACING "trace", "re");
	size_t room = 4 << 20;

	ck_assert_ptr_nonnull(f);
	if (!text)
		text = malloc(room);
	text[fread(text, 1, room - 1, f)] = '\0';
	fclose(f);
}

/* Lines of an event that hold @what. */
static int lines(const char *event, const char *what)
{
	const char *line, *end;
	char name[64];
	int n = 0;

	snprintf(name, sizeof(name), ": wptrack_%s: ", event);
	for (line = text; *line; line = *end ? end + 1 : end) {
		const char *at, *found;

		end = strchrnul(line, '\n');
		at = memmem(line, end - line, name, strlen(name));
		found = at ? memmem(at, end - at, what, strlen(what)) : NULL;
		n += !!found;
	}
	return n;
}

static int at(const char *event, struct area a, size_t page, const char *more)
{
	char what[96];

	snprintf(what, sizeof(what), "addr=%#lx %s",
		 (unsigned long)(area_start(a) + page * PAGE), more);
	return lines(event, what);
}

static void start_tracing(void)
{
	write_file(TRACING "trace", "");
	write_file(EVENTS "enable", "1");
}

static void stop_tracing(void)
{
	write_file(EVENTS "enable", "0");
}

START_TEST(each_tracepoint_tells_what_happened)
{
	struct area a, huge;
	struct wptrack *w;
	char range[96];

	if (access(EVENTS "enable", W_OK))
		skip("there is no " EVENTS);
	a = anon_populated(64);
	huge = thp(1);
	w = tracker_self();
	start_tracing();
	track(w, a, 0);
	track(w, huge, 0);
	touch(a, 3);
	touch(a, 3);
	touch(a, 60);
	touch(huge, 9);
	reset(w, a);
	touch(a, 3);
	must(madvise(a.p + 8 * PAGE, 4 * PAGE, MADV_DONTNEED));
	stop_tracing();
	take();

	ck_assert_int_eq(at("arm", a, 0, "pages=1 result=done"), 1);
	ck_assert_int_eq(at("arm", a, 3, "pages=1 result=done"), 2);
	ck_assert_int_eq(at("arm", huge, 0, "pages=512 result=done"), 1);
	ck_assert_int_eq(at("fault", a, 3, "pages=1 fresh=1"), 2);
	ck_assert_int_eq(at("fault", a, 60, "pages=1 fresh=1"), 1);
	ck_assert_int_eq(at("fault", a, 0, ""), 0);
	ck_assert_int_eq(at("fault", huge, 9, "pages=1 fresh=1"), 1);
	ck_assert_int_eq(at("split", huge, 0, "carried=512"), 1);
	snprintf(range, sizeof(range), "start=%#lx end=%#lx event=clear",
		 (unsigned long)(area_start(a) + 8 * PAGE),
		 (unsigned long)(area_start(a) + 12 * PAGE));
	ck_assert_int_ge(lines("event", range), 1);
	/* The last step of TRACK, and that of the reset. */
	snprintf(range, sizeof(range), "end=%#lx reset=1 stop=end",
		 (unsigned long)area_end(a));
	ck_assert_int_ge(lines("harvest", range), 2);
	/* No addresses of the kernel's. */
	ck_assert_int_eq(lines("arm", "=0xffff") + lines("fault", "=0xffff") +
			 lines("split", "=0xffff") + lines("event", "=0xffff") +
			 lines("harvest", "=0xffff"), 0);
}
END_TEST

void trackers_trace(Suite *s)
{
	TCase *tc = tcase_new(s, "trace", TEST_TIMEOUT);

	tcase_add_unchecked_fixture(tc, NULL, stop_tracing);
	tcase_add_test(tc, each_tracepoint_tells_what_happened);
}
