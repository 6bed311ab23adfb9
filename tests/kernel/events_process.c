// SPDX-License-Identifier: GPL-2.0-only
/* Events: forks, and what debuggers do. */
#define _GNU_SOURCE
#include "events.h"

#include <fcntl.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

const char *ev_nothing(struct cell *c)
{
	return NULL;
}

static void wait_for(pid_t pid)
{
	int status;

	must(waitpid(pid, &status, 0));
	ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status),
		      "a child ended with status %#x", status);
}

const char *ev_fork(struct cell *c)
{
	pid_t pid = must(fork());

	if (!pid)
		_exit(0);
	wait_for(pid);
	return NULL;
}

struct writer {
	struct cell *c;
	bool stop;
};

static void *write_on(void *arg)
{
	struct writer *w = arg;
	size_t i;

	while (!__atomic_load_n(&w->stop, __ATOMIC_RELAXED))
		for (i = 0; i < w->c->m.a.pages; i++)
			if (mem_phase(&w->c->m, i) == PHASE_AFTER)
				++*(volatile uint64_t *)(w->c->m.a.p + i * PAGE + 8);
	return NULL;
}

const char *ev_fork_loop(struct cell *c)
{
	struct writer w = { .c = c };
	pthread_t thread;
	size_t i;

	for (i = 0; i < c->m.a.pages; i++)
		if (mem_phase(&c->m, i) == PHASE_AFTER)
			cell_wrote(c, i);
	ck_assert(!pthread_create(&thread, NULL, write_on, &w));
	for (i = 0; i < 5; i++)
		ev_fork(c);
	__atomic_store_n(&w.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	return NULL;
}

const char *ev_fork_wipe(struct cell *c)
{
	try(madvise(c->m.ev.p, c->m.ev.pages * PAGE, MADV_WIPEONFORK));
	return ev_fork(c);
}

const char *ev_fork_dont(struct cell *c)
{
	try(madvise(c->m.ev.p, c->m.ev.pages * PAGE, MADV_DONTFORK));
	return ev_fork(c);
}

const char *ev_exec(struct cell *c)
{
	pid_t pid = must(fork());

	if (!pid) {
		execl("/bin/busybox", "busybox", "true", NULL);
		_exit(1);
	}
	wait_for(pid);
	return NULL;
}

const char *ev_core(struct cell *c)
{
	const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	int status;
	pid_t pid;

	if (!write_file("/proc/sys/kernel/core_pattern", "/tmp/core"))
		return "no core_pattern";
	pid = must(fork());
	if (!pid) {
		setrlimit(RLIMIT_CORE, &all);
		/* All kinds of memory are dumped. */
		write_file("/proc/self/coredump_filter", "0xff");
		signal(SIGQUIT, SIG_DFL);
		raise(SIGQUIT);
		_exit(0);
	}
	must(waitpid(pid, &status, 0));
	write_file("/proc/sys/kernel/core_pattern", "core");
	unlink("/tmp/core");
	return WIFSIGNALED(status) && WCOREDUMP(status) ? NULL : "no core was dumped";
}

/* What a checkpointer does with its target, and a debugger that changes a word. */
static void inspect(pid_t pid, struct area a, size_t page)
{
	struct iovec local, remote = { a.p, a.pages * PAGE };
	char path[64];
	int fd;

	if (ptrace(PTRACE_SEIZE, pid, 0, 0) || ptrace(PTRACE_INTERRUPT, pid, 0, 0) ||
	    waitpid(pid, NULL, __WALL) != pid)
		_exit(1);
	local.iov_base = malloc(a.pages * PAGE);
	local.iov_len = a.pages * PAGE;
	if (process_vm_readv(pid, &local, 1, &remote, 1, 0) !=
	    (ssize_t)(a.pages * PAGE))
		_exit(2);
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDWR);
	if (pread(fd, local.iov_base, a.pages * PAGE, area_start(a)) !=
	    (ssize_t)(a.pages * PAGE))
		_exit(3);
	if (ptrace(PTRACE_POKEDATA, pid, a.p + page * PAGE + 16, 0x77))
		_exit(4);
	if (ptrace(PTRACE_DETACH, pid, 0, 0))
		_exit(5);
	_exit(0);
}

const char *ev_ptrace(struct cell *c)
{
	pid_t pid, self = getpid();

	if (c->m.kind->flags & KIND_EMPTY)
		return "it would not be empty";
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	pid = must(fork());
	if (!pid)
		inspect(self, c->m.ev, 1);
	while (waitpid(pid, NULL, 0) < 0)
		ck_assert_int_eq(errno, EINTR);
	cell_wrote(c, 1);
	return NULL;
}

static int uprobe(const char *path, uint64_t offset)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.config1 = (uintptr_t)path,
		.config2 = offset,
	};
	FILE *f = fopen("/sys/bus/event_source/devices/uprobe/type", "re");
	unsigned int type;

	if (!f)
		return -1;
	if (fscanf(f, "%u", &type) != 1)
		type = -1;
	fclose(f);
	attr.type = type;
	return syscall(SYS_perf_event_open, &attr, getpid(), -1, -1,
		       PERF_FLAG_FD_CLOEXEC);
}

/*
 * The kernel writes a breakpoint into private pages of a file that are executable
 * and not writable, and takes it out again.
 */
const char *ev_uprobe(struct cell *c)
{
	char path[64];
	size_t i;
	int fd;

	if (!(c->m.kind->flags & KIND_FILE) || c->m.kind->flags & KIND_SHARED)
		return "for private mappings of files only";
	snprintf(path, sizeof(path), "/proc/self/fd/%d", c->m.fd);
	try(mprotect(c->m.ev.p, c->m.ev.pages * PAGE, PROT_READ | PROT_EXEC));
	for (i = 0; i < c->m.ev.pages; i += 9) {
		fd = uprobe(path, i * PAGE + 512);
		if (fd < 0)
			return refused("uprobe");
		close(fd);
	}
	must(mprotect(c->m.ev.p, c->m.ev.pages * PAGE, PROT_READ | PROT_WRITE));
	return NULL;
}
