// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest and VMM write to the same pages all the time, while these are scanned and reset.
 *
 * Each counts in a word of its own in every page, and announces a write once it is in
 * the page.  What was announced before a scan began must be known once the pages that
 * this scan reports are copied.
 */
#define _GNU_SOURCE
#include "kvm.h"

#include <sys/uio.h>

struct words {
	uint32_t guest, vmm;
};

struct storm {
	struct machine *m;
	struct words known[VM_PAGES];
	struct words announced[VM_PAGES];	/* when the scan began */
	struct slot *now;	/* is scanned */
	uint64_t scans, reported;
};

static int copy_region(const struct wptrack_region *r, void *ctx)
{
	struct storm *storm = ctx;
	struct slot *s = storm->now;
	size_t first = (r->start - area_start(s->a)) / PAGE;
	size_t pages = (r->end - r->start) / PAGE, i;
	struct words *known = storm->known + (s - storm->m->slot) * SLOT_PAGES + first;
	struct iovec local[64], remote[64];

	for (i = 0; i < pages; i++) {
		local[i % 64] = (struct iovec){ known + i, sizeof(*known) };
		remote[i % 64] = (struct iovec){ s->a.p + (first + i) * PAGE,
						 sizeof(*known) };
		if (i % 64 == 63 || i == pages - 1)
			must(process_vm_readv(machine_pid(storm->m), local, i % 64 + 1,
					      remote, i % 64 + 1, 0));
	}
	storm->reported += pages;
	return 0;
}

static void listen(const struct machine *m, struct words *announced)
{
	size_t i;

	for (i = 0; i < m->slots * SLOT_PAGES; i++) {
		announced[i].guest = __atomic_load_n(&m->control.announce[i],
						     __ATOMIC_ACQUIRE);
		announced[i].vmm = __atomic_load_n(&m->vmm_announce[i], __ATOMIC_ACQUIRE);
	}
}

/* Pages of a slot of which something was announced that is not known. */
static size_t count_lost(const struct storm *storm, const struct slot *s)
{
	size_t first = (s - storm->m->slot) * SLOT_PAGES, i, lost = 0;

	for (i = first; i < first + SLOT_PAGES; i++) {
		const struct words *known = &storm->known[i], *said = &storm->announced[i];

		if (known->guest >= said->guest && known->vmm >= said->vmm)
			continue;
		if (lost++ < 4)
			note("%s: page %zu: LOST: guest %u of %u, VMM %u of %u", s->name,
			     i - first, known->guest, said->guest, known->vmm, said->vmm);
	}
	return lost;
}

/* One scan of some slots; returns the number of pages that it has lost. */
static size_t scan(struct storm *storm, struct wptrack *w, struct slot *first, size_t slots)
{
	struct wptrack_scan_opts o = {
		.sz = sizeof(o), .flags = WPTRACK_SCAN_RESET,
	};
	size_t lost = 0;
	struct slot *s;

	listen(storm->m, storm->announced);
	for (s = first; s < first + slots; s++) {
		storm->now = s;
		if (wptrack_for_each(w, area_start(s->a), area_end(s->a), copy_region,
				     storm, &o))
			ck_abort_msg("scan: %s", wptrack_error(w));
		lost += count_lost(storm, s);
	}
	storm->scans++;
	return lost;
}

static void tell(const struct storm *storm, long held, size_t lost)
{
	const struct machine *m = storm->m;
	uint64_t guest = 0, vmm = 0;
	size_t i;

	for (i = 0; i < m->slots * SLOT_PAGES; i++) {
		guest += storm->announced[i].guest;
		vmm += storm->announced[i].vmm;
	}
	note("STORM %s: %lu writes by the guest, %lu by the VMM, %lu scans, %lu pages "
	     "reported, %ld could not be reset, %zu lost",
	     m->other ? "tracked by another process" : "tracks itself",
	     (unsigned long)guest, (unsigned long)vmm, (unsigned long)storm->scans,
	     (unsigned long)storm->reported, held, lost);
	ck_assert_uint_gt(guest, 0);
	ck_assert(m->guest_alone || vmm);
	ck_assert_uint_gt(storm->scans, 1);
}

/*
 * Where the guest is alone, just the slot to which it writes is scanned: all the time a
 * reset meets a guest that wants back what was taken from its page tables.
 */
START_TEST(no_write_is_lost_in_a_storm)
{
	long held = stats_value("overreport_referenced");
	struct machine *m = machine_ready(_i & 1 ? MACHINE_OTHER : 0);
	struct wptrack *w = machine_tracker(m);
	static struct storm storm;
	size_t lost = 0;
	double end;

	m->guest_alone = _i & 2;
	storm.m = m;
	machine_do(m, VMM_STORM);
	end = seconds() + run_seconds(2);
	while (!lost && seconds() < end) {
		if (m->guest_alone) {
			lost = scan(&storm, w, m->slot + m->control.first / SLOT_PAGES, 1);
		} else {
			lost = scan(&storm, w, m->slot, m->slots);
			usleep(rnd_below(4000));
		}
	}
	machine_do(m, VMM_CALM);
	lost += scan(&storm, w, m->slot, m->slots);
	tell(&storm, stats_value("overreport_referenced") - held, lost);
	ck_assert_msg(!lost, "%zu pages lost", lost);
	machine_end(m);
}
END_TEST

void kvm_storm(Suite *s)
{
	TCase *tc = tcase_new(s, "storm", run_seconds(2) + TEST_TIMEOUT);

	tcase_add_loop_test(tc, no_write_is_lost_in_a_storm, 0, 4);
}
