// SPDX-License-Identifier: GPL-2.0-only
/*
 * Functions that nobody may replace.
 *
 * A live patch that replaces a function together with its caller calls the new one from
 * the new caller: neither comes by the entry of the old one, where our callback is.  Only
 * one callback of a function may say that it changes where the call goes (IPMODIFY), and
 * those of live patches do.  A claim says so as well, and changes nothing.  With it ftrace
 * refuses the live patch; if that was first, the claim.
 *
 * A second callback makes each call slower, so a function is claimed only where live
 * patches are in use.
 */
#include <linux/kernel.h>
#include <linux/module.h>

#include "claim.h"
#include "compat/ftrace.h"
#include "sym.h"

static void notrace claim_called(unsigned long ip, unsigned long parent_ip,
				 struct ftrace_ops *ops, wpt_ftrace_regs *fregs)
{
}

/**
 * wpt_claim_init() - prepare for claiming a function
 * @claim: zeroed
 * @addr:  where the function is
 *
 * Return: 0, to be undone by wpt_claim_exit(), or an error of ftrace.
 */
int wpt_claim_init(struct wpt_claim *claim, unsigned long addr)
{
	int ret;

	claim->ops.func = claim_called;
	claim->ops.flags = WPT_FTRACE_REDIRECT_FLAGS;
	ret = ftrace_set_filter_ip(&claim->ops, addr, 0, 1);
	if (ret)
		claim->ops.func = NULL;
	return ret;
}

/**
 * wpt_claim_exit() - the function will not be claimed any more
 * @claim: not held
 */
void wpt_claim_exit(struct wpt_claim *claim)
{
	if (claim->ops.func)
		static_call(wpt_ftrace_free_filter)(&claim->ops);
}

/**
 * wpt_claim() - from now on nobody can replace a function
 * @claim: may be held already.  Claims are locked by their users.
 *
 * Return: 0; -EBUSY if the function is replaced, or ftrace switched off; or another error
 * of ftrace.  May sleep.
 */
int wpt_claim(struct wpt_claim *claim)
{
	int ret;

	if (claim->held || !claim->ops.func)
		return 0;
	ret = register_ftrace_function(&claim->ops);
	claim->held = !ret;
	return ret;
}

/**
 * wpt_unclaim() - the opposite
 * @claim: need not be held
 *
 * Return: 0, or an error of ftrace: it is broken, and goes on to call us.  May sleep.
 */
int wpt_unclaim(struct wpt_claim *claim)
{
	int ret = claim->held ? unregister_ftrace_function(&claim->ops) : 0;

	if (!WARN_ON_ONCE(ret))
		claim->held = false;
	return ret;
}

/**
 * wpt_claim_wanted() - are live patches in use?
 *
 * The taint comes before any function is replaced, and stays when the live patch has gone.
 */
bool wpt_claim_wanted(void)
{
	return test_taint(TAINT_LIVEPATCH);
}
