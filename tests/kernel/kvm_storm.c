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
	struct slot *now;	/* is scanned */
	uint64_t reported;
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

static void scan_slot(struct storm *storm, struct wptrack *w, struct slot *s)
{
	struct wptrack_scan_opts o = {
		.sz = sizeof(o), .flags = WPTRACK_SCAN_RESET,
	};

	storm->now = s;
	if (wptrack_for_each(w, area_start(s->a), area_end(s->a), copy_region, storm, &o))
		ck_abort_msg("scan: %s", wptrack_error(w));
}

/* Pages of which something was announced that is not known. */
static size_t count_lost(const struct storm *storm, const struct words *announced)
{
	size_t i, lost = 0;

	for (i = 0; i < storm->m->slots * SLOT_PAGES; i++) {
		if (storm->known[i].guest >= announced[i].guest &&
		    storm->known[i].vmm >= announced[i].vmm)
			continue;
		if (lost++ < 4)
			note("%s: page %zu: LOST: guest %u of %u, VMM %u of %u",
			     storm->m->slot[i / SLOT_PAGES].name, i % SLOT_PAGES,
			     storm->known[i].guest, announced[i].guest,
			     storm->known[i].vmm, announced[i].vmm);
	}
	return lost;
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

START_TEST(no_write_is_lost_in_a_storm)
{
	static struct words announced[VM_PAGES];
	static struct storm storm;
	long held = stats_value("overreport_referenced");
	uint64_t scans = 0, guest = 0, vmm = 0;
	struct machine *m = machine_ready(_i ? MACHINE_OTHER : 0);
	struct wptrack *w = machine_tracker(m);
	size_t i, lost = 0;
	double end;

	storm.m = m;
	machine_do(m, VMM_STORM);
	end = seconds() + run_seconds(6);
	while (!lost && seconds() < end) {
		listen(m, announced);
		for (i = 0; i < m->slots; i++)
			scan_slot(&storm, w, &m->slot[i]);
		lost = count_lost(&storm, announced);
		scans++;
		usleep(rnd_below(4000));
	}
	machine_do(m, VMM_CALM);
	listen(m, announced);
	for (i = 0; i < m->slots; i++)
		scan_slot(&storm, w, &m->slot[i]);
	lost += count_lost(&storm, announced);
	for (i = 0; i < m->slots * SLOT_PAGES; i++) {
		guest += announced[i].guest;
		vmm += announced[i].vmm;
	}
	held = stats_value("overreport_referenced") - held;
	note("storm, %s: %lu writes by the guest, %lu by the VMM, %lu scans, %lu pages "
	     "reported, %ld could not be reset, %zu lost", _i ? "tracked by another process" : "tracks itself", (unsigned long)guest,
	     (unsigned long)vmm, (unsigned long)scans, (unsigned long)storm.reported, held,
	     lost);
	ck_assert_msg(!lost, "%zu pages lost", lost);
	ck_assert_uint_gt(guest, 0);
	ck_assert_uint_gt(vmm, 0);
	ck_assert_uint_gt(scans, 1);
	machine_end(m);
}
END_TEST

void kvm_storm(Suite *s)
{
	TCase *tc = tcase_new(s, "storm", run_seconds(6) + TEST_TIMEOUT);

	tcase_add_loop_test(tc, no_write_is_lost_in_a_storm, 0, 2);
}
