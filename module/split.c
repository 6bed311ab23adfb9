// SPDX-License-Identifier: GPL-2.0-only
/*
 * Huge entries that are split: by the first write (huge_wp.c), by a reset of some of their
 * pages, and by the kernel for reasons of its own, for which __split_huge_pmd() is wrapped.
 *
 * Where the kernel can be asked to split a locked entry, that is done with the mark
 * in the permissions from which it makes the ptes: see split_marked().
 *
 * Otherwise, or if that may not be, a split makes 512 read-only ptes without marks.
 * They get their marks back when, and only if, nothing else can have happened to them
 * meanwhile:
 *
 *  - Writes through a read-only pte pass do_wp_page(), whose hook makes the page
 *    dirty in the record, with or without a mark.
 *  - Everybody else who makes a pte writable, or exchanges what it maps, calls
 *    the notifier first.  Events that are under way when the entry is looked at
 *    exclude their pages; if more events than the split's own have begun over
 *    the chunk when the ptes are looked at, none is marked.
 *
 * An entry of a file leaves nothing when it is split.  Its clean pages are empty then, on
 * the same conditions, and if nobody is changing the file: see drop.c.
 *
 * Splits of one chunk exclude each other by a lock, so that two writers do not
 * spoil each other's marks.  A harvest waits until the marks are there.
 */
#include <linux/hash.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "bits.h"
#include "chunk_bits.h"
#include "compat/anon.h"
#include "compat/ftrace.h"
#include "drop.h"
#include "event.h"
#include "hook.h"
#include "mapin.h"
#include "protect.h"
#include "ptwalk.h"
#include "space.h"
#include "split.h"
#include "stats.h"
#include "sym.h"
#include "trace.h"

#define LOCK_BITS	6
#define LOCK_SPIN_NS	(50 * NSEC_PER_USEC)
static struct mutex locks[1 << LOCK_BITS];

static bool offered;
static atomic_t running;	/* splits of tracked memory, of all tasks */

struct split {
	struct mm_struct *mm;
	pmd_t *pmdp;
	unsigned long addr;
	unsigned long pfn;
	unsigned long events;
	bool carry;
	bool file;
	DECLARE_BITMAP(pages, WPT_CHUNK_PAGES);
};

static struct mutex *lock_of(struct mm_struct *mm, unsigned long addr)
{
	return &locks[hash_long((unsigned long)mm ^ addr >> WPT_CHUNK_SHIFT,
				LOCK_BITS)];
}

/*
 * Look at a huge entry that is about to be split.  It is locked, and so is the
 * chunk's lock here; RCU read section.
 */
static void split_begin(struct split *s, struct wpt_space *space, pmd_t pmd)
{
	struct wpt_chunk *chunk = wpt_record_chunk(&space->rec, s->addr);
	struct page *page = wpt_pmd_page(pmd);
	unsigned int w;

	if (!chunk || !page || !wpt_pmd_armed(pmd))
		return;
	s->file = !wpt_page_anon(page);
	if (s->file && (wpt_chunk_any_away(chunk) || !wpt_page_settled(page)))
		return;
	for (w = 0; w < WPT_CHUNK_WORDS; w++)
		s->pages[w] = READ_ONCE(chunk->armed[w]) & ~READ_ONCE(chunk->dirty[w]);
	/*
	 * In this order: an event is placed before it is counted, so one that is
	 * not in this number is under way now, or will be counted.
	 */
	s->events = wpt_chunk_events(chunk);
	smp_mb();
	wpt_space_event_mask(space, s->addr, s->pages);
	if (bitmap_empty(s->pages, WPT_CHUNK_PAGES))
		return;
	s->pfn = pmd_pfn(pmd);
	set_bit(WPT_CHUNK_SPLITTING, &chunk->flags);
	s->carry = true;
}

/*
 * Mark what a split of the armed entry has left, and nothing else: present and
 * read-only, with the frame that was there.
 */
static unsigned int mark_ptes(const struct split *s, const struct wpt_chunk *chunk,
			      pte_t *ptep)
{
	const pteval_t mask = PTE_PFN_MASK | _PAGE_PRESENT | _PAGE_RW;
	pteval_t want = ((pteval_t)s->pfn << PAGE_SHIFT) | _PAGE_PRESENT;
	unsigned int w, nr = 0;
	unsigned long todo;
	pte_t *pte;

	for (w = 0; w < BITS_TO_LONGS(WPT_CHUNK_PAGES); w++) {
		todo = s->pages[w] & READ_ONCE(chunk->armed[w]) &
		       ~READ_ONCE(chunk->dirty[w]);
		pte = ptep + w * BITS_PER_LONG;
		for (; todo; todo >>= 1, pte++, want += PAGE_SIZE) {
			if (!(todo & 1) ||
			    (wpt_pte_flags(READ_ONCE(*pte)) & mask) != want)
				continue;
			/* Hardware may set it accessed meanwhile, and nothing else. */
			wpt_pte_mark(pte);
			nr++;
		}
		want = ((pteval_t)(s->pfn + (w + 1) * BITS_PER_LONG) << PAGE_SHIFT) |
		       _PAGE_PRESENT;
	}
	return nr;
}

/* What was clean is empty. */
static unsigned int forget_pages(const struct split *s, struct wpt_chunk *chunk)
{
	unsigned int i, nr = 0;

	for_each_set_bit(i, s->pages, WPT_CHUNK_PAGES) {
		if (!test_bit(i, chunk->armed) || test_bit(i, chunk->dirty))
			continue;
		wpt_drop_gone(chunk, i);
		nr++;
	}
	return nr;
}

/*
 * Lock what the split has left.  Where a file was mapped there need not be a page table, and
 * comes none while the entry itself is locked.  Returns NULL if the entry is huge again.
 */
static spinlock_t *lock_left(const struct split *s, pte_t **ptep)
{
	unsigned int tries;
	spinlock_t *ptl;

	for (tries = 0; tries < 2; tries++) {
		*ptep = wpt_pte_offset_map_lock(s->mm, s->pmdp, s->addr, &ptl);
		if (*ptep)
			return ptl;
		if (!s->file)
			return NULL;
		ptl = pmd_lock(s->mm, s->pmdp);
		if (pmd_none(READ_ONCE(*s->pmdp)))
			return ptl;
		spin_unlock(ptl);
	}
	return NULL;
}

static void unlock_left(spinlock_t *ptl, pte_t *ptep)
{
	if (ptep)
		pte_unmap_unlock(ptep, ptl);
	else
		spin_unlock(ptl);
}

/* The entry was split, if nobody came before us: mark the ptes. */
static void split_end(struct split *s)
{
	struct wpt_chunk *chunk = NULL;
	struct wpt_space *space;
	unsigned int nr = 0;
	spinlock_t *ptl;
	pte_t *ptep;

	if (!s->carry)
		return;
	rcu_read_lock();
	space = wpt_space_find(s->mm);
	if (space)
		chunk = wpt_record_chunk(&space->rec, s->addr);
	/* A chunk that is new, or was waited for too long, lacks the flag. */
	if (!chunk || !test_bit(WPT_CHUNK_SPLITTING, &chunk->flags))
		goto out;
	ptl = lock_left(s, &ptep);
	if (ptl) {
		wpt_stat_inc(SPLITS);
		if (wpt_chunk_events(chunk) == s->events + 1)
			nr = s->file ? forget_pages(s, chunk) : mark_ptes(s, chunk, ptep);
		wpt_stat_add(CARRIED, nr);
		trace_wptrack_split(space->id, s->addr, nr);
		clear_bit(WPT_CHUNK_SPLITTING, &chunk->flags);
		unlock_left(ptl, ptep);
	} else {
		clear_bit(WPT_CHUNK_SPLITTING, &chunk->flags);
	}
out:
	rcu_read_unlock();
}

/*
 * An entry is about to be split that may be shared, as far as the kernel knows: if it is
 * not, it is better found out now, as a write fault would.  What comes of it is copied page
 * by page otherwise.  It is locked.
 */
static void split_own(pmd_t pmd)
{
	struct page *page = wpt_pmd_page(pmd);

	if (page && pmd_leaf(pmd) && !pmd_write(pmd) && wpt_page_anon(page) &&
	    !is_zone_device_page(page))
		wpt_page_own(page);
}

/* Is an entry armed, with all of its pages clean and no event under way over them? */
static bool split_all_clean(const struct split *s, struct wpt_space *space, pmd_t pmd)
{
	struct wpt_chunk *chunk = wpt_record_chunk(&space->rec, s->addr);

	return chunk && pmd_present(pmd) && pmd_leaf(pmd) && wpt_pmd_armed(pmd) &&
	       wpt_bits_full(chunk->armed) &&
	       wpt_bits_empty(chunk->dirty) &&
	       !wpt_space_event_over(space, s->addr, s->addr + WPT_CHUNK_SIZE);
}

/*
 * Split an armed entry into ptes that the kernel itself makes with our mark, which is
 * among the permissions of the mapping that it is shown: a copy, for nobody else.
 *
 * The entry is looked at and split under one lock, so that what is armed as a whole
 * becomes armed page by page, and nobody sees anything between.  An event that begins
 * before is seen here; one that begins after finds the ptes.  Nothing changes for the
 * record, so that there is no event of our own.
 *
 * Returns false if it cannot be done in this way.
 */
static bool split_marked(struct split *s, struct vm_area_struct *vma
			 WPT_SPLIT_LAST_PARAM)
{
	struct mmu_notifier_range range;
	struct vm_area_struct marked;
	struct wpt_space *space;
	bool done = false;
	spinlock_t *ptl;

	if (!WPT_SPLIT_LOCKED || !vma_is_anonymous(vma) ||
	    !wpt_pmd_armed(READ_ONCE(*s->pmdp)))
		return false;
	wpt_notifier_range_init(&range, s->mm, s->addr, s->addr + WPT_CHUNK_SIZE);
	range.event = MMU_NOTIFY_CLEAR;
	range.flags |= WPT_RANGE_OURS;
	static_call(wpt_notifier_start)(&range);
	rcu_read_lock();
	ptl = pmd_lock(s->mm, s->pmdp);
	space = wpt_space_find(s->mm);
	if (space && split_all_clean(s, space, READ_ONCE(*s->pmdp))) {
		split_own(READ_ONCE(*s->pmdp));
		memcpy(&marked, vma, sizeof(marked));
		pgprot_val(marked.vm_page_prot) |= WPT_PTE_MASK;
		wpt_split_locked(&marked, s->addr, s->pmdp, false WPT_SPLIT_LAST_ARG);
		done = !pmd_leaf(READ_ONCE(*s->pmdp));
	}
	spin_unlock(ptl);
	if (done) {
		wpt_stat_inc(SPLITS);
		wpt_stat_add(CARRIED, WPT_CHUNK_PAGES);
		trace_wptrack_split(space->id, s->addr, WPT_CHUNK_PAGES);
	}
	rcu_read_unlock();
	static_call(wpt_notifier_end)WPT_NOTIFIER_END_ARGS(&range);
	return done;
}

/*
 * An entry of a file that is about to be split, which a reader has made: nobody armed it, as
 * it is clean.  RCU read section; the entry is not locked.
 */
static void split_file(const struct split *s, struct wpt_space *space,
		       struct vm_area_struct *vma)
{
	struct wpt_cover *cover = rcu_dereference(space->cover);
	struct wpt_chunk *chunk;
	spinlock_t *ptl;
	pmd_t pmd;

	if (!cover || !wpt_set_covers(&cover->set, s->addr, s->addr + WPT_CHUNK_SIZE))
		return;
	chunk = wpt_record_get(&space->rec, s->addr, NULL);
	if (IS_ERR(chunk))
		return;
	ptl = pmd_lock(s->mm, s->pmdp);
	pmd = READ_ONCE(*s->pmdp);
	if (pmd_present(pmd) && pmd_leaf(pmd) &&
	    !wpt_space_event_over(space, s->addr, s->addr + WPT_CHUNK_SIZE))
		wpt_drop_arm_huge(space, chunk, vma, s->pmdp);
	spin_unlock(ptl);
}

/* The chunk's lock is held. */
static void split_run(struct split *s, struct vm_area_struct *vma
		      WPT_SPLIT_LAST_PARAM)
{
	struct wpt_space *space;
	spinlock_t *ptl;
	pmd_t pmd;

	if (split_marked(s, vma WPT_SPLIT_LAST_ARG))
		return;
	atomic_inc(&running);
	rcu_read_lock();
	space = wpt_space_find(s->mm);
	if (space && (vma->vm_flags & VM_SHARED))
		split_file(s, space, vma);
	if (space) {
		ptl = pmd_lock(s->mm, s->pmdp);
		pmd = READ_ONCE(*s->pmdp);
		if (pmd_present(pmd) && pmd_leaf(pmd)) {
			split_own(pmd);
			split_begin(s, space, pmd);
		}
		spin_unlock(ptl);
	}
	rcu_read_unlock();

	static_call(wpt_split_huge_pmd)(vma, s->pmdp, s->addr, false
					WPT_SPLIT_LAST_ARG);
	split_end(s);
	atomic_dec(&running);
}

/**
 * wpt_split_for_write() - split a huge entry, as one of its pages is written
 * @vmf: the write fault
 *
 * May sleep.
 */
void wpt_split_for_write(struct vm_fault *vmf)
{
	struct split s = {
		.mm = vmf->vma->vm_mm, .pmdp = vmf->pmd,
		.addr = vmf->address & WPT_CHUNK_MASK,
	};
	struct mutex *lock = lock_of(s.mm, s.addr);

	mutex_lock(lock);
	split_run(&s, vmf->vma WPT_SPLIT_NO_PAGE);
	mutex_unlock(lock);
}

/**
 * wpt_split_try() - split a huge entry; what is clean stays so
 * @vma:  its mapping; the caller holds the mmap_lock
 * @pmdp: the entry, which may have changed meanwhile
 * @addr: any address in it
 *
 * Does not wait for another split, which may wait for the lock of a page.  An entry of a file
 * may be huge again when this returns, if others want to have it.
 *
 * Return: false if there is one, and nothing was done.  May sleep.
 */
bool wpt_split_try(struct vm_area_struct *vma, pmd_t *pmdp, unsigned long addr)
{
	struct split s = {
		.mm = vma->vm_mm, .pmdp = pmdp, .addr = addr & WPT_CHUNK_MASK,
	};
	struct mutex *lock = lock_of(s.mm, s.addr);

	if (!mutex_trylock(lock))
		return false;
	split_run(&s, vma WPT_SPLIT_NO_PAGE);
	mutex_unlock(lock);
	if (!vma_is_anonymous(vma))
		wpt_mapin_small(s.mm, pmdp);
	return true;
}

/*
 * The lock, for a split of the kernel's.  Who comes with a page locked must not wait for who
 * wants to lock it; but two that write to a page of a file wait for each other a little, as
 * either would spoil what the other one carries.
 */
static bool lock_for_kernel(struct mutex *lock, const struct vm_area_struct *vma)
{
	u64 until;

	if (mutex_trylock(lock))
		return true;
	if (!(vma->vm_flags & VM_SHARED))
		return false;
	for (until = ktime_get_ns() + LOCK_SPIN_NS; ktime_get_ns() < until && !need_resched();
	     cpu_relax())
		if (mutex_trylock(lock))
			return true;
	return false;
}

/* Instead of __split_huge_pmd(). */
static void split_huge_pmd_carry WPT_SPLIT_PARAMS
{
	struct split s = {
		.mm = vma->vm_mm, .pmdp = pmdp, .addr = addr & WPT_CHUNK_MASK,
	};
	struct mutex *lock = lock_of(s.mm, s.addr);

	wpt_hook_enter();
	if (!freeze && lock_for_kernel(lock, vma)) {
		/* If it has been split, another event would be all that comes of it. */
		if (!(vma->vm_flags & VM_SHARED) || wpt_pmd_is_huge(READ_ONCE(*pmdp)))
			split_run(&s, vma WPT_SPLIT_LAST_ARG);
		mutex_unlock(lock);
	} else {
		atomic_inc(&running);
		static_call(wpt_split_huge_pmd)(vma, pmdp, addr, freeze
						WPT_SPLIT_LAST_ARG);
		atomic_dec(&running);
	}
	wpt_hook_leave();
}

/**
 * wpt_split_tracked() - may an address space have armed entries?  For callbacks of hooks.
 * @mm: the address space
 */
bool notrace wpt_split_tracked(struct mm_struct *mm)
{
	bool found;

	/* A space is an mmu notifier. */
	if (!mm_has_notifiers(mm))
		return false;
	/* No page table is locked here, and ftrace does not hold off preemption. */
	rcu_read_lock();
	found = wpt_space_find(mm);
	rcu_read_unlock();
	return found;
}

static void notrace hook_split(unsigned long ip, unsigned long parent_ip,
			       struct ftrace_ops *ops, wpt_ftrace_regs *fregs)
{
	struct vm_area_struct *vma = (void *)wpt_ftrace_arg(fregs, 0);

	if (wpt_split_tracked(vma->vm_mm) && !within_module(parent_ip, THIS_MODULE))
		wpt_ftrace_set_ip(fregs, (unsigned long)split_huge_pmd_carry);
}

static struct wpt_hook hook = {
	.function = "__split_huge_pmd",
	.ops = { .func = hook_split, .flags = WPT_FTRACE_REDIRECT_FLAGS },
};

/**
 * wpt_split_ready() - can huge pages be armed?
 */
bool wpt_split_ready(void)
{
	return wpt_hook_placed(&wpt_hook_huge_wp) && wpt_hook_placed(&hook);
}

/**
 * wpt_split_none() - is it known that the current task is not about to split a huge entry?
 *
 * Of tracked memory.  Where there was no space when the split began there is none while it
 * lasts: it comes with mm_take_all_locks().
 */
bool wpt_split_none(void)
{
	return wpt_hook_placed(&hook) && !atomic_read(&running);
}

/**
 * wpt_split_why_not() - why huge pages are not tracked here
 *
 * Return: a reason, or NULL if they are.
 */
const char *wpt_split_why_not(void)
{
	if (!offered)
		return "this kernel lacks a function to hook: they are reported written";
	if (READ_ONCE(wpt_hook_huge_wp.failed) || READ_ONCE(hook.failed))
		return "a function is hooked by somebody else, a live patch maybe: they are reported written";
	return NULL;
}

/**
 * wpt_split_init() - offer the hooks
 *
 * Without them huge pages are reported written.
 *
 * Return: 0.
 */
int wpt_split_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(locks); i++)
		mutex_init(&locks[i]);
	if (!wpt_sym_huge_init())
		return 0;
	if (wpt_hook_offer(&wpt_hook_huge_wp) || wpt_hook_offer(&hook))
		return 0;
	offered = true;
	return 0;
}
