/* SPDX-License-Identifier: GPL-2.0-only */
/* Adding one to an eventfd. */
#ifndef WPT_COMPAT_EVENTFD_H
#define WPT_COMPAT_EVENTFD_H

#include <linux/eventfd.h>

/* Up to 6.7 it was told how much to add. */
static inline void wpt_eventfd_signal(struct eventfd_ctx *ctx)
{
#ifdef WPT_HAVE_EVENTFD_SIGNAL_ONE
	eventfd_signal(ctx);
#else
	eventfd_signal(ctx, 1);
#endif
}

#endif /* WPT_COMPAT_EVENTFD_H */
