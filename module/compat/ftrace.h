/* SPDX-License-Identifier: GPL-2.0-only */
/* ftrace callbacks: their last parameter, and the traced function's arguments. */
#ifndef WPT_COMPAT_FTRACE_H
#define WPT_COMPAT_FTRACE_H

#include <linux/ftrace.h>
#include <linux/ptrace.h>

#ifdef WPT_HAVE_FTRACE_REGS

typedef struct ftrace_regs wpt_ftrace_regs;

/* The arguments are saved for every callback: the costly full set is not needed. */
#define WPT_FTRACE_REGS_FLAGS	0

static __always_inline unsigned long wpt_ftrace_arg(wpt_ftrace_regs *fregs,
						    unsigned int n)
{
#ifdef ftrace_regs_get_argument
	return ftrace_regs_get_argument(fregs, n);
#else
	return regs_get_kernel_argument(&fregs->regs, n);
#endif
}

static __always_inline void wpt_ftrace_set_ip(wpt_ftrace_regs *fregs,
					      unsigned long ip)
{
	/* The header has a stub for others, which would do nothing. */
#ifdef ftrace_regs_set_instruction_pointer
	ftrace_regs_set_instruction_pointer(fregs, ip);
#else
	fregs->regs.ip = ip;
#endif
}

/* Arguments are restored from where they were saved. */
static __always_inline struct pt_regs *wpt_ftrace_saved(wpt_ftrace_regs *fregs)
{
#ifdef arch_ftrace_regs
	return &arch_ftrace_regs(fregs)->regs;
#else
	return &fregs->regs;
#endif
}

#else /* 5.10 */

typedef struct pt_regs wpt_ftrace_regs;

#define WPT_FTRACE_REGS_FLAGS	FTRACE_OPS_FL_SAVE_REGS

static __always_inline unsigned long wpt_ftrace_arg(wpt_ftrace_regs *regs,
						    unsigned int n)
{
	return regs_get_kernel_argument(regs, n);
}

static __always_inline void wpt_ftrace_set_ip(wpt_ftrace_regs *regs,
					      unsigned long ip)
{
	regs->ip = ip;
}

static __always_inline struct pt_regs *wpt_ftrace_saved(wpt_ftrace_regs *regs)
{
	return regs;
}

#endif

/* The traced function gets another argument, one of those from the fourth on. */
static __always_inline void wpt_ftrace_set_arg(wpt_ftrace_regs *fregs, unsigned int n,
					       unsigned long value)
{
	struct pt_regs *regs = wpt_ftrace_saved(fregs);

	BUILD_BUG_ON(n < 3 || n > 5);
	*(n == 3 ? &regs->cx : n == 4 ? &regs->r8 : &regs->r9) = value;
}

/*
 * Our callbacks call nothing that they trace.  5.10 has to be told so with a
 * flag; later kernels have the opposite flag, for those that want protection.
 */
#ifdef WPT_HAVE_FTRACE_RECURSION_SAFE
#define WPT_FTRACE_RECURSION_FLAGS	FTRACE_OPS_FL_RECURSION_SAFE
#else
#define WPT_FTRACE_RECURSION_FLAGS	0
#endif

#define WPT_FTRACE_FLAGS						\
	(WPT_FTRACE_REGS_FLAGS | WPT_FTRACE_RECURSION_FLAGS | FTRACE_OPS_FL_PERMANENT)

/* Callbacks that send the caller to another function. */
#define WPT_FTRACE_REDIRECT_FLAGS	(WPT_FTRACE_FLAGS | FTRACE_OPS_FL_IPMODIFY)

#endif /* WPT_COMPAT_FTRACE_H */
