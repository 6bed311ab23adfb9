// SPDX-License-Identifier: MIT
#include "../lib/handle.h"
#include "ask.h"

static struct wptrack_scan scan_of(uint64_t start, uint64_t end,
				   uint64_t categories)
{
	return (struct wptrack_scan) {
		.size = sizeof(struct wptrack_scan),
		.start = start,
		.end = end,
		.category_mask = categories,
		.return_mask = categories,
	};
}

bool ask_mapped(int fd, uint64_t start, uint64_t end)
{
	struct wptrack_scan arg = scan_of(start, end, 0);

	arg.max_pages = 1;
	return !wpt_scan_once(fd, &arg) && arg.pages;
}

bool ask_tracked(int fd, uint64_t *start, uint64_t *end)
{
	struct wptrack_scan arg = scan_of(*start, *end, WPTRACK_PAGE_WPALLOWED);
	struct wptrack_region first;

	arg.vec = (uintptr_t)&first;
	arg.vec_len = 1;
	if (wpt_scan_once(fd, &arg) || !arg.regions)
		return false;
	*start = first.start;
	*end = first.end;
	return true;
}

int ask_all_tracked(int fd, uint64_t start, uint64_t end)
{
	struct wptrack_scan arg = scan_of(start, end, WPTRACK_PAGE_WPALLOWED);

	arg.flags = WPTRACK_SCAN_CHECK_TRACKED;
	return wpt_scan_once(fd, &arg);
}

int ask_reset(int fd, uint64_t start, uint64_t end)
{
	struct wptrack_scan arg = scan_of(start, end, WPTRACK_PAGE_WRITTEN);

	arg.flags = WPTRACK_SCAN_RESET | WPTRACK_SCAN_CHECK_TRACKED;
	return wpt_scan_once(fd, &arg);
}
