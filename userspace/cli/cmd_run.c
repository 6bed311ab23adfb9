// SPDX-License-Identifier: MIT
/*
 * wptrack run: start a program, track it from its first instruction, and show
 * what it wrote.
 *
 * The program is traced (ptrace) only to be stopped at two moments: after
 * execve, when the new address space exists and has not run yet, and at exit,
 * when it exists for the last time.  Signals pass through.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "compat.h"
#include "fmt.h"
#include "json.h"
#include "live.h"
#include "table.h"
#include "target.h"
#include "terminal.h"

struct run_args {
	struct common common;
	const char *output;
	bool compat;
	char **command;
};

#define KEY_COMPAT	0x200

struct run {
	const struct run_args *args;
	FILE *out;
	pid_t child;
	struct target total;	/* never reset: all that was written */
	struct target delta;	/* for --interval: reset by each line */
	struct live live;
	bool tracking;		/* the trackers are attached */
	bool begun;		/* they were, to some program */
	bool shown;		/* the last word was said about this program */
	double start;
};

static const struct argp_option options[] = {
	{ "interval", KEY_INTERVAL, "SECONDS", 0,
	  "Show what was written every so many seconds, too", 0 },
	{ "output", 'o', "FILE", 0,
	  "Write to FILE, not to standard error", 0 },
	{ "compat", KEY_COMPAT, NULL, 0,
	  "Serve UFFD_FEATURE_WP_ASYNC and PAGEMAP_SCAN to the command, on kernels without them, too; show nothing.  Not for statically linked programs", 0 },
	OPT_JSON,
	OPT_KEEP_HUGE,
	OPT_DEVICE,
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct run_args *args = state->input;

	switch (key) {
	case 'o':
		args->output = arg;
		return 0;
	case KEY_COMPAT:
		args->compat = true;
		return 0;
	case ARGP_KEY_ARG:
		/* From here on all belongs to the command. */
		args->command = &state->argv[state->next - 1];
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which command?");
		return 0;
	case ARGP_KEY_END:
		if (args->compat && (args->output || args->common.json ||
				     args->common.interval > 0 ||
				     args->common.keep_huge ||
				     args->common.device))
			argp_error(state, "--compat shows nothing: it has no other option beside it");
		return 0;
	default:
		return common_parse(key, arg, state, &args->common);
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "-- COMMAND [ARGUMENT...]",
	.doc = "Run a command and show which memory it wrote."
	       "\vA page counts once, however often it was written; memory that the "
	       "command has unmapped does not count.  Only the command itself is "
	       "tracked, not the processes that it starts.  If it replaces itself "
	       "by execve, the tracking starts again with the new program.  The "
	       "exit status is that of the command.",
};

/* In the child: wait until the parent traces us, then become the command. */
static void become(char **command, int go, int result)
{
	sigset_t none;
	char c;
	int err;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	while (read(go, &c, 1) < 0 && errno == EINTR)
		;
	execvp(command[0], command);
	err = errno;
	if (write(result, &err, sizeof(err)) < 0)
		err = 0;	/* the parent is gone; so are we */
	_exit(EXIT_NO_COMMAND);
}

/* Start the child; its exec error can be read from *@result. */
static int start(struct run *run, int *result)
{
	int go[2], res[2];
	int err;

	if (pipe2(go, O_CLOEXEC) || pipe2(res, O_CLOEXEC)) {
		complain("cannot make a pipe: %s", strerror(errno));
		return EXIT_RUN_ERROR;
	}
	run->child = fork();
	if (run->child < 0) {
		complain("cannot fork: %s", strerror(errno));
		return EXIT_RUN_ERROR;
	}
	if (!run->child) {
		close(go[1]);
		become(run->args->command, go[0], res[1]);
	}
	close(go[0]);
	close(res[1]);
	*result = res[0];
	err = ptrace(PTRACE_SEIZE, run->child, 0,
		     PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT) ? errno : 0;
	if (err) {
		complain("cannot trace the command: %s (another tracer, a container's seccomp filter or kernel.yama.ptrace_scope forbids it)",
			 strerror(err));
		kill(run->child, SIGKILL);
		waitpid(run->child, NULL, 0);
		close(go[1]);
		return EXIT_RUN_ERROR;
	}
	close(go[1]);	/* this lets the child go */
	return 0;
}

static void stop_tracking(struct run *run)
{
	if (!run->tracking)
		return;
	target_close(&run->total);
	if (run->args->common.interval > 0)
		target_close(&run->delta);
	run->tracking = false;
}

static int attach(struct run *run, struct target *t)
{
	int code = target_attach(t, run->child, run->args->common.device);

	if (code)
		return code;
	code = target_track(t, &run->args->common);
	if (code)
		target_close(t);
	return code;
}

/* The child stands at the first instruction of a new program. */
static int start_tracking(struct run *run)
{
	const struct common *c = &run->args->common;
	int code;

	if (run->tracking)
		complain("process %d (%s) replaced itself by execve: tracking starts again",
			 run->child, run->total.comm);
	stop_tracking(run);
	code = attach(run, &run->total);
	if (code)
		return code;
	if (c->interval > 0) {
		code = attach(run, &run->delta);
		if (code) {
			target_close(&run->total);
			return code;
		}
		live_start(&run->live, &run->delta, run->out, c->json, false);
	}
	run->tracking = true;
	run->begun = true;
	run->shown = false;
	run->start = clock_now();
	return 0;
}

/* The child stands in its exit: its memory can be looked at once more. */
static void show_total(struct run *run)
{
	const double seconds = clock_now() - run->start;
	struct target *t = &run->total;
	struct table_style style = {
		.utf8 = fmt_utf8(),
		.page_size = t->page_size,
	};
	struct regions regions;
	struct tally tally;
	struct maps maps;
	char bytes[FMT_BYTES];
	unsigned int height;

	if (!run->tracking || target_scan(t, &regions, false))
		return;
	run->shown = true;
	maps_read(t->pid, &maps);
	tally_make(&tally, &regions, &maps, t->page_size);
	tally_sort(&tally);
	if (run->args->common.json) {
		json_t *o = json_pack("{sb sf sI so}", "total", 1,
			"seconds", seconds, "pid", (json_int_t)t->pid,
			"comm", json_text(t->comm));

		table_json(o, &tally, t->page_size);
		json_line(run->out, o);
	} else {
		terminal_size(run->out, &style.width, &height);
		table_print(run->out, &tally, &style);
		fprintf(run->out, "%s (process %d) wrote %llu pages (%s) in %.2f s\n",
			t->comm, t->pid,
			(unsigned long long)(tally.written / t->page_size),
			fmt_bytes(bytes, tally.written), seconds);
		fflush(run->out);
	}
	tally_free(&tally);
	maps_free(&maps);
	regions_free(&regions);
}

/* Let a stopped child go on; 0 or an exit code. */
static int on_stop(struct run *run, int status)
{
	const int event = status >> 16, sig = WSTOPSIG(status);
	int code = 0;

	switch (event) {
	case PTRACE_EVENT_EXEC:
		code = start_tracking(run);
		/* It may have been at work for hours. */
		if (code && run->begun) {
			complain("process %d goes on untracked", run->child);
			run->shown = true;
			code = 0;
		}
		ptrace(PTRACE_CONT, run->child, 0, 0);
		return code;
	case PTRACE_EVENT_EXIT:
		show_total(run);
		ptrace(PTRACE_CONT, run->child, 0, 0);
		return 0;
	case PTRACE_EVENT_STOP:
		/* SIGSTOP and its like: stay stopped, until SIGCONT. */
		ptrace(sig == SIGTRAP ? PTRACE_CONT : PTRACE_LISTEN, run->child,
		       0, 0);
		return 0;
	default:
		ptrace(PTRACE_CONT, run->child, 0, sig);
		return 0;
	}
}

/* Follow the child to its end; its wait status is *@status. */
static int follow(struct run *run, int sigchld, int *status)
{
	const double interval = run->args->common.interval;
	double next = clock_now() + interval;
	struct signalfd_siginfo info;
	int code;

	for (;;) {
		pid_t pid = waitpid(run->child, status, WNOHANG);

		if (pid < 0)
			return EXIT_RUN_ERROR;
		if (pid && !WIFSTOPPED(*status))
			return 0;
		if (pid) {
			code = on_stop(run, *status);
			if (code)
				return code;
			continue;
		}
		switch (wait_until(interval > 0 ? next : clock_now() + 3600,
				   sigchld)) {
		case WAIT_READY:
			if (read(sigchld, &info, sizeof(info)) < 0)
				return EXIT_RUN_ERROR;
			break;
		case WAIT_INTERRUPTED:
			kill(run->child, interrupted());
			interrupt_clear();
			break;
		case WAIT_TIME:
			if (interval <= 0)
				break;
			next += interval;
			/* The program may be in its end; the wait will tell. */
			if (run->tracking)
				live_frame(&run->live, &run->delta);
			break;
		}
	}
}

/* Which exit status the command left, or why it could not be started. */
static int exit_status(const struct run *run, int status, int result)
{
	int err;

	if (read(result, &err, sizeof(err)) == sizeof(err)) {
		complain("cannot execute %s: %s", run->args->command[0],
			 strerror(err));
		return err == ENOENT ? EXIT_NO_COMMAND : EXIT_NO_EXEC;
	}
	if (!run->shown)
		complain("the command ended without a last look at its memory (it was replaced by execve from a thread, or its first thread had ended before)");
	return WIFSIGNALED(status) ? EXIT_SIGNAL + WTERMSIG(status) :
				     WEXITSTATUS(status);
}

int cmd_run(int argc, char **argv)
{
	struct run_args args = { 0 };
	struct run run = { .args = &args, .out = stderr };
	int code, result, sigchld, status;
	sigset_t mask;

	argp_err_exit_status = EXIT_RUN_ERROR;
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &args);
	if (args.compat)
		return compat_become(args.command);
	if (args.output)
		run.out = fopen(args.output, "we");
	if (!run.out) {
		complain("cannot write to %s: %s", args.output,
			 strerror(errno));
		return EXIT_RUN_ERROR;
	}

	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	sigchld = signalfd(-1, &mask, SFD_CLOEXEC);
	code = sigchld < 0 ? EXIT_RUN_ERROR : start(&run, &result);
	if (code)
		return code;
	/* ^C is for the command, which gets it from the terminal as we do. */
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	interrupt_catch();

	code = follow(&run, sigchld, &status);
	if (code) {
		/* Running it untracked is not what was asked for. */
		kill(run.child, SIGKILL);
		waitpid(run.child, NULL, 0);
		code = EXIT_RUN_ERROR;
	} else {
		code = exit_status(&run, status, result);
	}
	stop_tracking(&run);
	if (args.output && fclose(run.out)) {
		complain("cannot write to %s: %s", args.output,
			 strerror(errno));
		code = code ? code : EXIT_RUN_ERROR;
	}
	return code;
}
