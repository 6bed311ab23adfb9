// SPDX-License-Identifier: MIT
/*
 * redis-server on a socket of its own, without files, and redis-benchmark.  They are
 * killed when this process ends, however it ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "server.h"

#define NO_PROGRAM	127
#define TEXT(x)		TEXT_(x)
#define TEXT_(x)	#x

/* What redis-benchmark would write, by one command. */
static const char fill[] =
	"EVAL \"for i = 0, " TEXT(SERVER_KEYS) " - 1 do redis.call('set', "
	"string.format('key:%012d', i), string.rep('x', 64)) end\" 0\r\n";

static char directory[sizeof(((struct sockaddr_un *)0)->sun_path)];
static struct sockaddr_un address = { .sun_family = AF_UNIX };

static pid_t spawn(char *const argv[])
{
	pid_t parent = getpid(), pid;
	int null;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		fail("no fork");
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	null = open("/dev/null", O_RDWR);
	if (getppid() != parent || null < 0)
		_exit(1);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	execvp(argv[0], argv);
	_exit(NO_PROGRAM);
}

static bool installed(char *program)
{
	char *argv[] = { program, "--version", NULL };
	int status;

	waitpid(spawn(argv), &status, 0);
	return !WIFEXITED(status) || WEXITSTATUS(status) != NO_PROGRAM;
}

static void remove_socket(void)
{
	unlink(address.sun_path);
	rmdir(directory);
}

static void make_directory(void)
{
	if (snprintf(directory, sizeof(directory), "%s/wptrack-bench-XXXXXX",
		     opts.file_dir) > (int)sizeof(directory) - 3)
		fail("%s: the name is too long for a socket", opts.file_dir);
	if (!mkdtemp(directory))
		fail("%s: %s", opts.file_dir, strerror(errno));
	strcpy(stpcpy(address.sun_path, directory), "/s");
	atexit(remove_socket);
}

static void connect_to(struct server *s)
{
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	while (connect(s->fd, (struct sockaddr *)&address, sizeof(address))) {
		if (waitpid(s->pid, NULL, WNOHANG))
			fail("redis-server does not start");
		usleep(10000);
	}
}

const char *server_begin(struct server *s)
{
	char *argv[] = {
		"redis-server", "--port", "0", "--unixsocket", address.sun_path,
		"--dir", directory, "--save", "", "--appendonly", "no", NULL
	};
	char answer[256];
	ssize_t n;

	if (!installed("redis-server"))
		return "redis-server is not installed";
	if (!installed("redis-benchmark"))
		return "redis-benchmark is not installed";
	make_directory();
	s->pid = spawn(argv);
	connect_to(s);
	if (write(s->fd, fill, strlen(fill)) != (ssize_t)strlen(fill))
		fail("redis-server: %s", strerror(errno));
	n = read(s->fd, answer, sizeof(answer) - 1);
	answer[n > 0 ? n : 0] = '\0';
	if (n <= 0 || answer[0] == '-')
		fail("redis-server cannot be filled: %s", answer);
	return NULL;
}

void server_end(struct server *s)
{
	close(s->fd);
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
}

uint64_t server_cpu(const struct server *s)
{
	struct timespec ts;
	clockid_t clock;

	if (clock_getcpuclockid(s->pid, &clock) || clock_gettime(clock, &ts))
		fail("redis-server has ended");
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

void load_begin(struct load *l, unsigned int requests)
{
	char number[16];
	char *argv[] = {
		"redis-benchmark", "-s", address.sun_path, "-q", "-t", "set", "-d", "64",
		"-r", TEXT(SERVER_KEYS), "-n", number, NULL
	};
	int fds[2];

	snprintf(number, sizeof(number), "%u", requests);
	if (pipe(fds))
		fail("no pipe");
	fcntl(fds[0], F_SETFD, FD_CLOEXEC);
	l->over = fds[0];
	l->pid = spawn(argv);
	close(fds[1]);
}

void load_end(struct load *l)
{
	int status;

	close(l->over);
	waitpid(l->pid, &status, 0);
	if (status)
		fail("redis-benchmark failed");
}
