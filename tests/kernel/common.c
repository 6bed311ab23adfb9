// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runner, diagnostics, statistics: what has nothing to do with pages.
 */
#include "common.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <time.h>

static uint64_t rnd_state;

uint64_t rnd(void)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 7;
	rnd_state ^= rnd_state << 17;
	return rnd_state;
}

size_t rnd_below(size_t n)
{
	return (rnd() >> 16) % n;
}

double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

int run_seconds(int wanted)
{
	const char *env = getenv("WPTRACK_TEST_SECONDS");

	return env && atoi(env) > 0 ? atoi(env) : wanted;
}

void note(const char *fmt, ...)
{
	va_list ap;

	printf("# ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
}

bool linux_before(int major, int minor)
{
	struct utsname u;
	int x, y;

	must(uname(&u));
	ck_assert_int_eq(sscanf(u.release, "%d.%d", &x, &y), 2);
	return x < major || (x == major && y < minor);
}

bool slow_kernel(void)
{
	struct utsname u;

	must(uname(&u));
	return strstr(u.release, "kasan") || strstr(u.release, "kcsan");
}

bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = write(fd, text, strlen(text));
	close(fd);
	return n == (ssize_t)strlen(text);
}

const char *stats_text(const char *key)
{
	static char line[256];
	size_t len = strlen(key);
	FILE *f = fopen(STATS_FILE, "re");

	if (!f)
		return "";
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, key, len) && line[len] == ' ') {
			line[strcspn(line, "\n")] = 0;
			fclose(f);
			return line + len + 1;
		}
	}
	fclose(f);
	return "";
}

long stats_value(const char *key)
{
	const char *text = stats_text(key);

	return *text ? atol(text) : -1;
}

bool stats_wait(const char *key, const char *text, int timeout)
{
	double end = seconds() + timeout;

	while (strcmp(stats_text(key), text)) {
		if (seconds() > end)
			return false;
		usleep(20000);
	}
	return true;
}

/* A lost race that the module noticed is a failure of whatever test ran. */
static long anomalies_before;

static void count_anomalies(void)
{
	anomalies_before = stats_value("anomalies");
}

static void no_anomalies(void)
{
	long n = stats_value("anomalies");

	/* A test may have loaded the module anew, which begins at 0. */
	if (n > 0 && n != anomalies_before)
		ck_abort_msg("%s has anomalies %ld", STATS_FILE, n);
}

TCase *tcase_new(Suite *s, const char *name, int timeout)
{
	TCase *tc = tcase_create(name);

	tcase_set_timeout(tc, timeout);
	tcase_add_checked_fixture(tc, count_anomalies, no_anomalies);
	suite_add_tcase(s, tc);
	return tc;
}

static bool device_works(void)
{
	struct wptrack *w;
	int err = wptrack_open(&w, NULL);

	if (err) {
		printf("Bail out! %s\n", wptrack_open_error(err, NULL));
		return false;
	}
	wptrack_close(w);
	return true;
}

int suite_run(const char *name, void (*fill)(Suite *s))
{
	const char *env = getenv("WPTRACK_TEST_SEED");
	uint64_t seed = env ? strtoull(env, NULL, 0) : (uint64_t)time(NULL);
	SRunner *sr;
	Suite *s;
	int failed;

	/* Children must not print what is still in their parent's buffer. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!device_works())
		return 1;
	/* Tests of 4 KiB pages must get 4 KiB pages. */
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	rnd_state = (seed ? seed : 1) * 0x9e3779b97f4a7c15ULL;
	note("%s: WPTRACK_TEST_SEED=%llu repeats this run", name,
	     (unsigned long long)seed);

	s = suite_create(name);
	fill(s);
	sr = srunner_create(s);
	srunner_set_fork_status(sr, CK_FORK);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
