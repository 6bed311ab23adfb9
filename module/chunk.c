// SPDX-License-Identifier: GPL-2.0-only
#include <linux/slab.h>

#include "chunk.h"

static struct kmem_cache *chunk_cache;
static struct kmem_cache *group_cache;

static void group_free_rcu(struct rcu_head *head)
{
	struct wpt_group *group = container_of(head, struct wpt_group, rcu);
	struct wpt_chunk *chunk;
	unsigned int i;

	for (i = 0; i < WPT_GROUP_CHUNKS; i++) {
		chunk = rcu_dereference_raw(group->chunk[i]);
		if (chunk)
			kmem_cache_free(chunk_cache, chunk);
	}
	kmem_cache_free(group_cache, group);
}

/**
 * wpt_record_init() - an empty record
 * @rec: the record
 */
void wpt_record_init(struct wpt_record *rec)
{
	unsigned int i;

	xa_init(&rec->groups);
	for (i = 0; i < WPT_RECENT_GROUPS; i++)
		RCU_INIT_POINTER(rec->recent[i], NULL);
	rec->dropped = NULL;
	rec->nr_dropped = 0;
	atomic_long_set(&rec->nr_groups, 0);
	atomic_long_set(&rec->nr_chunks, 0);
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

	for (i = 0; i < WPT_RECENT_GROUPS; i++)
		RCU_INIT_POINTER(rec->recent[i], NULL);
	xa_for_each(&rec->groups, index, group)
		call_rcu(&group->rcu, group_free_rcu);
	if (rec->dropped)
		call_rcu(&rec->dropped->rcu, group_free_rcu);
	xa_destroy(&rec->groups);
}

/**
 * wpt_record_group_slow() - find a group through the tree, and remember it
 * @rec:   the record
 * @index: address >> WPT_GROUP_SHIFT
 *
 * Called from the fault hook too: no sleeping, no allocation, no locks.
 *
 * Return: the group or NULL.
 */
struct wpt_group *notrace wpt_record_group_slow(struct wpt_record *rec,
						unsigned long index)
{
	struct wpt_group *group = xa_load(&rec->groups, index);

	if (group)
		rcu_assign_pointer(rec->recent[index % WPT_RECENT_GROUPS], group);
	return group;
}

static struct wpt_group *record_get_group(struct wpt_record *rec,
					  unsigned long addr, gfp_t gfp)
{
	struct wpt_group *group = wpt_record_group(rec, addr);
	struct wpt_group *old;

	if (group)
		return group;
	group = kmem_cache_zalloc(group_cache, gfp);
	if (!group)
		return NULL;
	group->index = addr >> WPT_GROUP_SHIFT;
	old = xa_cmpxchg(&rec->groups, addr >> WPT_GROUP_SHIFT, NULL, group, gfp);
	if (old) {
		kmem_cache_free(group_cache, group);
		return xa_is_err(old) ? NULL : old;
	}
	atomic_long_inc(&rec->nr_groups);
	return group;
}

/**
 * wpt_record_get() - find or make the chunk of an address
 * @rec:  the record
 * @addr: any address in the chunk
 * @gfp:  GFP_KERNEL_ACCOUNT, or GFP_NOWAIT where one may not sleep.  The latter
 *        is not charged: a tracked program at its memory limit, which cannot
 *        reclaim there, must not make the record incomplete.
 *
 * A new chunk has all pages empty, must be walked and is on the map.  The
 * harvest and the notifier may both be making it: one of them wins.
 *
 * Return: the chunk or NULL if out of memory.
 */
struct wpt_chunk *wpt_record_get(struct wpt_record *rec, unsigned long addr,
				 gfp_t gfp)
{
	unsigned int i = wpt_chunk_index(addr);
	struct wpt_chunk *chunk, *old;
	struct wpt_group *group;

	group = record_get_group(rec, addr, gfp);
	if (!group)
		return NULL;
	chunk = wpt_group_chunk(group, addr);
	if (chunk)
		return chunk;
	chunk = kmem_cache_zalloc(chunk_cache, gfp);
	if (!chunk)
		return NULL;
	__set_bit(WPT_CHUNK_WALK, &chunk->flags);
	old = cmpxchg((struct wpt_chunk __force **)&group->chunk[i], NULL, chunk);
	if (old) {
		kmem_cache_free(chunk_cache, chunk);
		return old;
	}
	set_bit(i, &group->present);
	wpt_group_visit(group, addr);
	atomic_long_inc(&rec->nr_chunks);
	return chunk;
}

/*
 * Free a chunk that readers may still be looking at.  Chunks are many and have no
 * room for an rcu_head: they are freed by the group, the last ones with the record.
 */
static void chunk_free_later(struct wpt_record *rec, struct wpt_chunk *chunk)
{
	if (!rec->dropped)
		rec->dropped = kmem_cache_zalloc(group_cache,
						 GFP_NOWAIT | __GFP_NOWARN);
	if (!rec->dropped) {
		synchronize_rcu();
		kmem_cache_free(chunk_cache, chunk);
		return;
	}
	RCU_INIT_POINTER(rec->dropped->chunk[rec->nr_dropped++], chunk);
	if (rec->nr_dropped < WPT_GROUP_CHUNKS)
		return;
	call_rcu(&rec->dropped->rcu, group_free_rcu);
	rec->dropped = NULL;
	rec->nr_dropped = 0;
}

/**
 * wpt_record_drop() - forget a chunk
 * @rec:  the record
 * @addr: any address in the chunk
 *
 * For memory that no tracker covers any more.  Caller holds the space lock, and may
 * sleep.
 */
void wpt_record_drop(struct wpt_record *rec, unsigned long addr)
{
	struct wpt_group *group = wpt_record_group(rec, addr);
	unsigned int i = wpt_chunk_index(addr);
	struct wpt_chunk *chunk;

	if (!group)
		return;
	/* Before the chunk goes: the notifier may be making a new one. */
	clear_bit(i, &group->present);
	clear_bit(i, &group->map);
	chunk = xchg((struct wpt_chunk __force **)&group->chunk[i], NULL);
	if (!chunk)
		return;
	atomic_long_dec(&rec->nr_chunks);
	chunk_free_later(rec, chunk);
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
 */
void wpt_record_split(struct wpt_record *rec, unsigned long start,
		      unsigned long end)
{
	struct wpt_group *group;
	struct wpt_chunk *chunk;
	unsigned long index;
	unsigned int i;

	xa_for_each_range(&rec->groups, index, group, start >> WPT_GROUP_SHIFT,
			  (end - 1) >> WPT_GROUP_SHIFT)
		for (i = 0; i < WPT_GROUP_CHUNKS; i++) {
			chunk = rcu_dereference_raw(group->chunk[i]);
			if (chunk)
				clear_bit(WPT_CHUNK_KEEP, &chunk->flags);
		}
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
	bitmap_fill(chunk->dirty, WPT_CHUNK_PAGES);
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
	    !bitmap_empty(chunk->dirty, WPT_CHUNK_PAGES))
		return;
	clear_bit(i, &group->map);
	smp_mb__after_atomic();
	if (test_bit(WPT_CHUNK_WALK, &chunk->flags) ||
	    !bitmap_empty(chunk->dirty, WPT_CHUNK_PAGES))
		set_bit(i, &group->map);
}

/**
 * wpt_record_bytes() - memory used by a record
 * @rec: the record
 */
unsigned long wpt_record_bytes(struct wpt_record *rec)
{
	return atomic_long_read(&rec->nr_groups) * sizeof(struct wpt_group) +
	       atomic_long_read(&rec->nr_chunks) * sizeof(struct wpt_chunk);
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

/**
 * wpt_chunk_init() - make the slab caches
 *
 * Return: 0 or -ENOMEM.
 */
int wpt_chunk_init(void)
{
	chunk_cache = KMEM_CACHE(wpt_chunk, 0);
	if (!chunk_cache)
		return -ENOMEM;
	group_cache = KMEM_CACHE(wpt_group, 0);
	if (!group_cache) {
		kmem_cache_destroy(chunk_cache);
		return -ENOMEM;
	}
	return 0;
}

/**
 * wpt_chunk_exit() - free the slab caches when all records are gone
 */
void wpt_chunk_exit(void)
{
	rcu_barrier();
	kmem_cache_destroy(group_cache);
	kmem_cache_destroy(chunk_cache);
}
