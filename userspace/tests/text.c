// SPDX-License-Identifier: MIT
/* Text of the module, taken apart: its description and its counters. */
#include <stdlib.h>
#include <string.h>

#include "infotext.h"
#include "json.h"
#include "prometheus.h"
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
			       "shared hugetlb: yes\n"
			       "page table bit: 54\n"
			       "last: one"),
		"{\"features\":{\"anon\":{\"supported\":true},"
		"\"remote\":{\"supported\":false},"
		"\"shared-hugetlb\":{\"supported\":true},"
		"\"thp\":{\"reason\":\"not yet\",\"supported\":false}},"
		"\"kernel\":\"6.1.0: a\",\"last\":\"one\",\"nodes\":\"none\",\"page-table-bit\":\"54\"}");
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

START_TEST(prometheus)
{
	static const char text[] = "version 1.2\nhooks removed\npte_bit 54\n"
				   "armed 3\noverreport_zapped 4\nscans 9\n"
				   "overreport_nomem 0\nnew_in_future 7\n";
	static const char want[] =
		"wptrack_info{version=\"1.2\",pte_bit=\"54\"} 1\n"
		"wptrack_hooks_installed 0\n"
		"wptrack_armed 3\n"
		"wptrack_scans_total 9\n"
		"wptrack_overreport_nomem_total 0\n"
		"wptrack_new_in_future_total 7\n"
		"wptrack_overreport_pages_total{cause=\"zapped\"} 4\n";
	FILE *f = fmemopen((char *)text, strlen(text), "r"), *out;
	char *got, *line, *end, samples[1024] = "";
	unsigned int help = 0, type = 0;
	struct stats s;
	size_t len;

	stats_parse(f, &s);
	fclose(f);
	out = open_memstream(&got, &len);
	prometheus_print(out, &s);
	fclose(out);
	for (line = got; *line; line = end) {
		end = strchr(line, '\n') + 1;
		help += !strncmp(line, "# HELP ", 7);
		type += !strncmp(line, "# TYPE ", 7);
		if (*line != '#')
			strncat(samples, line, end - line);
	}
	ck_assert_str_eq(samples, want);
	/* One of each for each name. */
	ck_assert_uint_eq(help, 7);
	ck_assert_uint_eq(type, 7);
	ck_assert_ptr_nonnull(strstr(got, "# TYPE wptrack_armed gauge\n"));
	ck_assert_ptr_nonnull(strstr(got, "# TYPE wptrack_scans_total counter\n"));
	free(got);
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

SUITE("text", info, counters, prometheus, strings)
