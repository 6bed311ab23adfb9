// SPDX-License-Identifier: GPL-2.0-only
/* The tracepoints themselves, and what their tables of names take for granted. */
#include <linux/mmu_notifier.h>

#include "arm.h"
#include "harvest.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

static_assert(WPT_ARM_DONE == 0 && WPT_ARM_PINNED == 1 && WPT_ARM_REFERENCED == 2);
static_assert(WPT_ARM_READONLY == 3 && WPT_ARM_SWAPPED == 4);
static_assert(WPT_ARM_HUGE == 5 && WPT_ARM_UNTRACKABLE == 6);
static_assert(WPT_STOP_END == 0 && WPT_STOP_FULL == 1 && WPT_STOP_FLUSH == 2);
static_assert(WPT_STOP_BREATHE == 3 && WPT_STOP_DRAIN == 4);
static_assert(WPT_STOP_UNTRACKED == 5 && WPT_STOP_SPLITTING == 6);
static_assert(WPT_STOP_NOMEM == 7 && WPT_STOP_QUOTA == 8);
static_assert(MMU_NOTIFY_UNMAP == 0 && MMU_NOTIFY_CLEAR == 1);
static_assert(MMU_NOTIFY_PROTECTION_VMA == 2 && MMU_NOTIFY_PROTECTION_PAGE == 3);
static_assert(MMU_NOTIFY_SOFT_DIRTY == 4 && MMU_NOTIFY_RELEASE == 5);
static_assert(MMU_NOTIFY_MIGRATE == 6);
