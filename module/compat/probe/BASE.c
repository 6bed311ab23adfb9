// SPDX-License-Identifier: GPL-2.0-only
#include <linux/ftrace.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
