// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where chunks and groups come from, where they go, and who pays for them.
 */
#include <linux/slab.h>

#include "chunk_alloc.h"
#include "chunk_bits.h"

static struct kmem_cache *chunk_cache;
static struct kmem_cache *group_cache;

/* Their users pay for chunks as if each had all the bits that are made on demand. */
#define CHUNK_COST	(sizeof(struct wpt_chunk) + WPT_CHUNK_BITS_MAX)

static void chunk_free_rcu(struct rcu_head *head)
{
	struct wpt_chunk *chunk = container_of(head, struct wpt_chunk, rcu);

	wpt_chunk_free_bits(chunk);
	kmem_cache_free(chunk_cache, chunk);
}

static void group_free_rcu(struct rcu_head *head)
{
	kmem_cache_free(group_cache, container_of(head, struct wpt_group, rcu));
}

static void *record_alloc(struct kmem_cache *cache, size_t cost,
			  const struct wpt_account *acct)
{
	int ret = acct ? wpt_account_charge(acct, cost) : 0;
	void *p;

	if (ret)
		return ERR_PTR(ret);
	p = kmem_cache_zalloc(cache, wpt_record_gfp(acct));
	if (p)
		return p;
	if (acct)
		wpt_user_uncharge(acct->user, cost);
	return ERR_PTR(-ENOMEM);
}

/*
 * What the notifier needs.  The memory cgroup of the task that changes its ptes is
 * charged, if it has room; a few are free of charge.
 */
static void *record_alloc_event(struct wpt_record *rec, struct kmem_cache *cache,
				bool *unpaid)
{
	void *p = kmem_cache_zalloc(cache, WPT_GFP_EVENT | __GFP_ACCOUNT);

	*unpaid = false;
	if (p)
		return p;
	if (atomic_long_read(&rec->nr_unpaid) >= WPT_UNPAID_MAX)
		return ERR_PTR(-ENOMEM);
	p = kmem_cache_zalloc(cache, WPT_GFP_EVENT);
	if (!p)
		return ERR_PTR(-ENOMEM);
	atomic_long_inc(&rec->nr_unpaid);
	*unpaid = true;
	return p;
}

/*
 * Those of what has been unmapped stay until they are reset, and a program can map and unmap
 * without end.  So there are few more than it has page tables, and huge pages without one.
 */
static bool events_have_room(struct wpt_record *rec)
{
	unsigned long pages = get_mm_rss(rec->mm), room = WPT_UNPAID_MAX;

#ifdef CONFIG_HUGETLB_PAGE
	pages += atomic_long_read(&rec->mm->hugetlb_usage);
#endif
	room += mm_pgtables_bytes(rec->mm) / PAGE_SIZE + pages / WPT_CHUNK_PAGES;
	return atomic_long_read(&rec->nr_events) < room;
}

/**
 * wpt_chunk_new() - a chunk that nobody sees yet
 * @rec:  the record it is for
 * @acct: who pays, or NULL for what the notifier needs; see wpt_record_get()
 *
 * Return: the chunk, ERR_PTR(-ENOMEM) or ERR_PTR(-EDQUOT).
 */
struct wpt_chunk *wpt_chunk_new(struct wpt_record *rec, const struct wpt_account *acct)
{
	struct wpt_chunk *chunk;
	bool unpaid = false;

	if (acct)
		chunk = record_alloc(chunk_cache, CHUNK_COST, acct);
	else if (events_have_room(rec))
		chunk = record_alloc_event(rec, chunk_cache, &unpaid);
	else
		chunk = ERR_PTR(-ENOMEM);
	if (IS_ERR(chunk))
		return chunk;
	if (!acct)
		atomic_long_inc(&rec->nr_events);
	chunk->user = acct ? acct->user : NULL;
	__set_bit(WPT_CHUNK_WALK, &chunk->flags);
	if (unpaid)
		__set_bit(WPT_CHUNK_UNPAID, &chunk->flags);
	return chunk;
}

static void chunk_repay(struct wpt_record *rec, struct wpt_chunk *chunk)
{
	wpt_user_uncharge(chunk->user, CHUNK_COST);
	if (!chunk->user)
		atomic_long_dec(&rec->nr_events);
	if (test_bit(WPT_CHUNK_UNPAID, &chunk->flags))
		atomic_long_dec(&rec->nr_unpaid);
}

/**
 * wpt_group_new() - a group that nobody sees yet
 * @rec:   the record it is for
 * @index: its place there
 * @acct:  as for wpt_chunk_new()
 */
struct wpt_group *wpt_group_new(struct wpt_record *rec, unsigned long index,
				const struct wpt_account *acct)
{
	struct wpt_group *group;
	bool unpaid = false;

	if (acct)
		group = record_alloc(group_cache, sizeof(*group), acct);
	else
		group = record_alloc_event(rec, group_cache, &unpaid);
	if (IS_ERR(group))
		return group;
	group->user = acct ? acct->user : NULL;
	group->unpaid = unpaid;
	group->index = index;
	return group;
}

static void group_repay(struct wpt_record *rec, struct wpt_group *group)
{
	wpt_user_uncharge(group->user, sizeof(*group));
	if (group->unpaid)
		atomic_long_dec(&rec->nr_unpaid);
}

/**
 * wpt_chunk_discard() - a chunk that nobody has seen goes at once
 * @rec:   the record it was for
 * @chunk: the chunk
 */
void wpt_chunk_discard(struct wpt_record *rec, struct wpt_chunk *chunk)
{
	chunk_repay(rec, chunk);
	kmem_cache_free(chunk_cache, chunk);
}

/**
 * wpt_group_discard() - a group that nobody has seen goes at once
 * @rec:   the record it was for
 * @group: the group
 */
void wpt_group_discard(struct wpt_record *rec, struct wpt_group *group)
{
	group_repay(rec, group);
	kmem_cache_free(group_cache, group);
}

/**
 * wpt_chunk_retire() - nobody will find a chunk any more
 * @rec:   the record it was in
 * @chunk: the chunk
 */
void wpt_chunk_retire(struct wpt_record *rec, struct wpt_chunk *chunk)
{
	chunk_repay(rec, chunk);
	if (test_bit(WPT_CHUNK_HOLE, &chunk->flags))
		atomic_long_dec(&rec->nr_holes);
	call_rcu(&chunk->rcu, chunk_free_rcu);
}

/**
 * wpt_group_retire() - nobody will find a group any more
 * @rec:   the record it was in
 * @group: the group
 */
void wpt_group_retire(struct wpt_record *rec, struct wpt_group *group)
{
	group_repay(rec, group);
	call_rcu(&group->rcu, group_free_rcu);
}

/**
 * wpt_record_adopt() - somebody pays for a chunk that an event has made
 * @rec:   the record
 * @chunk: the chunk, which is reset by a tracker now
 * @acct:  who owns that
 *
 * Caller holds the space lock.  If he has no room it stays among those of events.
 */
void wpt_record_adopt(struct wpt_record *rec, struct wpt_chunk *chunk,
		      const struct wpt_account *acct)
{
	if (chunk->user || wpt_account_charge(acct, CHUNK_COST))
		return;
	chunk->user = acct->user;
	atomic_long_dec(&rec->nr_events);
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
