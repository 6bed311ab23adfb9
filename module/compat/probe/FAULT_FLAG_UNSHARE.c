// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mm.h>
int wpt_probe = FAULT_FLAG_UNSHARE;
