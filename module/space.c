// SPDX-License-Identifier: GPL-2.0-only
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "compat/syscall.h"
#include "compat/tlb.h"
#include "event.h"
#include "fills.h"
#include "space.h"
#include "watch.h"

DEFINE_HASHTABLE(wpt_spaces, WPT_SPACES_BITS);
/* Protects wpt_spaces and wpt_space.users. */
static DEFINE_SPINLOCK(registry_lock);

/* Spaces whose notifier is not gone yet; the module must not go before. */
static atomic_t nr_spaces = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(nr_spaces_wait);

static atomic64_t last_id = ATOMIC64_INIT(0);

static void cover_free_rcu(struct rcu_head *head)
{
	struct wpt_cover *cover = container_of(head, struct wpt_cover, rcu);

	/* kvfree() may sleep only for vmalloc memory, which it then defers. */
	wpt_set_destroy(&cover->set);
	kfree(cover);
}

static void space_free_rcu(struct rcu_head *head)
{
	struct wpt_space *space = container_of(head, struct wpt_space, mn.rcu);

	kfree(space);
}

static struct mmu_notifier *space_alloc(struct mm_struct *mm)
{
	struct wpt_space *space = kzalloc(sizeof(*space), GFP_KERNEL_ACCOUNT);

	if (!space)
		return ERR_PTR(-ENOMEM);
	space->mm = mm;
	space->id = atomic64_inc_return(&last_id);
	space->fills = wpt_fills_unseen();
	mutex_init(&space->lock);
	spin_lock_init(&space->hull_lock);
	spin_lock_init(&space->event_lock);
	INIT_LIST_HEAD(&space->trackers);
	INIT_LIST_HEAD(&space->watches);
	INIT_HLIST_HEAD(&space->counting);
	wpt_forks_init(&space->forks);
	wpt_record_init(&space->rec, mm);
	atomic_inc(&nr_spaces);
	return &space->mn;
}

/* SRCU callback when the notifier is gone, or registration has failed. */
static void space_free(struct mmu_notifier *mn)
{
	struct wpt_space *space = container_of(mn, struct wpt_space, mn);
	struct wpt_cover *cover = rcu_dereference_raw(space->cover);
	struct wpt_cover *exact = rcu_dereference_raw(space->exact);

	wpt_record_destroy(&space->rec);
	if (cover)
		call_rcu(&cover->rcu, cover_free_rcu);
	if (exact)
		call_rcu(&exact->rcu, cover_free_rcu);
	/* The fault hook may still be looking at it. */
	call_rcu(&mn->rcu, space_free_rcu);
	if (atomic_dec_and_test(&nr_spaces))
		wake_up(&nr_spaces_wait);
}

static void space_unhash(struct wpt_space *space)
{
	lockdep_assert_held(&registry_lock);
	if (!hlist_unhashed(&space->hash))
		hash_del_rcu(&space->hash);
	WRITE_ONCE(space->dead, true);
}

/*
 * The address space is being torn down: nobody is left to write to it.  Its
 * page tables go without our being told, so nothing may be looked up any more.
 */
static void space_release(struct mmu_notifier *mn, struct mm_struct *mm)
{
	struct wpt_space *space = container_of(mn, struct wpt_space, mn);

	spin_lock(&registry_lock);
	space_unhash(space);
	spin_unlock(&registry_lock);
	wpt_watch_gone(space);
	/* Nobody can ask any more, and its trackers may live for long. */
	mutex_lock(&space->lock);
	wpt_record_clear(&space->rec);
	mutex_unlock(&space->lock);
}

static const struct mmu_notifier_ops space_ops = {
	.alloc_notifier		= space_alloc,
	.free_notifier		= space_free,
	.release		= space_release,
	.invalidate_range_start	= wpt_event_start,
	.invalidate_range_end	= wpt_event_end,
};

/**
 * wpt_space_get() - the space of an address space, made if need be
 * @mm: the address space; the caller holds it (mm_users)
 *
 * Return: the space, to be given back by wpt_space_put(), or ERR_PTR(-EINTR),
 * ERR_PTR(-ENOMEM).  May sleep.
 */
struct wpt_space *wpt_space_get(struct mm_struct *mm)
{
	struct mmu_notifier *mn;
	struct wpt_space *space;
	bool left;

	for (;;) {
		if (mmap_write_lock_killable(mm))
			return ERR_PTR(-EINTR);
		mn = mmu_notifier_get_locked(&space_ops, mm);
		if (IS_ERR(mn)) {
			mmap_write_unlock(mm);
			return ERR_CAST(mn);
		}
		space = container_of(mn, struct wpt_space, mn);
		spin_lock(&registry_lock);
		/*
		 * Its last user is just leaving it.  It cannot come back: whoever has found
		 * no space meanwhile may still be at work, which mm_take_all_locks() excludes
		 * for a new one.
		 */
		left = space->left;
		if (!left && !space->users++) {
			/* Whoever has not met the notifier is done, and was counted. */
			space->untouched = wpt_mm_untouched(mm);
			hash_add_rcu(wpt_spaces, &space->hash,
				     (unsigned long)mm);
		}
		spin_unlock(&registry_lock);
		mmap_write_unlock(mm);
		if (!left)
			return space;
		mmu_notifier_put(mn);
		if (fatal_signal_pending(current))
			return ERR_PTR(-EINTR);
		schedule_timeout_killable(1);
	}
}

/**
 * wpt_space_put() - leave a space
 * @space: the space; may be gone after this.  May sleep.
 */
void wpt_space_put(struct wpt_space *space)
{
	spin_lock(&registry_lock);
	if (!--space->users) {
		space->left = true;
		space_unhash(space);
	}
	spin_unlock(&registry_lock);
	mmu_notifier_put(&space->mn);
}

/**
 * wpt_space_publish() - publish a set of addresses for readers under RCU
 * @space: the space, locked
 * @where: its cover, or one that is read and changed in the same way
 * @set:   the set; taken over and emptied.  The empty one needs no memory: the last
 *         tracker can always leave.
 *
 * Return: 0, or -ENOMEM with everything as before.
 */
int wpt_space_publish(struct wpt_space *space, struct wpt_cover __rcu **where,
		      struct wpt_set *set)
{
	struct wpt_cover *cover = NULL, *old;

	if (set->nr) {
		cover = kzalloc(sizeof(*cover), GFP_KERNEL_ACCOUNT);
		if (!cover)
			return -ENOMEM;
		cover->set = *set;
		memset(set, 0, sizeof(*set));
	}
	old = rcu_dereference_protected(*where, lockdep_is_held(&space->lock));
	rcu_assign_pointer(*where, cover);
	if (old)
		call_rcu(&old->rcu, cover_free_rcu);
	return 0;
}

/**
 * wpt_space_set_cover() - publish which memory is tracked
 * @space: the space, locked
 * @set:   the union of the ranges of its trackers; taken over and emptied
 *
 * Return: 0 or -ENOMEM (then @set and the cover are as before).
 */
int wpt_space_set_cover(struct wpt_space *space, struct wpt_set *set)
{
	return wpt_space_publish(space, &space->cover, set);
}

/**
 * wpt_space_set_exact() - publish where pages are tracked one by one
 * @space: the space, locked
 * @set:   the ranges; taken over and emptied
 *
 * Return: 0 or -ENOMEM, with everything as before.
 */
int wpt_space_set_exact(struct wpt_space *space, struct wpt_set *set)
{
	return wpt_space_publish(space, &space->exact, set);
}

/**
 * wpt_space_event_add() - an event begins
 * @space: the space
 * @key:   what tells it from others that are under way
 * @start: first address
 * @end:   end (exclusive)
 * @takes: it may take pages away
 * @mover: it may fill empty pages elsewhere, and tell nobody, or move ptes there
 *
 * A full barrier: a harvest sees the event under way, or the caller sees what it
 * did.  Does not sleep.
 */
void wpt_space_event_add(struct wpt_space *space, const void *key,
			 unsigned long start, unsigned long end, bool takes, bool mover)
{
	struct wpt_event_slot *slot;
	bool spoilt, met;
	unsigned int i;

	spin_lock(&space->event_lock);
	spoilt = met = space->events_unplaced;
	for_each_set_bit(i, &space->events_placed, WPT_EVENT_SLOTS) {
		slot = &space->event_slot[i];
		if (mover || slot->mover || (slot->start < end && start < slot->end)) {
			WRITE_ONCE(slot->spoilt, true);
			slot->met = met = true;
			if (slot->frees != current || wpt_reclaims())
				spoilt = true;
		}
	}
	i = find_first_zero_bit(&space->events_placed, WPT_EVENT_SLOTS);
	if (i < WPT_EVENT_SLOTS) {
		slot = &space->event_slot[i];
		WRITE_ONCE(slot->key, key);
		slot->start = start;
		slot->end = end;
		slot->mover = mover;
		slot->taker = takes ? current : NULL;
		slot->frees = NULL;
		/* It may fill pages of its own range, too. */
		slot->spoilt = spoilt || mover;
		slot->met = met;
		slot->took = false;
		/* After its key: see wpt_space_event_slot(). */
		smp_store_release(&space->events_placed, space->events_placed | BIT(i));
	} else {
		space->events_unplaced++;
		for_each_set_bit(i, &space->events_placed, WPT_EVENT_SLOTS)
			space->event_slot[i].met = true;
	}
	spin_unlock(&space->event_lock);
	atomic_inc(&space->events);
	smp_mb__after_atomic();
}

/**
 * wpt_space_event_slot() - where an event has its place
 * @space: the space
 * @key:   as it was given when it began.  Called by who did that: nobody else frees it.
 *
 * Return: its slot, or NULL if there was none.
 */
struct wpt_event_slot *wpt_space_event_slot(struct wpt_space *space, const void *key)
{
	/* Others come and go, but not this one.  No other has its key. */
	unsigned long placed = smp_load_acquire(&space->events_placed);
	unsigned int i;

	for_each_set_bit(i, &placed, WPT_EVENT_SLOTS)
		if (READ_ONCE(space->event_slot[i].key) == key)
			return &space->event_slot[i];
	return NULL;
}

/**
 * wpt_space_event_del() - an event has ended
 * @space: the space
 * @key:   as it was given when it began
 *
 * Releases the ptes to a harvest that sees no event under way.
 */
void wpt_space_event_del(struct wpt_space *space, const void *key)
{
	struct wpt_event_slot *slot = wpt_space_event_slot(space, key);

	smp_mb__before_atomic();
	atomic_dec(&space->events);
	spin_lock(&space->event_lock);
	if (slot)
		WRITE_ONCE(space->events_placed, space->events_placed &
						 ~BIT(slot - space->event_slot));
	else
		space->events_unplaced--;
	spin_unlock(&space->event_lock);
}

/**
 * wpt_space_event_frees() - an event that has begun is the caller's own MADV_FREE
 * @space: the space
 * @key:   of the event
 *
 * What comes in its way from the same task, to split huge pages but not for reclaim, is not
 * hindered by it, which waits meanwhile.  Afterwards it makes nothing writable, and what was in
 * swap empty at most.
 */
void wpt_space_event_frees(struct wpt_space *space, const void *key)
{
	struct wpt_event_slot *slot = wpt_space_event_slot(space, key);

	if (!slot)
		return;
	spin_lock(&space->event_lock);
	slot->frees = current;
	spin_unlock(&space->event_lock);
}

/**
 * wpt_space_event_met() - was another event under way while a mover was?
 * @space: the space
 * @key:   of the latter, which is still under way
 *
 * Return: true also if that is not known.
 */
bool wpt_space_event_met(struct wpt_space *space, const void *key)
{
	const struct wpt_event_slot *slot = wpt_space_event_slot(space, key);
	bool met;

	if (!slot)
		return true;
	spin_lock(&space->event_lock);
	met = slot->met;
	spin_unlock(&space->event_lock);
	return met;
}

/**
 * wpt_space_event_spoilt() - has another event come in the way of one?
 * @space: the space
 * @slot:  of the event, which has not ended
 *
 * If not, one that begins from now on over its pages locks their page tables after the
 * caller, who has them locked.
 */
bool wpt_space_event_spoilt(struct wpt_space *space, const struct wpt_event_slot *slot)
{
	bool spoilt;

	spin_lock(&space->event_lock);
	spoilt = slot->spoilt;
	spin_unlock(&space->event_lock);
	return spoilt;
}

/**
 * wpt_space_event_alone() - is no other event than one under way over a range?
 * @space: the space
 * @key:   of the event, as it was given when it began; NULL: is none at all?
 * @start: first address
 * @end:   end (exclusive)
 */
bool wpt_space_event_alone(struct wpt_space *space, const void *key,
			   unsigned long start, unsigned long end)
{
	const struct wpt_event_slot *slot;
	unsigned int i;
	bool alone;

	spin_lock(&space->event_lock);
	alone = !space->events_unplaced;
	for_each_set_bit(i, &space->events_placed, WPT_EVENT_SLOTS) {
		slot = &space->event_slot[i];
		alone &= slot->key == key || slot->start >= end || start >= slot->end;
	}
	spin_unlock(&space->event_lock);
	return alone;
}

/**
 * wpt_space_event_takes() - may others be about to take pages of a range away?
 * @space: the space
 * @start: first address
 * @end:   end (exclusive)
 *
 * Called when an event begins.  One that the same task has begun before does nothing
 * while this one lasts.
 */
bool wpt_space_event_takes(struct wpt_space *space, unsigned long start, unsigned long end)
{
	const struct wpt_event_slot *slot;
	unsigned int i;
	bool takes;

	spin_lock(&space->event_lock);
	takes = space->events_unplaced;
	for_each_set_bit(i, &space->events_placed, WPT_EVENT_SLOTS) {
		slot = &space->event_slot[i];
		takes |= slot->taker && slot->taker != current &&
			 slot->start < end && start < slot->end;
	}
	spin_unlock(&space->event_lock);
	return takes;
}

/**
 * wpt_space_event_look() - wpt_space_event_over(), if there are events
 * @space: the space
 * @start: first address
 * @end:   end (exclusive)
 */
bool wpt_space_event_look(struct wpt_space *space, unsigned long start,
			  unsigned long end)
{
	return !wpt_space_event_alone(space, NULL, start, end);
}

/**
 * wpt_space_event_get() - where in a range are events under way?
 * @space: the space
 * @start: first address
 * @end:   end (exclusive)
 * @iv:    out: up to %WPT_EVENT_SLOTS pieces of the range
 *
 * Return: how many there are.
 */
unsigned int wpt_space_event_get(struct wpt_space *space, unsigned long start,
				 unsigned long end, struct wpt_interval *iv)
{
	const struct wpt_event_slot *slot;
	unsigned int i, n = 0;

	spin_lock(&space->event_lock);
	for_each_set_bit(i, &space->events_placed, WPT_EVENT_SLOTS) {
		slot = &space->event_slot[i];
		if (slot->start >= end || slot->end <= start)
			continue;
		iv[n].start = max(slot->start, start);
		iv[n++].end = min(slot->end, end);
	}
	if (space->events_unplaced) {
		iv[0] = (struct wpt_interval){ start, end };
		n = 1;
	}
	spin_unlock(&space->event_lock);
	return n;
}

/**
 * wpt_space_event_mask() - take pages out of a set over which events are under way
 * @space: the space
 * @start: first address of a chunk
 * @pages: a bit for each of its pages
 */
void wpt_space_event_mask(struct wpt_space *space, unsigned long start,
			  unsigned long *pages)
{
	const unsigned long end = start + WPT_CHUNK_SIZE;
	const struct wpt_event_slot *slot;
	unsigned long from, to;
	unsigned int i;

	spin_lock(&space->event_lock);
	if (space->events_unplaced)
		bitmap_zero(pages, WPT_CHUNK_PAGES);
	for_each_set_bit(i, &space->events_placed, WPT_EVENT_SLOTS) {
		slot = &space->event_slot[i];
		if (slot->start >= end || slot->end <= start)
			continue;
		from = max(slot->start, start);
		to = min(slot->end, end);
		bitmap_clear(pages, wpt_page_index(from),
			     (to - from) >> PAGE_SHIFT);
	}
	spin_unlock(&space->event_lock);
}

/**
 * wpt_space_totals() - sums over all spaces for the statistics
 * @spaces: out: how many there are
 * @armed:  out: pages armed
 * @bytes:  out: memory of their records
 */
void wpt_space_totals(unsigned long *spaces, unsigned long *armed,
		      unsigned long *bytes)
{
	struct wpt_space *space;
	int bucket;

	*spaces = 0;
	*armed = 0;
	*bytes = 0;
	rcu_read_lock();
	hash_for_each_rcu(wpt_spaces, bucket, space, hash) {
		(*spaces)++;
		*armed += wpt_record_armed(&space->rec);
		*bytes += sizeof(*space) + wpt_record_bytes(&space->rec);
	}
	rcu_read_unlock();
}

/**
 * wpt_space_init() - nothing to prepare but the slab caches of the record
 *
 * Return: 0 or -ENOMEM.
 */
int wpt_space_init(void)
{
	return wpt_chunk_init();
}

/**
 * wpt_space_exit() - wait until all spaces that were left are freed
 */
void wpt_space_exit(void)
{
	wait_event(nr_spaces_wait, !atomic_read(&nr_spaces));
	mmu_notifier_synchronize();
	/*
	 * The last space_free() may still be on its way out, on another CPU.  Bottom halves are
	 * off there, and this waits for RCU.
	 */
	wpt_chunk_exit();
}
