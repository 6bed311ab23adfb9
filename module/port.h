/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the pure parts of the module need from their surroundings, so that unit
 * tests can compile them in user space.
 */
#ifndef WPT_PORT_H
#define WPT_PORT_H

#ifdef __KERNEL__

#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/types.h>

#define wpt_alloc_array(n, size)	kvmalloc_array(n, size, GFP_KERNEL_ACCOUNT)
#define wpt_free_array(p)		kvfree(p)

#else

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifndef min
#define min(a, b)	((a) < (b) ? (a) : (b))
#define max(a, b)	((a) > (b) ? (a) : (b))
#endif
#ifndef PAGE_SHIFT
#define PAGE_SHIFT	12
#define PAGE_SIZE	(1UL << PAGE_SHIFT)
#endif

typedef uint64_t u64;

#define WRITE_ONCE(x, value)	((x) = (value))

/* As in the kernel: the lowest bit that is set, and how many are. */
static inline unsigned long __ffs(unsigned long word)
{
	return __builtin_ctzl(word);
}

static inline unsigned long hweight_long(unsigned long word)
{
	return __builtin_popcountl(word);
}

/* A test may replace this to see what happens when memory runs out. */
#ifndef wpt_alloc_array
#define wpt_alloc_array(n, size)	calloc(n, size)
#endif
#define wpt_free_array(p)		free(p)

#endif /* __KERNEL__ */

#endif /* WPT_PORT_H */
