// SPDX-License-Identifier: GPL-2.0-only
/* The tracker's side of the soak. */
#define _GNU_SOURCE
#include "soak.h"
#include "swap.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>

struct target {
	pid_t pid;
	struct soak_world *world;
	struct wptrack *w;
	unsigned int scans;	/* to go */
	uint64_t *known;	/* number in each page when it was last reported */
	uint64_t *before;	/* announced when the scan began */
};

static struct {
	uint64_t targets, scans, reported, checked, writes, events;
} sum;

static size_t world_size(void)
{
	return sizeof(struct soak_world) + soak_pages() * sizeof(struct soak_page);
}

static void start(struct target *t)
{
	uint64_t seed = rnd();

	t->world = must(mmap(NULL, world_size(), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	t->pid = must(fork());
	if (!t->pid)
		soak_target(t->world, seed);
	while (!__atomic_load_n(&t->world->ready, __ATOMIC_ACQUIRE)) {
		ck_assert_msg(!waitpid(t->pid, NULL, WNOHANG), "a target died");
		usleep(1000);
	}
	t->known = calloc(t->world->a.pages, sizeof(*t->known));
	t->before = calloc(t->world->a.pages, sizeof(*t->before));
	t->w = tracker_pid(t->pid);
	/* The first scan tells everything. */
	track(t->w, t->world->a, WPTRACK_TRACK_START_WRITTEN);
	t->scans = 10 + rnd_below(100);
	sum.targets++;
}

/* Some are killed in the middle of it, some come to their end. */
static void stop(struct target *t)
{
	bool hard = rnd_below(2);
	int status;

	if (hard)
		kill(t->pid, SIGKILL);
	else
		__atomic_store_n(&t->world->stop, true, __ATOMIC_RELAXED);
	must(waitpid(t->pid, &status, 0));
	ck_assert_msg(hard || (WIFEXITED(status) && !WEXITSTATUS(status)),
		      "a target ended with status %#x", status);
	wptrack_close(t->w);
	sum.writes += t->world->writes;
	sum.events += t->world->events;
	munmap(t->world, world_size());
	free(t->known);
	free(t->before);
}

static int copy_region(const struct wptrack_region *r, void *ctx)
{
	struct target *t = ctx;
	struct soak_world *world = t->world;
	size_t first = (r->start - area_start(world->a)) / PAGE;
	size_t pages = (r->end - r->start) / PAGE, i;
	struct iovec remote[pages], local[pages];

	for (i = 0; i < pages; i++) {
		remote[i] = (struct iovec){ world->a.p + (first + i) * PAGE, 8 };
		local[i] = (struct iovec){ &t->known[first + i], 8 };
	}
	for (i = 0; i < pages; i += 64) {
		size_t n = pages - i < 64 ? pages - i : 64, k;

		ck_assert_int_eq(must(process_vm_readv(t->pid, local + i, n,
						       remote + i, n, 0)), n * 8);
		for (k = first + i; k < first + i + n; k++)
			soak_note(&world->page[k], SOAK_REPORT, 0, t->known[k]);
	}
	sum.reported += pages;
	return 0;
}

static void show_history(struct target *t, size_t page)
{
	static const char *const what[] = { "nothing", "written", "reported", "event" };
	const struct soak_page *p = &t->world->page[page];
	uint64_t i, next = p->next;

	note("page %zu of %zu: LOST: written %lu times before the scan, known is %lu",
	     page, t->world->a.pages, (unsigned long)t->before[page],
	     (unsigned long)t->known[page]);
	for (i = next > SOAK_HISTORY ? next - SOAK_HISTORY : 0; i < next; i++) {
		const struct soak_entry *e = &p->history[i % SOAK_HISTORY];

		note("  %lu.%06lu s: %s %s %lu", (unsigned long)(e->when / 1000000000),
		     (unsigned long)(e->when / 1000 % 1000000), what[e->what],
		     e->what == SOAK_EVENT ? soak_event_name(e->event) : "",
		     (unsigned long)e->number);
	}
}

/* Returns the number of pages whose writes were lost. */
static size_t check(struct target *t)
{
	struct wptrack_scan_opts o = {
		.sz = sizeof(o), .flags = WPTRACK_SCAN_RESET,
	};
	struct soak_world *world = t->world;
	size_t i, lost = 0;

	for (i = 0; i < world->a.pages; i++)
		t->before[i] = __atomic_load_n(&world->page[i].written,
					       __ATOMIC_ACQUIRE);
	if (wptrack_for_each(t->w, area_start(world->a), area_end(world->a),
			     copy_region, t, &o))
		ck_abort_msg("scan: %s", wptrack_error(t->w));
	for (i = 0; i < world->a.pages; i++) {
		if (t->known[i] >= t->before[i])
			continue;
		if (lost++ < 4)
			show_history(t, i);
	}
	sum.scans++;
	sum.checked += world->a.pages;
	return lost;
}

/* libcheck cannot count the microseconds of a test that takes longer than 35 minutes. */
#define PART	1200

/* How many tests it takes, of so many seconds each. */
static int parts(void)
{
	return (run_seconds(20) + PART - 1) / PART;
}

static int part_seconds(void)
{
	return run_seconds(20) / parts();
}

START_TEST(no_write_is_lost)
{
	double end = seconds() + part_seconds();
	struct target target[SOAK_TARGETS];
	size_t lost = 0;
	int i;

	/* Each part is a process of its own: not the same again. */
	for (i = 0; i < _i * 1000000; i++)
		rnd();
	if (swap_missing())
		note("without swap: %s", swap_missing());
	for (i = 0; i < SOAK_TARGETS; i++)
		start(&target[i]);
	while (seconds() < end && !lost) {
		i = rnd_below(SOAK_TARGETS);
		lost += check(&target[i]);
		if (!lost && !target[i].scans--) {
			stop(&target[i]);
			start(&target[i]);
		}
		usleep(rnd_below(5000));
	}
	for (i = 0; i < SOAK_TARGETS; i++)
		stop(&target[i]);
	note("SOAK %lu writes by %lu processes, %lu events, %lu scans, %lu pages "
	     "reported, %lu pages checked, %zu lost", (unsigned long)sum.writes,
	     (unsigned long)sum.targets, (unsigned long)sum.events,
	     (unsigned long)sum.scans, (unsigned long)sum.reported,
	     (unsigned long)sum.checked, lost);
	ck_assert_msg(!lost, "%zu pages lost", lost);
	ck_assert_uint_gt(sum.writes, 0);
	ck_assert_uint_gt(sum.events, 0);
}
END_TEST

static void fill_suite(Suite *s)
{
	TCase *tc = tcase_new(s, "soak", part_seconds() + 4 * TEST_TIMEOUT);

	tcase_add_unchecked_fixture(tc, swap_setup, swap_teardown);
	tcase_add_loop_test(tc, no_write_is_lost, 0, parts());
}

int main(void)
{
	return suite_run("soak", fill_suite);
}
