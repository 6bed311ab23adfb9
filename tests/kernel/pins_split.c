// SPDX-License-Identifier: GPL-2.0-only
/*
 * Plain references to a huge page that this process maps in parts, while the last one who
 * maps it as a whole splits his entry, or goes away.  On Linux 5.10 and 6.1 each part counts
 * one mapping too many until then, so that as many references could hide behind these.
 */
#define _GNU_SOURCE
#include "pins.h"
#include "maps.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

struct talk {
	atomic_int go, done;
	int delay;
};

static void child(struct talk *t, struct area a, bool writes)
{
	volatile int i;

	while (!atomic_load(&t->go))
		;
	for (i = 0; i < t->delay; i++)
		;
	if (writes)
		a.p[7 * PAGE] = 1;
	else
		munmap(a.p, a.pages * PAGE);
	atomic_store(&t->done, 1);
	_exit(0);
}

/* _i: the child unmaps; fewer are held. */
START_TEST(references_are_seen_while_another_splits)
{
	struct talk *t = must(mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	const bool writes = !(_i & 1);
	const size_t held = _i > 1 ? 400 : writes ? 512 : 511;
	double end = seconds() + run_seconds(4);
	int rounds = 0, scans = 0;

	while (seconds() < end) {
		struct area a = thp(1);
		struct iovec iov = { a.p, held * PAGE };
		struct wptrack *w;
		int ends[2];
		size_t n;
		pid_t pid;

		must(pipe2(ends, O_CLOEXEC));
		must(fcntl(ends[1], F_SETPIPE_SZ, 2 << 20));
		ck_assert_int_eq(must(vmsplice(ends[1], &iov, 1, 0)), held * PAGE);
		atomic_store(&t->go, 0);
		atomic_store(&t->done, 0);
		t->delay = rnd_below(30000);
		pid = must(fork());
		if (!pid)
			child(t, a, writes);
		/* Split this process's entry. */
		must(mprotect(a.p, PAGE, PROT_READ));
		must(mprotect(a.p, PAGE, PROT_READ | PROT_WRITE));
		check_that(!thp_bytes(a));
		w = tracker_on(a);
		reset(w, a);
		atomic_store(&t->go, 1);
		while (!atomic_load(&t->done)) {
			reset(w, a);
			scans++;
		}
		must(waitpid(pid, NULL, 0));
		n = count_written(w, a);
		rounds++;
		ck_assert_msg(n == PMD_PAGES, "round %d: %zu pages are clean that somebody holds",
			      rounds, PMD_PAGES - n);
		wptrack_close(w);
		close(ends[0]);
		close(ends[1]);
		munmap(a.p, a.pages * PAGE);
	}
	note("the child %s, %zu pages are held: %d rounds, %d scans",
	     writes ? "writes" : "unmaps", held, rounds, scans);
}
END_TEST

void pins_split(Suite *s)
{
	TCase *tc = tcase_new(s, "split_refs", TEST_TIMEOUT);

	tcase_add_loop_test(tc, references_are_seen_while_another_splits, 0, 3);
}
