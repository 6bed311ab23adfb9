/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A space is what all trackers of one address space share: the record of its
 * pages, and the mmu notifier that keeps the record true.
 *
 * Lock order, outermost first:
 *
 *   wpt_tracker.lock	one ioctl at a time on a descriptor; held while regions
 *			are copied to the caller
 *   wpt_space.lock	the trackers of a space, their ranges and pending sets;
 *			every change of an answer: arming, harvest, report
 *   mmap_lock (read)	of the target
 *   page table lock	the ptes and chunk bits of one page table
 *   registry_lock	which mm has a space (space.c)
 *
 * The notifier callbacks come with the target's mmap_lock or a reverse-map lock
 * held and take page table locks.  The fault hook comes with a page table lock
 * held; it takes none, and must not sleep or allocate.
 */
#ifndef WPT_SPACE_H
#define WPT_SPACE_H

#include <linux/hashtable.h>
#include <linux/list.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>

#include "chunk.h"
#include "fork.h"
#include "intervals.h"

/* A union of ranges of all trackers; replaced as a whole. */
struct wpt_cover {
	struct rcu_head rcu;
	struct wpt_set set;
};

/**
 * struct wpt_event_slot - where an event is under way
 * @key:    what tells it from others
 * @start:  first address
 * @end:    end (exclusive)
 * @mover:  it may fill empty pages anywhere else, or move ptes there
 * @taker:  who may take pages away by it, or NULL
 * @frees:  whose MADV_FREE it is, or NULL
 * @spoilt: another one is or was under way over some of its pages, or may have filled
 *          them
 * @met:    another one is or was under way: if one of them is a mover, anywhere
 * @took:   @pages are valid; only its own task looks at these
 * @drops:  all of them are of files and being reclaimed: they may become empty
 * @copies: its page is replaced by another one with the same contents
 * @pages:  of its only chunk: those that stay clean if they go away.  See carry.c.
 */
struct wpt_event_slot {
	const void *key;
	unsigned long start;
	unsigned long end;
	bool mover;
	const struct task_struct *taker;	/* event_lock */
	const struct task_struct *frees;	/* event_lock */
	bool spoilt;
	bool met;			/* event_lock */
	bool took;
	bool drops;
	bool copies;
	DECLARE_BITMAP(pages, WPT_CHUNK_PAGES);
};

#define WPT_EVENT_SLOTS	8
#define WPT_UNSHARES	4

struct wpt_space {
	/* First, for the fault hook: registry_lock to change, RCU to read. */
	struct hlist_node hash;
	struct mm_struct *mm;		/* pinned by the notifier (mm_count) */
	struct mmu_notifier mn;
	u64 id;				/* for traces; never used again */
	unsigned int users;		/* registry_lock */
	bool left;			/* registry_lock: by its last user, for good */
	bool dead;			/* the address space was torn down */

	struct mutex lock;
	u64 held_since;			/* when a step took the locks; @lock */
	struct list_head trackers;	/* @lock */
	struct list_head watches;	/* struct wpt_watch of each tracker; @lock */
	struct hlist_head counting;	/* those that count; @lock to change, RCU to read */
	struct wpt_forks forks;

	struct wpt_record rec;
	/*
	 * Where events are recorded: at least all that is tracked, and all that
	 * still has records.  @lock to change, RCU to read.
	 */
	struct wpt_cover __rcu *cover;
	/*
	 * Where pages are tracked one by one, as far as there was memory to note
	 * it.  @lock to change, RCU to read.
	 */
	struct wpt_cover __rcu *exact;
	bool lowered;			/* the protection of some mapping was: shared.c */
	struct task_struct *mprotects;	/* who called change_protection() last: shared.c */
	unsigned int forgetting;	/* trackers that are giving up ranges; @lock */

	/*
	 * Notifier events that have begun and not ended, and where the first of
	 * them are.  @event_lock for all but the reading of @events.
	 */
	atomic_t events;
	spinlock_t event_lock;
	unsigned long events_placed;	/* slots that are in use, a bit each */
	unsigned int events_unplaced;	/* for want of a slot */
	struct wpt_event_slot event_slot[WPT_EVENT_SLOTS];
	u64 unshares[WPT_UNSHARES];	/* faults that may copy a page next: copy.h */
	/* Who is changing ptes on our behalf: its events are our own doing. */
	struct task_struct *armer;
	/*
	 * An event could not be recorded for want of memory.  Whoever takes the
	 * lock next makes everything read written (wpt_tracker.lost).
	 */
	bool lost_record;
	atomic_t lost_records;		/* how often that was so */
	/* Hull of the events that met no chunk and nothing mapped. */
	spinlock_t hull_lock;
	struct wpt_interval hull;	/* empty if end is 0; @hull_lock */
	bool hull_clears;		/* some of them took pages away */
	bool moves;			/* UFFDIO_MOVE was seen: see protect.c */
	bool fills;			/* UFFDIO_COPY was seen: see fills.c */
	/* For the child of a fork, see birth.c. */
	bool untouched;			/* it was when its notifier came */
	bool disturbed;			/* there was an event since */
	bool unborn;			/* and what others did before is still looked for */
	atomic_t resets;		/* by trackers that have not come with the fork */
};

#define WPT_SPACES_BITS	8
extern struct hlist_head wpt_spaces[1 << WPT_SPACES_BITS];

int wpt_space_init(void);
void wpt_space_exit(void);
struct wpt_space *wpt_space_get(struct mm_struct *mm);
void wpt_space_put(struct wpt_space *space);
void wpt_space_event_add(struct wpt_space *space, const void *key,
			 unsigned long start, unsigned long end, bool takes, bool mover);
void wpt_space_event_frees(struct wpt_space *space, const void *key);
struct wpt_event_slot *wpt_space_event_slot(struct wpt_space *space, const void *key);
bool wpt_space_event_met(struct wpt_space *space, const void *key);
bool wpt_space_event_spoilt(struct wpt_space *space, const struct wpt_event_slot *slot);
void wpt_space_event_del(struct wpt_space *space, const void *key);
bool wpt_space_event_alone(struct wpt_space *space, const void *key,
			   unsigned long start, unsigned long end);
void wpt_space_event_mask(struct wpt_space *space, unsigned long start,
			  unsigned long *pages);
unsigned int wpt_space_event_get(struct wpt_space *space, unsigned long start,
				 unsigned long end, struct wpt_interval *iv);
bool wpt_space_event_takes(struct wpt_space *space, unsigned long start, unsigned long end);
bool wpt_space_event_look(struct wpt_space *space, unsigned long start,
			  unsigned long end);
int wpt_space_publish(struct wpt_space *space, struct wpt_cover __rcu **where,
		      struct wpt_set *set);
int wpt_space_set_cover(struct wpt_space *space, struct wpt_set *set);
int wpt_space_set_exact(struct wpt_space *space, struct wpt_set *set);
void wpt_space_totals(unsigned long *spaces, unsigned long *armed,
		      unsigned long *bytes);

/*
 * Is an event under way over a range?  The caller has a full barrier between its changes
 * and this call.
 */
static inline bool wpt_space_event_over(struct wpt_space *space, unsigned long start,
					unsigned long end)
{
	return atomic_read(&space->events) && wpt_space_event_look(space, start, end);
}

/*
 * The space of an mm, or NULL.  Caller is in an RCU read section.  Called from
 * the fault hook: no sleeping, no allocation, no locks.
 */
static inline struct wpt_space *wpt_space_find(struct mm_struct *mm)
{
	struct wpt_space *space;

	hash_for_each_possible_rcu(wpt_spaces, space, hash, (unsigned long)mm)
		if (space->mm == mm)
			return space;
	return NULL;
}

/*
 * Are pages tracked one by one anywhere in a range?  Conditions as above.
 */
static inline bool wpt_space_exact(struct wpt_space *space, unsigned long start,
				   unsigned long end)
{
	struct wpt_cover *exact = rcu_dereference(space->exact);

	return exact && wpt_set_overlaps(&exact->set, start, end);
}

#endif /* WPT_SPACE_H */
