// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <time.h>

long allocs_left = -1;

int main(void)
{
	const char *env = getenv("WPTRACK_TEST_SEED");
	unsigned int seed = env ? strtoul(env, NULL, 0) : (unsigned long)time(NULL);
	Suite *s = suite_create(unit_name);
	TCase *tc = tcase_create(unit_name);
	SRunner *sr;
	int failed;

	/* Children must not print what is still in their parent's buffer. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("# %s: WPTRACK_TEST_SEED=%u repeats this run\n", unit_name, seed);
	srand(seed);
	tcase_set_timeout(tc, 120);
	unit_tests(tc);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
