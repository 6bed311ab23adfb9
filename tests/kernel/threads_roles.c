// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the parties do in a round.
 */
#define _GNU_SOURCE
#include "threads.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>

static void write_pages(struct party *p)
{
	size_t pages = p->world->a.pages;
	int i;

	for (i = 0; i < 250; i++) {
		volatile uint64_t *at = party_place(p, party_rnd(p, pages));

		*at = ++p->done;
	}
}

const struct role role_writer = { .name = "writes", .work = write_pages };

static void read_pages(struct party *p)
{
	int i;

	for (i = 0; i < 500; i++, p->done++)
		(void)*party_place(p, party_rnd(p, p->world->a.pages));
}

const struct role role_reader = { .name = "reads", .work = read_pages };

/* The child may only write: its stack is all it has of the other threads. */
static void fork_once(struct party *p)
{
	size_t pages = p->world->a.pages;
	pid_t pid;
	int i;

	/* What is away or read-only at this moment stays so for the child. */
	pthread_mutex_lock(&p->world->layout);
	pid = must(fork());
	if (pid)
		pthread_mutex_unlock(&p->world->layout);
	if (!pid) {
		for (i = 0; i < 50; i++)
			*party_place(p, party_rnd(p, pages)) = 1;
		_exit(0);
	}
	for (i = 0; i < 50; i++)
		*party_place(p, party_rnd(p, pages)) = ++p->done;
	must(waitpid(pid, NULL, 0));
}

const struct role role_forker = {
	.name = "writes during forks", .work = fork_once,
};

/* A run of up to @max pages. */
static struct area some(struct party *p, size_t max)
{
	struct area a = p->world->a;
	size_t n = 1 + party_rnd(p, max);

	return area_sub(a, party_rnd(p, a.pages - n), n);
}

static void zap_some(struct party *p)
{
	int i;

	for (i = 0; i < 10; i++, p->done++) {
		struct area a = some(p, 20);

		/* ENOMEM: some of it is away. */
		madvise(a.p, a.pages * PAGE, MADV_DONTNEED);
	}
}

const struct role role_dontneed = { .name = "MADV_DONTNEED", .work = zap_some };

/* Every mprotect() drops what ptes know beyond their protection. */
static void protect_some(struct party *p)
{
	int i;

	for (i = 0; i < 6; i++, p->done++) {
		struct area a = some(p, 400);

		/* ENOMEM: some of it is away. */
		mprotect(a.p, a.pages * PAGE,
			 PROT_READ | PROT_WRITE | PROT_EXEC);
		mprotect(a.p, a.pages * PAGE, PROT_READ | PROT_WRITE);
	}
}

const struct role role_protector = { .name = "mprotect", .work = protect_some };

static void readonly_some(struct party *p)
{
	int i;

	for (i = 0; i < 6; i++, p->done++) {
		struct area a = some(p, 100);

		/* What is away keeps the protection that it had. */
		pthread_mutex_lock(&p->world->layout);
		must(mprotect(a.p, a.pages * PAGE, PROT_READ));
		sched_yield();
		must(mprotect(a.p, a.pages * PAGE, PROT_READ | PROT_WRITE));
		pthread_mutex_unlock(&p->world->layout);
	}
}

const struct role role_readonly = {
	.name = "mprotect to read-only", .work = readonly_some,
};

static void move_begin(struct party *p)
{
	p->mem = hole(p->world->a.pages, 0).p;
}

static void move_some(struct party *p)
{
	struct area a = p->world->a;
	int i;

	for (i = 0; i < 4; i++) {
		size_t n = 1 + party_rnd(p, 8);
		size_t first = party_rnd(p, a.pages - n);
		uint8_t *from = a.p + first * PAGE;
		uint8_t *away = (uint8_t *)p->mem + first * PAGE;
		size_t j;

		pthread_mutex_lock(&p->world->layout);
		/* Page by page: each is in one mapping, as mremap() wants it. */
		for (j = 0; j < n; j++)
			must((long)mremap(from + j * PAGE, PAGE, PAGE,
					  MREMAP_MAYMOVE | MREMAP_FIXED,
					  away + j * PAGE));
		while (j--)
			must((long)mremap(away + j * PAGE, PAGE, PAGE,
					  MREMAP_MAYMOVE | MREMAP_FIXED,
					  from + j * PAGE));
		pthread_mutex_unlock(&p->world->layout);
		p->done += n;
	}
}

const struct role role_mover = {
	.name = "pages moved away and back", .work = move_some,
	.begin = move_begin, .holes = true,
};

/* Another process: a child that writes to our memory in turns. */
static void remote_process(int fd, void *arg)
{
	struct party *p = arg;
	pid_t parent = getppid();
	uint64_t value = 0;
	int i;

	turn_wait(fd);
	for (;;) {
		for (i = 0; i < 60; i++) {
			struct iovec local = { &value, 8 };
			struct iovec remote = {
				(void *)party_place(p, party_rnd(p, p->world->a.pages)),
				8,
			};

			value++;
			/* The page may be away for a moment. */
			process_vm_writev(parent, &local, 1, &remote, 1, 0);
		}
		turn_done(fd);
	}
}

static void remote_begin(struct party *p)
{
	struct peer peer = peer_start(remote_process, p);

	p->fd = peer.fd;
	p->mem = (void *)(long)peer.pid;
}

static void remote_turn(struct party *p)
{
	struct peer peer = { (pid_t)(long)p->mem, p->fd };

	peer_turn(&peer);
	p->done += 60;
}

static void remote_end(struct party *p)
{
	close(p->fd);
	waitpid((pid_t)(long)p->mem, NULL, 0);
}

const struct role role_remote = {
	.name = "writes by another process", .work = remote_turn,
	.begin = remote_begin, .end = remote_end,
};

/* Linux 6.1 and later; before, khugepaged may come by. */
static void collapse_some(struct party *p)
{
	struct area a = p->world->a;
	size_t i;
	int n;

	for (n = 0; n < 20; n++) {
		i = party_rnd(p, a.pages / PMD_PAGES);
		p->done += !madvise(a.p + i * PMD, PMD, 25 /* MADV_COLLAPSE */);
	}
}

const struct role role_collapser = {
	.name = "collapses", .work = collapse_some,
};

static void compact(struct party *p)
{
	p->done += write_file("/proc/sys/vm/compact_memory", "1");
}

const struct role role_compactor = { .name = "compactions", .work = compact };

#define KSM "/sys/kernel/mm/ksm/"

/* Zapped pages hold little but zeros: they are merged and taken apart again. */
static void merge_begin(struct party *p)
{
	struct area a = p->world->a;

	write_file(KSM "sleep_millisecs", "1");
	write_file(KSM "pages_to_scan", "3000");
	if (!madvise(a.p, a.pages * PAGE, MADV_MERGEABLE))
		write_file(KSM "run", "1");
}

static void merge_some(struct party *p)
{
	struct area a = some(p, 100);
	size_t i;

	for (i = 0; i < a.pages; i++)
		memset(a.p + i * PAGE + 2048, 0, 16);
	usleep(2000);
	p->done += a.pages;
}

const struct role role_merger = {
	.name = "pages for KSM", .work = merge_some, .begin = merge_begin,
};

static void page_out(struct party *p)
{
	struct area a = some(p, 200);

	/* ENOMEM: some of it is away. */
	madvise(a.p, a.pages * PAGE, 21 /* MADV_PAGEOUT */);
	p->done += a.pages;
}

const struct role role_pageout = { .name = "pages swapped out", .work = page_out };

#define DIRECT_PAGES 64

static void direct_begin(struct party *p)
{
	p->fd = direct_file(DIRECT_PAGES, 0);
}

/* Into a part of the page that nobody else writes: it must be what was read. */
static void direct_some(struct party *p)
{
	int i;

	for (i = 0; i < 15; i++, p->done++) {
		size_t from = party_rnd(p, DIRECT_PAGES);
		size_t page = party_rnd(p, p->world->a.pages);
		uint8_t *to = p->world->a.p + page * PAGE + 512;

		ck_assert_int_eq(must(pread(p->fd, to, 512, from * PAGE)), 512);
		ck_assert_msg(to[0] == file_byte(from) &&
			      to[511] == file_byte(from),
			      "page %zu: direct I/O went elsewhere", page);
	}
}

const struct role role_direct = {
	.name = "direct reads", .work = direct_some, .begin = direct_begin,
};

static void write_back(struct party *p)
{
	must(fdatasync(p->world->file));
	p->done++;
}

const struct role role_fsync = { .name = "fdatasync", .work = write_back };
