// SPDX-License-Identifier: MIT
/*
 * Which pages differ between two snapshots, and what the report of wptrack says
 * of them.
 *
 * Why a missed page is proof
 * --------------------------
 * A round is: reset, copy (@old), time passes, scan, copy (@new), second scan.
 * If a page differs between the copies, somebody wrote to it after the reset and
 * before the second scan.  One of the two scans must say so; nothing depends on
 * whether all writers were stopped.  A page that only the second scan reports
 * was written between the scan and the copy, by what cannot be stopped (see
 * stop.c), and is counted as late.
 *
 * Private memory changes without a write through its mapping in one case: a
 * page that still is the file's, when the file is written.  Such pages are
 * told by pagemap, and never count as changed.
 */
#include <string.h>

#include "compare.h"

static bool differs(const unsigned char *was, const unsigned char *is,
		    size_t size, struct change *change)
{
	static const unsigned char zero[65536];
	unsigned int i;

	/* Memory that holds nothing reads as zeros. */
	if (!was)
		was = zero;
	if (!is)
		is = zero;
	if (!memcmp(was, is, size))
		return false;
	for (i = 0; was[i] == is[i]; i++)
		;
	change->offset = i;
	change->was = was[i];
	change->is = is[i];
	return true;
}

static void check_page(struct compare *c, struct ranges *out, uint64_t addr,
		       const unsigned char *was, const unsigned char *is)
{
	struct change change = { .addr = addr };

	if (!ranges_hold(&c->common, addr) ||
	    !differs(was, is, c->new->page_size, &change))
		return;
	ranges_append(out, addr, addr + c->new->page_size);
	if (c->on_change)
		c->on_change(&change, c->ctx);
}

void compare_start(struct compare *c, const struct snapshot *old,
		   const struct snapshot *new)
{
	struct ranges populated = snapshot_populated(new);
	struct ranges files;
	uint64_t addr;
	size_t i;

	c->old = old;
	c->new = new;
	c->at = 0;
	c->changed = c->gone = (struct ranges){ 0 };
	c->common = ranges_and(&old->private, &new->private);

	/* What shows a file again has a content that was not copied. */
	files = ranges_minus(&new->files, &populated);
	if (files.n) {
		struct ranges known = ranges_minus(&c->common, &files);

		ranges_free(&c->common);
		c->common = known;
	}
	ranges_free(&files);

	for (i = 0; i < old->n; i++) {
		const struct page_run *run = &old->runs[i];

		for (addr = run->start; addr < run->end;
		     addr += new->page_size)
			if (!ranges_hold(&populated, addr))
				check_page(c, &c->gone, addr,
					   run->data + (addr - run->start),
					   NULL);
	}
	ranges_free(&populated);
}

void compare_part(struct compare *c, const struct page_run *run, uint64_t start,
		  uint64_t end)
{
	const struct snapshot *old = c->old;
	uint64_t addr;

	if (run->file)
		return;
	for (addr = start; addr < end; addr += c->new->page_size) {
		const unsigned char *was = NULL;

		while (c->at < old->n && old->runs[c->at].end <= addr)
			c->at++;
		if (c->at < old->n && old->runs[c->at].start <= addr)
			was = old->runs[c->at].data +
			      (addr - old->runs[c->at].start);
		check_page(c, &c->changed, addr, was,
			   run->data + (addr - run->start));
	}
}

void compare_finish(struct compare *c, const struct ranges *unreadable)
{
	struct ranges all = ranges_or(&c->changed, &c->gone);
	struct ranges common = ranges_minus(&c->common, unreadable);
	struct ranges changed = ranges_minus(&all, unreadable);

	ranges_free(&all);
	ranges_free(&c->common);
	ranges_free(&c->changed);
	ranges_free(&c->gone);
	c->common = common;
	c->changed = changed;
}

void compare_free(struct compare *c)
{
	ranges_free(&c->common);
	ranges_free(&c->changed);
	ranges_free(&c->gone);
}

static uint64_t pages_and_free(const struct compare *c, struct ranges r)
{
	uint64_t pages = ranges_bytes(&r) / c->new->page_size;

	ranges_free(&r);
	return pages;
}

struct verdict compare_judge(const struct compare *c,
			     const struct ranges *report,
			     const struct ranges *second,
			     struct ranges *missed)
{
	struct ranges before = snapshot_populated(c->old);
	struct ranges after = snapshot_populated(c->new);
	struct ranges populated = ranges_or(&before, &after);
	struct ranges reported = ranges_and(report, &c->common);
	struct ranges unreported = ranges_minus(&c->changed, report);
	struct verdict v = { 0 };

	*missed = ranges_minus(&unreported, second);
	v.compared = pages_and_free(c, ranges_and(&populated, &c->common));
	v.over = pages_and_free(c, ranges_minus(&reported, &c->changed));
	v.changed = ranges_bytes(&c->changed) / c->new->page_size;
	v.missed = ranges_bytes(missed) / c->new->page_size;
	v.reported = pages_and_free(c, reported);
	v.late = pages_and_free(c, unreported) - v.missed;

	ranges_free(&before);
	ranges_free(&after);
	ranges_free(&populated);
	return v;
}
