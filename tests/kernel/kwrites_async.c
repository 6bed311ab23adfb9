// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who acts for a program without being in one of its system calls: workers of io_uring, who
 * have the registers of another call; and who looks into a child that nobody tracks, whose ptes
 * are marked as its parent's were.
 */
#define _GNU_SOURCE
#include "kwrites.h"
#include "maps.h"

#include <liburing.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define PAGES	(2 * PMD_PAGES + 100)

static bool ring_or_not(struct io_uring *ring)
{
	int ret = io_uring_queue_init(8, ring, 0);

	errno = -ret;
	return !ret;
}

/* What it returns: 0, or -errno. */
static int advise(struct io_uring *ring, struct area a, int advice)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	struct io_uring_cqe *cqe;
	int ret;

	io_uring_prep_madvise(sqe, a.p, a.pages * PAGE, advice);
	io_uring_sqe_set_flags(sqe, IOSQE_ASYNC);
	ck_assert_int_eq(io_uring_submit(ring), 1);
	ck_assert_int_eq(io_uring_wait_cqe(ring, &cqe), 0);
	ret = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return ret;
}

static const enum map_kind kinds[] = {
	MAP_KIND_ANON, MAP_KIND_MEMFD, MAP_KIND_MEMFD_PRIVATE, MAP_KIND_EXT4,
};
#define KINDS ((int)(sizeof(kinds) / sizeof(*kinds)))
static const int advices[] = { MADV_DONTNEED, MADV_REMOVE, MADV_FREE, 21 /* MADV_PAGEOUT */ };
#define ADVICES ((int)(sizeof(advices) / sizeof(*advices)))

static bool reads_zero(struct area a, size_t i)
{
	return !a.p[i * PAGE] && !a.p[i * PAGE + i % PAGE];
}

START_TEST(advice_that_a_worker_carries_out)
{
	const enum map_kind kind = kinds[_i / ADVICES];
	const int advice = advices[_i % ADVICES];
	struct marks *m = marks_new(PAGES);
	struct io_uring ring;
	struct wptrack *w;
	struct area part;
	struct map map;
	int round, err;
	size_t i;

	if (!map_exists(kind))
		skip("no ext4 scratch disk");
	if (!ring_or_not(&ring))
		skip("io_uring: %s", strerror(errno));
	map = map_make(kind, PAGES, 17);
	part = area_sub(map.a, 40, PMD_PAGES + 300);
	touch_all(map.a);
	w = tracker_on(map.a);
	for (round = 0; round < 3; round++) {
		settle(w, map.a);
		marks_none(m);
		/* Of other memory, last: the registers of the worker are of no use. */
		must(madvise(map.a.p, PAGE, MADV_NORMAL));
		touch_random(map.a, m, 20);
		err = advise(&ring, part, advice);
		if (err == -EINVAL || err == -EACCES)
			skip("%s", strerror(-err));
		ck_assert_int_eq(err, 0);
		/* What was zapped has changed if it reads other than before. */
		if (advice == MADV_REMOVE || (advice == MADV_DONTNEED && kind == MAP_KIND_ANON))
			for (i = 0; i < part.pages; i++) {
				check_that(reads_zero(part, i));
				m->w[40 + i] = 1;
			}
		expect_no_lost(w, map.a, m, GET, "by a worker");
		touch_random(map.a, m, 20);
		expect_no_lost(w, map.a, m, RESET, "by a worker");
	}
	io_uring_queue_exit(&ring);
	settle(w, map.a);
	marks_none(m);
	touch_random(map.a, m, 9);
	expect_exact(w, map.a, m, RESET);
}
END_TEST

/* To pin its pages he is given copies of them, behind entries that its parent has armed. */
START_TEST(a_child_that_nobody_tracks_is_read)
{
	struct area a = map_make(MAP_KIND_ANON, PAGES, 17).a;
	uint8_t *copy = malloc(PAGES * PAGE), *was = malloc(PAGES * PAGE);
	struct iovec to = { copy, PAGES * PAGE }, from = { a.p, PAGES * PAGE };
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	int go[2], status, round;
	uint8_t byte = 0;
	pid_t pid;
	size_t i;

	touch_all(a);
	w = tracker_on(a);
	settle(w, a);
	for (round = 0; round < 2; round++) {
		memcpy(was, a.p, PAGES * PAGE);
		must(pipe(go));
		pid = must(fork());
		if (!pid) {
			if (read(go[0], &byte, 1) != 1 || memcmp(a.p, was, PAGES * PAGE))
				_exit(1);
			touch_all(a);
			if (read(go[0], &byte, 1) != 1)
				_exit(2);
			for (i = 0; i < PAGES; i++)
				if (a.p[i * PAGE + i % PAGE] !=
				    (uint8_t)(was[i * PAGE + i % PAGE] + 1))
					_exit(3);
			_exit(0);
		}
		ck_assert_int_eq(must(process_vm_readv(pid, &to, 1, &from, 1, 0)), PAGES * PAGE);
		check_that(!memcmp(copy, was, PAGES * PAGE));
		expect_clean(w, a);
		if (round)
			touch_random(a, m, 5);
		must(write(go[1], &byte, 1));
		ck_assert_int_eq(must(process_vm_readv(pid, &to, 1, &from, 1, 0)), PAGES * PAGE);
		if (!round)
			touch_random(a, m, 5);
		must(write(go[1], &byte, 1));
		must(waitpid(pid, &status, 0));
		ck_assert_msg(!status, "the child found other memory: %x", status);
		/* Nor has the child written to what is its parent's. */
		for (i = 0; i < PAGES; i++)
			check_that(!m->w[i] == !memcmp(a.p + i * PAGE, was + i * PAGE, PAGE));
		expect_exact(w, a, m, RESET);
		settle(w, a);
		marks_none(m);
		close(go[0]);
		close(go[1]);
	}
}
END_TEST

void kwrites_async(Suite *s)
{
	TCase *tc = tcase_new(s, "async", TEST_TIMEOUT);

	tcase_add_loop_test(tc, advice_that_a_worker_carries_out, 0, KINDS * ADVICES);
	tcase_add_test(tc, a_child_that_nobody_tracks_is_read);
}
