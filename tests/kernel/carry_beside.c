// SPDX-License-Identifier: GPL-2.0-only
/*
 * What others do to the pages of a file, by mappings of their own: moving them and writing
 * them back visits all mappings of that place, also those that have another page there, or
 * none.  Nothing happens to these.
 */
#define _GNU_SOURCE
#include "carry.h"
#include "maps.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FEW	60

enum how { MOVE_PAGES, MBIND, MSYNC };

struct job {
	struct area a;
	int fd;
	enum how how;
};

/* To the other node, and back, in turns; or written and synchronized. */
static void other(int fd, void *arg)
{
	struct job *j = arg;
	uint8_t *p = peer_must(mmap(NULL, FEW * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
				    j->fd, 0));
	int round, node, status;
	unsigned long mask;
	size_t i;

	turn_wait(fd);
	for (round = 0;; round++) {
		node = !(round & 1);
		mask = 1UL << node;
		for (i = 0; i < FEW; i++) {
			void *page = p + i * PAGE;

			if (j->how == MSYNC)
				p[i * PAGE + 5]++;
			else
				(void)*(volatile uint8_t *)page;
			if (j->how == MOVE_PAGES)
				peer_must(syscall(SYS_move_pages, 0, 1, &page, &node, &status,
						  2 /* MPOL_MF_MOVE */));
		}
		if (j->how == MBIND)
			peer_must(syscall(SYS_mbind, p, FEW * PAGE, 2 /* MPOL_BIND */, &mask,
					  8 * sizeof(mask), 2 /* MPOL_MF_MOVE */));
		if (j->how == MSYNC)
			peer_must(msync(p, FEW * PAGE, MS_SYNC));
		turn_done(fd);
	}
}

/* @mine: this process has pages of its own there, and none otherwise. */
static void beside(enum map_kind kind, enum how how, bool mine)
{
	struct map map = map_make(kind, FEW, 0);
	struct job j = { map.a, map.fd, how };
	struct marks *m = marks_new(FEW);
	struct peer p = peer_start(other, &j);
	struct wptrack *w = tracker_on(map.a);
	int round;

	if (mine) {
		touch_all(map.a);
		settle(w, map.a);
	}
	expect_clean(w, map.a);
	for (round = 0; round < 4; round++) {
		peer_turn(&p);
		expect_clean(w, map.a);
		if (!mine)
			continue;
		touch(map.a, 7 + round);
		marks_none(m);
		m->w[7 + round] = 1;
		peer_turn(&p);
		expect_exact(w, map.a, m, RESET);
	}
	end_child(p.pid);
}

START_TEST(pages_of_a_file_that_are_moved_below_copies)
{
	if (access("/sys/devices/system/node/node1", F_OK))
		skip("one node");
	beside(_i & 1 ? MAP_KIND_EXT4_PRIVATE : MAP_KIND_MEMFD_PRIVATE, _i & 2 ? MBIND : MOVE_PAGES,
	       true);
}
END_TEST

START_TEST(pages_of_a_file_that_are_moved_and_not_mapped_here)
{
	if (access("/sys/devices/system/node/node1", F_OK))
		skip("one node");
	beside(MAP_KIND_MEMFD, _i ? MBIND : MOVE_PAGES, false);
}
END_TEST

START_TEST(pages_of_a_file_that_are_written_back_and_not_mapped_here)
{
	beside(MAP_KIND_EXT4, MSYNC, false);
}
END_TEST

void carry_beside(Suite *s)
{
	TCase *tc = tcase_new(s, "beside", TEST_TIMEOUT);

	tcase_add_loop_test(tc, pages_of_a_file_that_are_moved_below_copies, 0, 4);
	tcase_add_loop_test(tc, pages_of_a_file_that_are_moved_and_not_mapped_here, 0, 2);
	tcase_add_test(tc, pages_of_a_file_that_are_written_back_and_not_mapped_here);
}
