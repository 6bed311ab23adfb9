// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much is reported when one byte is written, for each kind of memory.  What
 * this prints is the table of docs/memory.md.
 */
#define _GNU_SOURCE
#include "memory.h"
#include "maps.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGES	(2 * PMD_PAGES)
#define GIB	(1UL << 30)

/* Memory of a kind; without pages if this guest has none. */
struct kind {
	const char *name;
	struct area (*make)(const struct kind *k);
	int arg;
	uint64_t flags;
	bool empty_too;
};

static struct area make_map(const struct kind *k)
{
	if (!map_exists(k->arg))
		return (struct area){ NULL, 0 };
	return map_make(k->arg, PAGES, 0).a;
}

/* Lower and upper layer are directories of the scratch disk, this one. */
static bool overlay_mount(const char *dir)
{
	static bool mounted;
	char options[1024], merged[256];

	if (mounted)
		return true;
	snprintf(options, sizeof(options),
		 "lowerdir=%s/lower,upperdir=%s/upper,workdir=%s/work", dir, dir, dir);
	snprintf(merged, sizeof(merged), "%s/merged", dir);
	umount2(merged, MNT_DETACH);	/* of the test before */
	mounted = !mount("overlay", merged, "overlay", 0, options);
	if (!mounted)
		note("overlay: %s", strerror(errno));
	return mounted;
}

/* A file of the lower layer, which is copied up when it is opened for writing. */
static struct area make_overlay(const struct kind *k)
{
	static const char *const layers[] = { "lower", "upper", "work", "merged" };
	static const uint8_t data[PAGE];
	const char *dir = ext4_dir();
	char path[300];
	size_t i;
	void *p;
	int fd;

	if (!dir)
		return (struct area){ NULL, 0 };
	for (i = 0; i < sizeof(layers) / sizeof(layers[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, layers[i]);
		mkdir(path, 0755);
	}
	snprintf(path, sizeof(path), "%s/lower/%d", dir, getpid());
	fd = must(open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600));
	for (i = 0; i < PAGES; i++)
		must(write(fd, data, PAGE));
	close(fd);
	if (!overlay_mount(dir))
		return (struct area){ NULL, 0 };
	snprintf(path, sizeof(path), "%s/merged/%d", dir, getpid());
	fd = must(open(path, O_RDWR | O_CLOEXEC));
	p = must(mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
		      k->arg ? MAP_SHARED : MAP_PRIVATE, fd, 0));
	close(fd);
	return (struct area){ p, PAGES };
}

static struct area make_readonly(const struct kind *k)
{
	struct area a = anon_populated(PAGES);

	(void)k;
	must(mprotect(a.p, a.pages * PAGE, PROT_READ));
	return a;
}

static struct area make_thp(const struct kind *k)
{
	(void)k;
	return thp(2);
}

static struct area make_zero(const struct kind *k)
{
	struct area a = thp_empty(2);

	(void)k;
	read_all(a);
	return a;
}

static struct area make_huge_tmpfs(const struct kind *k)
{
	struct area a, alias;

	(void)k;
	return huge_shmem(&a, &alias) ? area_sub(a, 0, PAGES) :
					(struct area){ NULL, 0 };
}

static struct area make_hugetlb(const struct kind *k)
{
	int fd;

	if (!hugetlb_pages(8))
		return (struct area){ NULL, 0 };
	return hugetlb(2, k->arg, &fd);
}

static struct area make_gigantic(const struct kind *k)
{
	void *p;

	(void)k;
	write_file("/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", "1");
	p = mmap(NULL, GIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS |
		 MAP_HUGETLB | 30 << MFD_HUGE_SHIFT, -1, 0);
	if (p == MAP_FAILED)
		return (struct area){ NULL, 0 };
	return (struct area){ p, GIB / PAGE };
}

/* As large as the file system makes them: see folio_file(). */
static struct area make_folios(const struct kind *k)
{
	return folio_file(k->arg);
}

static const struct kind kinds[] = {
	{ "private anonymous", make_map, MAP_KIND_ANON, 0, true },
	{ "the same without write permission", make_readonly, 0, 0, false },
	{ "shared anonymous", make_map, MAP_KIND_SHARED_ANON, 0, true },
	{ "memfd, shared", make_map, MAP_KIND_MEMFD, 0, true },
	{ "memfd, private", make_map, MAP_KIND_MEMFD_PRIVATE, 0, true },
	{ "tmpfs file, shared", make_map, MAP_KIND_TMPFS, 0, true },
	{ "System V shared memory", make_map, MAP_KIND_SYSV, 0, true },
	{ "ext4 file, shared", make_map, MAP_KIND_EXT4, 0, true },
	{ "ext4 file, private", make_map, MAP_KIND_EXT4_PRIVATE, 0, true },
	{ "ext4 file in 64 KiB folios, shared", make_folios, 64 << 10, 0, true },
	{ "ext4 file in 2 MiB folios, shared", make_folios, 2 << 20, 0, true },
	{ "overlayfs file, shared", make_overlay, 1, 0, false },
	{ "overlayfs file, private", make_overlay, 0, 0, false },
	{ "transparent huge page", make_thp, 0, 0, false },
	{ "the same, kept huge", make_thp, 0, WPTRACK_TRACK_KEEP_HUGE, false },
	{ "huge zero page", make_zero, 0, 0, false },
	{ "tmpfs with huge=always, shared", make_huge_tmpfs, 0, 0, false },
	{ "hugetlb 2 MiB, private", make_hugetlb, 0, 0, true },
	{ "hugetlb 2 MiB, shared", make_hugetlb, 1, 0, true },
	{ "hugetlb 1 GiB, private", make_gigantic, 0, 0, false },
};

/* What has to be told apart: the pages that one access made read written. */
static const char *amount(size_t pages)
{
	static char text[32];

	if (!pages)
		return "clean";
	if (pages % PMD_PAGES)
		snprintf(text, sizeof(text), "%zu KiB", pages * (PAGE >> 10));
	else
		snprintf(text, sizeof(text), "%zu MiB", pages * PAGE >> 20);
	return text;
}

/* As a debugger would. */
static void force(volatile uint8_t *p, uint8_t value)
{
	int mem = must(open("/proc/self/mem", O_RDWR | O_CLOEXEC));

	ck_assert_int_eq(pwrite(mem, &value, 1, (uintptr_t)p), 1);
	close(mem);
}

static void access_one(const struct kind *k, struct area a, bool write)
{
	volatile uint8_t *p = a.p + (a.pages / 2 + 5) * PAGE;

	if (write && k->make == make_readonly)
		force(p, 0xa5);
	else if (write)
		*p = 0xa5;
	else
		(void)*p;
}

/* Populated memory, after a write.  False if it reads written in any case. */
static bool populated(const struct kind *k, struct area a, char *cell, size_t len)
{
	struct wptrack *w = tracker_self();

	/* The others are populated, or cannot be written to. */
	if (k->make == make_map || k->make == make_hugetlb || k->make == make_overlay ||
	    k->make == make_folios)
		touch_all(a);
	track(w, a, k->flags);
	if (!(categories(w, a.p) & WPTRACK_PAGE_WPALLOWED)) {
		expect_all(w, a);
		snprintf(cell, len, "refused: always written");
		return false;
	}
	if (count_written(w, a)) {
		expect_all(w, a);
		snprintf(cell, len, "always written");
		return false;
	}
	access_one(k, a, true);
	ck_assert_msg(count_written(w, area_sub(a, a.pages / 2 + 5, 1)) == 1,
		      "%s: LOST", k->name);
	snprintf(cell, len, "%s", amount(count_written(w, a)));
	wptrack_close(w);
	return true;
}

/* Empty memory: after a read, then after a write. */
static void empty(const struct kind *k, char *cell, size_t len)
{
	struct area a = k->make(k);
	struct wptrack *w = tracker_self();
	int n;

	track(w, a, k->flags);
	expect_clean(w, a);
	access_one(k, a, false);
	n = snprintf(cell, len, "%s", amount(count_written(w, a)));
	access_one(k, a, true);
	ck_assert_msg(count_written(w, area_sub(a, a.pages / 2 + 5, 1)) == 1,
		      "%s: LOST", k->name);
	snprintf(cell + n, len - n, ", then %s", amount(count_written(w, a)));
	wptrack_close(w);
}

START_TEST(one_byte_written)
{
	const struct kind *k = &kinds[_i];
	struct area a = k->make(k);
	char cell[64];
	bool tracked;

	if (!a.pages)
		skip("no %s in this guest", k->name);
	tracked = populated(k, a, cell, sizeof(cell));
	note("KIND populated | %s | %s", k->name, cell);
	if (!tracked || !k->empty_too)
		return;
	empty(k, cell, sizeof(cell));
	note("KIND empty | %s | %s", k->name, cell);
}
END_TEST

static void no_hugetlb(void)
{
	write_file("/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", "0");
	hugetlb_pages(0);
}

void memory_kinds(Suite *s)
{
	TCase *tc = tcase_new(s, "kinds", TEST_TIMEOUT);

	tcase_add_unchecked_fixture(tc, NULL, no_hugetlb);
	tcase_add_loop_test(tc, one_byte_written, 0,
			    sizeof(kinds) / sizeof(kinds[0]));
}
