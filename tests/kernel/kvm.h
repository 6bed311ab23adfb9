/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small virtual machine whose memory is tracked.  The virtual machine monitor (VMM) is
 * the test itself, or a second process that the test tracks.
 *
 * The machine has its memory in slots, each of another kind of memory of the VMM, one
 * after the other from GUEST_BASE on; and below that one that is not tracked, for its
 * program and for what the test has to say to it (struct control).
 */
#ifndef TESTS_KVM_H
#define TESTS_KVM_H

#include <assert.h>

#include "common.h"
#include "maps.h"

/* Also known to the guest's program, kvm_guest.c. */
#define GUEST_BASE	0x1000000
#define GUEST_STOP	0x1000	/* of struct control */
#define GUEST_FIRST	0x1004
#define GUEST_WINDOW	0x1008
#define GUEST_LIST	0x2000
#define GUEST_ANNOUNCE	0xb000
#define GUEST_PORT	0x10

#define SLOT_PAGES	(2 * PMD_PAGES)
#define SLOTS_MAX	7
#define CLOCK_PAGE	7	/* of the first slot: KVM keeps the time there */
#define VM_PAGES	(SLOTS_MAX * SLOT_PAGES)

/* What the guest does to a page of its memory. */
enum guest_op { GUEST_NOTHING, GUEST_READ, GUEST_WRITE, GUEST_INS };
/* What the VMM does to it.  VMM_BALLOON takes the page away: it is zero then. */
enum vmm_op { VMM_NOTHING, VMM_READ, VMM_COPY, VMM_SYSCALL, VMM_BALLOON };

struct control {
	uint8_t program[PAGE];
	/* The storm writes to pages from @first on, until it is told to stop. */
	uint32_t stop, first, window;
	uint8_t unused[PAGE - 12];
	/* What is to be done: page addresses, with the guest_op in the low bits; 0 ends. */
	uint32_t list[VM_PAGES + 2048];
	/* How often the storm has written to each page: told once it has. */
	uint32_t announce[VM_PAGES + 2048];
};

static_assert(offsetof(struct control, stop) == GUEST_STOP, "see kvm_guest.c");
static_assert(offsetof(struct control, first) == GUEST_FIRST, "see kvm_guest.c");
static_assert(offsetof(struct control, window) == GUEST_WINDOW, "see kvm_guest.c");
static_assert(offsetof(struct control, list) == GUEST_LIST, "see kvm_guest.c");
static_assert(offsetof(struct control, announce) == GUEST_ANNOUNCE, "see kvm_guest.c");

/* The program of the guest: a list of things to do, and the storm. */
extern const uint8_t guest_program[], guest_storm[], guest_program_end[];

struct slot {
	const char *name;
	uint64_t flags;		/* WPTRACK_TRACK_* */
	size_t grain;		/* pages that are reported together */
	bool balloon;		/* VMM_BALLOON can be done to it */
	bool always;		/* cannot be tracked on this kernel: always written */
	int guest_memfd;	/* KVM has the memory from this file itself; 0: from @a */
	struct marks *m;	/* of the test: what has to be reported */
	struct area a;
	uint8_t guest[SLOT_PAGES];	/* enum guest_op */
	uint8_t vmm[SLOT_PAGES];	/* enum vmm_op */
	uint8_t log[SLOT_PAGES / 8];	/* KVM's own dirty log of it */
};

enum vmm_order { GUEST_THEN_VMM, VMM_THEN_GUEST, AT_ONCE, VMM_ORDERS };

enum vmm_command {
	VMM_MAP,	/* make the memory */
	VMM_POPULATE,	/* write to all of it */
	VMM_CREATE,	/* the virtual machine */
	VMM_RESLOT,	/* take its memory away and give it back */
	VMM_WORK,	/* do what the slots say, and see that it is in the memory */
	VMM_WORK_EMPTY,	/* the same without a look at the memory, which may be empty */
	VMM_GET_LOG,
	VMM_CLOCK,	/* have KVM write to the clock's page */
	VMM_STORM,	/* begin with it */
	VMM_CALM,	/* end it */
	VMM_END,
};

/* Shared by the test and the VMM. */
struct machine {
	struct control control;
	enum vmm_command command;
	enum vmm_order order;
	bool dirty_log;
	bool guest_alone;	/* the VMM has no part in the storm */
	size_t slots;
	struct slot slot[SLOTS_MAX];
	size_t huge_pages;	/* there are so many of hugetlb */
	struct area run;	/* that KVM shares with the VMM, of its virtual CPU */
	uint32_t vmm_announce[VM_PAGES];	/* by the VMM's part of the storm */
	uint8_t clock[32];	/* what KVM has put into the clock's page */
	bool other;		/* the VMM is a second process: */
	struct peer peer;
};

enum machine_flags {
	MACHINE_OTHER = 1,	/* the VMM is a second process */
	MACHINE_DIRTY_LOG = 2,
};

/* A machine whose memory is not even mapped. */
struct machine *machine_new(unsigned int flags);
/* One that is ready, with all its memory populated. */
struct machine *machine_ready(unsigned int flags);
/* Have the VMM do something, and wait until it is done. */
void machine_do(struct machine *m, enum vmm_command command);
void machine_end(struct machine *m);
pid_t machine_pid(const struct machine *m);
/* Tracks all slots. */
struct wptrack *machine_tracker(struct machine *m);
/* Nothing is to be done. */
void machine_idle(struct machine *m);
/* What has to be reported once all is done that is to be done. */
void machine_mark(struct machine *m);
/*
 * A resetting scan of all slots: it must report just what is marked.  Pages that
 * somebody holds at the moment may be reported as well if @why says why.
 */
#define expect_machine(m, w, why) expect_machine_at(__FILE__, __LINE__, m, w, why)
void expect_machine_at(const char *file, int line, struct machine *m, struct wptrack *w,
		       const char *why);
/* Reset until everything is clean that can be. */
void machine_settle(struct machine *m, struct wptrack *w);

/* In the VMM. */
void vmm_command(struct machine *m, enum vmm_command command);

/* Suites of tests. */
void kvm_storm(Suite *s);

#endif /* TESTS_KVM_H */
