// SPDX-License-Identifier: GPL-2.0-only
/*
 * What was written to shared memory is in its file.  If tmpfs has nothing there, neither in
 * memory nor in swap, nobody has written to the page, or a hole has been made since.
 *
 * So of an empty page that an event has passed over, which may have been filled, written
 * and taken again meanwhile, the file tells whether it was.  A hole is an event of its own,
 * before the file is changed: what is mapped by then, or in the file, is written for that,
 * and what comes later goes with the hole, which leaves what there was before: nothing.
 */
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/pagemap.h>
#include <linux/xarray.h>

#include "backing.h"
#include "compat/page.h"

static struct address_space *tmpfs_pages(const struct vm_area_struct *vma)
{
	const struct inode *inode;

	if (!(vma->vm_flags & VM_SHARED) || !vma->vm_file)
		return NULL;
	inode = file_inode(vma->vm_file);
	if (!S_ISREG(inode->i_mode) || inode->i_sb->s_magic != TMPFS_MAGIC)
		return NULL;
	return vma->vm_file->f_mapping;
}

/**
 * wpt_backing_changes() - may somebody be about to change a file below a mapping?
 * @vma: the mapping
 *
 * A hole is made in three steps: the file is locked, its ptes are taken, which is an event,
 * and then what they showed, of which nothing is heard.  If this is false, and no event has
 * come while it was not known, the first of these events is still to come.  Some file systems
 * lock a file to read it, too.
 */
bool wpt_backing_changes(struct vm_area_struct *vma)
{
	return (vma->vm_flags & VM_MAYSHARE) && vma->vm_file &&
	       wpt_mapping_locked(vma->vm_file->f_mapping);
}

/**
 * wpt_backing_void() - is there nothing in the file, where a page is empty?
 * @vma:  its mapping.  The mmap_lock is held.
 * @addr: its address
 *
 * Return: false also where that is not known.
 */
bool wpt_backing_void(struct vm_area_struct *vma, unsigned long addr)
{
	struct address_space *mapping = tmpfs_pages(vma);

	return mapping && !xa_load(&mapping->i_pages, linear_page_index(vma, addr));
}

/**
 * wpt_backing_find() - what does a range of shared memory show?
 * @mm:    the caller's own
 * @start: first address
 * @end:   end (exclusive)
 *
 * Does not wait for anything.  Whoever calls keeps the mapping from going away.
 *
 * Return: nothing, if it is no part of one mapping of tmpfs, or if that is changing now.
 */
struct wpt_backing wpt_backing_find(struct mm_struct *mm, unsigned long start,
				    unsigned long end)
{
	struct wpt_backing b = { };
	struct vm_area_struct *vma;

	if (!mmap_read_trylock(mm))
		return b;
	vma = find_vma(mm, start);
	if (vma && vma->vm_start <= start && end <= vma->vm_end) {
		b.mapping = tmpfs_pages(vma);
		b.offset = linear_page_index(vma, start) - (start >> PAGE_SHIFT);
	}
	mmap_read_unlock(mm);
	return b;
}

/**
 * wpt_backing_lacks() - is there nothing in the file for a page of such a range?
 * @b:    the range
 * @addr: the page
 */
bool wpt_backing_lacks(const struct wpt_backing *b, unsigned long addr)
{
	return b->mapping && !xa_load(&b->mapping->i_pages, (addr >> PAGE_SHIFT) + b->offset);
}
