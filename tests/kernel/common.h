/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the suites that run inside the guest share: one tracker on one area of
 * memory, and the comparison of its answer with what the test knows.
 */
#ifndef TESTS_COMMON_H
#define TESTS_COMMON_H

#include <check.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libwptrack.h>

#define PAGE		4096UL
#define PMD		(2UL << 20)
#define PMD_PAGES	(PMD / PAGE)

/* Emulated guests are 10 to 30 times slower than the machine they run on. */
#define TEST_TIMEOUT	120

/* A run of whole pages. */
struct area {
	uint8_t *p;
	size_t pages;
};

static inline uint64_t area_start(struct area a)
{
	return (uintptr_t)a.p;
}

static inline uint64_t area_end(struct area a)
{
	return (uintptr_t)a.p + a.pages * PAGE;
}

static inline struct area area_sub(struct area a, size_t first, size_t pages)
{
	return (struct area){ a.p + first * PAGE, pages };
}

/* One byte for each page of an area: not 0 means written. */
struct marks {
	size_t pages;
	uint8_t w[];
};

struct marks *marks_new(size_t pages);
void marks_none(struct marks *m);
void marks_all(struct marks *m);
void marks_set(struct marks *m, size_t first, size_t pages);
/* @m gets the pages of @from, too. */
void marks_add(struct marks *m, const struct marks *from);
size_t marks_count(const struct marks *m);

/* Repeatable: the seed is printed, and taken from WPTRACK_TEST_SEED. */
uint64_t rnd(void);
size_t rnd_below(size_t n);

/* Write to a page; the value is never what was there. */
void touch(struct area a, size_t page);
/* Write to every page of an area. */
void touch_all(struct area a);
/* Read every page of an area. */
void read_all(struct area a);
/* Write to about one page in @one_in, at a random place in it, and mark it. */
void touch_random(struct area a, struct marks *m, size_t one_in);
/* The same without reading before, which is a fault of its own where nothing is. */
void write_random(struct area a, struct marks *m, size_t one_in);

/* Trackers.  All but the _try variants fail the test with the library's sentence. */
struct wptrack *tracker_open(void);
struct wptrack *tracker_self(void);
struct wptrack *tracker_pid(pid_t pid);
void track(struct wptrack *w, struct area a, uint64_t flags);
void untrack(struct wptrack *w, struct area a);
/* Open, attach to self, track. */
struct wptrack *tracker_on(struct area a);

/* Pages reported written; with @reset they become clean. */
struct marks *written(struct wptrack *w, struct area a, bool reset);
size_t count_written(struct wptrack *w, struct area a);
void reset(struct wptrack *w, struct area a);
/*
 * Reset until everything is clean.  Reclaim and writeback hold pages for a
 * moment, and these stay written as long.  Fails if it takes too long.
 */
void settle(struct wptrack *w, struct area a);
/* Categories of one page, whether or not it is written. */
uint64_t categories(struct wptrack *w, const void *page);
/* Categories and features that this module knows. */
struct wptrack_info info(void);

#define GET	false
#define RESET	true

/*
 * The report must be exactly @m, or contain at least @m.  The latter prints how
 * many pages more were reported, with the reason why that is allowed.
 */
#define expect_exact(w, a, m, reset) \
	expect_exact_at(__FILE__, __LINE__, w, a, m, reset)
#define expect_no_lost(w, a, m, reset, why) \
	expect_no_lost_at(__FILE__, __LINE__, w, a, m, reset, why)
#define expect_clean(w, a) expect_clean_at(__FILE__, __LINE__, w, a)
#define expect_all(w, a) expect_all_at(__FILE__, __LINE__, w, a)

void expect_exact_at(const char *file, int line, struct wptrack *w,
		     struct area a, const struct marks *m, bool reset);
void expect_no_lost_at(const char *file, int line, struct wptrack *w,
		       struct area a, const struct marks *m, bool reset,
		       const char *why);
void expect_clean_at(const char *file, int line, struct wptrack *w,
		     struct area a);
void expect_all_at(const char *file, int line, struct wptrack *w,
		   struct area a);

/* A number, or the text, of a key in /proc/wptrack/stats; -1, "" if missing. */
#define STATS_FILE "/proc/wptrack/stats"
long stats_value(const char *key);
const char *stats_text(const char *key);
/* Wait until a key has this text; false after @seconds. */
bool stats_wait(const char *key, const char *text, int seconds);

/* A diagnostic line of the TAP output. */
void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Leave the test: what it needs does not exist here.  libcheck adds "_fn". */
#define skip(fmt, ...)							\
	do {								\
		note("SKIP %.*s: " fmt, (int)sizeof(__func__) - 4,	\
		     __func__, ##__VA_ARGS__);				\
		return;							\
	} while (0)

/* A system call, or whatever gives -1 and errno, that has to work. */
#define must(expr)							\
	({								\
		__auto_type must_ret = (expr);				\
									\
		if ((long)must_ret == -1)				\
			ck_abort_msg("%s:%d: %s: %s", __FILE__,		\
				     __LINE__, #expr, strerror(errno));	\
		must_ret;						\
	})

/*
 * For loops over pages: libcheck notes each ck_assert() that holds in a file, which
 * takes longer than most of what is tested.
 */
#define check_that(cond)						\
	do {								\
		if (!(cond))						\
			ck_abort_msg("%s:%d: not so: %s", __FILE__,	\
				     __LINE__, #cond);			\
	} while (0)

bool write_file(const char *path, const char *text);
/* Is this an older kernel? */
bool linux_before(int major, int minor);
/* Is it one of the debug kernels, which are slower by far? */
bool slow_kernel(void);
double seconds(void);

/* The length of the long runs; WPTRACK_TEST_SECONDS shortens or extends them. */
int run_seconds(int wanted);

TCase *tcase_new(Suite *s, const char *name, int timeout);
/* Run the suite, print TAP, return what main() has to return. */
int suite_run(const char *name, void (*fill)(Suite *s));

#endif /* TESTS_COMMON_H */
