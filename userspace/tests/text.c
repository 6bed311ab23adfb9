// SPDX-License-Identifier: MIT
/* Text of the module, taken apart: its description and its counters. */
#include <stdlib.h>
#include <string.h>

#include "infotext.h"
#include "json.h"
#include "stats.h"
#include "suite.h"

static void becomes(json_t *o, const char *want)
{
	char *got = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS);

	ck_assert_str_eq(got, want);
	free(got);
	json_decref(o);
}

START_TEST(info)
{
	becomes(info_text_json("anon: yes\n"
			       "thp: no (not yet)\n"
			       "remote: no\n"
			       "kernel: 6.1.0: a\n"
			       "nodes: none\n"
			       "no colon\n"
			       "last: one"),
		"{\"features\":{\"anon\":{\"supported\":true},"
		"\"remote\":{\"supported\":false},"
		"\"thp\":{\"reason\":\"not yet\",\"supported\":false}},"
		"\"kernel\":\"6.1.0: a\",\"last\":\"one\",\"nodes\":\"none\"}");
	becomes(info_text_json(""), "{\"features\":{}}");
}
END_TEST

START_TEST(counters)
{
	static const char text[] = "trackers 2\nhooks installed\n\nlonely\n"
				   "overreport_pinned\t 18446744\nfaults -3\n";
	FILE *f = fmemopen((char *)text, strlen(text), "r");
	struct stats s;

	stats_parse(f, &s);
	fclose(f);
	ck_assert_uint_eq(s.n, 4);
	ck_assert_str_eq(s.v[1].key, "hooks");
	ck_assert_str_eq(s.v[1].value, "installed");
	ck_assert_int_eq(stats_number(&s, "trackers"), 2);
	ck_assert_int_eq(stats_number(&s, "overreport_pinned"), 18446744);
	ck_assert_int_eq(stats_number(&s, "faults"), -3);
	ck_assert_int_eq(stats_number(&s, "hooks"), 0);
	ck_assert_int_eq(stats_number(&s, "nothing"), 0);
	stats_free(&s);
}
END_TEST

START_TEST(strings)
{
	json_t *o = json_text("caf\xe9");

	ck_assert_str_eq(json_string_value(o), "caf?");
	json_decref(o);
	o = json_text("caf\xc3\xa9");
	ck_assert_str_eq(json_string_value(o), "caf\xc3\xa9");
	json_decref(o);
}
END_TEST

SUITE("text", info, counters, strings)
