/* SPDX-License-Identifier: GPL-2.0-only */
/* /proc/wptrack/trackers: who tracks whom. */
#ifndef WPT_LISTING_H
#define WPT_LISTING_H

#include <linux/types.h>

struct pid_namespace;
struct seq_file;
struct wpt_tracker;

void wpt_listing_add(struct wpt_tracker *t);
void wpt_listing_del(struct wpt_tracker *t);
int wpt_listing_show(struct seq_file *m, void *v);
bool wpt_listing_count(struct wpt_tracker *t, unsigned int patience,
		       unsigned long *armed, unsigned long *written);

#endif /* WPT_LISTING_H */
