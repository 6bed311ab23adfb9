// SPDX-License-Identifier: MIT
#include <err.h>
#include <inttypes.h>
#include <libwptrack.h>
#include <stdio.h>
#include <sys/mman.h>

#define PAGE	4096
#define SIZE	(100 * PAGE)

static int print(const struct wptrack_region *r, void *base)
{
	printf("pages %llu to %llu were written\n",
	       (r->start - (uintptr_t)base) / PAGE,
	       (r->end - (uintptr_t)base) / PAGE - 1);
	return 0;
}

int main(void)
{
	struct wptrack_scan_opts reset = { .sz = sizeof(reset),
					   .flags = WPTRACK_SCAN_RESET };
	char *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t start = (uintptr_t)p, end = start + SIZE;
	struct wptrack *w;
	int ret = wptrack_open(&w, NULL);

	if (p == MAP_FAILED)
		err(1, "mmap");
	if (ret)
		errx(1, "%s", wptrack_open_error(ret, NULL));
	if (wptrack_attach_self(w) || wptrack_track(w, start, end, 0))
		errx(1, "%s", wptrack_error(w));

	p[3 * PAGE] = p[4 * PAGE + 17] = p[90 * PAGE] = 1;

	/* What was written, and a new beginning, in one step. */
	if (wptrack_for_each(w, start, end, print, p, &reset))
		errx(1, "%s", wptrack_error(w));
	printf("and now: %" PRId64 "\n", wptrack_count(w, start, end, NULL));
	wptrack_close(w);
	return 0;
}
