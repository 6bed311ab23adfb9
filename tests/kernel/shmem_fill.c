// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages of files that userfaultfd fills behind read-only ptes, or that are locked in memory,
 * and are dropped before anybody has asked.
 */
#define _GNU_SOURCE
#include "maps.h"
#include "shmem.h"
#include "uffd.h"

#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define PAGES	64
#define AT	7
#define FILLED	9

#define DONTNEED_LOCKED	24	/* Linux 5.18 */
#define WP_SHMEM	(1ULL << 12)

static bool drop(struct area a, int advice)
{
	return !madvise(a.p, a.pages * PAGE, advice);
}

/* False with errno if it is refused. */
static bool copy(int fd, struct area to, bool protects)
{
	struct uffdio_copy copy = {
		.dst = area_start(to), .len = to.pages * PAGE,
		.mode = protects ? UFFDIO_COPY_MODE_WP : 0,
	};
	char *src = malloc(to.pages * PAGE);
	bool done;

	memset(src, 7, to.pages * PAGE);
	copy.src = (uintptr_t)src;
	done = !ioctl(fd, UFFDIO_COPY, &copy);
	free(src);
	return done;
}

/* Its pte is read-only, and nobody has faulted there. */
START_TEST(filled_behind_read_only_ptes_and_dropped)
{
	const bool protects = _i & 1, armed = _i & 2, closes = _i & 4;
	struct area a = map_make(MAP_KIND_MEMFD, PAGES, 3).a, part = area_sub(a, AT, FILLED);
	struct wptrack *w = tracker_self();
	struct marks *m = marks_new(PAGES);
	uint64_t mode = UFFDIO_REGISTER_MODE_MISSING;
	int fd;

	touch_all(a);
	must(madvise(part.p, part.pages * PAGE, MADV_REMOVE));
	if (!protects)
		must(mprotect(a.p, PAGES * PAGE, PROT_READ));
	track(w, a, 0);
	settle(w, a);
	if (protects)
		mode |= UFFDIO_REGISTER_MODE_WP;
	fd = uffd_on(a, protects ? WP_SHMEM : 0, mode);
	if (fd < 0)
		skip("userfaultfd: %s", strerror(errno));
	if (!copy(fd, part, protects))
		skip("UFFDIO_COPY: %s", strerror(errno));
	if (closes)
		close(fd);
	if (armed)
		/* It is the scan that is to find out, before it makes them clean. */
		marks_add(m, written(w, a, RESET));
	else
		drop(a, MADV_DONTNEED);
	if (!armed) {
		marks_set(m, AT, FILLED);
		expect_no_lost(w, a, m, GET, "memory of a userfaultfd");
		read_all(area_sub(a, 0, AT + FILLED));
		expect_no_lost(w, a, m, RESET, "memory of a userfaultfd");
	} else {
		ck_assert(m->w[AT] && m->w[AT + FILLED - 1]);
		drop(a, MADV_DONTNEED);
	}
	ck_assert_uint_eq(a.p[(AT + 1) * PAGE], 7);
	if (!closes)
		close(fd);
	must(mprotect(a.p, PAGES * PAGE, PROT_READ | PROT_WRITE));
	settle(w, a);
	marks_none(m);
	touch_random(a, m, 4);
	expect_exact(w, a, m, RESET);
}
END_TEST

/* _i: nobody may read it either; it is scanned before. */
START_TEST(filled_behind_read_only_ptes_and_made_writable)
{
	struct area a = map_make(MAP_KIND_MEMFD, PAGES, 3).a, part = area_sub(a, AT, FILLED);
	struct wptrack *w = tracker_self();
	struct marks *m = marks_new(PAGES);
	int fd;

	touch_all(a);
	must(madvise(part.p, part.pages * PAGE, MADV_REMOVE));
	track(w, a, 0);
	settle(w, a);
	must(mprotect(a.p, PAGES * PAGE, _i & 1 ? PROT_NONE : PROT_READ));
	if (_i & 2)
		settle(w, a);
	fd = uffd_on(a, 0, UFFDIO_REGISTER_MODE_MISSING);
	if (fd < 0)
		skip("userfaultfd: %s", strerror(errno));
	if (!copy(fd, part, false))
		skip("UFFDIO_COPY: %s", strerror(errno));
	must(mprotect(a.p, PAGES * PAGE, PROT_READ | PROT_WRITE));
	marks_set(m, AT, FILLED);
	expect_no_lost(w, a, m, GET, "memory of a userfaultfd");
	expect_no_lost(w, a, m, RESET, "memory of a userfaultfd");
	ck_assert_uint_eq(a.p[(AT + 1) * PAGE], 7);
	close(fd);
	settle(w, a);
	marks_none(m);
	touch_random(a, m, 4);
	expect_exact(w, a, m, RESET);
}
END_TEST

struct late_copy {
	int fd;
	struct area to, from;
};

static void *copies(void *p)
{
	const struct late_copy *c = p;
	struct uffdio_copy copy = {
		.dst = area_start(c->to), .src = area_start(c->from), .len = c->to.pages * PAGE,
	};

	return (void *)(long)ioctl(c->fd, UFFDIO_COPY, &copy);
}

/* It waits for what it is to copy, while tracking begins. */
START_TEST(filled_by_a_copy_that_began_before_it_was_tracked)
{
	struct area a = map_make(MAP_KIND_MEMFD, PAGES, 3).a;
	struct late_copy c = { .to = area_sub(a, AT, FILLED), .from = anon(FILLED) };
	struct marks *m = marks_new(PAGES);
	struct uffdio_zeropage zero = { .range = { area_start(c.from), FILLED * PAGE } };
	struct wptrack *w;
	pthread_t thread;
	void *failed;
	int slow;

	touch_all(a);
	must(madvise(c.to.p, c.to.pages * PAGE, MADV_REMOVE));
	must(mprotect(a.p, PAGES * PAGE, PROT_READ));
	c.fd = uffd_on(a, 0, UFFDIO_REGISTER_MODE_MISSING);
	slow = faults_wait(c.from);
	if (c.fd < 0 || slow < 0)
		skip("userfaultfd: %s", strerror(errno));
	ck_assert(!pthread_create(&thread, NULL, copies, &c));
	ck_assert(fault_is_waiting(slow));
	w = tracker_on(a);
	settle(w, a);
	must(ioctl(slow, UFFDIO_ZEROPAGE, &zero));
	ck_assert(!pthread_join(thread, &failed));
	if (failed)
		skip("UFFDIO_COPY is refused");
	must(mprotect(a.p, PAGES * PAGE, PROT_READ | PROT_WRITE));
	marks_set(m, AT, FILLED);
	expect_no_lost(w, a, m, GET, "memory of a userfaultfd");
	expect_no_lost(w, a, m, RESET, "memory of a userfaultfd");
	close(c.fd);
	close(slow);
}
END_TEST

/* As MADV_DONTNEED, which refuses it. */
START_TEST(locked_memory_that_is_dropped)
{
	static const enum map_kind kinds[] = {
		MAP_KIND_MEMFD, MAP_KIND_EXT4, MAP_KIND_SHARED_ANON, MAP_KIND_MEMFD_PRIVATE,
	};
	const enum map_kind kind = kinds[_i];
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	struct map map;
	int round;

	if (!map_exists(kind))
		skip("no ext4 scratch disk");
	map = map_make(kind, PAGES, 3);
	if (map_is_shared(kind))
		touch_all(map.a);
	read_all(map.a);
	must(mlock2(map.a.p, PAGES * PAGE, MLOCK_ONFAULT));
	w = tracker_on(map.a);
	settle(w, map.a);
	ck_assert(!drop(map.a, MADV_DONTNEED));
	for (round = 0; round < 3; round++) {
		expect_clean(w, map.a);
		if (!drop(map.a, DONTNEED_LOCKED))
			skip("MADV_DONTNEED_LOCKED: %s", strerror(errno));
		/* Clean pages of a file are still in the file. */
		expect_clean(w, map.a);
		read_all(area_sub(map.a, 0, 20));
		expect_clean(w, map.a);
		touch_random(map.a, m, 6);
		expect_exact(w, map.a, m, GET);
		drop(map.a, DONTNEED_LOCKED);
		expect_no_lost(w, map.a, m, RESET, "dropped");
		marks_none(m);
		/* Empty pages that this event may have met: exact again from here on. */
		settle(w, map.a);
		read_all(map.a);
		settle(w, map.a);
	}
}
END_TEST

void shmem_fill(Suite *s)
{
	TCase *tc = tcase_new(s, "fill", TEST_TIMEOUT);

	tcase_add_loop_test(tc, filled_behind_read_only_ptes_and_dropped, 0, 8);
	tcase_add_loop_test(tc, filled_behind_read_only_ptes_and_made_writable, 0, 4);
	tcase_add_test(tc, filled_by_a_copy_that_began_before_it_was_tracked);
	tcase_add_loop_test(tc, locked_memory_that_is_dropped, 0, 4);
}
