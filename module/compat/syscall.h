/* SPDX-License-Identifier: GPL-2.0-only */
/* Which system call is this? */
#ifndef WPT_COMPAT_SYSCALL_H
#define WPT_COMPAT_SYSCALL_H

#include <linux/compat.h>
#include <linux/sched/task_stack.h>
#include <asm/processor.h>
#include <asm/syscall.h>
#include <asm/unistd.h>

#define WPT_NR_MREMAP_IA32	163

/* Is the current task, which is in a system call, in mremap()? */
static inline bool wpt_in_mremap(void)
{
	int nr = syscall_get_nr(current, task_pt_regs(current));

	if (in_ia32_syscall())
		return nr == WPT_NR_MREMAP_IA32;
	return (nr & ~__X32_SYSCALL_BIT) == __NR_mremap;
}

#endif /* WPT_COMPAT_SYSCALL_H */
