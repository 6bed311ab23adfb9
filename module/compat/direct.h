/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls straight from the entry of a traced function, where the kernel has them
 * (x86 from 6.4 in this form).  An ordinary callback is called with all registers
 * saved, which costs more than all that the write-fault hook does.
 */
#ifndef WPT_COMPAT_DIRECT_H
#define WPT_COMPAT_DIRECT_H

#include <linux/ftrace.h>

#ifdef WPT_HAVE_FTRACE_DIRECT_OPS

#include <asm/frame.h>
#include <asm/ibt.h>
#include <asm/linkage.h>
#include <asm/nospec-branch.h>

#ifndef CALL_DEPTH_ACCOUNT
#define CALL_DEPTH_ACCOUNT
#endif

/*
 * Define @name, to be called at the entry of a function with one parameter, for
 * which it calls @function.  Other registers that a call may change hold nothing
 * there.  The stack is aligned as the kernel wants it, to 8 bytes.  Since Linux 7.0 an odd
 * address means a jump.
 */
#define WPT_DIRECT_STUB(name, function)					\
	void name(void);						\
	asm("	.pushsection .text, \"ax\", @progbits\n"		\
	    "	.balign 16\n"						\
	    "	.type " #name ", @function\n"				\
	    "	.globl " #name "\n"					\
	    #name ":\n"							\
	    ASM_ENDBR							\
	    FRAME_BEGIN							\
	    CALL_DEPTH_ACCOUNT						\
	    "	push %rdi\n"						\
	    "	call " #function "\n"					\
	    "	pop %rdi\n"						\
	    FRAME_END							\
	    ASM_RET							\
	    "	.size " #name ", .-" #name "\n"				\
	    "	.popsection\n")

#define WPT_DIRECT(name)	((unsigned long)(name))

/* @function of a stub is called by name only, so it needs no landing pad. */
#define WPT_DIRECT_CALLED	__noendbr

static inline int wpt_direct_register(struct ftrace_ops *ops, unsigned long addr)
{
	return register_ftrace_direct(ops, addr);
}

static inline int wpt_direct_unregister(struct ftrace_ops *ops, unsigned long addr)
{
	return unregister_ftrace_direct(ops, addr, false);
}

#else

#define WPT_DIRECT_STUB(name, function)	void function(struct vm_fault *vmf)
#define WPT_DIRECT(name)		0UL
#define WPT_DIRECT_CALLED

static inline int wpt_direct_register(struct ftrace_ops *ops, unsigned long addr)
{
	return -EOPNOTSUPP;
}

static inline int wpt_direct_unregister(struct ftrace_ops *ops, unsigned long addr)
{
	return 0;
}

#endif

#endif /* WPT_COMPAT_DIRECT_H */
