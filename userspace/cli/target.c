// SPDX-License-Identifier: MIT
/* One process and the tracker that watches its whole address space. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clock.h"
#include "target.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

static void read_comm(struct target *t)
{
	char path[32];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/comm", t->pid);
	f = fopen(path, "re");
	if (!f || !fgets(t->comm, sizeof(t->comm), f))
		strcpy(t->comm, "?");
	if (f)
		fclose(f);
	t->comm[strcspn(t->comm, "\n")] = '\0';
}

int target_attach(struct target *t, pid_t pid, const char *device)
{
	struct wptrack_open_opts opts = {
		.sz = sizeof(opts),
		.device = device,
	};
	int err;

	*t = (struct target){ .pid = pid, .pidfd = -1 };
	t->page_size = sysconf(_SC_PAGESIZE);
	err = wptrack_open(&t->w, &opts);
	if (err) {
		complain("%s", wptrack_open_error(err, device));
		return EXIT_ERROR;
	}
	/* One pidfd for all: a PID that is used again must not fool us. */
	t->pidfd = syscall(SYS_pidfd_open, pid, 0);
	if (t->pidfd >= 0)
		err = wptrack_attach_pidfd(t->w, t->pidfd);
	else
		err = wptrack_attach_pid(t->w, pid);	/* knows the reason */
	if (err) {
		/* The library has heard of a file descriptor only. */
		if (t->pidfd >= 0 && wait_until(clock_now(), t->pidfd) == WAIT_READY)
			complain("cannot track process %d: it has exited", pid);
		else
			complain("%s", wptrack_error(t->w));
		target_close(t);
		return EXIT_ERROR;
	}
	read_comm(t);
	return 0;
}

int target_track(struct target *t, const struct common *c)
{
	int err = wptrack_track(t->w, 0, UINT64_MAX,
				c->keep_huge ? WPTRACK_TRACK_KEEP_HUGE : 0);

	return err ? target_failed(t, err) : 0;
}

int target_open(struct target *t, const struct common *c)
{
	int code;

	interrupt_catch();
	code = target_attach(t, c->pid, c->device);
	if (code)
		return code;
	code = target_track(t, c);
	if (!code)
		return 0;
	if (code == EXIT_GONE && target_gone(t))
		complain("process %d (%s) has exited", t->pid, t->comm);
	target_close(t);
	return code;
}

void target_close(struct target *t)
{
	wptrack_close(t->w);
	t->w = NULL;
	if (t->pidfd >= 0)
		close(t->pidfd);
	t->pidfd = -1;
}

enum wait_result target_wait(const struct target *t, double deadline)
{
	return wait_until(deadline, t->pidfd);
}

#define PF_EXITING	0x4		/* linux/sched.h, in /proc/PID/stat */

/*
 * Is it on its way out?  It was told to, has begun, or has no memory any more.  *@dead:
 * out: its first thread has ended.
 */
static bool leaving(pid_t pid, bool *dead)
{
	const unsigned long long kill_bit = 1ULL << (SIGKILL - 1);
	bool found = false, killed = false;
	unsigned long long pending;
	unsigned int flags = 0;
	char path[32], line[512], *rest, state = 'X';
	FILE *f;

	*dead = true;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	if (!f)
		return true;
	while (fgets(line, sizeof(line), f)) {
		found |= !strncmp(line, "VmSize:", 7);
		if (sscanf(line, "SigPnd: %llx", &pending) == 1 ||
		    sscanf(line, "ShdPnd: %llx", &pending) == 1)
			killed |= pending & kill_bit;
	}
	fclose(f);

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (!f)
		return true;
	/* After the name, which may hold anything: state and five numbers. */
	if (fgets(line, sizeof(line), f) && (rest = strrchr(line, ')')))
		sscanf(rest + 1, " %c %*d %*d %*d %*d %*d %u", &state, &flags);
	fclose(f);
	*dead = state == 'Z' || state == 'X';
	return !found || killed || flags & PF_EXITING;
}

/*
 * On a busy machine the last steps of an exit can take seconds.  And the pidfd says
 * nothing as long as a thread that we trace, and have not waited for, is a zombie.
 */
bool target_gone(const struct target *t)
{
	const double begin = clock_now();
	enum wait_result r;
	bool going, dead;

	do {
		r = wait_until(clock_now() + 0.2, t->pidfd);
		if (r != WAIT_TIME)
			return r == WAIT_READY;
		going = leaving(t->pid, &dead);
	} while (clock_now() < begin + 1 ||
		 (clock_now() < begin + 20 && going && !dead));
	return dead;
}

int target_failed(const struct target *t, int err)
{
	if (err != -ESRCH) {
		complain("%s", wptrack_error(t->w));
		return EXIT_ERROR;
	}
	if (!target_gone(t) && !interrupted())
		complain("process %d (%s) replaced itself by execve, which ends the tracking; start again to track the new program",
			 t->pid, t->comm);
	return EXIT_GONE;
}

int target_scan(struct target *t, struct regions *out, bool reset)
{
	struct wptrack_scan_opts opts = {
		.sz = sizeof(opts),
		.flags = reset ? WPTRACK_SCAN_RESET : 0,
		.category_mask = WPTRACK_PAGE_WRITTEN,
		.return_mask = WPTRACK_PAGE_WRITTEN | WPTRACK_PAGE_WPALLOWED |
			       WPTRACK_PAGE_PINNED,
	};
	int err;

	*out = (struct regions){ 0 };
	err = wptrack_for_each(t->w, 0, UINT64_MAX, regions_collect, out,
			       &opts);
	if (!err)
		return 0;
	regions_free(out);
	return target_failed(t, err);
}
