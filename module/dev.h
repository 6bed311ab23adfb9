/* SPDX-License-Identifier: GPL-2.0-only */
/* /dev/wptrack: file operations and the checking of arguments. */
#ifndef WPT_DEV_H
#define WPT_DEV_H

int wpt_dev_init(void);
void wpt_dev_exit(void);

#endif /* WPT_DEV_H */
