/* SPDX-License-Identifier: GPL-2.0-only */
/* The functions of huge pages that are called or replaced. */
#ifndef WPT_COMPAT_HUGE_H
#define WPT_COMPAT_HUGE_H

#include <linux/mm.h>

/* up to 6.12 a page, then a folio, can be named that has to be split; now not */
#ifdef WPT_HAVE_SPLIT_HUGE_PMD_FOUR
#define WPT_SPLIT_LAST_PARAM
#define WPT_SPLIT_LAST_ARG
#define WPT_SPLIT_NO_PAGE
#else
#define WPT_SPLIT_LAST_PARAM	, void *page
#define WPT_SPLIT_LAST_ARG	, page
#define WPT_SPLIT_NO_PAGE	, NULL
#endif

#define WPT_SPLIT_PARAMS						\
	(struct vm_area_struct *vma, pmd_t *pmdp, unsigned long addr,	\
	 bool freeze WPT_SPLIT_LAST_PARAM)

/* from 6.11 also under the lock of the entry, with the same last parameter */
#ifdef WPT_HAVE_SPLIT_HUGE_PMD_LOCKED
#define WPT_SPLIT_LOCKED	true
#define WPT_SPLIT_LOCKED_SYM(X)						\
	X(split_huge_pmd_locked, "split_huge_pmd_locked", void,		\
	  (struct vm_area_struct *vma, unsigned long addr, pmd_t *pmdp,	\
	   bool freeze WPT_SPLIT_LAST_PARAM), )
#define wpt_split_locked(...)						\
	static_call(wpt_split_huge_pmd_locked)(__VA_ARGS__)
#else
#define WPT_SPLIT_LOCKED	false
#define WPT_SPLIT_LOCKED_SYM(X)
#define wpt_split_locked(...)	do { } while (0)
#endif

/* 5.10 passes the entry that was seen, later kernels have it in vmf */
#ifdef WPT_HAVE_HUGE_WP_ORIG_PMD
#define WPT_HUGE_WP_PARAMS	(struct vm_fault *vmf, pmd_t orig)
#define WPT_HUGE_WP_ARGS(vmf, orig)	(vmf, orig)
#define WPT_HUGE_WP_ORIG(vmf, orig)	(orig)
#define wpt_huge_wp_set_orig(vmf, pmd)	do { } while (0)
#else
#define WPT_HUGE_WP_PARAMS	(struct vm_fault *vmf)
#define WPT_HUGE_WP_ARGS(vmf, orig)	(vmf)
#define WPT_HUGE_WP_ORIG(vmf, orig)	((vmf)->orig_pmd)
#define wpt_huge_wp_set_orig(vmf, pmd)	((vmf)->orig_pmd = (pmd))
#endif

#endif /* WPT_COMPAT_HUGE_H */
