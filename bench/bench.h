/* SPDX-License-Identifier: MIT */
/*
 * The benchmark: each measure is taken with each method that the running kernel
 * has, by the same code over the same memory.
 *
 * A method is a way to know which pages were written.  A measure is something
 * that is timed.  Each pair runs in a process of its own, so that no method finds
 * what another has left.
 */
#ifndef BENCH_H
#define BENCH_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE	4096UL
#define HUGE	(2UL << 20)
#define MIB	(1UL << 20)
#define GIB	(1UL << 30)

/* run.c: options of the benchmark */
struct bench_opts {
	bool instructions;	/* the clock is the time stamp counter */
	bool quick;		/* small sizes, for a gate on changes */
	unsigned int repeat;	/* how often; one more comes first, and is dropped */
	const char *measures;	/* comma-separated names, or NULL for all */
	const char *methods;	/* the same */
	const char *file_dir;	/* where files are made */
	size_t max_size;	/* most memory to fill */
};

extern struct bench_opts opts;

/* The first name in a list of measures or methods that is none; NULL if all are. */
const char *bench_no_measure(const char *list);
const char *bench_no_method(const char *list);

/* Take them all; the results as a JSON array, to be dropped by the caller. */
json_t *bench_run(const struct bench_opts *o);

/* area.c: the memory that is measured */
enum kind {
	KIND_ANON,	/* private, small pages */
	KIND_SHMEM,
	KIND_FILE,	/* shared mapping of a file */
	KIND_THP,	/* private, transparent huge pages */
	KIND_HUGETLB,
	KIND_NR
};

struct area {
	char *p;
	size_t len;
	enum kind kind;
	size_t page;	/* distance of the writes that are to fault */
};

extern const char *const kind_name[KIND_NR];

/* Map and fill; NULL or a reason why there is no such memory. */
const char *area_map(struct area *a, enum kind kind, size_t len);
/* Private memory that is still empty. */
void area_map_empty(struct area *a, size_t len);
void area_unmap(struct area *a);
/* Write to every page. */
void area_touch(const struct area *a);

/* method_*.c */
struct method {
	const char *name;
	const char *title;
	bool handled;	/* each first write is handled in user space */
	/*
	 * Take charge of the memory, all of it written so far.  On failure NULL, with
	 * the reason in *@why, which stays NULL if the method is not meant for this
	 * memory.
	 */
	void *(*begin)(const struct area *a, const char **why);
	/* Make all pages clean. */
	void (*arm)(void *session);
	/* Count the written pages, and make them clean again with @reset. */
	long (*scan)(void *session, bool reset);
	void (*end)(void *session);
};

extern const struct method method_none, method_wptrack, method_wptrack_keep,
			   method_async, method_softdirty, method_uffd,
			   method_mprotect;

/* measure_*.c */
struct measure {
	const char *name;
	const char *title;
	void (*run)(const struct measure *me, const struct method *m);
};

extern const struct measure measure_fault, measure_arm, measure_scan,
			    measure_flat, measure_sparse, measure_untracked,
			    measure_fork, measure_memory, measure_gc,
			    measure_threads, measure_hold, measure_server;

/* clock.c */
uint64_t clock_read(void);
const char *clock_unit(void);

/* sample.c: repetitions of one figure */
struct sample {
	double v[32];
	unsigned int n;
	bool begun;	/* the first is dropped */
};

void sample_add(struct sample *s, double value);
double sample_median(const struct sample *s);
double sample_least(const struct sample *s);
/* How often to repeat, with the one that is dropped. */
unsigned int sample_rounds(void);

/* result.c: in the process of a measure */
void result(const char *metric, const struct method *m, json_t *params,
	    double value, const char *unit);
/* It cannot be had: one line that says why. */
void result_none(const char *metric, const struct method *m, json_t *params,
		 const char *unit, const char *why);
/*
 * What one thread did.  In instructions the least of the rounds: what others have more is
 * interrupts, and the batches in which the page allocator works.  In time the median.
 */
void result_sample(const char *metric, const struct method *m, json_t *params,
		   const struct sample *s);
/* What several threads or processes did, which differs. */
void result_median(const char *metric, const struct method *m, json_t *params,
		   const struct sample *s);
/* The method gave a wrong answer, or a system call failed: the end of it. */
__attribute__((format(printf, 1, 2), noreturn))
void fail(const char *fmt, ...);

/* pattern.c: which pages are written */
struct pattern {
	const char *name;
	uint32_t *page;		/* in the order in which they are written */
	size_t n;
};

void pattern_make(struct pattern *p, bool random, size_t pages, size_t n);
void pattern_write(const struct pattern *p, const struct area *a);
void pattern_free(struct pattern *p);

#endif
