// SPDX-License-Identifier: GPL-2.0-only
#include <linux/ftrace.h>
static void cb(unsigned long ip, unsigned long parent, struct ftrace_ops *op, struct ftrace_regs *fregs) {}
ftrace_func_t wpt_probe = cb;
