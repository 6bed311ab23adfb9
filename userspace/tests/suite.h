/* SPDX-License-Identifier: MIT */
/* What every unit test program begins and ends with. */
#ifndef SUITE_H
#define SUITE_H

#include <check.h>

/* Run the tests of one file; the exit status of its main(). */
static inline int run_suite(const char *name, const TTest *const *tests,
			    size_t n)
{
	Suite *s = suite_create(name);
	TCase *tc = tcase_create(name);
	SRunner *sr;
	size_t i;
	int failed;

	for (i = 0; i < n; i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}

#define SUITE(name, ...)						\
	int main(void)							\
	{								\
		const TTest *const tests[] = { __VA_ARGS__ };		\
									\
		return run_suite(name, tests,				\
				 sizeof(tests) / sizeof(tests[0]));	\
	}

#endif
