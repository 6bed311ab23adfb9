// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "ksm.h"

#include <sys/mman.h>

#define KSM "/sys/kernel/mm/ksm/"

static long value(const char *name)
{
	char path[64];
	long n = -1;
	FILE *f;

	snprintf(path, sizeof(path), KSM "%s", name);
	f = fopen(path, "re");
	if (f && fscanf(f, "%ld", &n) != 1)
		n = -1;
	if (f)
		fclose(f);
	return n;
}

bool ksm_exists(void)
{
	return !access(KSM "run", W_OK);
}

bool ksm_merge(struct area a)
{
	double end = seconds() + 20;
	long scans;

	/* What is left of processes that are gone would be counted. */
	ksm_off();
	must(madvise(a.p, a.pages * PAGE, MADV_MERGEABLE));
	write_file(KSM "sleep_millisecs", "1");
	write_file(KSM "pages_to_scan", "5000");
	scans = value("full_scans");
	write_file(KSM "run", "1");
	while ((value("full_scans") < scans + 3 || !value("pages_sharing")) &&
	       seconds() < end)
		usleep(10000);
	write_file(KSM "run", "0");
	return value("pages_sharing") > 0;
}

void ksm_go_on(void)
{
	write_file(KSM "run", "1");
}

void ksm_off(void)
{
	write_file(KSM "run", "2");
	write_file(KSM "run", "0");
}
