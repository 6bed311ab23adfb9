// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that go to swap and stay clean; and all that can happen to them meanwhile, of which
 * nothing may be lost.  Those that are moved: carry_moved.c; what keeps away
 * from the cache of the swap: carry_cache.c.
 */
#define _GNU_SOURCE
#include "carry.h"
#include "maps.h"
#include "swap.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

/* All of it is clean and, but for pages that somebody holds just now, in swap. */
void carry_out(struct wptrack *w, struct area a)
{
	struct wptrack_scan_opts o = {
		.sz = sizeof(o),
		.category_mask = WPTRACK_PAGE_SWAPPED,
		.return_mask = WPTRACK_PAGE_SWAPPED,
	};
	double end = seconds() + 20;
	int64_t n;

	do {
		must(madvise(a.p, a.pages * PAGE, 21 /* MADV_PAGEOUT */));
		n = wptrack_count(w, area_start(a), area_end(a), &o);
	} while (n < (int64_t)a.pages && seconds() < end);
	note("%lld of %zu pages are in swap", (long long)n, a.pages);
	check_that(n > (int64_t)a.pages * 9 / 10);
}

struct area carry_begin(struct wptrack **w)
{
	struct area a = anon_populated(PAGES);

	*w = tracker_on(a);
	settle(*w, a);
	return a;
}

pid_t sleeper(void)
{
	pid_t pid = must(fork());

	if (!pid) {
		pause();
		_exit(0);
	}
	return pid;
}

void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	must(waitpid(pid, NULL, 0));
}

/* A debugger, which is there before pages go: it writes whatever the permissions are. */
struct debugger {
	pid_t pid;
	int go;
	struct marks *m;	/* where; shared with it */
};

static int debug(const struct debugger *d, int go, struct area a)
{
	pid_t pid = getppid();
	uint8_t byte;
	size_t i;

	if (read(go, &byte, 1) != 1 || ptrace(PTRACE_ATTACH, pid, 0, 0) ||
	    waitpid(pid, NULL, __WALL) != pid)
		return 1;
	for (i = 0; i < a.pages; i++)
		if (d->m->w[i] &&
		    ptrace(PTRACE_POKEDATA, pid, a.p + i * PAGE + 64, 0x1234567 + i))
			return 2;
	return ptrace(PTRACE_DETACH, pid, 0, 0) ? 3 : 0;
}

static struct debugger debugger(struct area a)
{
	struct debugger d;
	int go[2];

	/* EINVAL: nobody has to be allowed where there is no Yama. */
	if (prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0))
		ck_assert_int_eq(errno, EINVAL);
	d.m = must(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0));
	d.m->pages = a.pages;
	must(pipe(go));
	d.go = go[1];
	/* What is mapped twice does not go to swap. */
	must(madvise(a.p, a.pages * PAGE, MADV_DONTFORK));
	d.pid = must(fork());
	if (!d.pid)
		_exit(debug(&d, go[0], a));
	must(madvise(a.p, a.pages * PAGE, MADV_DOFORK));
	return d;
}

/* It writes to about one page in @one_in, and ends.  Returns which. */
static const struct marks *poke_random(struct debugger *d, size_t one_in)
{
	int status;
	size_t i;

	for (i = 0; i < d->m->pages; i++)
		d->m->w[i] = !rnd_below(one_in);
	must(write(d->go, "", 1));
	must(waitpid(d->pid, &status, 0));
	check_that(!status);
	return d->m;
}

START_TEST(pages_in_swap_stay_clean)
{
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	struct area a = carry_begin(&w);
	int round;

	for (round = 0; round < 3; round++) {
		carry_out(w, a);
		expect_clean(w, a);
		touch_random(a, m, 6);
		expect_exact(w, a, m, GET);
		expect_exact(w, a, m, RESET);
		settle(w, a);
		marks_none(m);
	}
}
END_TEST

START_TEST(what_was_written_before_is_written)
{
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	struct area a = carry_begin(&w);

	touch_random(a, m, 6);
	carry_out(w, a);
	expect_exact(w, a, m, GET);
	touch_random(a, m, 6);
	expect_exact(w, a, m, GET);
	reset(w, a);
	marks_none(m);
	touch_random(a, m, 6);
	expect_no_lost(w, a, m, RESET, "reset in swap");
}
END_TEST

START_TEST(what_is_read_and_written_is_written)
{
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	struct area a = carry_begin(&w);
	int round;

	for (round = 0; round < 3; round++) {
		carry_out(w, a);
		read_all(a);
		if (round)
			expect_clean(w, a);
		touch_random(a, m, 6);
		expect_exact(w, a, m, RESET);
		settle(w, a);
		marks_none(m);
	}
}
END_TEST

/* Written, and in swap when they are reset. */
START_TEST(pages_in_swap_are_clean_after_a_reset)
{
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	struct area a = carry_begin(&w);
	int round;

	for (round = 0; round < 3; round++) {
		touch_all(a);
		carry_out(w, a);
		settle(w, a);
		touch_random(a, m, 6);
		expect_exact(w, a, m, GET);
		if (round == 1)
			read_all(a);
		touch_random(a, m, 9);
		expect_exact(w, a, m, RESET);
		marks_none(m);
		settle(w, a);
		carry_out(w, a);
		expect_clean(w, a);
		read_all(a);
		expect_clean(w, a);
	}
}
END_TEST

/* What is shared with a child is in swap for both. */
START_TEST(a_reset_in_swap_that_is_shared)
{
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	struct area a = carry_begin(&w);
	pid_t pid;

	touch_all(a);
	carry_out(w, a);
	pid = sleeper();
	reset(w, a);
	touch_random(a, m, 6);
	expect_no_lost(w, a, m, GET, "shared with a child");
	end_child(pid);
	touch_random(a, m, 6);
	expect_no_lost(w, a, m, RESET, "shared with a child");
}
END_TEST

/* A write to a page in swap makes it writable without the hook, a fork read-only. */
START_TEST(a_fork_does_not_hide_writes_to_swap)
{
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	struct area a = carry_begin(&w);
	pid_t pid;

	carry_out(w, a);
	touch_random(a, m, 6);
	pid = sleeper();
	expect_exact(w, a, m, GET);
	touch_random(a, m, 6);
	expect_exact(w, a, m, GET);
	end_child(pid);
	expect_exact(w, a, m, GET);
}
END_TEST

START_TEST(a_child_writes_to_swap_of_both)
{
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	struct area a = carry_begin(&w);
	pid_t pid;

	carry_out(w, a);
	pid = must(fork());
	if (!pid) {
		touch_all(a);
		_exit(0);
	}
	must(waitpid(pid, NULL, 0));
	expect_clean(w, a);
	touch_random(a, m, 6);
	expect_exact(w, a, m, GET);
}
END_TEST

START_TEST(what_is_dropped_has_changed)
{
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	struct area a = carry_begin(&w), half = area_sub(a, 0, PAGES / 2);
	uint8_t *copy = malloc(PAGES * PAGE);
	size_t i;

	memcpy(copy, a.p, PAGES * PAGE);
	must(madvise(half.p, half.pages * PAGE, MADV_FREE));
	must(madvise(a.p, a.pages * PAGE, 21 /* MADV_PAGEOUT */));
	carry_out(w, area_sub(a, PAGES / 2, PAGES - PAGES / 2));
	/* Of what is in swap as well. */
	must(madvise(a.p + (PAGES - 20) * PAGE, 20 * PAGE, MADV_FREE));
	marks_add(m, written(w, a, GET));
	for (i = 0; i < PAGES; i++)
		check_that(m->w[i] || !memcmp(a.p + i * PAGE, copy + i * PAGE, PAGE));
	check_that(marks_count(m) >= 20);
	note("%zu pages were dropped", marks_count(m));
}
END_TEST

START_TEST(a_debugger_writes_to_swap)
{
	const struct marks *m;
	struct wptrack *w;
	struct area a = anon_populated(PAGES);
	struct debugger d = debugger(a);
	pid_t pid;

	w = tracker_on(a);
	settle(w, a);
	carry_out(w, a);
	m = poke_random(&d, 6);
	pid = sleeper();
	expect_exact(w, a, m, GET);
	end_child(pid);
}
END_TEST

/* Behind a read-only pte, which no write fault tells of. */
START_TEST(a_debugger_writes_to_swap_that_is_read_only)
{
	const struct marks *m;
	struct wptrack *w;
	struct area a = anon_populated(PAGES);
	struct debugger d = debugger(a);
	pid_t pid;

	w = tracker_on(a);
	settle(w, a);
	carry_out(w, a);
	must(mprotect(a.p, a.pages * PAGE, PROT_READ));
	m = poke_random(&d, 6);
	expect_no_lost(w, a, m, GET, "mprotect");
	must(mprotect(a.p, a.pages * PAGE, PROT_READ | PROT_WRITE));
	pid = sleeper();
	expect_no_lost(w, a, m, GET, "mprotect");
	end_child(pid);
}
END_TEST

START_TEST(a_debugger_writes_unseen_between_two_mprotects)
{
	const struct marks *m;
	struct wptrack *w;
	struct area a = anon_populated(PAGES);
	struct debugger d = debugger(a);

	w = tracker_on(a);
	settle(w, a);
	carry_out(w, a);
	must(mprotect(a.p, a.pages * PAGE, PROT_READ));
	m = poke_random(&d, 6);
	must(mprotect(a.p, a.pages * PAGE, PROT_READ | PROT_WRITE));
	expect_no_lost(w, a, m, GET, "mprotect");
}
END_TEST

/* The memory of the place must not be taken for that which was there. */
START_TEST(other_memory_in_its_place)
{
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	struct area a = carry_begin(&w), other = anon_populated(PAGES);

	track(w, other, 0);
	settle(w, other);
	carry_out(w, a);
	carry_out(w, other);
	must(mremap(other.p, other.pages * PAGE, other.pages * PAGE,
		    MREMAP_MAYMOVE | MREMAP_FIXED, a.p));
	marks_all(m);
	expect_no_lost(w, a, m, GET, "mremap");
	read_all(a);
	expect_no_lost(w, a, m, RESET, "mremap");
	settle(w, a);
	carry_out(w, a);
	expect_clean(w, a);
	must(munmap(a.p, a.pages * PAGE));
	map_over(a, PROT_READ | PROT_WRITE);
	expect_no_lost(w, a, m, GET, "munmap");
}
END_TEST

START_TEST(what_is_zapped_in_swap_has_changed)
{
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	struct area a = carry_begin(&w);
	size_t i;

	carry_out(w, a);
	for (i = 0; i < PAGES; i += 1 + rnd_below(20)) {
		must(madvise(a.p + i * PAGE, PAGE, MADV_DONTNEED));
		m->w[i] = 1;
	}
	expect_exact(w, a, m, GET);
	must(madvise(a.p, a.pages * PAGE, MADV_DONTNEED));
	marks_all(m);
	expect_exact(w, a, m, GET);
}
END_TEST

/*
 * Away, written, reset: nothing of that may be left when the mark is lost and the pte
 * made writable (mprotect, from Linux 6.1 on), written to, and read-only.
 */
START_TEST(a_reset_forgets_that_it_was_away)
{
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	struct area a = carry_begin(&w);
	pid_t pid;

	carry_out(w, a);
	touch_all(a);
	settle(w, a);
	must(mprotect(a.p, a.pages * PAGE, PROT_READ));
	must(mprotect(a.p, a.pages * PAGE, PROT_READ | PROT_WRITE));
	touch_random(a, m, 6);
	pid = sleeper();
	expect_no_lost(w, a, m, GET, "mprotect");
	end_child(pid);
}
END_TEST

/* Only a page that was armed when it went. */
START_TEST(without_a_mark_it_is_written)
{
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	struct area a = carry_begin(&w);

	must(mprotect(a.p, a.pages * PAGE, PROT_READ));
	must(mprotect(a.p, a.pages * PAGE, PROT_READ | PROT_WRITE));
	touch_random(a, m, 6);
	carry_out(w, a);
	expect_no_lost(w, a, m, GET, "mprotect");
}
END_TEST

START_TEST(resets_by_another_tracker)
{
	struct marks *m1 = marks_new(PAGES), *m2 = marks_new(PAGES);
	struct wptrack *w1, *w2;
	struct area a = carry_begin(&w1);
	int round;

	w2 = tracker_on(a);
	settle(w2, a);
	settle(w1, a);
	settle(w2, a);
	for (round = 0; round < 3; round++) {
		carry_out(w1, a);
		expect_clean(w1, a);
		touch_random(a, m1, 6);
		marks_add(m2, m1);
		expect_exact(w1, a, m1, RESET);
		settle(w1, a);
		marks_none(m1);
		expect_exact(w2, a, m2, GET);
	}
	expect_exact(w2, a, m2, RESET);
}
END_TEST

START_TEST(swapoff_brings_pages_back_clean)
{
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	struct area a = carry_begin(&w);

	touch_random(a, m, 6);
	carry_out(w, a);
	swap_teardown();
	expect_exact(w, a, m, GET);
	touch_random(a, m, 6);
	expect_exact(w, a, m, RESET);
	swap_setup();
}
END_TEST

static void fill(Suite *s)
{
	TCase *tc = tcase_new(s, "swap", TEST_TIMEOUT);

	tcase_add_unchecked_fixture(tc, swap_setup, swap_teardown);
	tcase_add_test(tc, pages_in_swap_stay_clean);
	tcase_add_test(tc, what_was_written_before_is_written);
	tcase_add_test(tc, what_is_read_and_written_is_written);
	tcase_add_test(tc, pages_in_swap_are_clean_after_a_reset);
	tcase_add_test(tc, a_reset_in_swap_that_is_shared);
	tcase_add_test(tc, a_fork_does_not_hide_writes_to_swap);
	tcase_add_test(tc, a_child_writes_to_swap_of_both);
	tcase_add_test(tc, what_is_dropped_has_changed);
	tcase_add_test(tc, a_debugger_writes_to_swap);
	tcase_add_test(tc, a_debugger_writes_to_swap_that_is_read_only);
	tcase_add_test(tc, a_debugger_writes_unseen_between_two_mprotects);
	tcase_add_test(tc, other_memory_in_its_place);
	tcase_add_test(tc, what_is_zapped_in_swap_has_changed);
	tcase_add_test(tc, a_reset_forgets_that_it_was_away);
	tcase_add_test(tc, without_a_mark_it_is_written);
	tcase_add_test(tc, resets_by_another_tracker);
	tcase_add_test(tc, swapoff_brings_pages_back_clean);

	carry_cache(s);
	carry_moved(s);
	carry_beside(s);
	carry_uffd(s);
	carry_lent(s);
	carry_protect(s);
	carry_refused(s);
	carry_foreign(s);
	carry_device(s);
	carry_rwp(s);
}

int main(void)
{
	/* It makes ptes that cannot be armed. */
	write_file("/proc/sys/kernel/numa_balancing", "0");
	return suite_run("carry", fill);
}
