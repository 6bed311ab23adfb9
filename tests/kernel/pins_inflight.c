// SPDX-License-Identifier: GPL-2.0-only
/*
 * Direct I/O that is under way while pages are armed.  It began before, so its
 * page faults are over, and it ends after.  /dev/slow is a disk that takes 0.3 s
 * for each request and reads zeros.
 */
#define _GNU_SOURCE
#include "maps.h"
#include "pins.h"
#include "swap.h"

#include <fcntl.h>
#include <linux/aio_abi.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define SLOW	"/dev/slow"
#define PAGES	64
#define FILL	0x5a

static aio_context_t aio;
static int slow;

static bool aio_start(void)
{
	slow = open(SLOW, O_RDONLY | O_DIRECT | O_CLOEXEC);
	return slow >= 0 && !syscall(SYS_io_setup, 8, &aio);
}

#define aio_start_or_skip()						\
	do {								\
		if (!aio_start())					\
			skip(SLOW ": %s", strerror(errno));		\
	} while (0)

static void aio_read(void *p, size_t len)
{
	struct iocb cb = {
		.aio_fildes = slow,
		.aio_lio_opcode = IOCB_CMD_PREAD,
		.aio_buf = (uintptr_t)p,
		.aio_nbytes = len,
	}, *list = &cb;

	ck_assert_int_eq(must(syscall(SYS_io_submit, aio, 1, &list)), 1);
}

/* Without @wait: is it over already? */
static bool aio_done(bool wait, long want)
{
	struct timespec now = { 0 };
	struct io_event ev;
	long n = must(syscall(SYS_io_getevents, aio, wait ? 1 : 0, 1, &ev,
			      wait ? NULL : &now));

	ck_assert(n || !wait);
	if (n)
		ck_assert_int_eq(ev.res, want);
	return n;
}

/* What happens between the start of a transfer and its end. */
typedef void (*during_fn)(struct wptrack *w, struct area a);

static void scan_once(struct wptrack *w, struct area a)
{
	reset(w, a);
}

static void scan_thrice(struct wptrack *w, struct area a)
{
	reset(w, a);
	reset(w, a);
	reset(w, a);
}

static void track_again(struct wptrack *w, struct area a)
{
	track(w, a, 0);
}

static void untrack_and_track(struct wptrack *w, struct area a)
{
	untrack(w, a);
	track(w, a, 0);
}

static void protect_and_scan(struct wptrack *w, struct area a)
{
	must(mprotect(a.p, a.pages * PAGE, PROT_READ));
	must(mprotect(a.p, a.pages * PAGE, PROT_READ | PROT_WRITE));
	reset(w, a);
}

static void scan_protected(struct wptrack *w, struct area a, int prot)
{
	must(mprotect(a.p, a.pages * PAGE, prot));
	reset(w, a);
	must(mprotect(a.p, a.pages * PAGE, PROT_READ | PROT_WRITE));
	reset(w, a);
}

static void scan_read_only(struct wptrack *w, struct area a)
{
	scan_protected(w, a, PROT_READ);
}

static void scan_inaccessible(struct wptrack *w, struct area a)
{
	scan_protected(w, a, PROT_NONE);
}

/* Where a transfer does not keep pages from it, what is in swap is still written to. */
static void reclaim_and_scan(struct wptrack *w, struct area a)
{
	must(madvise(a.p, a.pages * PAGE, 21 /* MADV_PAGEOUT */));
	reset(w, a);
	reset(w, a);
}

static const struct {
	const char *name;
	during_fn fn;
} during[] = {
	{ "reclaim and two scans", reclaim_and_scan },
	{ "a scan", scan_once },
	{ "three scans", scan_thrice },
	{ "TRACK", track_again },
	{ "UNTRACK and TRACK", untrack_and_track },
	/* Last: without any tracker Linux 5.10 copies such a page at a write. */
	{ "mprotect and a scan", protect_and_scan },
	{ "a scan while it is read-only", scan_read_only },
	{ "a scan while it cannot be read", scan_inaccessible },
};
#define DURING ((int)(sizeof(during) / sizeof(*during)))
#define WRITABLE (DURING - 3)

static const enum map_kind kinds[] = {
	MAP_KIND_ANON, MAP_KIND_MEMFD, MAP_KIND_MEMFD_PRIVATE, MAP_KIND_EXT4,
};
#define KINDS ((int)(sizeof(kinds) / sizeof(*kinds)))

/*
 * A transfer that was over too early has shown nothing: the machine was busy.
 * Try again, a few times.
 */
#define ATTEMPTS 8

START_TEST(transfer_under_way_at_arming_is_not_lost)
{
	struct marks *m = marks_new(PAGES);
	enum map_kind kind = kinds[_i / DURING];
	struct wptrack *w;
	struct map map;
	struct area buf;
	int attempt;
	bool late = false;
	size_t i;

	aio_start_or_skip();
	if (!map_exists(kind))
		skip("no ext4 scratch disk");
	note("%s during a transfer into %s memory", during[_i % DURING].name,
	     map_name(kind));
	map = map_make(kind, PAGES, 9);
	buf = area_sub(map.a, 8, 32);
	w = tracker_on(map.a);
	for (attempt = 0; attempt < ATTEMPTS && !late; attempt++) {
		memset(map.a.p, FILL, PAGES * PAGE);
		reset(w, map.a);
		aio_read(buf.p, 32 * PAGE);
		during[_i % DURING].fn(w, map.a);
		late = !aio_done(false, 32 * PAGE);
		if (late)
			aio_done(true, 32 * PAGE);
	}
	ck_assert_msg(late, "every transfer was over before it was looked at");
	for (i = 0; i < 32; i++)
		ck_assert_uint_eq(buf.p[i * PAGE + 17], 0);
	marks_set(m, 8, 32);
	expect_no_lost(w, map.a, m, RESET, "transfer under way");
	/* It is over: these are pages as any other. */
	reset(w, map.a);
	expect_clean(w, map.a);
	marks_none(m);
	touch_random(map.a, m, 4);
	expect_exact(w, map.a, m, RESET);
}
END_TEST

/*
 * The device writes a part of a page and the program another part.  If arming
 * made the program's write copy the page, the device's part would be lost.
 */
START_TEST(transfer_and_program_may_write_to_the_same_page)
{
	struct marks *m = marks_new(PAGES);
	enum map_kind kind = kinds[_i / WRITABLE];
	struct wptrack *w;
	struct map map;
	uint8_t *page;
	int attempt;
	bool late = false;

	aio_start_or_skip();
	if (!map_exists(kind))
		skip("no ext4 scratch disk");
	note("%s during a transfer into %s memory", during[_i % WRITABLE].name,
	     map_name(kind));
	map = map_make(kind, PAGES, 9);
	page = map.a.p + 20 * PAGE;
	w = tracker_on(map.a);
	for (attempt = 0; attempt < ATTEMPTS && !late; attempt++) {
		memset(map.a.p, FILL, PAGES * PAGE);
		reset(w, map.a);
		aio_read(page + 1024, 512);
		during[_i % WRITABLE].fn(w, map.a);
		page[2048] = 0x77;
		late = !aio_done(false, 512);
		if (late)
			aio_done(true, 512);
	}
	ck_assert_msg(late, "every transfer was over before it was looked at");
	ck_assert_uint_eq(page[1023], FILL);
	ck_assert_uint_eq(page[2048], 0x77);
	ck_assert_msg(page[1024] == 0 && page[1535] == 0,
		      "the transfer went to a page that is no longer there");
	ck_assert_uint_eq(page[1536], FILL);
	marks_set(m, 20, 1);
	expect_no_lost(w, map.a, m, RESET, "transfer under way");
}
END_TEST

/*
 * It began where nobody tracks, and its pages have been written back: at their new place they
 * look as if nobody had ever written to them.
 */
START_TEST(transfer_under_way_moves_into_tracked_memory)
{
	struct marks *m = marks_new(PAGES);
	struct wptrack *w;
	struct area to;
	struct map map;
	int attempt;
	bool late = false;
	size_t i;

	aio_start_or_skip();
	if (!map_exists(MAP_KIND_EXT4))
		skip("no ext4 scratch disk");
	for (attempt = 0; attempt < ATTEMPTS && !late; attempt++) {
		map = map_make(MAP_KIND_EXT4, PAGES, 9);
		to = hole(PAGES, 9);
		memset(map.a.p, FILL, PAGES * PAGE);
		w = tracker_on(to);
		aio_read(map.a.p + 8 * PAGE, 32 * PAGE);
		must(msync(map.a.p, PAGES * PAGE, MS_SYNC));
		must((long)mremap(map.a.p, PAGES * PAGE, PAGES * PAGE,
				  MREMAP_MAYMOVE | MREMAP_FIXED, to.p));
		late = !aio_done(false, 32 * PAGE);
		if (late)
			aio_done(true, 32 * PAGE);
	}
	ck_assert_msg(late, "every transfer was over before it was looked at");
	for (i = 0; i < 32; i++)
		ck_assert_uint_eq(to.p[(8 + i) * PAGE + 17], 0);
	marks_set(m, 8, 32);
	expect_no_lost(w, to, m, RESET, "transfer under way");
	/* It is over: these are pages as any other. */
	reset(w, to);
	expect_clean(w, to);
}
END_TEST

START_TEST(transfer_under_way_when_the_tracker_closes)
{
	struct area a = anon(PAGES);
	struct wptrack *w = tracker_on(a);
	size_t i;

	aio_start_or_skip();
	memset(a.p, FILL, PAGES * PAGE);
	aio_read(a.p + 8 * PAGE, 32 * PAGE);
	reset(w, a);
	wptrack_close(w);
	for (i = 0; i < PAGES; i++)
		a.p[i * PAGE + 3] = 0x66;
	aio_done(true, 32 * PAGE);
	for (i = 0; i < PAGES; i++)
		ck_assert_uint_eq(a.p[i * PAGE + 17],
				  i < 8 || i >= 40 ? FILL : 0);
}
END_TEST

void pins_inflight(Suite *s)
{
	TCase *tc = tcase_new(s, "inflight", TEST_TIMEOUT);

	tcase_add_unchecked_fixture(tc, swap_setup, swap_teardown);
	tcase_add_loop_test(tc, transfer_under_way_at_arming_is_not_lost, 0,
			    DURING * KINDS);
	tcase_add_loop_test(tc, transfer_and_program_may_write_to_the_same_page,
			    0, WRITABLE * KINDS);
	tcase_add_test(tc, transfer_under_way_moves_into_tracked_memory);
	tcase_add_test(tc, transfer_under_way_when_the_tracker_closes);
}
