// SPDX-License-Identifier: GPL-2.0-only
/*
 * The program of the guest: 32 bits, flat, no paging, no interrupts, no stack.  It is
 * copied to address 0 of the guest and finds everything at absolute addresses.
 */
#include "kvm.h"

#define STR(x)	#x
#define NUM(x)	STR(x)

asm(".pushsection .rodata\n"
    ".globl guest_program, guest_storm, guest_program_end\n"
    ".code32\n"
    "guest_program:\n"
    /* What is on the list, up to a 0. */
    "1:	movl	$" NUM(GUEST_LIST) ", %esi\n"
    "2:	lodsl\n"
    "	movl	%eax, %edi\n"
    "	andl	$~3, %edi\n"
    "	andl	$3, %eax\n"
    "	jz	5f\n"
    "	cmpl	$2, %eax\n"	/* enum guest_op */
    "	jb	3f\n"
    "	ja	4f\n"
    "	incl	(%edi)\n"
    "	jmp	2b\n"
    "3:	movl	(%edi), %ecx\n"
    "	jmp	2b\n"
    /* The data come from the VMM, and KVM writes them to memory. */
    "4:	movl	$" NUM(GUEST_PORT) ", %edx\n"
    "	insb\n"
    "	jmp	2b\n"
    "5:	hlt\n"
    "	jmp	1b\n"

    /* Count in the first word of pages in the window, at random, and announce it. */
    "guest_storm:\n"
    "1:	imull	$1664525, %ebx, %ebx\n"
    "	addl	$1013904223, %ebx\n"
    "	movl	%ebx, %eax\n"
    "	mull	" NUM(GUEST_WINDOW) "\n"
    "	addl	" NUM(GUEST_FIRST) ", %edx\n"
    "	movl	%edx, %edi\n"
    "	shll	$12, %edi\n"
    "	movl	" NUM(GUEST_BASE) "(%edi), %ecx\n"
    "	incl	%ecx\n"
    "	movl	%ecx, " NUM(GUEST_BASE) "(%edi)\n"
    "	movl	%ecx, " NUM(GUEST_ANNOUNCE) "(,%edx,4)\n"
    "	cmpl	$0, " NUM(GUEST_STOP) "\n"
    "	je	1b\n"
    "	hlt\n"
    "	jmp	1b\n"
    "guest_program_end:\n"
    ".code64\n"
    ".popsection\n");
