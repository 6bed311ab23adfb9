// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shared memory is mapped writable at once: when it is read for the first time, when it
 * was moved, when its protection has changed.  Such a pte tells nothing.  File systems that
 * want to know of the first write to a page get read-only ptes, by a protection of the
 * mapping (vm_page_prot) that lacks write permission, and the write fault adds it.  The
 * kernel does that for soft-dirty and for userfaultfd's write protection as well.  Here it
 * is done to tracked memory of tmpfs: memfd, shared anonymous and System V memory; and to
 * that of hugetlb.
 *
 * Only precision depends on this.  It goes away whenever the kernel computes a protection
 * anew, and comes back with the next reset.  mprotect() computes one, and then puts it into
 * all ptes: a hook at change_protection() takes the permission out before.  What is not
 * writable and has no mark has not been written for that: see protect.c and carry.c.
 *
 * All who compute a protection hold the mmap_lock for writing, so that of a reader is
 * enough to change it, one word, from one value that is right to another.  Faults under
 * the lock of a mapping alone find one or the other, and so does who moves pages.
 *
 * A child inherits it, tracked or not, and has a write fault more for each page that it has
 * read before, until it changes the protection itself.
 */
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/ktime.h>
#include <linux/magic.h>

#include "arm.h"
#include "compat/mmaplock.h"
#include "compat/protection.h"
#include "hook.h"
#include "shared.h"
#include "sym.h"
#include "walk.h"

/* Memory of tmpfs that is mapped for writing, and of which the file system is not told. */
static bool is_tmpfs(const struct vm_area_struct *vma)
{
	const struct inode *inode;

	if ((vma->vm_flags & (VM_SHARED | VM_WRITE)) != (VM_SHARED | VM_WRITE) ||
	    !vma->vm_file || !vma->vm_ops || vma->vm_ops->page_mkwrite ||
	    vma->vm_ops->pfn_mkwrite)
		return false;
	inode = file_inode(vma->vm_file);
	return S_ISREG(inode->i_mode) && inode->i_sb->s_magic == TMPFS_MAGIC;
}

/*
 * What becomes of the protection in hugetlb?  It asks for write permission where it makes an
 * entry writable, so that only mprotect() gives what it finds here, and migration.
 */
static bool is_lowerable(struct vm_area_struct *vma)
{
	if (is_vm_hugetlb_page(vma))
		return (vma->vm_flags & (VM_SHARED | VM_WRITE)) == (VM_SHARED | VM_WRITE);
	return is_tmpfs(vma);
}

static bool is_writable(const struct vm_area_struct *vma)
{
	return pgprot_val(READ_ONCE(vma->vm_page_prot)) & _PAGE_RW;
}

/**
 * wpt_shared_lower() - from now on new ptes of shared memory are read-only
 * @space: the space
 * @vma:   a mapping that is tracked, for which wpt_vma_trackable() is true.  The mmap_lock
 *         is held.
 *
 * Nothing happens to other memory.
 */
void wpt_shared_lower(struct wpt_space *space, struct vm_area_struct *vma)
{
	pgprot_t prot = READ_ONCE(vma->vm_page_prot);

	if (!is_lowerable(vma) || !(pgprot_val(prot) & _PAGE_RW))
		return;
	if (!READ_ONCE(space->lowered))
		WRITE_ONCE(space->lowered, true);
	WRITE_ONCE(vma->vm_page_prot, __pgprot(pgprot_val(prot) & ~_PAGE_RW));
}

/**
 * wpt_shared_lowered() - is it so that ptes of a shared mapping that are not writable stay
 *                        so, but for write faults, as long as the mmap_lock is held?
 * @vma: the mapping
 *
 * Not so for others than tmpfs: what is dirty is made writable by hinting faults.  For
 * these they ask vma_wants_writenotify(), which says no as soon as the protection is
 * another than the permissions of the mapping give.
 */
bool wpt_shared_lowered(struct vm_area_struct *vma)
{
	return is_lowerable(vma) && !is_writable(vma);
}

static bool others_track(const struct wpt_space *space, const struct vm_area_struct *vma)
{
	const struct wpt_tracker *t;

	list_for_each_entry(t, &space->trackers, node)
		if (wpt_set_overlaps(&t->ranges, vma->vm_start, vma->vm_end))
			return true;
	return false;
}

/**
 * wpt_shared_restore() - the opposite, where nobody tracks any more
 * @space: the space, locked
 * @mm:    its address space with the mmap_lock held, or NULL if that is gone
 * @start: first address
 * @end:   end (exclusive)
 *
 * Return: how far it got; @end when all is done.
 */
unsigned long wpt_shared_restore(struct wpt_space *space, struct mm_struct *mm,
				 unsigned long start, unsigned long end)
{
	u64 until = ktime_get_ns() + WPT_STEP_NS;
	struct vm_area_struct *vma;

	if (!mm || !READ_ONCE(space->lowered))
		return end;
	while (start < end && (vma = find_vma(mm, start)) && vma->vm_start < end) {
		if (is_lowerable(vma) && !is_writable(vma) &&
		    (is_vm_hugetlb_page(vma) || wpt_vma_walkable(vma)) &&
		    !others_track(space, vma))
			static_call(wpt_set_page_prot)(vma);
		start = vma->vm_end;
		if (ktime_get_ns() >= until)
			return min(start, end);
	}
	return end;
}

#ifdef WPT_CHANGE_PROTECTION_KNOWN

static bool is_covered(struct wpt_space *space, const struct vm_area_struct *vma)
{
	struct wpt_cover *cover = rcu_dereference(space->cover);

	return cover && wpt_set_overlaps(&cover->set, vma->vm_start, vma->vm_end);
}

/*
 * mprotect() has computed the new protection of a mapping and is about to give it to its
 * ptes: without write permission, even to those that are dirty.  Others that come here
 * give none.
 */
static void notrace hook_change_protection(unsigned long ip, unsigned long parent_ip,
					   struct ftrace_ops *ops, wpt_ftrace_regs *fregs)
{
	struct vm_area_struct *vma = wpt_change_protection_vma(fregs);
	struct wpt_space *space;
	struct task_struct *mprotects;

	if (!mm_has_notifiers(vma->vm_mm))
		return;
	mprotects = wpt_change_protection_by_mprotect(fregs) ? current : NULL;
	rcu_read_lock();
	space = wpt_space_find(vma->vm_mm);
	if (space) {
		/* For the event that follows: see protect.c. */
		if (READ_ONCE(space->mprotects) != mprotects)
			WRITE_ONCE(space->mprotects, mprotects);
		if (mprotects && (vma->vm_flags & VM_SHARED) && is_covered(space, vma) &&
		    wpt_vma_trackable(vma)) {
			wpt_shared_lower(space, vma);
			if (!is_writable(vma))
				wpt_change_protection_readonly(fregs);
		}
	}
	rcu_read_unlock();
}

static struct wpt_hook hook = {
	.function = "change_protection",
	.ops = { .func = hook_change_protection, .flags = WPT_FTRACE_FLAGS },
};

static bool placed(void)
{
	return wpt_hook_placed(&hook);
}

/**
 * wpt_shared_init() - offer the hook
 *
 * Without it pages read written that were not.
 */
void wpt_shared_init(void)
{
	if (wpt_sym_lookup(hook.function))
		wpt_hook_offer(&hook);
}

#else

static bool placed(void)
{
	return false;
}

void wpt_shared_init(void)
{
}

#endif

/**
 * wpt_shared_mprotects() - is an event, which has begun, mprotect()'s?
 * @space: the space
 *
 * It holds the mmap_lock for writing, has locked the mapping before it changes ptes
 * (vma_start_write(), from Linux 6.4 on), and nobody faults.  userfaultfd may do one before
 * the other, hinting and PAGEMAP_SCAN hold the mmap_lock for reading, and the latter does
 * not pass the hook: asked is who passed it last, with which flags, and how the lock is held.
 */
bool wpt_shared_mprotects(const struct wpt_space *space)
{
	return placed() && READ_ONCE(space->mprotects) == current &&
	       wpt_mmap_write_held(space->mm);
}
