// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a space has to know of the ranges of all its trackers together: where events
 * are recorded, and where pages are tracked one by one.
 */
#include "cover.h"
#include "tracker.h"

/**
 * wpt_cover_grow() - let events be recorded in a range from now on
 * @space: the space, locked
 * @start: first address
 * @end:   end (exclusive)
 *
 * Return: 0 or -ENOMEM, with everything as before.
 */
int wpt_cover_grow(struct wpt_space *space, unsigned long start,
		   unsigned long end)
{
	struct wpt_cover *old = rcu_dereference_protected(space->cover,
					lockdep_is_held(&space->lock));
	struct wpt_set set = { };
	int ret = 0;

	if (old)
		ret = wpt_set_union(&set, &old->set);
	if (!ret)
		ret = wpt_set_add(&set, start, end, ~0U);
	if (!ret)
		ret = wpt_space_set_cover(space, &set);
	wpt_set_destroy(&set);
	return ret;
}

/**
 * wpt_cover_shrink() - cut the cover to what is tracked
 * @space: the space, locked
 *
 * Not while something is left to be forgotten.  If memory is short it stays: events
 * are then recorded that nobody will ask for.
 */
void wpt_cover_shrink(struct wpt_space *space)
{
	struct wpt_set set = { };
	struct wpt_tracker *t;

	if (space->forgetting)
		return;
	list_for_each_entry(t, &space->trackers, node)
		if (wpt_set_union(&set, &t->ranges))
			goto out;
	wpt_space_set_cover(space, &set);
out:
	wpt_set_destroy(&set);
}

/**
 * wpt_cover_exact() - say anew where huge pages must not come into being
 * @space: the space, locked
 *
 * If memory is short, it stays as it was: nothing but precision depends on it.
 */
void wpt_cover_exact(struct wpt_space *space)
{
	struct wpt_set all = { }, one;
	struct wpt_tracker *t;
	int ret = 0;

	list_for_each_entry(t, &space->trackers, node) {
		one = (struct wpt_set){ };
		ret = wpt_set_union(&one, &t->ranges);
		if (!ret)
			ret = wpt_set_subtract(&one, &t->keep);
		if (!ret)
			ret = wpt_set_union(&all, &one);
		wpt_set_destroy(&one);
		if (ret)
			break;
	}
	if (!ret)
		wpt_space_set_exact(space, &all);
	wpt_set_destroy(&all);
}
