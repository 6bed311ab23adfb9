// SPDX-License-Identifier: GPL-2.0-only
/*
 * The test's side of the machine: have the VMM do things, compare what is reported.
 */
#define _GNU_SOURCE
#include "kvm.h"

#include <sys/mman.h>

static void vmm_process(int fd, void *arg)
{
	struct machine *m = arg;

	turn_wait(fd);
	while (m->command != VMM_END) {
		vmm_command(m, m->command);
		turn_done(fd);
	}
}

struct machine *machine_new(unsigned int flags)
{
	struct machine *m = must(mmap(NULL, sizeof(*m), PROT_READ | PROT_WRITE,
				      MAP_SHARED | MAP_ANONYMOUS, -1, 0));

	m->dirty_log = flags & MACHINE_DIRTY_LOG;
	/* The private ones of a fork are not reserved. */
	m->huge_pages = 4 * (SLOT_PAGES / PMD_PAGES);
	if (!hugetlb_pages(m->huge_pages))
		m->huge_pages = 0;
	m->other = flags & MACHINE_OTHER;
	if (m->other)
		m->peer = peer_start(vmm_process, m);
	return m;
}

void machine_do(struct machine *m, enum vmm_command command)
{
	m->command = command;
	if (m->other)
		peer_turn(&m->peer);
	else
		vmm_command(m, command);
}

struct machine *machine_ready(unsigned int flags)
{
	struct machine *m = machine_new(flags);

	machine_do(m, VMM_MAP);
	machine_do(m, VMM_POPULATE);
	machine_do(m, VMM_CREATE);
	return m;
}

void machine_end(struct machine *m)
{
	m->command = VMM_END;
	if (m->other)
		peer_end(&m->peer);
}

pid_t machine_pid(const struct machine *m)
{
	return m->other ? m->peer.pid : getpid();
}

struct wptrack *machine_tracker(struct machine *m)
{
	struct wptrack *w = m->other ? tracker_pid(m->peer.pid) : tracker_self();
	struct slot *s;

	for (s = m->slot; s < m->slot + m->slots; s++) {
		track(w, s->a, s->flags);
		s->m = marks_new(SLOT_PAGES);
		s->always = !(categories(w, s->a.p) & WPTRACK_PAGE_WPALLOWED);
		if (s->always)
			note("%s: not tracked on this kernel, always written", s->name);
	}
	return w;
}

void machine_idle(struct machine *m)
{
	struct slot *s;

	for (s = m->slot; s < m->slot + m->slots; s++) {
		memset(s->guest, GUEST_NOTHING, sizeof(s->guest));
		memset(s->vmm, VMM_NOTHING, sizeof(s->vmm));
	}
}

void machine_mark(struct machine *m)
{
	struct slot *s;
	size_t i;

	for (s = m->slot; s < m->slot + m->slots; s++) {
		marks_none(s->m);
		for (i = 0; i < SLOT_PAGES; i++)
			if (s->guest[i] >= GUEST_WRITE || s->vmm[i] >= VMM_COPY)
				marks_set(s->m, i / s->grain * s->grain, s->grain);
	}
}

void expect_machine_at(const char *file, int line, struct machine *m, struct wptrack *w,
		       const char *why)
{
	/*
	 * Pages that the reset before this one found held are reported once more: the
	 * bracket around it has KVM put them into a batch of the CPU it runs on.
	 */
	static size_t held;
	long held_before = stats_value("overreport_referenced");
	struct slot *s;

	for (s = m->slot; s < m->slot + m->slots; s++) {
		struct marks *got = written(w, s->a, RESET);
		size_t i, lost = 0, over = 0;

		for (i = 0; i < SLOT_PAGES; i++) {
			lost += s->m->w[i] && !got->w[i];
			over += !s->m->w[i] && got->w[i];
			if (!s->m->w[i] != !got->w[i] && lost + over < 6 && !why &&
			    !s->always)
				note("page %zu: %s", i, got->w[i] ? "over-reported" : "LOST");
		}
		if (s->always)
			over = 0;
		if (!why && over && over <= held)
			why = "held before";
		if (lost || (over && !why))
			ck_abort_msg("%s:%d: %s: of %zu pages %zu were written: %zu lost, %zu over-reported",
				     file, line, s->name, SLOT_PAGES, marks_count(s->m),
				     lost, over);
		if (over)
			note("%s: over-reported %zu of %zu clean pages (%s)", s->name,
			     over, SLOT_PAGES - marks_count(s->m), why);
		free(got);
	}
	held = stats_value("overreport_referenced") - held_before;
}

void machine_settle(struct machine *m, struct wptrack *w)
{
	struct slot *s;

	for (s = m->slot; s < m->slot + m->slots; s++)
		if (!s->always)
			settle(w, s->a);
}
