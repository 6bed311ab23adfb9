// SPDX-License-Identifier: GPL-2.0-only
/*
 * FOLL_FORCE: a debugger may write where the program itself may not.  Such a
 * write does not pass the program's write-fault path on every kernel.
 */
#define _GNU_SOURCE
#include "kwrites.h"
#include "maps.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#define PAGES 64

enum before { EMPTY, READ, WRITTEN, BEFORES };

static const char *const before_names[] = {
	[EMPTY] = "empty", [READ] = "read", [WRITTEN] = "written",
};

static const enum map_kind kinds[] = {
	MAP_KIND_ANON, MAP_KIND_MEMFD_PRIVATE, MAP_KIND_EXT4_PRIVATE,
};
#define KINDS ((int)(sizeof(kinds) / sizeof(*kinds)))

static const int prots[] = { PROT_READ, PROT_NONE, PROT_READ | PROT_EXEC };
#define PROTS ((int)(sizeof(prots) / sizeof(*prots)))

#define CASES (KINDS * PROTS * BEFORES)

/* Memory that the program may not write, in one of the ways of the loop. */
static struct map forbidden(int loop, int *prot)
{
	enum map_kind kind = kinds[loop % KINDS];
	enum before before = loop / KINDS / PROTS;
	struct map map = map_make(kind, PAGES, 7);

	*prot = prots[loop / KINDS % PROTS];
	note("%s memory, %s, then mprotect(%d)", map_name(kind),
	     before_names[before], *prot);
	if (before == READ)
		read_all(map.a);
	else if (before == WRITTEN)
		touch_all(map.a);
	return map;
}

static bool force(int mem, uint8_t *p, uint8_t value)
{
	return pwrite(mem, &value, 1, (uintptr_t)p + 100) == 1;
}

/* Write by force to every fifth page from @first on. */
static bool force_some(int mem, struct area a, struct marks *m, size_t first,
		       uint8_t value)
{
	size_t i;

	marks_none(m);
	for (i = first; i < PAGES; i += 5) {
		if (!force(mem, a.p + i * PAGE, value))
			return false;
		m->w[i] = 1;
	}
	return true;
}

START_TEST(proc_self_mem_write_is_never_lost)
{
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	struct map map;
	int prot, mem, round;

	if (!map_exists(kinds[_i % KINDS]))
		skip("no ext4 scratch disk");
	map = forbidden(_i, &prot);
	mem = must(open("/proc/self/mem", O_RDWR | O_CLOEXEC));
	/* Odd loops take the right away after TRACK, the others before. */
	if (!(_i % 2))
		must(mprotect(map.a.p, PAGES * PAGE, prot));
	w = tracker_on(map.a);
	must(mprotect(map.a.p, PAGES * PAGE, prot));
	for (round = 0; round < 4; round++) {
		/* The same pages twice, so that a reset lies between. */
		if (!force_some(mem, map.a, m, round / 2, round + 1)) {
			ck_assert_int_eq(round, 0);
			skip("this kernel forbids it: %s", strerror(errno));
		}
		expect_no_lost(w, map.a, m, RESET, "memory without VM_WRITE");
	}
	must(mprotect(map.a.p, PAGES * PAGE, PROT_READ | PROT_WRITE));
	ck_assert_uint_eq(map.a.p[PAGE + 100], 4);
	marks_none(m);
	touch_random(map.a, m, 5);
	expect_no_lost(w, map.a, m, RESET, "mprotect");
	expect_clean(w, map.a);
	marks_none(m);
	touch_random(map.a, m, 5);
	expect_exact(w, map.a, m, RESET);
}
END_TEST

/* The same in huge pages, kept and not, of the program alone and of a child as well. */
START_TEST(proc_self_mem_write_to_a_huge_page_is_never_lost)
{
	const bool keep = _i & 1, forks = _i & 2;
	const size_t page = 3 * 64 + 7;
	struct area a = thp(2), one = area_sub(a, page, 1);
	int mem = must(open("/proc/self/mem", O_RDWR | O_CLOEXEC));
	struct wptrack *w = tracker_self();
	pid_t pid = 0;

	if (thp_bytes(a) < a.pages * PAGE)
		skip("no huge pages");
	track(w, a, keep ? WPTRACK_TRACK_KEEP_HUGE : 0);
	touch_all(a);
	reset(w, a);
	expect_clean(w, a);
	must(mprotect(a.p, a.pages * PAGE, PROT_READ));
	if (forks) {
		pid = must(fork());
		if (!pid)
			for (;;)
				pause();
	}
	if (!force(mem, one.p, 1))
		skip("this kernel forbids it: %s", strerror(errno));
	expect_all(w, one);
	must(mprotect(a.p, a.pages * PAGE, PROT_READ | PROT_WRITE));
	expect_all(w, one);
	reset(w, a);
	must(mprotect(a.p, a.pages * PAGE, PROT_READ));
	reset(w, a);
	ck_assert(force(mem, one.p, 2));
	must(mprotect(a.p, a.pages * PAGE, PROT_READ | PROT_WRITE));
	expect_all(w, one);
	if (forks) {
		kill(pid, SIGKILL);
		must(waitpid(pid, NULL, 0));
	}
	close(mem);
}
END_TEST

struct victim {
	struct area a;
	int prot;
};

static void sit_there(int fd, void *arg)
{
	struct victim *v = arg;

	turn_wait(fd);
	/* The pages are those of the parent until somebody writes. */
	if (v->prot != PROT_NONE)
		read_all(v->a);
	turn_done(fd);
}

START_TEST(ptrace_poke_is_never_lost)
{
	struct marks *m = marks_new(PAGES);
	struct victim v;
	struct wptrack *w;
	struct peer p;
	struct map map;
	int round, status;
	size_t i;

	if (!map_exists(kinds[_i % KINDS]))
		skip("no ext4 scratch disk");
	map = forbidden(_i, &v.prot);
	v.a = map.a;
	must(mprotect(map.a.p, PAGES * PAGE, v.prot));
	p = peer_start(sit_there, &v);
	peer_turn(&p);
	w = tracker_pid(p.pid);
	track(w, v.a, 0);
	must(ptrace(PTRACE_ATTACH, p.pid, 0, 0));
	must(waitpid(p.pid, &status, 0));
	for (round = 0; round < 4; round++) {
		marks_none(m);
		for (i = round / 2; i < PAGES; i += 5) {
			must(ptrace(PTRACE_POKETEXT, p.pid,
				    v.a.p + i * PAGE + 8, (long)round));
			m->w[i] = 1;
		}
		expect_no_lost(w, v.a, m, RESET, "memory without VM_WRITE");
	}
	must(ptrace(PTRACE_DETACH, p.pid, 0, 0));
	peer_end(&p);
}
END_TEST

void kwrites_force(Suite *s)
{
	TCase *tc = tcase_new(s, "force", TEST_TIMEOUT);

	tcase_add_loop_test(tc, proc_self_mem_write_is_never_lost, 0, CASES);
	tcase_add_loop_test(tc, proc_self_mem_write_to_a_huge_page_is_never_lost, 0, 4);
	tcase_add_loop_test(tc, ptrace_poke_is_never_lost, 0, CASES);
}
