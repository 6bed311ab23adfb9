// SPDX-License-Identifier: MIT
/*
 * userfaultfd as it was before Linux 6.7: each first write stops the writer until a
 * thread has read a message and given the page free.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <abi.h>

#include "bitmap.h"
#include "uffd.h"

struct session {
	int fd, stop[2];
	const struct area *a;
	pthread_t thread;
	struct bitmap written;
};

static void *handler(void *arg)
{
	struct session *s = arg;
	struct pollfd p[2] = {
		{ .fd = s->fd, .events = POLLIN },
		{ .fd = s->stop[0], .events = POLLIN },
	};
	struct uffd_msg msg;
	size_t i;

	for (;;) {
		if (poll(p, 2, -1) < 0 || p[1].revents)
			return NULL;
		if (read(s->fd, &msg, sizeof(msg)) != sizeof(msg) ||
		    msg.event != UFFD_EVENT_PAGEFAULT)
			continue;
		i = (msg.arg.pagefault.address - (uintptr_t)s->a->p) / s->a->page;
		bitmap_set(&s->written, i);
		uffd_protect(s->fd, s->a->p + i * s->a->page, s->a->page, false);
	}
}

static void *begin(const struct area *a, const char **why)
{
	uint64_t features = a->kind == KIND_SHMEM || a->kind == KIND_HUGETLB ?
			    UFFD_FEATURE_WP_HUGETLBFS_SHMEM : 0;
	int fd = uffd_open(a, features, why);
	struct session *s;

	if (fd < 0)
		return NULL;
	s = calloc(1, sizeof(*s));
	if (!s || pipe(s->stop))
		fail("out of memory");
	s->fd = fd;
	s->a = a;
	bitmap_init(&s->written, a);
	if (pthread_create(&s->thread, NULL, handler, s))
		fail("no thread");
	return s;
}

static void arm(void *session)
{
	struct session *s = session;

	uffd_protect(s->fd, s->a->p, s->a->len, true);
	bitmap_clear(&s->written);
}

static long scan(void *session, bool reset)
{
	struct session *s = session;
	long pages = bitmap_count(&s->written);

	if (reset)
		arm(s);
	return pages;
}

static void end(void *session)
{
	struct session *s = session;

	close(s->stop[1]);
	pthread_join(s->thread, NULL);
	close(s->stop[0]);
	close(s->fd);
	free(s->written.w);
	free(s);
}

const struct method method_uffd = {
	.name = "uffd-wp",
	.title = "userfaultfd with a handler thread",
	.handled = true,
	.begin = begin,
	.arm = arm,
	.scan = scan,
	.end = end,
};
