// SPDX-License-Identifier: GPL-2.0-only
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/user_namespace.h>

#include "user.h"

static unsigned int max_user_trackers = 1024;
module_param(max_user_trackers, uint, 0644);
MODULE_PARM_DESC(max_user_trackers, "most open trackers of one user");

static unsigned int max_user_forks = 1024;
module_param(max_user_forks, uint, 0644);
MODULE_PARM_DESC(max_user_forks, "most trackers of children that wait to be fetched, of one user");

static unsigned int max_user_ranges = 65536;
module_param(max_user_ranges, uint, 0644);
MODULE_PARM_DESC(max_user_ranges, "most ranges of all trackers of one user");

static unsigned int max_user_record_kib = 256 << 10;
module_param(max_user_record_kib, uint, 0644);
MODULE_PARM_DESC(max_user_record_kib, "most memory for the records of one user, in KiB");

static LIST_HEAD(users);
static DEFINE_SPINLOCK(users_lock);	/* the list, and a user's last reference */

/* Caller holds users_lock. */
static struct wpt_user *user_find(kuid_t uid)
{
	struct wpt_user *user;

	list_for_each_entry(user, &users, node)
		if (uid_eq(user->uid, uid)) {
			atomic_long_inc(&user->refs);
			return user;
		}
	return NULL;
}

static struct wpt_user *user_get(kuid_t uid)
{
	struct wpt_user *user, *new;

	new = kzalloc(sizeof(*new), GFP_KERNEL_ACCOUNT);
	spin_lock_bh(&users_lock);
	user = user_find(uid);
	if (!user && new) {
		new->uid = uid;
		atomic_long_set(&new->refs, 1);
		list_add(&new->node, &users);
		user = new;
		new = NULL;
	}
	spin_unlock_bh(&users_lock);
	kfree(new);
	return user;
}

static void user_put(struct wpt_user *user)
{
	bool gone;

	if (atomic_long_add_unless(&user->refs, -1, 1))
		return;
	spin_lock_bh(&users_lock);
	gone = atomic_long_dec_and_test(&user->refs);
	if (gone)
		list_del(&user->node);
	spin_unlock_bh(&users_lock);
	if (gone)
		kfree(user);
}

/* Count @n more of something; -EDQUOT and nothing counted beyond @max. */
static int count(const struct wpt_account *acct, atomic_long_t *what, long n,
		 long max)
{
	if (atomic_long_add_return(n, what) <= max || n <= 0 || acct->exempt)
		return 0;
	atomic_long_sub(n, what);
	return -EDQUOT;
}

/**
 * wpt_account_open() - the caller wants a tracker
 * @acct: the tracker's account
 *
 * Return: 0, -ENOMEM, or -EDQUOT (too many trackers).
 */
int wpt_account_open(struct wpt_account *acct)
{
	int ret;

	acct->user = user_get(current_euid());
	if (!acct->user)
		return -ENOMEM;
	/* Nobody is refused anything yet: no line in an audit log. */
	acct->exempt = ns_capable_noaudit(&init_user_ns, CAP_SYS_RESOURCE);
	ret = count(acct, &acct->user->trackers, 1, READ_ONCE(max_user_trackers));
	if (ret)
		user_put(acct->user);
	return ret;
}

/**
 * wpt_account_forks() - more children wait to be fetched, or fewer
 * @acct:  the account of a child's tracker
 * @delta: how many more
 *
 * Nobody is exempt: their number is up to the target.
 *
 * Return: 0, or -EDQUOT (not if @delta is below 0).
 */
int wpt_account_forks(const struct wpt_account *acct, int delta)
{
	const struct wpt_account strict = { .user = acct->user };

	return count(&strict, &acct->user->forks, delta, READ_ONCE(max_user_forks));
}

/**
 * wpt_account_inherit() - a child is to have a tracker
 * @acct: its tracker's account
 * @from: the account of its parent's tracker: the same user pays
 *
 * It counts among those that wait to be fetched.
 *
 * Return: 0, or -EDQUOT.
 */
int wpt_account_inherit(struct wpt_account *acct, const struct wpt_account *from)
{
	int ret;

	*acct = *from;
	atomic_long_inc(&acct->user->refs);
	ret = count(acct, &acct->user->trackers, 1, READ_ONCE(max_user_trackers));
	if (ret)
		goto out;
	ret = wpt_account_forks(acct, 1);
	if (!ret)
		return 0;
	atomic_long_dec(&acct->user->trackers);
out:
	user_put(acct->user);
	return ret;
}

/**
 * wpt_account_close() - a tracker is gone
 * @acct: its account
 */
void wpt_account_close(struct wpt_account *acct)
{
	atomic_long_dec(&acct->user->trackers);
	user_put(acct->user);
}

/**
 * wpt_account_ranges() - a tracker gets more ranges, or fewer
 * @acct:  its account
 * @delta: how many more
 *
 * Return: 0, or -EDQUOT (not if @delta is below 0).
 */
int wpt_account_ranges(const struct wpt_account *acct, int delta)
{
	return count(acct, &acct->user->ranges, delta, READ_ONCE(max_user_ranges));
}

/**
 * wpt_account_charge() - memory for a record
 * @acct:  who pays
 * @bytes: how much
 *
 * Return: 0, to be undone by wpt_user_uncharge(), or -EDQUOT.
 */
int wpt_account_charge(const struct wpt_account *acct, size_t bytes)
{
	int ret = count(acct, &acct->user->bytes, bytes,
			(long)READ_ONCE(max_user_record_kib) << 10);

	if (!ret)
		atomic_long_inc(&acct->user->refs);
	return ret;
}

/**
 * wpt_user_uncharge() - memory that was charged is given back
 * @user:  who has paid; NULL if nobody has
 * @bytes: how much.  May be called from softirqs.
 */
void wpt_user_uncharge(struct wpt_user *user, size_t bytes)
{
	if (!user)
		return;
	atomic_long_sub(bytes, &user->bytes);
	user_put(user);
}
