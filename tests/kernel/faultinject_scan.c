// SPDX-License-Identifier: GPL-2.0-only
/*
 * An event finds no memory for what it has to record while a scan is under way, which
 * may have passed over the place already: the scan is void and says so, and all reads
 * written.
 */
#define _GNU_SOURCE
#include "faultinject.h"

#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

/* Two chunks: 2 MiB of which a part is known, and a part of which nothing is. */
#define PAGES	800UL

struct scanner {
	struct area a;
	struct wptrack *w;
	struct area vec;	/* where its array lies: nothing there yet */
	int uffd;
	pthread_t thread;
	struct wptrack_scan scan;
	int ret;
};

static void *scan_and_stop(void *arg)
{
	struct scanner *s = arg;

	s->scan = (struct wptrack_scan){
		.size = sizeof(s->scan), .flags = WPTRACK_SCAN_RESET,
		.start = area_start(s->a), .end = area_end(s->a),
		.vec = area_start(s->vec), .vec_len = 100,
		.category_mask = WPTRACK_PAGE_WRITTEN,
		.return_mask = WPTRACK_PAGE_WRITTEN,
	};
	s->ret = ioctl(wptrack_fd(s->w), WPTRACK_IOC_SCAN, &s->scan) < 0 ? -errno : 0;
	return NULL;
}

/* It has walked over all, and waits for its array to be there. */
static void scanner_start(struct scanner *s)
{
	map_over(s->vec, PROT_READ | PROT_WRITE);
	s->uffd = faults_wait(s->vec);
	ck_assert_int_ge(s->uffd, 0);
	pthread_create(&s->thread, NULL, scan_and_stop, s);
	ck_assert(fault_is_waiting(s->uffd));
}

static void scanner_goes_on(struct scanner *s)
{
	struct uffdio_zeropage zero = {
		.range = { area_start(s->vec), s->vec.pages * PAGE },
	};

	must(ioctl(s->uffd, UFFDIO_ZEROPAGE, &zero));
	pthread_join(s->thread, NULL);
	close(s->uffd);
}

static void expect_known(struct scanner *s, struct area a, const struct marks *want,
			 unsigned int n)
{
	struct marks *got = written(s->w, a, RESET);
	size_t i, lost = 0;

	for (i = 0; i < want->pages; i++)
		lost += want->w[i] && !got->w[i];
	ck_assert_msg(!lost, "after %u bytes: of %zu pages %zu are lost", n,
		      marks_count(want), lost);
	free(got);
}

static const enum map_kind kinds[] = {
	MAP_KIND_ANON, MAP_KIND_MEMFD, MAP_KIND_SHARED_ANON,
};

/* So much memory there is, and then no more; in steps that are less than a record takes. */
#define STEP	192
#define MOST_BYTES	(1 << 20)

START_TEST(event_without_memory_voids_a_scan)
{
	struct scanner s = { .vec = hole(1, 0) };
	unsigned int n, voids = 0, errors = 0;
	bool hit = true;

	if (inject_missing())
		skip("%s", inject_missing());
	if (faults_wait(anon(1)) < 0)
		skip("no userfaultfd: %s", strerror(errno));
	for (n = 0; hit && n < MOST_BYTES; n += STEP) {
		struct map m = map_make(kinds[_i], PAGES, 0);
		struct area rest = area_sub(m.a, 512, PAGES - 512);
		struct marks *want = marks_new(rest.pages);

		s.a = m.a;
		s.w = tracker_on(m.a);
		/* A page that the scan has to tell of, far from the others. */
		touch(m.a, 0);
		scanner_start(&s);
		/* Written where there is no record, and then it does not show any more. */
		write_random(rest, want, 20);
		inject_after_bytes(n, true);
		if (mprotect(rest.p, rest.pages * PAGE, PROT_READ))
			errors++;
		hit = inject_end();
		scanner_goes_on(&s);
		ck_assert_msg(!s.ret || s.ret == -EAGAIN, "after %u bytes: %s", n,
			      strerror(-s.ret));
		if (s.ret) {
			voids++;
			ck_assert_uint_eq(s.scan.walk_end, s.scan.start);
		}
		expect_known(&s, rest, want, n);
		must(mprotect(m.a.p, PAGES * PAGE, PROT_READ | PROT_WRITE));
		settle(s.w, m.a);
		wptrack_close(s.w);
		munmap(m.a.p, PAGES * PAGE);
		if (m.fd >= 0)
			close(m.fd);
		free(want);
	}
	ck_assert_uint_lt(n, MOST_BYTES);
	note("%s: %u times short of memory, %u errors, %u scans were void",
	     map_name(kinds[_i]), n / STEP, errors, voids);
	ck_assert_uint_gt(voids, 0);
}
END_TEST

static void stop_injecting(void)
{
	inject_end();
}

void faultinject_scan(Suite *s)
{
	TCase *tc = tcase_new(s, "scan", 2 * TEST_TIMEOUT);

	tcase_add_checked_fixture(tc, NULL, stop_injecting);
	tcase_add_loop_test(tc, event_without_memory_voids_a_scan, 0,
			    sizeof(kinds) / sizeof(kinds[0]));
}
