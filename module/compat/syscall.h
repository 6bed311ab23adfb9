/* SPDX-License-Identifier: GPL-2.0-only */
/* Which system call is this? */
#ifndef WPT_COMPAT_SYSCALL_H
#define WPT_COMPAT_SYSCALL_H

#include <linux/compat.h>
#include <linux/sched/task_stack.h>
#include <linux/userfaultfd.h>
#include <asm/processor.h>
#include <asm/syscall.h>
#include <asm/unistd.h>

#define WPT_NR_IOCTL_IA32	54
#define WPT_NR_MREMAP_IA32	163
#define WPT_NR_IOCTL_X32	514

static inline int wpt_syscall_nr(void)
{
	return syscall_get_nr(current, task_pt_regs(current));
}

/* Is the current task, which is in a system call, in mremap()? */
static inline bool wpt_in_mremap(void)
{
	if (in_ia32_syscall())
		return wpt_syscall_nr() == WPT_NR_MREMAP_IA32;
	return (wpt_syscall_nr() & ~__X32_SYSCALL_BIT) == __NR_mremap;
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
