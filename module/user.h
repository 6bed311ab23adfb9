/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What each user has: trackers, ranges, memory of records.  The limits of these
 * are parameters of the module.
 */
#ifndef WPT_USER_H
#define WPT_USER_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/uidgid.h>

/**
 * struct wpt_user - one user
 * @node:     in the list of users
 * @uid:      who
 * @refs:     trackers, chunks and the like that were charged; under a lock of
 *            user.c when it goes to 0
 * @trackers: open trackers
 * @forks:    those of them for children that nobody has fetched
 * @ranges:   ranges of these
 * @bytes:    memory of records and pending sets
 */
struct wpt_user {
	struct list_head node;
	kuid_t uid;
	atomic_long_t refs;
	atomic_long_t trackers;
	atomic_long_t forks;
	atomic_long_t ranges;
	atomic_long_t bytes;
};

/**
 * struct wpt_account - who pays for what a tracker needs
 * @user:  the one who opened it
 * @exempt: it is counted, but has no limits: opened with CAP_SYS_RESOURCE
 */
struct wpt_account {
	struct wpt_user *user;
	bool exempt;
};

int wpt_account_open(struct wpt_account *acct);
int wpt_account_inherit(struct wpt_account *acct, const struct wpt_account *from);
int wpt_account_forks(const struct wpt_account *acct, int delta);
void wpt_account_close(struct wpt_account *acct);
int wpt_account_ranges(const struct wpt_account *acct, int delta);
int wpt_account_charge(const struct wpt_account *acct, size_t bytes);
void wpt_user_uncharge(struct wpt_user *user, size_t bytes);

#endif /* WPT_USER_H */
