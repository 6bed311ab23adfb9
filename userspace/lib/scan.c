// SPDX-License-Identifier: MIT
/* Asking which pages were written: one step, a whole range, a count. */
#include <errno.h>
#include <inttypes.h>
#include <sys/ioctl.h>

#include "handle.h"

/* Regions of one step of a walk: 12 KiB of stack, few calls. */
#define WALK_REGIONS	512

static int fail_scan(struct wptrack *w, int err, const struct wptrack_scan *arg)
{
	const uint64_t page = w->page_size;
	const uint64_t unknown = (arg->category_inverted | arg->category_mask |
				  arg->category_anyof_mask | arg->return_mask) &
				 ~w->categories;

	if (err == EINVAL && arg->start % page)
		return wpt_fail(w, err,
				"cannot scan from 0x%" PRIx64 ": the start must be a multiple of the page size (%" PRIu64 ")",
				(uint64_t)arg->start, page);
	if (err == EINVAL && !arg->vec != !arg->vec_len)
		return wpt_fail(w, err,
				"cannot scan: the array for the regions and its length must both be given, or neither");
	if (err == EINVAL && unknown)
		return wpt_fail(w, err,
				"cannot scan from 0x%" PRIx64 " to 0x%" PRIx64 ": the module does not know the categories 0x%" PRIx64 "; 'wptrack info --json' names those that it knows",
				(uint64_t)arg->start, (uint64_t)arg->end,
				unknown);
	if (err == EINVAL)
		return wpt_fail(w, err,
				"cannot scan from 0x%" PRIx64 " to 0x%" PRIx64 ": the module does not know all of the flags 0x%" PRIx64,
				(uint64_t)arg->start, (uint64_t)arg->end,
				(uint64_t)arg->flags);
	if (err == EPERM)
		return wpt_fail(w, err,
				"the scan stopped at 0x%" PRIx64 ": that memory is not tracked, or it cannot be write-protected",
				(uint64_t)arg->walk_end);
	return wpt_fail(w, err,
			"cannot scan from 0x%" PRIx64 " to 0x%" PRIx64 ": %s",
			(uint64_t)arg->start, (uint64_t)arg->end,
			wpt_reason(err));
}

/* Fill in everything but the range and the array. */
static int take_opts(struct wptrack *w, struct wptrack_scan *arg,
		     const struct wptrack_scan_opts *opts)
{
	int err;

	*arg = (struct wptrack_scan){ .size = sizeof(*arg) };
	if (opts) {
		err = wpt_check_size(opts, opts->sz, sizeof(*opts),
				     sizeof(*opts));
		if (err == EINVAL)
			return wpt_fail(w, err,
					"cannot scan: set the member sz of the scan options to sizeof");
		if (err)
			return wpt_fail(w, err,
					"cannot scan: an option was set that this library (%s) does not know; update libwptrack",
					wptrack_version());
		arg->flags = opts->flags;
		arg->max_pages = opts->max_pages;
		arg->category_inverted = opts->category_inverted;
		arg->category_mask = opts->category_mask;
		arg->category_anyof_mask = opts->category_anyof_mask;
		arg->return_mask = opts->return_mask;
	}
	if (!(arg->category_inverted | arg->category_mask |
	      arg->category_anyof_mask | arg->return_mask)) {
		arg->category_mask = WPTRACK_PAGE_WRITTEN;
		arg->return_mask = WPTRACK_PAGE_WRITTEN;
	}
	return 0;
}

int wpt_scan_once(int fd, struct wptrack_scan *arg)
{
	unsigned int tries = 3;
	int err;

	/* After EAGAIN all reads written, so that the next one goes through. */
	do {
		arg->walk_end = arg->start;
		arg->regions = 0;
		arg->pages = 0;
		err = ioctl(fd, WPTRACK_IOC_SCAN, arg) < 0 ? -errno : 0;
	} while (err == -EAGAIN && --tries);
	return err;
}

/*
 * One ioctl.  What was delivered before an error must reach the caller: with a
 * reset, no later scan would report it.  The error comes back with the next
 * call, which begins where this one ended.
 */
static int scan_step(struct wptrack *w, struct wptrack_scan *arg,
		     const struct wptrack_scan_opts *opts)
{
	int err = wpt_scan_once(w->fd, arg);

	if (opts && opts->epoch && arg->epoch)
		*opts->epoch = arg->epoch;
	if (!err || (arg->regions && arg->walk_end > arg->start))
		return 0;
	return fail_scan(w, -err, arg);
}

WPT_API ssize_t wptrack_scan(struct wptrack *w, uint64_t start, uint64_t end,
			     struct wptrack_region *vec, size_t vec_len,
			     uint64_t *walk_end,
			     const struct wptrack_scan_opts *opts)
{
	struct wptrack_scan arg;
	int err = take_opts(w, &arg, opts);

	if (err)
		return err;
	arg.start = start;
	arg.end = end > w->address_end ? w->address_end : end;
	arg.vec = (uintptr_t)vec;
	arg.vec_len = vec_len;
	err = scan_step(w, &arg, opts);
	/* The walk of a range that was cut off has reached the caller's end. */
	if (walk_end)
		*walk_end = !err && arg.walk_end >= arg.end && arg.end < end ?
			    end : arg.walk_end;
	return err ? err : (ssize_t)arg.regions;
}

/* Scan on to the next piece; 1 if there was one, 0 at the end of the walk. */
static int walk_step(struct wptrack *w, struct wptrack_scan *arg,
		     uint64_t max_pages, uint64_t *pages,
		     const struct wptrack_scan_opts *opts)
{
	uint64_t left = max_pages ? max_pages - *pages : 0;
	int err;

	if (arg->start >= arg->end || (max_pages && !left))
		return 0;
	arg->max_pages = left;
	err = scan_step(w, arg, opts);
	if (err)
		return err;
	/* A walk that stands still would never end. */
	if (arg->walk_end <= arg->start)
		return wpt_fail(w, EIO,
				"the scan does not get beyond 0x%" PRIx64 ": this is a defect of the wptrack module, please report it",
				(uint64_t)arg->start);
	*pages += arg->pages;
	arg->start = arg->walk_end;
	return 1;
}

WPT_API int wptrack_for_each(struct wptrack *w, uint64_t start, uint64_t end,
			     wptrack_region_fn fn, void *ctx,
			     const struct wptrack_scan_opts *opts)
{
	struct wptrack_region vec[WALK_REGIONS], held = { 0 };
	struct wptrack_scan arg;
	uint64_t pages = 0, max_pages, i;
	int stop, err = take_opts(w, &arg, opts);

	if (err)
		return err;
	max_pages = arg.max_pages;
	arg.start = start;
	arg.end = end < start ? end : wpt_clamp_end(w, end);
	arg.vec = (uintptr_t)vec;
	arg.vec_len = WALK_REGIONS;
	if (arg.start >= arg.end)
		return scan_step(w, &arg, opts);	/* for the kernel's opinion */

	/* The last region is held back: the next piece may continue it. */
	while ((err = walk_step(w, &arg, max_pages, &pages, opts)) > 0) {
		for (i = 0; i < arg.regions; i++) {
			if (held.end == vec[i].start &&
			    held.categories == vec[i].categories &&
			    held.end > held.start) {
				held.end = vec[i].end;
				continue;
			}
			if (held.end > held.start) {
				stop = fn(&held, ctx);
				if (stop)
					return stop;
			}
			held = vec[i];
		}
	}
	if (held.end > held.start) {
		stop = fn(&held, ctx);
		if (stop)
			return stop;
	}
	return err;
}

WPT_API int64_t wptrack_count(struct wptrack *w, uint64_t start, uint64_t end,
			      const struct wptrack_scan_opts *opts)
{
	struct wptrack_scan arg;
	uint64_t pages = 0, max_pages;
	int err = take_opts(w, &arg, opts);

	if (err)
		return err;
	max_pages = arg.max_pages;
	arg.start = start;
	arg.end = end < start ? end : wpt_clamp_end(w, end);
	if (arg.start >= arg.end)
		return scan_step(w, &arg, opts);

	while ((err = walk_step(w, &arg, max_pages, &pages, opts)) > 0)
		;
	return err ? err : (int64_t)pages;
}
