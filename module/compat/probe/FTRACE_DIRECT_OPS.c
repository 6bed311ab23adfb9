// SPDX-License-Identifier: GPL-2.0-only
#include <linux/ftrace.h>
#ifndef CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS
#error "no direct calls"
#endif
static int (*wpt_probe)(struct ftrace_ops *, unsigned long, bool) __attribute__((used)) = unregister_ftrace_direct;
