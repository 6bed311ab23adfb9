// SPDX-License-Identifier: GPL-2.0-only
/*
 * The record as a tree of groups and chunks: finding, making and forgetting them.
 */
#include "bits.h"
#include "chunk.h"
#include "chunk_alloc.h"
#include "chunk_bits.h"

/* So many are gone through under the locks: 16 GiB of memory. */
#define SPLIT_GROUPS	128

/* No address belongs to it.  The hook has one thing less to ask than with NULL. */
static struct wpt_group no_group = { .index = ~0UL };

static void record_forget_recent(struct wpt_record *rec)
{
	unsigned int i;

	for (i = 0; i < WPT_RECENT_GROUPS; i++)
		RCU_INIT_POINTER(rec->recent[i], &no_group);
}

/**
 * wpt_record_init() - an empty record
 * @rec: the record
 * @mm:  the address space that it is of
 */
void wpt_record_init(struct wpt_record *rec, struct mm_struct *mm)
{
	xa_init(&rec->groups);
	record_forget_recent(rec);
	rec->mm = mm;
	atomic_long_set(&rec->nr_events, 0);
	atomic_long_set(&rec->nr_groups, 0);
	atomic_long_set(&rec->nr_chunks, 0);
	atomic_long_set(&rec->nr_unpaid, 0);
	atomic_long_set(&rec->nr_holes, 0);
}

/**
 * wpt_record_destroy() - free everything
 * @rec: the record; the fault hook and the notifier may still be reading it
 *
 * Does not sleep.
 */
void wpt_record_destroy(struct wpt_record *rec)
{
	struct wpt_group *group;
	unsigned long index;
	unsigned int i;

	record_forget_recent(rec);
	xa_for_each(&rec->groups, index, group) {
		for (i = 0; i < WPT_GROUP_CHUNKS; i++) {
			struct wpt_chunk *chunk =
				rcu_dereference_raw(group->chunk[i]);

			if (chunk)
				wpt_chunk_retire(rec, chunk);
		}
		wpt_group_retire(rec, group);
	}
	xa_destroy(&rec->groups);
}

/*
 * So that the hooks find the group without the way through the tree.  Under the lock
 * of the groups, so that one that goes is not remembered after.
 */
static void record_remember(struct wpt_record *rec, struct wpt_group *group)
{
	rcu_assign_pointer(rec->recent[group->index % WPT_RECENT_GROUPS], group);
}

static void record_disremember(struct wpt_record *rec, struct wpt_group *group)
{
	struct wpt_group __rcu **place =
		&rec->recent[group->index % WPT_RECENT_GROUPS];

	if (rcu_access_pointer(*place) == group)
		RCU_INIT_POINTER(*place, &no_group);
}

/**
 * wpt_record_visited() - a harvest is at a group, whose pages will be written soon
 * @rec:   the record
 * @group: one of its groups; the caller holds the space lock
 */
void wpt_record_visited(struct wpt_record *rec, struct wpt_group *group)
{
	if (rcu_access_pointer(rec->recent[group->index % WPT_RECENT_GROUPS]) == group)
		return;
	xa_lock(&rec->groups);
	record_remember(rec, group);
	xa_unlock(&rec->groups);
}

static struct wpt_group *record_get_group(struct wpt_record *rec,
					  unsigned long addr,
					  const struct wpt_account *acct)
{
	struct wpt_group *group = wpt_record_group(rec, addr);
	struct wpt_group *old;

	if (group)
		return group;
	group = wpt_group_new(rec, addr >> WPT_GROUP_SHIFT, acct);
	if (IS_ERR(group))
		return group;
	old = xa_cmpxchg(&rec->groups, addr >> WPT_GROUP_SHIFT, NULL, group,
			 wpt_record_gfp(acct));
	if (old) {
		wpt_group_discard(rec, group);
		return xa_is_err(old) ? ERR_PTR(xa_err(old)) : old;
	}
	atomic_long_inc(&rec->nr_groups);
	return group;
}

/*
 * Put a new chunk into its group.  Returns the chunk that is there afterwards, or
 * NULL if the group has left the record meanwhile.
 */
static struct wpt_chunk *record_link(struct wpt_record *rec,
				     struct wpt_group *group,
				     struct wpt_chunk *new, unsigned long addr)
{
	unsigned int i = wpt_chunk_index(addr);
	struct wpt_chunk *chunk = NULL;

	xa_lock(&rec->groups);
	if (wpt_record_group(rec, addr) == group) {
		chunk = wpt_group_chunk(group, addr);
		if (!chunk) {
			chunk = new;
			rcu_assign_pointer(group->chunk[i], new);
			/* In this order: next_written() looks the other way round. */
			wpt_group_visit(group, addr);
			set_bit(i, &group->present);
			atomic_long_inc(&rec->nr_chunks);
		}
	}
	xa_unlock(&rec->groups);
	return chunk;
}

/**
 * wpt_record_get() - find or make the chunk of an address
 * @rec:  the record
 * @addr: any address in the chunk
 * @acct: who pays, which may sleep; or NULL for what the notifier has to note
 *        where one may not sleep, while the address space exists.  The first
 *        %WPT_UNPAID_MAX of these need no room in a memory cgroup: a tracked program
 *        at its limits must not make the record incomplete.  Nor may it make it grow
 *        for ever: no more of them are beyond the number of its page tables.
 *
 * A new chunk has all pages empty, must be walked and is on the map.  The
 * harvest and the notifier may both be making it: one of them wins.  Caller is in
 * an RCU read section or holds the space lock.
 *
 * Return: the chunk, ERR_PTR(-ENOMEM) or ERR_PTR(-EDQUOT).
 */
struct wpt_chunk *wpt_record_get(struct wpt_record *rec, unsigned long addr,
				 const struct wpt_account *acct)
{
	struct wpt_chunk *chunk = wpt_record_chunk(rec, addr), *new;
	struct wpt_group *group;

	if (chunk)
		return chunk;
	new = wpt_chunk_new(rec, acct);
	if (IS_ERR(new))
		return new;
	do {
		group = record_get_group(rec, addr, acct);
		if (IS_ERR(group)) {
			chunk = ERR_CAST(group);
			break;
		}
		/* Again, if the group was freed just now. */
		chunk = record_link(rec, group, new, addr);
	} while (!chunk);
	if (chunk != new)
		wpt_chunk_discard(rec, new);
	return chunk;
}

/**
 * wpt_record_drop() - forget a chunk
 * @rec:  the record
 * @addr: any address in the chunk
 *
 * For memory that no tracker covers any more.  Caller holds the space lock.  A
 * group that has no chunk left goes too.
 */
void wpt_record_drop(struct wpt_record *rec, unsigned long addr)
{
	struct wpt_group *group = wpt_record_group(rec, addr);
	unsigned int i = wpt_chunk_index(addr);
	struct wpt_chunk *chunk;
	bool empty;

	if (!group)
		return;
	/* The notifier may be making a new chunk, here or beside it. */
	xa_lock(&rec->groups);
	clear_bit(i, &group->present);
	clear_bit(i, &group->map);
	chunk = wpt_group_chunk(group, addr);
	RCU_INIT_POINTER(group->chunk[i], NULL);
	empty = !group->present;
	if (empty) {
		__xa_erase(&rec->groups, addr >> WPT_GROUP_SHIFT);
		record_disremember(rec, group);
	}
	xa_unlock(&rec->groups);

	if (chunk) {
		atomic_long_dec(&rec->nr_chunks);
		wpt_chunk_retire(rec, chunk);
	}
	if (empty) {
		atomic_long_dec(&rec->nr_groups);
		wpt_group_retire(rec, group);
	}
}

/**
 * wpt_record_clear() - forget everything
 * @rec: the record of an address space that is gone.  Events that had begun before may
 *       still be at work, and leave something behind for wpt_record_destroy().
 *
 * Caller holds the space lock.  May sleep.
 */
void wpt_record_clear(struct wpt_record *rec)
{
	unsigned long index, present;
	struct wpt_group *group;
	unsigned int i;

	xa_for_each(&rec->groups, index, group) {
		/* With the last of them the group goes, too. */
		present = READ_ONCE(group->present);
		for_each_set_bit(i, &present, WPT_GROUP_CHUNKS)
			wpt_record_drop(rec, (index << WPT_GROUP_SHIFT) +
					     i * WPT_CHUNK_SIZE);
		cond_resched();
	}
}

/**
 * wpt_record_next() - where is the next chunk?
 * @rec:  the record
 * @addr: where to begin
 * @end:  where to end (exclusive)
 *
 * A chunk that is being made meanwhile may be missed.  Caller is in an RCU read
 * section or holds the space lock.
 *
 * Return: @addr if it lies in a chunk itself, else the start of the next one, or
 * @end.
 */
unsigned long wpt_record_next(struct wpt_record *rec, unsigned long addr,
			      unsigned long end)
{
	struct wpt_group *group;
	unsigned long index, from, chunks;

	xa_for_each_range(&rec->groups, index, group, addr >> WPT_GROUP_SHIFT,
			  (end - 1) >> WPT_GROUP_SHIFT) {
		from = max(addr, index << WPT_GROUP_SHIFT);
		chunks = READ_ONCE(group->present) >> wpt_chunk_index(from);
		if (chunks & 1)
			return from;
		if (chunks)
			return min(end, (from & WPT_CHUNK_MASK) +
					__ffs(chunks) * WPT_CHUNK_SIZE);
	}
	return end;
}

/**
 * wpt_record_mark_walk() - the ptes of a chunk have to be looked at
 * @group: its group
 * @chunk: the chunk
 * @addr:  any address in it
 */
void wpt_record_mark_walk(struct wpt_group *group, struct wpt_chunk *chunk,
			  unsigned long addr)
{
	if (!test_bit(WPT_CHUNK_WALK, &chunk->flags))
		set_bit(WPT_CHUNK_WALK, &chunk->flags);
	/* Orders the flag before the look at the map. */
	smp_mb__after_atomic();
	wpt_group_visit(group, addr);
}

/**
 * wpt_record_split() - let huge pages be split at the next write to them
 * @rec:   the record; the caller holds the space lock
 * @start: first address
 * @end:   end (exclusive)
 *
 * Return: how far it got; @end when all is done.
 */
unsigned long wpt_record_split(struct wpt_record *rec, unsigned long start,
			       unsigned long end)
{
	unsigned int budget = SPLIT_GROUPS, i, last;
	unsigned long index, from, to;
	struct wpt_group *group;
	struct wpt_chunk *chunk;

	xa_for_each_range(&rec->groups, index, group, start >> WPT_GROUP_SHIFT,
			  (end - 1) >> WPT_GROUP_SHIFT) {
		from = max(start, index << WPT_GROUP_SHIFT);
		to = min(end, (index + 1) << WPT_GROUP_SHIFT);
		if (!budget--)
			return from;
		last = wpt_chunk_index(to - 1);
		for (i = wpt_chunk_index(from); i <= last; i++) {
			chunk = rcu_dereference_raw(group->chunk[i]);
			if (chunk && test_bit(WPT_CHUNK_KEEP, &chunk->flags))
				clear_bit(WPT_CHUNK_KEEP, &chunk->flags);
		}
	}
	return end;
}

/**
 * wpt_record_log_all() - a huge page was written
 * @group: its group
 * @chunk: its chunk
 * @addr:  any address in it
 *
 * Caller holds the lock of its entry.
 */
void wpt_record_log_all(struct wpt_group *group, struct wpt_chunk *chunk,
			unsigned long addr)
{
	wpt_bits_fill(chunk->dirty);
	/* Orders the bits before the look at the map. */
	smp_mb();
	wpt_group_visit(group, addr);
}

/**
 * wpt_record_settle() - take a chunk off the map if nothing is left to do there
 * @group: its group
 * @chunk: the chunk
 * @addr:  any address in it
 *
 * The map is cleared first and looked at again after: whoever logs meanwhile
 * either sees the map cleared and sets it, or is seen here.
 */
void wpt_record_settle(struct wpt_group *group, struct wpt_chunk *chunk,
		       unsigned long addr)
{
	unsigned int i = wpt_chunk_index(addr);

	if (test_bit(WPT_CHUNK_WALK, &chunk->flags) ||
	    !wpt_bits_empty(chunk->dirty))
		return;
	clear_bit(i, &group->map);
	smp_mb__after_atomic();
	if (test_bit(WPT_CHUNK_WALK, &chunk->flags) ||
	    !wpt_bits_empty(chunk->dirty))
		set_bit(i, &group->map);
}

/**
 * wpt_record_bytes() - memory used by a record
 * @rec: the record
 *
 * A snapshot.  Caller is in an RCU read section.
 */
unsigned long wpt_record_bytes(struct wpt_record *rec)
{
	unsigned long index, bits = 0;
	struct wpt_group *group;
	struct wpt_chunk *chunk;
	unsigned int i;

	xa_for_each(&rec->groups, index, group)
		for (i = 0; i < WPT_GROUP_CHUNKS; i++) {
			chunk = rcu_dereference(group->chunk[i]);
			if (chunk)
				bits += wpt_chunk_bits_bytes(chunk);
		}
	return atomic_long_read(&rec->nr_groups) * sizeof(struct wpt_group) +
	       atomic_long_read(&rec->nr_chunks) * sizeof(struct wpt_chunk) +
	       bits;
}

/**
 * wpt_record_armed() - number of pages that are armed
 * @rec: the record
 *
 * A snapshot.  Caller is in an RCU read section.
 */
unsigned long wpt_record_armed(struct wpt_record *rec)
{
	unsigned long index, sum = 0;
	struct wpt_group *group;
	unsigned int i, w;

	xa_for_each(&rec->groups, index, group) {
		for (i = 0; i < WPT_GROUP_CHUNKS; i++) {
			struct wpt_chunk *chunk =
				rcu_dereference(group->chunk[i]);

			if (!chunk)
				continue;
			for (w = 0; w < BITS_TO_LONGS(WPT_CHUNK_PAGES); w++)
				sum += hweight_long(READ_ONCE(chunk->armed[w]) &
						    ~READ_ONCE(chunk->dirty[w]));
		}
	}
	return sum;
}
