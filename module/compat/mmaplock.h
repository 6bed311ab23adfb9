/* SPDX-License-Identifier: GPL-2.0-only */
/* The lock of an address space. */
#ifndef WPT_COMPAT_MMAPLOCK_H
#define WPT_COMPAT_MMAPLOCK_H

#include <linux/mm.h>

/*
 * By somebody: for one who holds it in either way, by himself.  The bit is the kernel's
 * own since 5.3; real-time kernels have another lock.
 */
static inline bool wpt_mmap_write_known(void)
{
	return !IS_ENABLED(CONFIG_PREEMPT_RT);
}

static inline bool wpt_mmap_write_held(struct mm_struct *mm)
{
#ifdef CONFIG_PREEMPT_RT
	return false;
#else
	return atomic_long_read(&mm->mmap_lock.count) & 1;
#endif
}

/* In any way, by anybody. */
static inline bool wpt_mmap_held(struct mm_struct *mm)
{
	return rwsem_is_locked(&mm->mmap_lock);
}

#endif /* WPT_COMPAT_MMAPLOCK_H */
