// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program that uses userfaultfd's protection against any access (RWP, Linux 7.3) in memory
 * that is tracked: who faults there gets his pte back, writable, without a write fault.
 */
#define _GNU_SOURCE
#include "carry.h"
#include "maps.h"
#include "swap.h"
#include "uffd.h"

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define F_RWP		(1ULL << 17)
#define F_RWP_ASYNC	(1ULL << 18)
#define MODE_RWP	(1ULL << 3)
#define ROUNDS		300

struct rwp {
	struct uffdio_range range;
	uint64_t mode;
};

#define IOC_RWP		_IOWR(UFFDIO, 0x09, struct rwp)

static struct area populated(struct area a)
{
	touch_all(a);
	return a;
}

/* *@unit: so many pages are written together. */
static struct area rwp_memory(int i, size_t *unit)
{
	int fd;

	*unit = 1;
	switch (i) {
	case 0:
		return anon_populated(PMD_PAGES);
	case 1:
		return thp(2);
	case 2:
		return populated(map_make(MAP_KIND_SHARED_ANON, PMD_PAGES, 0).a);
	case 3:
		return populated(map_make(MAP_KIND_MEMFD_PRIVATE, PMD_PAGES, 0).a);
	case 4:
		return populated(map_make(MAP_KIND_MEMFD, PMD_PAGES, 0).a);
	default:
		*unit = PMD_PAGES;
		check_that(hugetlb_pages(4));
		return populated(hugetlb(2, i == 6, &fd));
	}
}

/* One thing at random that userfaultfd or the kernel does to a part of it. */
static void disturb(int fd, struct area a, struct area part, bool *registered)
{
	struct uffdio_range all = { area_start(a), a.pages * PAGE };
	struct uffdio_register r = { .range = all, .mode = MODE_RWP };
	struct rwp p = { { area_start(part), part.pages * PAGE }, rnd_below(4) > 0 };
	pid_t pid;

	switch (rnd_below(10)) {
	case 0: case 1: case 2: case 3:
		if (*registered)
			must(ioctl(fd, IOC_RWP, &p));
		break;
	case 4: case 5:
		if (!*registered)
			must(ioctl(fd, UFFDIO_REGISTER, &r));
		else if (!rnd_below(3))
			must(ioctl(fd, UFFDIO_UNREGISTER, &all));
		else
			break;
		*registered = !*registered;
		break;
	case 6:
		madvise(part.p, part.pages * PAGE, 21 /* MADV_PAGEOUT */);
		break;
	case 7:
		must(mprotect(a.p, a.pages * PAGE, rnd_below(3) ? PROT_READ : PROT_NONE));
		must(mprotect(a.p, a.pages * PAGE, PROT_READ | PROT_WRITE));
		break;
	case 8:
		if (rnd_below(3))
			break;
		pid = must(fork());
		if (!pid)
			_exit(0);
		must(waitpid(pid, NULL, 0));
		break;
	default:
		read_all(part);
		break;
	}
}

START_TEST(memory_that_nobody_may_access_loses_no_write)
{
	int fd = uffd_open(F_RWP | F_RWP_ASYNC), round;
	bool registered = false;
	struct wptrack *w;
	struct marks *m;
	struct area a;
	size_t unit, k, p, first, n;
	uint8_t *shadow;

	if (fd < 0)
		skip("userfaultfd's RWP came with Linux 7.3");
	a = rwp_memory(_i, &unit);
	m = marks_new(a.pages);
	shadow = calloc(a.pages, 1);
	ck_assert_ptr_nonnull(shadow);
	for (p = 0; p < a.pages; p++)
		shadow[p] = a.p[p * PAGE + 4000];
	w = tracker_on(a);
	settle(w, a);
	for (round = 0; round < ROUNDS; round++) {
		first = rnd_below(a.pages / unit) * unit;
		n = (1 + rnd_below((a.pages - first) / unit)) * unit;
		disturb(fd, a, area_sub(a, first, n), &registered);
		for (k = rnd_below(20); k; k--) {
			p = rnd_below(a.pages);
			/* No test of ours writes there. */
			a.p[p * PAGE + 4000] = ++shadow[p];
			m->w[p] = 1;
		}
		if (rnd_below(4))
			continue;
		if (rnd_below(2)) {
			expect_no_lost(w, a, m, GET, "userfaultfd's RWP");
		} else {
			/* What cannot be reset is only reported too often. */
			expect_no_lost(w, a, m, RESET, "userfaultfd's RWP");
			marks_none(m);
		}
	}
	for (p = 0; p < a.pages; p++)
		ck_assert_msg(a.p[p * PAGE + 4000] == shadow[p],
			      "page %zu has %u instead of %u", p, a.p[p * PAGE + 4000],
			      shadow[p]);
	expect_no_lost(w, a, m, GET, "userfaultfd's RWP");
	close(fd);
	settle(w, a);
	touch(a, 9);
	marks_none(m);
	marks_set(m, 9 / unit * unit, unit);
	expect_exact(w, a, m, RESET);
}
END_TEST

static void rwp_off(void)
{
	hugetlb_pages(0);
}

void carry_rwp(Suite *s)
{
	TCase *tc = tcase_new(s, "rwp", TEST_TIMEOUT);

	tcase_add_unchecked_fixture(tc, swap_setup, swap_teardown);
	tcase_add_unchecked_fixture(tc, NULL, rwp_off);
	tcase_add_loop_test(tc, memory_that_nobody_may_access_loses_no_write, 0, 7);
}
