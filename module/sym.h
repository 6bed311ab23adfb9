/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel functions that are not exported to modules.
 *
 * Their addresses come from kprobes.  They are called through static calls,
 * that is directly: on kernels built for indirect branch tracking the ENDBR of
 * such functions may be sealed, and an indirect call would trap.
 */
#ifndef WPT_SYM_H
#define WPT_SYM_H

#include <linux/ftrace.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/sched.h>
#include <linux/static_call.h>

#include "compat/huge.h"
#include "compat/notifier.h"

/* X(our name, the kernel's name, return type, parameters, what a stub returns) */
#define WPT_SYMS(X)							\
	X(flush_tlb_mm_range, "flush_tlb_mm_range", void,		\
	  (struct mm_struct *mm, unsigned long start, unsigned long end, \
	   unsigned int stride_shift, bool freed_tables), )		\
	X(notifier_start, "__mmu_notifier_invalidate_range_start", int,	\
	  (struct mmu_notifier_range *range), 0)			\
	X(notifier_end, "__mmu_notifier_invalidate_range_end", void,	\
	  WPT_NOTIFIER_END_PARAMS, )					\
	X(mm_access, "mm_access", struct mm_struct *,			\
	  (struct task_struct *task, unsigned int mode), NULL)		\
	X(pidfd_pid, "pidfd_pid", struct pid *,				\
	  (const struct file *file), NULL)				\
	X(set_page_prot, "vma_set_page_prot", void,			\
	  (struct vm_area_struct *vma), )				\
	X(lru_add_drain, "lru_add_drain", void, (void), )		\
	X(lru_add_drain_all, "lru_add_drain_all", void, (void), )	\
	X(ftrace_free_filter, "ftrace_free_filter", void,		\
	  (struct ftrace_ops *ops), )

/* Without these huge pages are not tracked. */
#define WPT_HUGE_SYMS(X)						\
	X(split_huge_pmd, "__split_huge_pmd", void, WPT_SPLIT_PARAMS, )	\
	X(huge_wp_page, "do_huge_pmd_wp_page", vm_fault_t,		\
	  WPT_HUGE_WP_PARAMS, 0)					\
	WPT_SPLIT_LOCKED_SYM(X)

#define X(id, name, ret, params, stub)					\
	ret wpt_stub_##id params;					\
	DECLARE_STATIC_CALL(wpt_##id, wpt_stub_##id);
WPT_SYMS(X)
WPT_HUGE_SYMS(X)
#undef X

int wpt_sym_init(void);
bool wpt_sym_huge_init(void);
unsigned long wpt_sym_lookup(const char *name);
bool wpt_sym_cloned(const char *name);
void wpt_sym_done(void);

#endif /* WPT_SYM_H */
