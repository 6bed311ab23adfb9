// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory of a virtual machine: what its guest writes to it, and what the virtual
 * machine monitor does.  A guest writes through page tables of its own, which KVM fills
 * from those of the VMM.
 */
#include "kvm.h"

/* Each test is run with a VMM that tracks itself, and with one that is tracked. */
#define vmm_is_other(i)	((i) ? MACHINE_OTHER : 0)

static void guest_random(struct machine *m, enum guest_op op, size_t one_in)
{
	struct slot *s;
	size_t i;

	for (s = m->slot; s < m->slot + m->slots; s++)
		for (i = 0; i < SLOT_PAGES; i++)
			if (!rnd_below(one_in))
				s->guest[i] = op;
}

static void vmm_random(struct machine *m, enum vmm_op op, size_t one_in)
{
	struct slot *s;
	size_t i;

	for (s = m->slot; s < m->slot + m->slots; s++)
		for (i = 0; i < SLOT_PAGES; i++)
			if (!rnd_below(one_in) && (op != VMM_BALLOON || s->balloon))
				s->vmm[i] = op;
}

/* Do it, and see that just that is reported. */
static void round_exact(struct machine *m, struct wptrack *w)
{
	machine_do(m, VMM_WORK);
	machine_mark(m);
	expect_machine(m, w, NULL);
	machine_idle(m);
}

static void nothing_is_written(struct machine *m, struct wptrack *w)
{
	machine_idle(m);
	machine_mark(m);
	expect_machine(m, w, NULL);
}

START_TEST(what_the_guest_writes_is_reported)
{
	struct machine *m = machine_ready(vmm_is_other(_i));
	struct wptrack *w = machine_tracker(m);
	int round;

	machine_settle(m, w);
	for (round = 0; round < 6; round++) {
		guest_random(m, GUEST_WRITE, round < 3 ? 300 : 5);
		round_exact(m, w);
	}
	nothing_is_written(m, w);
	machine_end(m);
}
END_TEST

/* The guest's page tables have all of its pages, writable, when these are armed. */
START_TEST(pages_that_the_guest_can_write_to_are_armed)
{
	struct machine *m = machine_ready(vmm_is_other(_i));
	struct wptrack *w = machine_tracker(m);
	int round;

	machine_settle(m, w);
	for (round = 0; round < 3; round++) {
		guest_random(m, GUEST_WRITE, 1);
		round_exact(m, w);
		nothing_is_written(m, w);
		guest_random(m, GUEST_WRITE, 50);
		round_exact(m, w);
	}
	machine_end(m);
}
END_TEST

START_TEST(what_the_guest_only_reads_is_clean)
{
	struct machine *m = machine_ready(vmm_is_other(_i));
	struct wptrack *w = machine_tracker(m);
	int round;

	machine_settle(m, w);
	for (round = 0; round < 3; round++) {
		guest_random(m, GUEST_READ, 1);
		round_exact(m, w);
		/* What it has read is in its page tables now. */
		guest_random(m, GUEST_WRITE, 30);
		round_exact(m, w);
	}
	machine_end(m);
}
END_TEST

START_TEST(what_the_vmm_writes_is_reported)
{
	struct machine *m = machine_ready(vmm_is_other(_i));
	struct wptrack *w = machine_tracker(m);
	int round;

	guest_random(m, GUEST_WRITE, 1);
	machine_do(m, VMM_WORK);
	machine_idle(m);
	machine_settle(m, w);
	for (round = 0; round < 6; round++) {
		vmm_random(m, VMM_READ, 2);
		vmm_random(m, round % 2 ? VMM_SYSCALL : VMM_COPY, 10);
		guest_random(m, GUEST_READ, 2);
		m->order = round % VMM_ORDERS;
		round_exact(m, w);
	}
	machine_end(m);
}
END_TEST

/* String input: KVM itself writes what the VMM has for the guest. */
START_TEST(what_kvm_writes_for_the_guest_is_reported)
{
	struct machine *m = machine_ready(vmm_is_other(_i));
	struct wptrack *w = machine_tracker(m);
	int round;

	machine_settle(m, w);
	for (round = 0; round < 4; round++) {
		guest_random(m, GUEST_INS, 40);
		round_exact(m, w);
	}
	machine_end(m);
}
END_TEST

START_TEST(the_clock_that_kvm_keeps_is_reported)
{
	struct machine *m = machine_ready(vmm_is_other(_i));
	uint8_t before[sizeof(m->clock)];
	struct wptrack *w;
	int round;

	machine_do(m, VMM_CLOCK);
	w = machine_tracker(m);
	machine_settle(m, w);
	for (round = 0; round < 4; round++) {
		memcpy(before, m->clock, sizeof(before));
		machine_do(m, VMM_CLOCK);
		ck_assert(memcmp(before, m->clock, sizeof(before)));
		machine_mark(m);
		m->slot[0].m->w[CLOCK_PAGE] = 1;
		expect_machine(m, w, NULL);
		nothing_is_written(m, w);
	}
	machine_end(m);
}
END_TEST

START_TEST(guest_and_vmm_write_at_random)
{
	struct machine *m = machine_ready(vmm_is_other(_i));
	struct wptrack *w = machine_tracker(m);
	int round;

	machine_settle(m, w);
	for (round = 0; round < 16; round++) {
		size_t few = 1 + rnd_below(60);

		guest_random(m, GUEST_READ, 3);
		guest_random(m, GUEST_INS, 10 * few);
		guest_random(m, GUEST_WRITE, few);
		vmm_random(m, VMM_READ, 3);
		vmm_random(m, VMM_SYSCALL, 2 * few);
		vmm_random(m, VMM_COPY, few);
		vmm_random(m, VMM_BALLOON, 20 * few);
		m->order = rnd_below(VMM_ORDERS);
		if (!rnd_below(8))
			machine_do(m, VMM_RESLOT);
		round_exact(m, w);
	}
	machine_end(m);
}
END_TEST

/* Tracked first; the pages come from the guest, or the VMM, one by one. */
START_TEST(machine_in_empty_memory)
{
	struct machine *m = machine_new(vmm_is_other(_i));
	struct wptrack *w;
	struct slot *s;

	machine_do(m, VMM_MAP);
	w = machine_tracker(m);
	machine_do(m, VMM_CREATE);
	nothing_is_written(m, w);
	guest_random(m, GUEST_WRITE, 100);
	vmm_random(m, VMM_COPY, 100);
	machine_do(m, VMM_WORK_EMPTY);
	/* Tracked memory gets no huge pages, unless it is hugetlb. */
	for (s = m->slot; s < m->slot + m->slots; s++)
		if (s->flags & WPTRACK_TRACK_KEEP_HUGE)
			s->grain = 1;
	machine_mark(m);
	expect_machine(m, w, "the neighbours of what is mapped first");
	nothing_is_written(m, w);
	machine_end(m);
}
END_TEST

static size_t logged(const struct slot *s, size_t page)
{
	return s->log[page / 8] >> page % 8 & 1;
}

/* KVM's own log knows of the guest's writes, and of those by KVM: all must be ours, too. */
START_TEST(what_kvm_logs_as_dirty_is_reported)
{
	struct machine *m = machine_ready(vmm_is_other(_i) | MACHINE_DIRTY_LOG);
	struct wptrack *w = machine_tracker(m);
	size_t i, ours = 0, theirs = 0;
	struct slot *s;
	int round;

	machine_settle(m, w);
	machine_do(m, VMM_GET_LOG);
	for (round = 0; round < 12; round++) {
		guest_random(m, GUEST_READ, 4);
		guest_random(m, GUEST_WRITE, round % 2 ? 200 : 6);
		guest_random(m, GUEST_INS, 300);
		vmm_random(m, VMM_COPY, 30);
		m->order = rnd_below(VMM_ORDERS);
		machine_do(m, VMM_WORK);
		machine_do(m, VMM_GET_LOG);
		machine_mark(m);
		for (s = m->slot; s < m->slot + m->slots; s++) {
			for (i = 0; i < SLOT_PAGES; i++) {
				if (s->guest[i] >= GUEST_WRITE)
					check_that(logged(s, i));
				if (!logged(s, i))
					continue;
				theirs++;
				if (s->m->w[i])
					continue;
				s->m->w[i] = 1;
				note("%s: page %zu is in KVM's log, nobody wrote to it",
				     s->name, i);
			}
			ours += marks_count(s->m);
		}
		expect_machine(m, w, NULL);
		machine_idle(m);
	}
	note("KVM logged %zu pages, all of them among the %zu reported", theirs, ours);
	ck_assert_uint_gt(theirs, 0);
	machine_end(m);
}
END_TEST

/* The kernel writes to it without asking the page tables. */
START_TEST(what_kvm_shares_with_the_vmm_is_never_clean)
{
	struct machine *m = machine_ready(0);
	struct wptrack *w = tracker_self();
	struct marks *all = marks_new(m->run.pages);
	int round;

	track(w, m->run, 0);
	marks_set(all, 0, 1);
	for (round = 0; round < 3; round++) {
		guest_random(m, GUEST_READ, 1000);
		machine_do(m, VMM_WORK);
		expect_no_lost(w, m->run, all, RESET, "the kernel has the pages itself");
		expect_no_lost(w, m->run, all, RESET, "the kernel has the pages itself");
	}
}
END_TEST

static void fill_suite(Suite *s)
{
	TCase *tc = tcase_new(s, "kvm", TEST_TIMEOUT);

	tcase_add_loop_test(tc, what_the_guest_writes_is_reported, 0, 2);
	tcase_add_loop_test(tc, pages_that_the_guest_can_write_to_are_armed, 0, 2);
	tcase_add_loop_test(tc, what_the_guest_only_reads_is_clean, 0, 2);
	tcase_add_loop_test(tc, what_the_vmm_writes_is_reported, 0, 2);
	tcase_add_loop_test(tc, what_kvm_writes_for_the_guest_is_reported, 0, 2);
	tcase_add_loop_test(tc, the_clock_that_kvm_keeps_is_reported, 0, 2);
	tcase_add_loop_test(tc, guest_and_vmm_write_at_random, 0, 2);
	tcase_add_loop_test(tc, machine_in_empty_memory, 0, 2);
	tcase_add_loop_test(tc, what_kvm_logs_as_dirty_is_reported, 0, 2);
	tcase_add_test(tc, what_kvm_shares_with_the_vmm_is_never_clean);
	kvm_storm(s);
}

int main(void)
{
	return suite_run("kvm", fill_suite);
}
