/* SPDX-License-Identifier: GPL-2.0-only */
/* One turn of everything at load: better no tracking than wrong tracking. */
#ifndef WPT_SELFTEST_H
#define WPT_SELFTEST_H

int wpt_selftest(void);

#endif /* WPT_SELFTEST_H */
