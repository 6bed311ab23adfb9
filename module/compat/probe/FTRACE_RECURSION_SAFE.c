// SPDX-License-Identifier: GPL-2.0-only
#include <linux/ftrace.h>
int wpt_probe = FTRACE_OPS_FL_RECURSION_SAFE;
