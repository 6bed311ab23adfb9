// SPDX-License-Identifier: MIT
/*
 * A program that writes to its memory in many ways: what the tests of the
 * command track.
 *
 *	dirty [THREADS [MIB]]	until it is killed; prints "ready"
 *	dirty HOW PAGES		write PAGES pages once and exit:
 *				"once": from main, "thread": from a thread, while
 *				main waits, "leader": so, and main has ended
 *	dirty same 1		write to one page for ever, and do nothing else;
 *				prints "ready"
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE	4096UL

static size_t area_pages;
static volatile unsigned char data_pages[16 * PAGE] = { 1 };
static volatile unsigned int signals;

static void *map(size_t pages, int flags, int fd)
{
	void *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (p == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	return p;
}

static void nap(unsigned int us)
{
	usleep(us);
}

/* Random pages of private memory of its own, filled before. */
static void *writer(void *arg)
{
	volatile unsigned char *p = map(area_pages, MAP_PRIVATE | MAP_ANONYMOUS,
					-1);
	unsigned int seed = (uintptr_t)arg, n;

	memset((void *)p, 0x5a, area_pages / 2 * PAGE);
	for (n = 1;; n++) {
		size_t page = rand_r(&seed) % area_pages;

		p[page * PAGE + rand_r(&seed) % PAGE]++;
		/* Naps cost more than writes where processors are emulated. */
		if (n % 16 == 0)
			nap(4000);
	}
	return NULL;
}

/* Writes what is there already: reported, and no change. */
static void *same_writer(void *arg)
{
	volatile unsigned char *p = map(64, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	size_t i;

	memset((void *)p, 7, 64 * PAGE);
	for (i = 0;; i = (i + 1) % 16) {
		p[i * PAGE] = 7;
		nap(4000);
	}
	return NULL;
}

/* Mappings that come, go, move and are emptied. */
static void *churner(void *arg)
{
	volatile unsigned char *fixed = map(64, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	unsigned int round;

	for (round = 0;; round++) {
		unsigned char *fresh = map(32, MAP_PRIVATE | MAP_ANONYMOUS, -1);

		memset(fresh, round, 32 * PAGE);
		if (round % 3 == 0) {
			madvise(fresh, 16 * PAGE, MADV_DONTNEED);
			munmap(fresh, 32 * PAGE);
		} else {
			/* over memory that is tracked and holds something */
			mremap(fresh, 32 * PAGE, 32 * PAGE,
			       MREMAP_MAYMOVE | MREMAP_FIXED,
			       (void *)(fixed + (round % 3 - 1) * 32 * PAGE));
		}
		nap(20000);
	}
	return NULL;
}

/* Files: private and shared mappings, and the kernel writing for us. */
static void *filer(void *arg)
{
	char name[] = "/tmp/dirty.XXXXXX";
	int fd = mkstemp(name), zero = open("/dev/zero", O_RDONLY);
	volatile unsigned char *priv, *shared, *buffer;
	unsigned char page[PAGE];
	unsigned int i;

	unlink(name);
	if (fd < 0 || zero < 0) {
		perror(name);
		exit(1);
	}
	memset(page, 3, sizeof(page));
	for (i = 0; i < 64; i++)
		if (write(fd, page, sizeof(page)) != sizeof(page))
			perror("write");
	priv = map(64, MAP_PRIVATE, fd);
	shared = map(64, MAP_SHARED, fd);
	buffer = map(64, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	for (i = 0;; i++) {
		priv[i % 32 * PAGE]++;
		shared[(32 + i % 16) * PAGE]++;	/* seen through priv, too */
		data_pages[i % 16 * PAGE]++;
		buffer[i % 64 * PAGE] = 1;
		if (read(zero, (void *)(buffer + (i + 32) % 64 * PAGE), 100) < 0)
			perror("read");
		nap(2000);
	}
	return NULL;
}

static void on_signal(int sig)
{
	signals++;
}

/* Signal frames, children, and children that share the memory for a while. */
static void *forker(void *arg)
{
	static volatile unsigned char shared_with_child[PAGE];

	for (;;) {
		pid_t pid;

		kill(getpid(), SIGUSR1);
		pid = fork();
		if (!pid)
			_exit(0);
		waitpid(pid, NULL, 0);
		pid = vfork();
		if (!pid) {
			shared_with_child[100]++;
			usleep(1000);
			_exit(0);
		}
		waitpid(pid, NULL, 0);
		nap(50000);
	}
	return NULL;
}

/* Threads that come and go: a list of them is old when it is read. */
static void *short_lived(void *arg)
{
	volatile unsigned char *p = arg;

	p[0]++;
	return NULL;
}

static void *spawner(void *arg)
{
	static unsigned char pages[8 * PAGE];
	unsigned int i;

	for (i = 0;; i = (i + 1) % 8) {
		pthread_t thread;

		if (!pthread_create(&thread, NULL, short_lived,
				    &pages[i * PAGE]))
			pthread_join(thread, NULL);
		nap(4000);
	}
	return NULL;
}

static void *write_and_exit(void *pages)
{
	volatile unsigned char *p = map((size_t)pages,
					MAP_PRIVATE | MAP_ANONYMOUS, -1);
	size_t i;

	for (i = 0; i < (size_t)pages; i++)
		p[i * PAGE] = 1;
	exit(0);
}

static void ready(void)
{
	puts("ready");
	fflush(stdout);
}

static int once(const char *how, size_t pages)
{
	pthread_t thread;

	if (!strcmp(how, "same")) {
		ready();
		for (;;)
			data_pages[0]++;
	}
	if (!strcmp(how, "once"))
		write_and_exit((void *)pages);
	pthread_create(&thread, NULL, write_and_exit, (void *)pages);
	if (!strcmp(how, "leader"))
		pthread_exit(NULL);
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	static void *(*const others[])(void *) = {
		same_writer, churner, filer, forker, spawner
	};
	unsigned long threads = argc > 1 ? strtoul(argv[1], NULL, 10) : 4;
	unsigned long mib = argc > 2 ? strtoul(argv[2], NULL, 10) : 16;
	pthread_t thread;
	unsigned long i;

	if (argc > 2 && !threads)
		return once(argv[1], mib);
	area_pages = mib * (1 << 20) / PAGE;
	signal(SIGUSR1, on_signal);
	for (i = 0; i < threads; i++)
		pthread_create(&thread, NULL, writer, (void *)(i + 1));
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		pthread_create(&thread, NULL, others[i], NULL);
	ready();
	for (;;)
		pause();
}
