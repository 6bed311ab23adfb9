// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kinds of memory, and second processes.
 */
#define _GNU_SOURCE
#include "maps.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

const char *map_name(enum map_kind kind)
{
	static const char *const names[] = {
		[MAP_KIND_ANON] = "private anonymous",
		[MAP_KIND_SHARED_ANON] = "shared anonymous",
		[MAP_KIND_MEMFD] = "memfd",
		[MAP_KIND_MEMFD_PRIVATE] = "private memfd",
		[MAP_KIND_TMPFS] = "tmpfs file",
		[MAP_KIND_SYSV] = "System V shared memory",
		[MAP_KIND_EXT4] = "shared ext4 file",
		[MAP_KIND_EXT4_PRIVATE] = "private ext4 file",
	};

	return names[kind];
}

bool map_is_shared(enum map_kind kind)
{
	return kind != MAP_KIND_ANON && kind != MAP_KIND_MEMFD_PRIVATE &&
	       kind != MAP_KIND_EXT4_PRIVATE;
}

bool map_exists(enum map_kind kind)
{
	if (kind == MAP_KIND_EXT4 || kind == MAP_KIND_EXT4_PRIVATE)
		return ext4_dir();
	return true;
}

const char *ext4_dir(void)
{
	const char *dir = getenv("WPTRACK_TEST_EXT4");

	if (!dir)
		dir = "/mnt/ext4";
	return access(dir, W_OK) ? NULL : dir;
}

uint8_t file_byte(size_t page)
{
	return page % 251 + 1;
}

static void fill(int fd, size_t pages)
{
	uint8_t buf[PAGE];
	size_t i;

	for (i = 0; i < pages; i++) {
		memset(buf, file_byte(i), PAGE);
		ck_assert_int_eq(must(pwrite(fd, buf, PAGE, i * PAGE)), PAGE);
	}
}

static int nameless_file(const char *dir, size_t pages, int flags)
{
	char path[256];
	int fd, direct;

	snprintf(path, sizeof(path), "%s/wptrack-test-XXXXXX", dir);
	fd = must(mkstemp(path));
	fill(fd, pages);
	if (flags) {
		must(fsync(fd));
		direct = open(path, O_RDWR | O_CLOEXEC | flags);
		close(fd);
		fd = direct;
	}
	unlink(path);
	return fd;
}

int ext4_file(size_t pages)
{
	return nameless_file(ext4_dir(), pages, 0);
}

int direct_file(size_t pages, int flags)
{
	const char *dir = ext4_dir();

	return dir ? nameless_file(dir, pages, O_DIRECT | flags) : -1;
}

struct area hole(size_t pages, size_t offset)
{
	/* Far from where the kernel, and so malloc(), would put anything. */
	static uintptr_t next = 1UL << 45;
	struct area a = { (uint8_t *)next + offset * PAGE, pages };

	next += ((pages + offset) * PAGE + PMD - 1) / PMD * PMD + 64 * PMD;
	return a;
}

void map_over(struct area a, int prot)
{
	must(mmap(a.p, a.pages * PAGE, prot,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
}

int faults_wait(struct area a)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { area_start(a), a.pages * PAGE },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) ||
	    ioctl(fd, UFFDIO_REGISTER, &reg))
		return -1;
	return fd;
}

bool fault_is_waiting(int uffd)
{
	struct uffd_msg msg;
	double end = seconds() + 20;

	while (seconds() < end) {
		if (read(uffd, &msg, sizeof(msg)) == sizeof(msg))
			return msg.event == UFFD_EVENT_PAGEFAULT;
		usleep(1000);
	}
	return false;
}

static void shm_over(struct area a)
{
	int id = must(shmget(IPC_PRIVATE, a.pages * PAGE, IPC_CREAT | 0600));

	must((long)shmat(id, a.p, 0));
	must(shmctl(id, IPC_RMID, NULL));
}

struct map map_make(enum map_kind kind, size_t pages, size_t offset)
{
	struct map m = { .kind = kind, .a = hole(pages, offset), .fd = -1 };
	int flags = MAP_FIXED |
		    (map_is_shared(kind) ? MAP_SHARED : MAP_PRIVATE);

	switch (kind) {
	case MAP_KIND_ANON:
	case MAP_KIND_SHARED_ANON:
		flags |= MAP_ANONYMOUS;
		break;
	case MAP_KIND_MEMFD:
	case MAP_KIND_MEMFD_PRIVATE:
		m.fd = must(memfd_create("wptrack-test", MFD_CLOEXEC));
		fill(m.fd, pages);
		break;
	case MAP_KIND_TMPFS:
		m.fd = nameless_file("/tmp", pages, 0);
		break;
	case MAP_KIND_EXT4:
	case MAP_KIND_EXT4_PRIVATE:
		m.fd = ext4_file(pages);
		break;
	case MAP_KIND_SYSV:
		shm_over(m.a);
		return m;
	default:
		ck_abort_msg("no such kind of memory");
	}
	must(mmap(m.a.p, pages * PAGE, PROT_READ | PROT_WRITE, flags, m.fd, 0));
	return m;
}

struct area map_alias(const struct map *m)
{
	struct area a = { .pages = m->a.pages };

	/* An old length of 0 makes a second mapping of shared memory. */
	if (m->fd < 0)
		a.p = must(mremap(m->a.p, 0, a.pages * PAGE, MREMAP_MAYMOVE));
	else
		a.p = must(mmap(NULL, a.pages * PAGE, PROT_READ | PROT_WRITE,
				MAP_SHARED, m->fd, 0));
	return a;
}

struct area anon(size_t pages)
{
	return map_make(MAP_KIND_ANON, pages, 3).a;
}

struct area anon_populated(size_t pages)
{
	struct area a = anon(pages);

	touch_all(a);
	return a;
}

size_t thp_bytes(struct area a)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	unsigned long from, to, kb;
	bool inside = false;
	size_t sum = 0;
	char line[512];

	ck_assert(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			inside = from < area_end(a) && to > area_start(a);
		else if (inside &&
			 (sscanf(line, "AnonHugePages: %lu", &kb) == 1 ||
			  sscanf(line, "ShmemPmdMapped: %lu", &kb) == 1))
			sum += kb << 10;
	}
	fclose(f);
	return sum;
}

struct area map_huge(int fd, size_t huge_pages, bool shared)
{
	struct area a = hole(huge_pages * PMD_PAGES, 0);

	must((long)mmap(a.p, a.pages * PAGE, PROT_READ | PROT_WRITE,
			(shared ? MAP_SHARED : MAP_PRIVATE) | MAP_FIXED, fd, 0));
	must(madvise(a.p, a.pages * PAGE, MADV_HUGEPAGE));
	return a;
}

bool file_is_huge(int fd, size_t huge_pages)
{
	struct area a = map_huge(fd, huge_pages, true);
	bool huge;

	read_all(a);
	huge = thp_bytes(a) == a.pages * PAGE;
	must(munmap(a.p, a.pages * PAGE));
	return huge;
}

struct area thp_empty(size_t huge_pages)
{
	struct area a;

	must(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0));
	a = hole(huge_pages * PMD_PAGES, 0);
	map_over(a, PROT_READ | PROT_WRITE);
	must(madvise(a.p, a.pages * PAGE, MADV_HUGEPAGE));
	return a;
}

struct area small(size_t huge_pages)
{
	struct area a;

	must(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
	a = hole(huge_pages * PMD_PAGES, 0);
	map_over(a, PROT_READ | PROT_WRITE);
	memset(a.p, 1, a.pages * PAGE);
	must(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0));
	ck_assert_uint_eq(thp_bytes(a), 0);
	return a;
}

struct area thp(size_t huge_pages)
{
	struct area a = thp_empty(huge_pages);

	/* No reads: they would map the huge zero page. */
	memset(a.p, 1, a.pages * PAGE);
	ck_assert_uint_eq(thp_bytes(a), a.pages * PAGE);
	return a;
}

bool hugetlb_pages(unsigned int n)
{
	const char *path = "/proc/sys/vm/nr_hugepages";
	char text[16];
	unsigned int got = 0;
	FILE *f;

	snprintf(text, sizeof(text), "%u", n);
	write_file(path, text);
	f = fopen(path, "re");
	if (f && fscanf(f, "%u", &got) != 1)
		got = 0;
	if (f)
		fclose(f);
	return got >= n;
}

void hugetlb_none(void)
{
	hugetlb_pages(0);
}

struct area hugetlb(size_t huge_pages, bool shared, int *fd)
{
	struct area a = hole(huge_pages * PMD_PAGES, 0);
	int flags = MAP_FIXED | (shared ? MAP_SHARED :
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB);

	*fd = -1;
	if (shared) {
		*fd = must(memfd_create("wptrack-huge",
					MFD_CLOEXEC | 4 /* MFD_HUGETLB */));
		must(ftruncate(*fd, huge_pages * PMD));
	}
	must((long)mmap(a.p, huge_pages * PMD, PROT_READ | PROT_WRITE, flags,
			*fd, 0));
	return a;
}

static bool hear(int fd)
{
	char c;

	return read(fd, &c, 1) == 1;
}

static void say(int fd)
{
	char c = 0;

	/* MSG_NOSIGNAL: a peer that is gone is noticed by who waits for it. */
	if (send(fd, &c, 1, MSG_NOSIGNAL) != 1)
		return;
}

struct peer peer_start(void (*fn)(int fd, void *arg), void *arg)
{
	struct peer p;
	int sv[2];

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv));
	p.fd = sv[0];
	p.pid = must(fork());
	if (!p.pid) {
		close(sv[0]);
		fn(sv[1], arg);
		fflush(stdout);
		_exit(0);
	}
	close(sv[1]);
	return p;
}

void peer_turn(struct peer *p)
{
	say(p->fd);
	ck_assert_msg(hear(p->fd), "the second process died");
}

void peer_end(struct peer *p)
{
	int status;

	say(p->fd);
	must(waitpid(p->pid, &status, 0));
	close(p->fd);
	ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status),
		      "the second process ended with status %#x", status);
}

void turn_wait(int fd)
{
	if (!hear(fd))
		_exit(2);
}

void turn_done(int fd)
{
	say(fd);
	turn_wait(fd);
}
