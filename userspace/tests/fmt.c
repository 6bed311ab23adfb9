// SPDX-License-Identifier: MIT
/* Numbers and words for people. */
#include <stdlib.h>
#include <string.h>

#include "fmt.h"
#include "suite.h"

START_TEST(bytes)
{
	char buf[FMT_BYTES];

	ck_assert_str_eq(fmt_bytes(buf, 0), "0 B");
	ck_assert_str_eq(fmt_bytes(buf, 1023), "1023 B");
	ck_assert_str_eq(fmt_bytes(buf, 1024), "1.0 KiB");
	ck_assert_str_eq(fmt_bytes(buf, 4096), "4.0 KiB");
	ck_assert_str_eq(fmt_bytes(buf, 1024 * 1024 - 1), "1.0 MiB");
	ck_assert_str_eq(fmt_bytes(buf, 1536 * 1024), "1.5 MiB");
	ck_assert_str_eq(fmt_bytes(buf, 3ULL << 40), "3.0 TiB");
	ck_assert_str_eq(fmt_bytes(buf, UINT64_MAX), "16.0 EiB");
}
END_TEST

START_TEST(categories)
{
	char buf[FMT_CATEGORIES];

	ck_assert_str_eq(fmt_categories(buf, 0), "-");
	ck_assert_str_eq(fmt_categories(buf, 1ULL << 1 | 1ULL << 3 | 1ULL << 32),
			 "written present pinned");
	ck_assert_str_eq(fmt_categories(buf, 1ULL << 63), "#63");
	/* all of them: cut, not overrun */
	fmt_categories(buf, ~0ULL);
	ck_assert_uint_lt(strlen(buf), FMT_CATEGORIES);
}
END_TEST

START_TEST(heat)
{
	ck_assert_str_eq(fmt_heat(0, false), " ");
	ck_assert_str_eq(fmt_heat(1e-9, false), ".");
	ck_assert_str_eq(fmt_heat(1, false), "#");
	ck_assert_str_eq(fmt_heat(1.0000001, false), "#");
	ck_assert_str_eq(fmt_heat(0, true), " ");
	ck_assert_str_eq(fmt_heat(1e-9, true), "▁");
	ck_assert_str_eq(fmt_heat(1, true), "█");
}
END_TEST

START_TEST(utf8)
{
	unsetenv("LC_ALL");
	unsetenv("LC_CTYPE");
	unsetenv("LANG");
	ck_assert(!fmt_utf8());
	setenv("LANG", "de_DE.UTF-8", 1);
	ck_assert(fmt_utf8());
	setenv("LC_CTYPE", "C.utf8", 1);
	ck_assert(fmt_utf8());
	setenv("LC_ALL", "C", 1);
	ck_assert(!fmt_utf8());
	setenv("LC_ALL", "", 1);
	ck_assert(fmt_utf8());
}
END_TEST

SUITE("fmt", bytes, categories, heat, utf8)
