// SPDX-License-Identifier: GPL-2.0-only
#include <linux/pagemap.h>
void *wpt_probe = hugetlb_basepage_index;
