// SPDX-License-Identifier: GPL-2.0-only
/*
 * Placing and removing the hooks, through ftrace.
 *
 * They are there while a tracker is attached, and a little longer: placing and
 * removing them makes ftrace look at every function it knows and wait for all
 * tasks, which is much for a program that opens one tracker after the other.  A
 * worker removes them, so that close() stays quick.
 *
 * Each registration costs that, so hooks are registered in groups.
 *
 * Where live patches are in use, a function is claimed before a callback is placed that
 * does not keep them out; when the first one comes, those of the callbacks that are there.
 *
 * All are PERMANENT: "sysctl kernel.ftrace_enabled=0" fails while they are
 * registered instead of silently removing them.  The flags of an ftrace_ops are
 * never changed afterwards.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/rcupdate.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "collapse.h"
#include "compat/direct.h"
#include "compat/ftrace.h"
#include "fills.h"
#include "hook.h"
#include "hugetlb.h"
#include "mapin.h"
#include "shared.h"
#include "split.h"
#include "swapin.h"
#include "sym.h"

static bool unsafe_no_hook;
module_param(unsafe_no_hook, bool, 0444);
MODULE_PARM_DESC(unsafe_no_hook,
		 "for tests only: do not see writes, so that every answer is wrong");

/* How long hooks outlive the last tracker. */
#define HOOK_LINGER	HZ

static DEFINE_MUTEX(hook_lock);		/* all below, and wpt_hook.placed */
static atomic_t hook_users = ATOMIC_INIT(0);
static LIST_HEAD(hooks);		/* fixed once the module is loaded */
/* ftrace has not let go of one, and must not be believed again; hook_lock. */
static bool broken;
/* Tasks that are in functions of ours instead of the kernel's. */
static atomic_t inside = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(inside_wait);
/* The self-test at load needs one hook, and loading is to be quick. */
static bool required_only = true;

/**
 * struct wpt_hook_group - hooks that ftrace places at once: all, or none
 * @ops:    calls the hook at whose function it is called
 * @hooks:  they
 * @nr:     how many there are
 * @broken: it lacks one
 * @placed: they are there now
 */
struct wpt_hook_group {
	struct ftrace_ops ops;
	const struct wpt_hook *hooks[8];
	unsigned int nr;
	bool broken;
	bool placed;
};

/* ftrace is called this close to the beginning of a function. */
#define HOOK_ENTRY	16

static void notrace group_called(unsigned long ip, unsigned long parent_ip,
				 struct ftrace_ops *ops, wpt_ftrace_regs *fregs)
{
	struct wpt_hook_group *group = container_of(ops, struct wpt_hook_group, ops);
	const struct wpt_hook *hook;
	unsigned int i;

	for (i = 0; i < group->nr; i++) {
		hook = group->hooks[i];
		if (ip - hook->addr < HOOK_ENTRY) {
			hook->ops.func(ip, parent_ip, ops, fregs);
			return;
		}
	}
}

static struct wpt_hook_group watching = {
	.ops = { .func = group_called, .flags = WPT_FTRACE_FLAGS },
};

/* A function that is live patched keeps all of these out. */
static struct wpt_hook_group redirecting = {
	.ops = { .func = group_called, .flags = WPT_FTRACE_REDIRECT_FLAGS },
};

static struct wpt_hook_group * const groups[] = { &watching, &redirecting };

static void join_group(struct wpt_hook *hook)
{
	struct wpt_hook_group *group = &watching;

	if (hook->ops.flags & FTRACE_OPS_FL_IPMODIFY)
		group = &redirecting;
	if (WARN_ON_ONCE(group->nr == ARRAY_SIZE(group->hooks)) ||
	    ftrace_set_filter_ip(&group->ops, hook->addr, 0, !group->nr)) {
		group->broken = true;
		return;
	}
	group->hooks[group->nr++] = hook;
	hook->group = group;
}

/*
 * Direct calls lose the flag PERMANENT on some kernels (6.12), and then would neither
 * keep ftrace from being switched off nor notice that it is.  Where one is placed, this
 * callback of a function that nobody calls stands for it: first in, last out.
 */
static noinline void guarded(void)
{
	barrier();
}

static void notrace guard_called(unsigned long ip, unsigned long parent_ip,
				 struct ftrace_ops *ops, wpt_ftrace_regs *fregs)
{
}

static struct wpt_hook guard = {
	.function = "wptrack itself",
	.required = true,
	.ops = { .func = guard_called, .flags = WPT_FTRACE_FLAGS },
};

static bool guard_offer(void)
{
	if (ftrace_set_filter_ip(&guard.ops, (unsigned long)guarded, 0, 1))
		return false;
	list_add(&guard.node, &hooks);
	guard.addr = (unsigned long)guarded;
	join_group(&guard);
	return true;
}

/**
 * wpt_hook_offer() - a hook that is to be placed while there are trackers
 * @hook: the hook.  Only from the initialization of the module.
 *
 * Return: 0, or an error after one line that says what is missing; that is an
 * error of the module only if the hook is required.
 */
int wpt_hook_offer(struct wpt_hook *hook)
{
	const char *what = hook->required ? "not loaded" :
					    "some memory is reported written";
	unsigned long addr = wpt_sym_lookup(hook->function);
	int ret;

	if (!addr) {
		pr_err("%s: this kernel has no function %s that can be probed\n",
		       what, hook->function);
		return -EOPNOTSUPP;
	}
	/* Who calls another one would not be seen. */
	if (hook->local && wpt_sym_cloned(hook->function)) {
		pr_err("%s: this kernel has more than one function %s\n", what,
		       hook->function);
		return -EOPNOTSUPP;
	}
	/* By name, ftrace would look up the names of all functions it knows. */
	ret = ftrace_set_filter_ip(&hook->ops, addr, 0, 1);
	if (!ret && !(hook->ops.flags & FTRACE_OPS_FL_IPMODIFY)) {
		ret = wpt_claim_init(&hook->claim, addr);
		if (ret)
			static_call(wpt_ftrace_free_filter)(&hook->ops);
	}
	if (ret) {
		pr_err("%s: ftrace cannot trace %s (error %d)\n", what,
		       hook->function, ret);
		return ret;
	}
	if (hook->direct && ftrace_set_filter_ip(&hook->direct_ops, addr, 0, 1)) {
		hook->direct = 0;
	} else if (hook->direct && !guard_offer()) {
		static_call(wpt_ftrace_free_filter)(&hook->direct_ops);
		hook->direct = 0;
	}
	list_add_tail(&hook->node, &hooks);
	hook->addr = addr;
	/* The one that has to be quick is called without a detour. */
	if (hook != &wpt_hook_wp)
		join_group(hook);
	return 0;
}

/**
 * wpt_hook_offer_first() - the same for a function whose name differs from kernel to kernel
 * @hook:  the hook, without a function.  It is one that need not be there.
 * @names: its names; the first that there is gets the hook
 * @n:     their number
 */
void wpt_hook_offer_first(struct wpt_hook *hook, const char * const *names, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (wpt_sym_lookup(names[i])) {
			hook->function = names[i];
			wpt_hook_offer(hook);
			return;
		}
}

/*
 * A direct call if there can be one: somebody else may have his there already
 * (BPF), or a live patch.  While it is there no live patch of the function can come.
 */
static int place(struct wpt_hook *hook)
{
	int ret;

	hook->called_directly = hook->direct && guard.placed &&
		!wpt_direct_register(&hook->direct_ops, hook->direct);
	if (hook->called_directly)
		return 0;
	ret = wpt_claim_wanted() ? wpt_claim(&hook->claim) : 0;
	if (ret && hook->required)
		pr_warn_once("nothing can be tracked: a live patch has replaced %s, or ftrace is switched off (error %d)\n",
			     hook->function, ret);
	return ret ?: register_ftrace_function(&hook->ops);
}

/* Returns when nobody is in the callback any more. */
static int displace(struct wpt_hook *hook)
{
	if (hook->called_directly)
		return wpt_direct_unregister(&hook->direct_ops, hook->direct);
	return unregister_ftrace_function(&hook->ops);
}

static bool in_group(const struct wpt_hook *hook)
{
	return hook->group && hook->group->placed;
}

/* Who can still be kept from unloading us is. */
static void set_broken(void)
{
	if (!broken)
		__module_get(THIS_MODULE);
	broken = true;
}

static void set_placed(struct wpt_hook_group *group, bool placed)
{
	struct wpt_hook *hook;

	group->placed = placed;
	list_for_each_entry(hook, &hooks, node)
		if (hook->group == group)
			WRITE_ONCE(hook->placed, placed);
}

/* If it cannot be, each of its hooks is on its own. */
static void place_group(struct wpt_hook_group *group)
{
	struct wpt_hook *hook;

	if (group->placed || group->broken || !group->nr)
		return;
	list_for_each_entry(hook, &hooks, node)
		if (hook->group == group && hook->placed)
			return;
	list_for_each_entry(hook, &hooks, node)
		if (hook->group == group && wpt_claim_wanted() && wpt_claim(&hook->claim))
			return;
	if (register_ftrace_function(&group->ops))
		return;
	list_for_each_entry(hook, &hooks, node)
		if (hook->group == group)
			WRITE_ONCE(hook->failed, false);
	set_placed(group, true);
}

/* What is not hooked anybody may replace. */
static void drop_claims(void)
{
	struct wpt_hook *hook;

	list_for_each_entry(hook, &hooks, node)
		if (!hook->placed && wpt_unclaim(&hook->claim))
			set_broken();
}

/* The required one, which the statistics show, goes before what guards it. */
static void remove_all(void)
{
	struct wpt_hook *hook;
	unsigned int i;

	list_for_each_entry_reverse(hook, &hooks, node) {
		if (!hook->placed || in_group(hook))
			continue;
		if (WARN_ON_ONCE(displace(hook))) {
			set_broken();
			continue;
		}
		WRITE_ONCE(hook->placed, false);
	}
	for (i = 0; i < ARRAY_SIZE(groups); i++) {
		if (!groups[i]->placed)
			continue;
		if (WARN_ON_ONCE(unregister_ftrace_function(&groups[i]->ops))) {
			set_broken();
			continue;
		}
		set_placed(groups[i], false);
	}
	drop_claims();
}

static int place_all(void)
{
	struct wpt_hook *hook;
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(groups) && !required_only; i++)
		place_group(groups[i]);
	list_for_each_entry(hook, &hooks, node) {
		if (hook->placed || (required_only && !hook->required))
			continue;
		ret = place(hook);
		WRITE_ONCE(hook->failed, ret);
		if (!ret) {
			WRITE_ONCE(hook->placed, true);
		} else if (hook->required) {
			remove_all();
			/* EBUSY: kernel.ftrace_enabled is 0.  ENODEV: a bug of ftrace */
			return ret == -EBUSY || ret == -ENODEV ? -EOPNOTSUPP : ret;
		} else if (!hook->told) {
			/* Say, a live patch has replaced the function. */
			pr_info("some memory is reported written: %s cannot be hooked (error %d)\n",
				hook->function, ret);
			hook->told = true;
		}
	}
	drop_claims();
	return 0;
}

/*
 * Those that were placed before there was need to.  Returns one that cannot be claimed, or
 * NULL.
 */
static const struct wpt_hook *claim_placed(void)
{
	struct wpt_hook *hook;

	list_for_each_entry(hook, &hooks, node)
		if (hook->placed && !hook->called_directly && wpt_claim(&hook->claim))
			return hook;
	return NULL;
}

/*
 * A live patch comes.  It has replaced nothing yet, so a claim fails only if somebody else
 * has a function; then the live patch has to wait until nobody tracks.
 */
static int module_event(struct notifier_block *nb, unsigned long event, void *data)
{
	const struct wpt_hook *unclaimed;
	const struct module *mod = data;
	int ret = 0;

	if (event != MODULE_STATE_COMING || !is_livepatch_module(data))
		return NOTIFY_DONE;
	mutex_lock(&hook_lock);
	unclaimed = claim_placed();
	if (unclaimed && atomic_read(&hook_users)) {
		pr_warn("memory is tracked, and %s cannot be kept from live patches: %s is refused\n",
			unclaimed->function, mod->name);
		ret = -EBUSY;
	} else if (unclaimed) {
		remove_all();
	}
	mutex_unlock(&hook_lock);
	return notifier_from_errno(ret);
}

static struct notifier_block module_notifier = { .notifier_call = module_event };

/*
 * ftrace has failed, for whatever reason it has told, and goes on to call what it has not let
 * go of.  rmmod cannot be refused any more, so it does not end.
 */
static void stay_if_broken(void)
{
	if (!broken)
		return;
	pr_err("ftrace is broken and may go on to call wptrack: it stays until the next boot, and this task with it\n");
	for (;;)
		schedule_timeout_idle(MAX_SCHEDULE_TIMEOUT);
}

static void hook_remove(struct work_struct *work)
{
	mutex_lock(&hook_lock);
	if (!atomic_read(&hook_users))
		remove_all();
	mutex_unlock(&hook_lock);
}

static DECLARE_DELAYED_WORK(hook_remove_work, hook_remove);

/**
 * wpt_hook_get() - make sure that the hooks are in place
 *
 * Return: 0, to be undone by wpt_hook_put(); -EOPNOTSUPP if ftrace is switched
 * off by sysctl, or by itself after a bug, or if a live patch has replaced what is
 * to be hooked; -EINTR, or another error of ftrace.  May sleep, for as long as it
 * takes to remove the hooks after an earlier use.
 */
int wpt_hook_get(void)
{
	int ret = 0;

	if (mutex_lock_killable(&hook_lock))
		return -EINTR;
	if (!unsafe_no_hook && !broken)
		ret = place_all();
	/* Or just now. */
	if (broken)
		ret = -EOPNOTSUPP;
	if (!ret)
		atomic_inc(&hook_users);
	mutex_unlock(&hook_lock);
	return ret;
}

/**
 * wpt_hook_put() - one user less; the hooks are removed soon after the last one
 */
void wpt_hook_put(void)
{
	/* From now on, if it is waiting since an earlier one was the last. */
	if (atomic_dec_and_test(&hook_users)) {
		cancel_delayed_work(&hook_remove_work);
		schedule_delayed_work(&hook_remove_work, HOOK_LINGER);
	}
}

/**
 * wpt_hook_ready() - the self-test is over
 *
 * Loading leaves the kernel as it was.  From now on all hooks are placed.  May sleep.
 */
void wpt_hook_ready(void)
{
	flush_delayed_work(&hook_remove_work);
	required_only = false;
}

/**
 * wpt_hook_enter() - a function of ours runs instead of one of the kernel's, and may sleep
 *
 * The first thing that it does; the last is wpt_hook_leave().
 */
void wpt_hook_enter(void)
{
	atomic_inc(&inside);
}

void wpt_hook_leave(void)
{
	if (atomic_dec_and_test(&inside))
		wake_up(&inside_wait);
}

/* For the statistics. */
bool wpt_hook_installed(void)
{
	return wpt_hook_placed(&wpt_hook_wp);
}

/* The hooks are left out on purpose. */
bool wpt_hook_unsafe(void)
{
	return unsafe_no_hook;
}

/**
 * wpt_hook_init() - find the places of the hooks
 *
 * Return: 0, or an error after one line that says what is missing.
 */
int wpt_hook_init(void)
{
	int ret = wpt_hook_offer(&wpt_hook_wp);

	if (ret)
		return ret;
	wpt_split_init();
	wpt_collapse_init();
	wpt_hugetlb_init();
	wpt_shared_init();
	wpt_swapin_init();
	wpt_mapin_init();
	wpt_fills_init();
	if (unsafe_no_hook) {
		pr_warn("unsafe_no_hook is set: writes are NOT seen, all answers are wrong\n");
		add_taint(TAINT_USER, LOCKDEP_STILL_OK);
	}
	ret = register_module_notifier(&module_notifier);
	if (ret)
		wpt_hook_exit();
	return ret;
}

/**
 * wpt_hook_exit() - remove the hooks; no user is left
 *
 * Returns when nobody is in a function that stands for one of the kernel's.
 */
void wpt_hook_exit(void)
{
	struct wpt_hook *hook;
	unsigned int i;

	unregister_module_notifier(&module_notifier);
	cancel_delayed_work_sync(&hook_remove_work);
	hook_remove(NULL);
	stay_if_broken();
	for (i = 0; i < ARRAY_SIZE(groups); i++)
		if (groups[i]->nr)
			static_call(wpt_ftrace_free_filter)(&groups[i]->ops);
	list_for_each_entry(hook, &hooks, node) {
		static_call(wpt_ftrace_free_filter)(&hook->ops);
		wpt_claim_exit(&hook->claim);
		if (hook->direct)
			static_call(wpt_ftrace_free_filter)(&hook->direct_ops);
	}
	/* Whoever was sent here has arrived: ftrace has waited for that. */
	wait_event(inside_wait, !atomic_read(&inside));
	/* The last may still be on their way out. */
	synchronize_rcu_tasks();
}
