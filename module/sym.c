// SPDX-License-Identifier: GPL-2.0-only
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kallsyms.h>
#include <linux/kprobes.h>
#include <linux/slab.h>

#include "sym.h"

/* Where the static calls lead until wpt_sym_init(); never called. */
#define X(id, name, ret, params, stub)					\
	ret wpt_stub_##id params { return stub; }			\
	DEFINE_STATIC_CALL(wpt_##id, wpt_stub_##id);
WPT_SYMS(X)
WPT_HUGE_SYMS(X)
#undef X

/* Those that are still registered: to end one waits for all processors, as for many. */
static struct kprobe *probes[64];
static unsigned int nr_probes;

/* The first byte of what a probe was put on; 0 if it is not the function. */
static unsigned long entry_of(const struct kprobe *kp)
{
	unsigned long addr = (unsigned long)kp->addr, offset;
	const char *name = kp->symbol_name;
	char buf[KSYM_SYMBOL_LEN];
	char *plus;

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
 * wpt_sym_lookup() - address of a function of the kernel
 * @name: its name, which stays
 *
 * The kprobe is registered disabled: no text is changed.  Where functions begin
 * with ENDBR a kprobe sits behind it; sprint_symbol() tells how far.  Only while the
 * module is being loaded, by that; wpt_sym_done() ends it.
 *
 * Return: the address of the first byte, or 0 if there is no such function.
 * May sleep.
 */
unsigned long wpt_sym_lookup(const char *name)
{
	struct kprobe *kp;
	unsigned int i;

	for (i = 0; i < nr_probes; i++)
		if (!strcmp(probes[i]->symbol_name, name))
			return entry_of(probes[i]);
	if (nr_probes == ARRAY_SIZE(probes))
		wpt_sym_done();
	kp = kzalloc(sizeof(*kp), GFP_KERNEL);
	if (!kp)
		return 0;
	kp->symbol_name = name;
	kp->flags = KPROBE_FLAG_DISABLED;
	if (register_kprobe(kp)) {
		kfree(kp);
		return 0;
	}
	probes[nr_probes++] = kp;
	return entry_of(kp);
}

/**
 * wpt_sym_cloned() - has the compiler made parts or variants of a function?
 * @name: the function, which is there
 *
 * Some of its callers may call those.  What is out of the way (.cold) is a part that the
 * function jumps to.  As wpt_sym_lookup().
 */
bool wpt_sym_cloned(const char *name)
{
	static const char * const clones[] = { "part", "constprop", "isra" };
	struct kprobe kp = { .flags = KPROBE_FLAG_DISABLED };
	char clone[KSYM_NAME_LEN];
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(clones); i++) {
		snprintf(clone, sizeof(clone), "%s.%s.0", name, clones[i]);
		kp.symbol_name = clone;
		ret = register_kprobe(&kp);
		if (!ret)
			unregister_kprobe(&kp);
		/* ENOENT: there is none */
		if (ret != -ENOENT)
			return true;
		kp.addr = NULL;
	}
	return false;
}

/**
 * wpt_sym_done() - nothing more is looked up
 *
 * May sleep.
 */
void wpt_sym_done(void)
{
	unregister_kprobes(probes, nr_probes);
	while (nr_probes)
		kfree(probes[--nr_probes]);
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
