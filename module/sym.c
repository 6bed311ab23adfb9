// SPDX-License-Identifier: GPL-2.0-only
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kallsyms.h>
#include <linux/kprobes.h>

#include "sym.h"

/* Where the static calls lead until wpt_sym_init(); never called. */
#define X(id, name, ret, params, stub)					\
	ret wpt_stub_##id params { return stub; }			\
	DEFINE_STATIC_CALL(wpt_##id, wpt_stub_##id);
WPT_SYMS(X)
WPT_HUGE_SYMS(X)
#undef X

/**
 * wpt_sym_lookup() - address of a function of the kernel
 * @name: its name
 *
 * The kprobe is registered disabled: no text is changed.  Where functions begin
 * with ENDBR a kprobe sits behind it; sprint_symbol() tells how far.
 *
 * Return: the address of the first byte, or 0 if there is no such function.
 * May sleep.
 */
unsigned long wpt_sym_lookup(const char *name)
{
	struct kprobe kp = {
		.symbol_name = name,
		.flags = KPROBE_FLAG_DISABLED,
	};
	char buf[KSYM_SYMBOL_LEN];
	unsigned long addr, offset;
	char *plus;

	if (register_kprobe(&kp))
		return 0;
	addr = (unsigned long)kp.addr;
	unregister_kprobe(&kp);

	sprint_symbol(buf, addr);
	plus = strchr(buf, '+');
	if (!plus || strncmp(buf, name, plus - buf) || name[plus - buf])
		return 0;
	*strchrnul(plus, '/') = '\0';
	if (kstrtoul(plus + 1, 16, &offset) || offset > 16)
		return 0;
	return addr - offset;
}

/**
 * wpt_sym_init() - find everything and aim the static calls
 *
 * Return: 0, or -EOPNOTSUPP after one line that names what is missing.
 */
int wpt_sym_init(void)
{
	unsigned long addr;

#define X(id, name, ret, params, stub)					\
	addr = wpt_sym_lookup(name);					\
	if (!addr) {							\
		pr_err("not loaded: this kernel has no function %s that can be probed\n", \
		       name);						\
		return -EOPNOTSUPP;					\
	}								\
	static_call_update(wpt_##id, (typeof(&wpt_stub_##id))addr);
	WPT_SYMS(X)
#undef X
	return 0;
}

/**
 * wpt_sym_huge_init() - find what huge pages need
 *
 * Return: true if all of it is there.
 */
bool wpt_sym_huge_init(void)
{
	unsigned long addr;

#define X(id, name, ret, params, stub)					\
	addr = wpt_sym_lookup(name);					\
	if (!addr) {							\
		pr_info("huge pages are reported written: this kernel has no function %s that can be probed\n", \
			name);						\
		return false;						\
	}								\
	static_call_update(wpt_##id, (typeof(&wpt_stub_##id))addr);
	WPT_HUGE_SYMS(X)
#undef X
	return true;
}
