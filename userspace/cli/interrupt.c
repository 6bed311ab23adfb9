// SPDX-License-Identifier: MIT
/* Ending in good order on ^C, and waiting without missing it. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>

#include "clock.h"
#include "interrupt.h"

static volatile sig_atomic_t caught;

static void handler(int sig)
{
	caught = sig;
}

void interrupt_catch(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction sa = { .sa_handler = handler };
	struct sigaction old;
	size_t i;

	sigemptyset(&sa.sa_mask);
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		sigaction(signals[i], NULL, &old);
		if (old.sa_handler != SIG_IGN)	/* as nohup wants it */
			sigaction(signals[i], &sa, NULL);
	}
	/* A reader that went away is an error of write(2), not our death. */
	sa.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &sa, NULL);
}

int interrupted(void)
{
	return caught;
}

void interrupt_clear(void)
{
	caught = 0;
}

enum wait_result wait_until(double deadline, int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	enum wait_result result = WAIT_INTERRUPTED;
	sigset_t all, old;

	/* Blocked but in ppoll(), a signal cannot come between test and sleep. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	while (!caught) {
		struct timespec left = clock_span(deadline - clock_now());
		int n = ppoll(&pfd, 1, &left, &old);

		if (n < 0 && errno == EINTR)
			continue;
		result = n > 0 ? WAIT_READY : WAIT_TIME;
		break;
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	return result;
}
