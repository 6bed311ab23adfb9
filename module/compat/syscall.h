/* SPDX-License-Identifier: GPL-2.0-only */
/* Which system call is this? */
#ifndef WPT_COMPAT_SYSCALL_H
#define WPT_COMPAT_SYSCALL_H

#include <linux/compat.h>
#include <linux/mman.h>
#include <linux/sched/task_stack.h>
#include <linux/string.h>
#include <linux/userfaultfd.h>
#include <asm/processor.h>
#include <asm/syscall.h>
#include <asm/unistd.h>

#define WPT_NR_FORK_IA32	2
#define WPT_NR_IOCTL_IA32	54
#define WPT_NR_CLONE_IA32	120
#define WPT_NR_VFORK_IA32	190
#define WPT_NR_MADVISE_IA32	219
#define WPT_NR_MREMAP_IA32	163
#define WPT_NR_IOCTL_X32	514

/* Such tasks have the registers of whatever call their maker was in. */
#ifdef PF_USER_WORKER
#define WPT_PF_WORKER	(PF_KTHREAD | PF_IO_WORKER | PF_USER_WORKER)
#else
#define WPT_PF_WORKER	(PF_KTHREAD | PF_IO_WORKER)
#endif

static inline int wpt_syscall_nr(void)
{
	return syscall_get_nr(current, task_pt_regs(current));
}

/*
 * May the task use memory that nobody else may, to make some?  A marked access: the scheduler
 * changes another flag when it takes a task off its CPU.
 */
static inline bool wpt_reclaims(void)
{
	return READ_ONCE(current->flags) & PF_MEMALLOC;
}

static inline bool wpt_is_kthread(const char *comm, size_t len)
{
	return (READ_ONCE(current->flags) & PF_KTHREAD) && !strncmp(current->comm, comm, len);
}

static inline bool wpt_is_worker(void)
{
	return READ_ONCE(current->flags) & WPT_PF_WORKER;
}

/*
 * Is a system call itself at work?  Not what a task has to do on its way out of it, nor a
 * worker, nor a new thread: they have the number and the arguments, but by then there is a
 * result in the place of what the entry code puts there.  A debugger may have put something
 * else there, so that a no proves nothing; and a result may be the same (seccomp can refuse a
 * call with ENOSYS), so that a yes has to be harmless for what such a task does on its way out:
 * it has faults, which pass the hooks.
 */
static inline bool wpt_in_call(void)
{
	return !wpt_is_worker() &&
	       task_pt_regs(current)->ax == (unsigned long)-ENOSYS;
}

/* Is the current task in mremap(), or on its way out of it? */
static inline bool wpt_in_mremap(void)
{
	if (wpt_is_worker())
		return false;
	if (in_ia32_syscall())
		return wpt_syscall_nr() == WPT_NR_MREMAP_IA32;
	return (wpt_syscall_nr() & ~__X32_SYSCALL_BIT) == __NR_mremap;
}

/* Is the current task in fork() or the like? */
static inline bool wpt_in_fork(void)
{
	const int nr = wpt_syscall_nr();

	if (!wpt_in_call())
		return false;
	if (in_ia32_syscall())
		return nr == WPT_NR_FORK_IA32 || nr == WPT_NR_CLONE_IA32 ||
		       nr == WPT_NR_VFORK_IA32 || nr == __NR_clone3;
	switch (nr & ~__X32_SYSCALL_BIT) {
	case __NR_fork:
	case __NR_vfork:
	case __NR_clone:
	case __NR_clone3:
		return true;
	default:
		return false;
	}
}

/* In madvise(@advice) of memory that a range is a part of? */
static inline bool wpt_in_madvise(u32 advice, unsigned long start, unsigned long end)
{
	const struct pt_regs *regs = task_pt_regs(current);
	const int nr = wpt_syscall_nr();
	unsigned long from, len;

	if (!wpt_in_call())
		return false;
	if (in_ia32_syscall()) {
		if (nr != WPT_NR_MADVISE_IA32)
			return false;
		from = (u32)regs->bx;
		len = (u32)regs->cx;
	} else {
		if ((nr & ~__X32_SYSCALL_BIT) != __NR_madvise)
			return false;
		from = regs->di;
		len = regs->si;
	}
	return (u32)regs->dx == advice && start >= from && end - from <= PAGE_ALIGN(len);
}

/* One thread a node, which has its number in the name. */
static inline bool wpt_is_kcompactd(void)
{
	return wpt_is_kthread("kcompactd", 9);
}

/* Is it at work to migrate pages, its own or somebody else's?  Not known of 32-bit tasks. */
static inline bool wpt_in_migration(void)
{
	if (!wpt_in_call() || in_ia32_syscall())
		return false;
	switch (wpt_syscall_nr() & ~__X32_SYSCALL_BIT) {
	case __NR_move_pages:
	case __NR_migrate_pages:
	case __NR_mbind:
		return true;
	case __NR_madvise:
		return (u32)task_pt_regs(current)->dx == MADV_SOFT_OFFLINE;
	default:
		return false;
	}
}

#define WPT_ADVICE_COLLAPSE	25	/* not in the headers of each kernel that has it */

static inline bool wpt_is_khugepaged(void)
{
	return wpt_is_kthread("khugepaged", sizeof("khugepaged"));
}

/* Is it at work to make huge pages of small ones?  Not known of 32-bit tasks. */
static inline bool wpt_in_collapse(void)
{
	return wpt_is_khugepaged() ||
	       (wpt_in_call() && !in_ia32_syscall() &&
		(wpt_syscall_nr() & ~__X32_SYSCALL_BIT) == __NR_madvise &&
		(u32)task_pt_regs(current)->dx == WPT_ADVICE_COLLAPSE);
}

/*
 * In ioctl(UFFDIO_MOVE) on some file, if it is in a system call at all?  64-bit numbers do
 * for x32 as well.  The registers are those that the system call has its arguments from.
 */
static inline bool wpt_in_uffd_move(void)
{
#ifdef UFFDIO_MOVE
	const struct pt_regs *regs = task_pt_regs(current);
	int nr = wpt_syscall_nr();

	if (wpt_is_worker())
		return false;
	if (in_ia32_syscall())
		return nr == WPT_NR_IOCTL_IA32 && (u32)regs->cx == UFFDIO_MOVE;
	nr &= ~__X32_SYSCALL_BIT;
	return (nr == __NR_ioctl || nr == WPT_NR_IOCTL_X32) &&
	       (u32)regs->si == UFFDIO_MOVE;
#else
	return false;
#endif
}

#endif /* WPT_COMPAT_SYSCALL_H */
