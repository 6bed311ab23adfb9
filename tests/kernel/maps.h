/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Makers of the kinds of memory that the suites track, and second processes.
 */
#ifndef TESTS_MAPS_H
#define TESTS_MAPS_H

#include "common.h"

enum map_kind {
	MAP_KIND_ANON,
	MAP_KIND_SHARED_ANON,
	MAP_KIND_MEMFD,
	MAP_KIND_MEMFD_PRIVATE,
	MAP_KIND_TMPFS,
	MAP_KIND_SYSV,
	MAP_KIND_EXT4,
	MAP_KIND_EXT4_PRIVATE,
	MAP_KINDS
};

/* @fd is -1 where no file can be written or cut. */
struct map {
	enum map_kind kind;
	struct area a;
	int fd;
};

const char *map_name(enum map_kind kind);
bool map_is_shared(enum map_kind kind);
/* False if the guest has no such memory (no ext4 scratch disk). */
bool map_exists(enum map_kind kind);

/*
 * @pages pages that begin @offset pages after a 2 MiB boundary.  Files hold data
 * in every page; nothing is populated.
 */
struct map map_make(enum map_kind kind, size_t pages, size_t offset);
/* A second shared mapping of the same memory. */
struct area map_alias(const struct map *m);

/* Private anonymous memory in 4 KiB pages, not populated. */
struct area anon(size_t pages);
/* The same, every page written. */
struct area anon_populated(size_t pages);
/*
 * Private anonymous memory in huge pages, all of them written; enables them for
 * this process.  thp_bytes() is how much of an area is mapped by huge entries.
 */
struct area thp(size_t huge_pages);
/* The same, not populated. */
struct area thp_empty(size_t huge_pages);
/* The same, populated with small pages. */
struct area small(size_t huge_pages);
size_t thp_bytes(struct area a);
/* A file where huge entries are possible, and asked for. */
struct area map_huge(int fd, size_t huge_pages, bool shared);
/* Is it in huge pages?  A mapping that nobody tracks tells. */
bool file_is_huge(int fd, size_t huge_pages);
/* Huge pages for MAP_HUGETLB; false if the machine does not have so many. */
bool hugetlb_pages(unsigned int n);
/* None any more: as the end of a fixture. */
void hugetlb_none(void);
/* A mapping of huge pages, not populated; @shared: of a memfd, which is @fd. */
struct area hugetlb(size_t huge_pages, bool shared, int *fd);
/* Address space that nothing else uses; nothing is mapped there. */
struct area hole(size_t pages, size_t offset);
/* Map anonymous memory with @prot over an area. */
void map_over(struct area a, int prot);
/*
 * Faults for pages that are not there wait from now on, also those of a system call,
 * until somebody fills them in through the userfaultfd; or -1.
 */
int faults_wait(struct area a);
/* Wait until one does. */
bool fault_is_waiting(int uffd);

/* A directory on the ext4 scratch disk, or NULL. */
const char *ext4_dir(void);
/* A nameless file there, filled with data. */
int ext4_file(size_t pages);
/* A file that is fit for O_DIRECT and has @pages pages of data, or -1. */
int direct_file(size_t pages, int flags);
/* The data in page @page of all these files. */
uint8_t file_byte(size_t page);

/*
 * A second process.  It runs @fn with its end of a socket and exits with 0 when
 * that returns; the test talks to it in turns.
 */
struct peer {
	pid_t pid;
	int fd;
};

struct peer peer_start(void (*fn)(int fd, void *arg), void *arg);
/* Let the peer go on and wait until it says so. */
void peer_turn(struct peer *p);
/* Let the peer go on to its end; fails unless it exits with 0. */
void peer_end(struct peer *p);
/* In the peer: done, wait for the next turn. */
void turn_done(int fd);
/* In the peer: wait for the first turn. */
void turn_wait(int fd);
/* In the peer: fail. */
#define peer_must(expr)							\
	({								\
		__auto_type peer_ret = (expr);				\
									\
		if ((long)peer_ret == -1) {				\
			note("peer: %s:%d: %s: %s", __FILE__, __LINE__,	\
			     #expr, strerror(errno));			\
			_exit(1);					\
		}							\
		peer_ret;						\
	})

#endif /* TESTS_MAPS_H */
