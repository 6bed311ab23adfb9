// SPDX-License-Identifier: MIT
/*
 * Stopping all threads of a process for a moment.
 *
 * By PTRACE_SEIZE and PTRACE_INTERRUPT of every thread, not by SIGSTOP: SIGSTOP
 * would be seen by the target's parent (a shell would take the job for
 * suspended), a later SIGCONT could run a handler, we could not tell whether
 * the target was stopped before, and if we were killed it would stay stopped.
 * With ptrace the kernel lets every thread go when the tracer ends, whatever
 * ended it.  The threads are detached after each stop, so the target runs
 * untraced in between, at full speed and with its signals its own.
 *
 * What is not stopped are other processes that share the memory (vfork, clone
 * with CLONE_VM) and the kernel's own writes (a read that is in flight).  Who
 * compares memory must allow for them.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "cli.h"
#include "clock.h"
#include "interrupt.h"
#include "stop.h"

#define PATIENCE	10.0	/* seconds to wait for a thread to stop */

/* The letter of the thread's state in /proc, 0 if it is gone. */
static char thread_state(pid_t pid, pid_t tid)
{
	char path[64], line[512], *p;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	p = fgets(line, sizeof(line), f);
	fclose(f);
	if (p)
		p = strrchr(line, ')');	/* the name may hold anything */
	return p && p[1] == ' ' ? p[2] : 0;
}

/* An exited first thread stays as a zombie until the others are gone. */
static bool is_dead(char state)
{
	return !state || state == 'Z' || state == 'X';
}

/* Its /proc directory remains until it is waited for. */
static bool process_gone(pid_t pid)
{
	char path[32];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	if (!dir)
		return true;
	closedir(dir);
	return false;
}

static pid_t tracer_of(pid_t tid)
{
	char path[32], line[128];
	pid_t tracer = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "TracerPid: %d", &tracer) == 1)
			break;
	if (f)
		fclose(f);
	return tracer;
}

static int fail_seize(pid_t pid, pid_t tid, int err)
{
	pid_t tracer = tracer_of(tid);

	if (tracer)
		complain("cannot stop process %d: process %d (a debugger?) traces it already; end that first",
			 pid, tracer);
	else if (err == EPERM)
		complain("no permission to stop process %d: it needs ptrace access; run as root (CAP_SYS_PTRACE), or as its owner with kernel.yama.ptrace_scope set to 0",
			 pid);
	else
		complain("cannot stop thread %d of process %d: %s", tid, pid,
			 strerror(err));
	return EXIT_ERROR;
}

static bool is_known(const struct stopped *s, pid_t tid)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->v[i].tid == tid)
			return true;
	return false;
}

/* Seize the threads that are new; their number, or -(exit code). */
static int seize_new(struct stopped *s)
{
	char path[32];
	struct dirent *d;
	int added = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", s->pid);
	dir = opendir(path);
	if (!dir)
		return -EXIT_GONE;
	while ((d = readdir(dir))) {
		pid_t tid = atoi(d->d_name);

		if (tid <= 0 || is_known(s, tid) ||
		    is_dead(thread_state(s->pid, tid)))
			continue;
		if (ptrace(PTRACE_SEIZE, tid, 0, 0) ||
		    ptrace(PTRACE_INTERRUPT, tid, 0, 0)) {
			int err = errno;

			if (err == ESRCH || is_dead(thread_state(s->pid, tid)))
				continue;
			closedir(dir);
			return -fail_seize(s->pid, tid, err);
		}
		if (s->n == s->room) {
			s->room = s->room ? 2 * s->room : 16;
			s->v = xrealloc(s->v, s->room, sizeof(*s->v));
		}
		s->v[s->n++] = (struct stopped_thread){ .tid = tid };
		added++;
	}
	closedir(dir);
	return added;
}

/* See whether a thread has stopped; false if it is gone. */
static bool look_at(struct stopped *s, struct stopped_thread *t)
{
	int status;
	pid_t r = waitpid(t->tid, &status, __WALL | WNOHANG);

	if (r == t->tid && WIFSTOPPED(status)) {
		t->stopped = true;
		/*
		 * A signal that came first has stopped the thread just before
		 * its delivery, which then happens when we let go.
		 */
		t->sig = status >> 16 ? 0 : WSTOPSIG(status);
		return true;
	}
	if (r)		/* exited, or no longer ours */
		return false;
	return !is_dead(thread_state(s->pid, t->tid));
}

static int wait_stopped(struct stopped *s)
{
	const double deadline = clock_now() + PATIENCE;
	struct timespec nap = { .tv_nsec = 50 * 1000 };
	size_t i, running;

	for (;;) {
		running = 0;
		for (i = 0; i < s->n; i++) {
			if (!s->v[i].stopped && !look_at(s, &s->v[i]))
				s->v[i--] = s->v[--s->n];
			else if (!s->v[i].stopped)
				running = i + 1;
		}
		if (!running)
			return 0;
		if (interrupted())
			return EXIT_SIGNAL + interrupted();
		if (clock_now() > deadline) {
			pid_t tid = s->v[running - 1].tid;

			complain("thread %d of process %d does not stop (its state is %c; D means that it waits in the kernel, for a disk or after vfork); try again",
				 tid, s->pid, thread_state(s->pid, tid));
			return EXIT_ERROR;
		}
		nanosleep(&nap, NULL);
		if (nap.tv_nsec < 5 * 1000 * 1000)
			nap.tv_nsec *= 2;
	}
}

int stop_all(struct stopped *s, pid_t pid)
{
	int code, added;

	*s = (struct stopped){ .pid = pid };
	/* Only a running thread starts threads: a pass that finds none is last. */
	do {
		added = seize_new(s);
		code = added < 0 ? -added : wait_stopped(s);
	} while (!code && added);
	if (!code && !s->n)
		code = EXIT_GONE;
	if (code == EXIT_GONE && !process_gone(pid) &&
	    !is_dead(thread_state(pid, pid)))
		complain("process %d has no thread that can be stopped", pid);
	if (code)
		stop_release(s);
	return code;
}

/*
 * Threads that were killed while we held them are ours to wait for: until then
 * their process does not count as exited.  The first thread can be waited for
 * when the others are gone, hence the rounds.
 */
static void reap(struct stopped *s)
{
	const double deadline = clock_now() + 1;
	struct timespec nap = { .tv_nsec = 1000 * 1000 };
	size_t i;

	while (s->n && clock_now() < deadline) {
		for (i = 0; i < s->n; i++) {
			int status;
			pid_t r = waitpid(s->v[i].tid, &status,
					  __WALL | WNOHANG);

			if (r && !(r > 0 && WIFSTOPPED(status)))
				s->v[i--] = s->v[--s->n];
		}
		if (s->n)
			nanosleep(&nap, NULL);
	}
}

void stop_release(struct stopped *s)
{
	size_t i;

	for (i = 0; i < s->n; i++) {
		struct stopped_thread *t = &s->v[i];
		int status;

		/* PTRACE_DETACH wants a stopped thread; it was interrupted. */
		if (!t->stopped &&
		    waitpid(t->tid, &status, __WALL | WNOHANG) == t->tid &&
		    WIFSTOPPED(status)) {
			t->stopped = true;
			t->sig = status >> 16 ? 0 : WSTOPSIG(status);
		}
		/*
		 * If it still runs, the kernel detaches it when we exit.  If it
		 * had stopped and is not there, it was killed.
		 */
		if (!ptrace(PTRACE_DETACH, t->tid, 0, t->sig) || !t->stopped)
			s->v[i--] = s->v[--s->n];
	}
	reap(s);
	free(s->v);
	*s = (struct stopped){ 0 };
}
