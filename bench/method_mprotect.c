// SPDX-License-Identifier: MIT
/* mprotect(2) and a handler of SIGSEGV, which runs at each first write. */
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>

#include "bitmap.h"

struct session {
	const struct area *a;
	struct bitmap written;
	struct sigaction before;
};

static struct session *current;

static void handler(int sig, siginfo_t *info, void *context)
{
	const struct area *a = current->a;
	size_t i = ((char *)info->si_addr - a->p) / a->page;

	if (i >= a->len / a->page ||
	    mprotect(a->p + i * a->page, a->page, PROT_READ | PROT_WRITE))
		abort();
	bitmap_set(&current->written, i);
}

static void *begin(const struct area *a, const char **why)
{
	struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
	struct session *s = calloc(1, sizeof(*s));

	if (!s)
		fail("out of memory");
	s->a = a;
	bitmap_init(&s->written, a);
	current = s;
	sigaction(SIGSEGV, &sa, &s->before);
	return s;
}

static void arm(void *session)
{
	struct session *s = session;

	if (mprotect(s->a->p, s->a->len, PROT_READ))
		fail("mprotect: %s", strerror(errno));
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

	sigaction(SIGSEGV, &s->before, NULL);
	mprotect(s->a->p, s->a->len, PROT_READ | PROT_WRITE);
	free(s->written.w);
	free(s);
}

const struct method method_mprotect = {
	.name = "mprotect",
	.title = "mprotect and SIGSEGV",
	.handled = true,
	.begin = begin,
	.arm = arm,
	.scan = scan,
	.end = end,
};
