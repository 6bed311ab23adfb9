// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtual machine monitor: KVM, one virtual CPU, memory of several kinds.
 */
#define _GNU_SOURCE
#include "kvm.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define MSR_KVM_SYSTEM_TIME_NEW	0x4b564d01
#define WINDOW			48	/* pages of the storm */

/* Of this process. */
static struct {
	struct machine *m;
	int kvm, vm, cpu;
	struct kvm_run *run;
	size_t run_size;
	int data;		/* a file to read(2) from */
	pthread_t guest, writer;
} vmm;

static uint32_t gpa(const struct machine *m, const struct slot *s)
{
	return GUEST_BASE + (s - m->slot) * SLOT_PAGES * PAGE;
}

/* Where in a page an operation takes place: the guest and the VMM at different ones. */
static size_t guest_offset(size_t page)
{
	return page * 52 % (PAGE - 8) & ~3UL;
}

static size_t vmm_offset(size_t page)
{
	return guest_offset(page) + 4;
}

static struct slot *add(struct machine *m, const char *name, struct area a)
{
	struct slot *s = &m->slot[m->slots++];

	check_that(m->slots <= SLOTS_MAX);
	check_that(a.pages == SLOT_PAGES);
	*s = (struct slot){ .name = name, .a = a, .grain = 1 };
	return s;
}

/* Linux 6.18; what older headers lack of it. */
#define GUEST_MEMFD_FLAGS_CAP	244
#define GUEST_MEMFD_MMAP	1ULL
#define GUEST_MEMFD_SHARED	2ULL
#define MEM_GUEST_MEMFD		4

struct guest_memfd {
	uint64_t size, flags, reserved[6];
};

struct memory_region2 {
	uint32_t slot, flags;
	uint64_t guest_phys_addr, memory_size, userspace_addr, guest_memfd_offset;
	uint32_t guest_memfd, pad1;
	uint64_t pad2[14];
};

#define CREATE_GUEST_MEMFD	_IOWR(KVMIO, 0xd4, struct guest_memfd)
#define SET_MEMORY_REGION2	_IOW(KVMIO, 0x49, struct memory_region2)

/* KVM takes the guest's pages from the file, whatever the VMM has mapped. */
static void map_guest_memfd(struct machine *m)
{
	struct guest_memfd g = {
		.size = SLOT_PAGES * PAGE, .flags = GUEST_MEMFD_MMAP | GUEST_MEMFD_SHARED,
	};
	struct area a = { .pages = SLOT_PAGES };
	int fd, can = ioctl(vmm.vm, KVM_CHECK_EXTENSION, GUEST_MEMFD_FLAGS_CAP);

	/* It has no dirty log. */
	if (can < 0 || (can & g.flags) != g.flags || m->dirty_log)
		return;
	fd = must(ioctl(vmm.vm, CREATE_GUEST_MEMFD, &g));
	a.p = must(mmap(NULL, g.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	add(m, "guest_memfd", a)->guest_memfd = fd;
}

static void map(struct machine *m)
{
	struct slot *s;
	int fd;

	vmm.kvm = must(open("/dev/kvm", O_RDWR | O_CLOEXEC));
	vmm.vm = must(ioctl(vmm.kvm, KVM_CREATE_VM, 0));
	s = add(m, "private anonymous", map_make(MAP_KIND_ANON, SLOT_PAGES, 0).a);
	s->balloon = true;
	/* What comes below enables huge pages for this process. */
	must(madvise(s->a.p, SLOT_PAGES * PAGE, MADV_NOHUGEPAGE));
	s = add(m, "memfd, shared", map_make(MAP_KIND_MEMFD, SLOT_PAGES, 0).a);
	s->balloon = true;
	add(m, "transparent huge pages", thp_empty(SLOT_PAGES / PMD_PAGES));
	s = add(m, "the same, kept huge", thp_empty(SLOT_PAGES / PMD_PAGES));
	s->flags = WPTRACK_TRACK_KEEP_HUGE;
	s->grain = PMD_PAGES;
	map_guest_memfd(m);
	if (!m->huge_pages)
		return;
	s = add(m, "hugetlb, private", hugetlb(SLOT_PAGES / PMD_PAGES, false, &fd));
	s->grain = PMD_PAGES;
	s = add(m, "hugetlb, shared", hugetlb(SLOT_PAGES / PMD_PAGES, true, &fd));
	s->grain = PMD_PAGES;
}

static void set_slot(unsigned int nr, uint32_t addr, void *p, size_t size)
{
	struct kvm_userspace_memory_region region = {
		.slot = nr, .guest_phys_addr = addr, .memory_size = size,
		.userspace_addr = (uintptr_t)p,
		.flags = nr && vmm.m->dirty_log ? KVM_MEM_LOG_DIRTY_PAGES : 0,
	};

	must(ioctl(vmm.vm, KVM_SET_USER_MEMORY_REGION, &region));
}

static void set_guest_memfd(unsigned int nr, uint32_t addr, const struct slot *s,
			    size_t size)
{
	struct memory_region2 region = {
		.slot = nr, .guest_phys_addr = addr, .memory_size = size,
		.userspace_addr = (uintptr_t)s->a.p, .flags = MEM_GUEST_MEMFD,
		.guest_memfd = s->guest_memfd,
	};

	must(ioctl(vmm.vm, SET_MEMORY_REGION2, &region));
}

static void set_slots(struct machine *m, bool there)
{
	size_t i;

	for (i = 0; i < m->slots; i++)
		if (m->slot[i].guest_memfd)
			set_guest_memfd(1 + i, gpa(m, &m->slot[i]), &m->slot[i],
					there ? SLOT_PAGES * PAGE : 0);
		else
			set_slot(1 + i, gpa(m, &m->slot[i]), m->slot[i].a.p,
				 there ? SLOT_PAGES * PAGE : 0);
}

static struct kvm_segment flat(uint8_t type, uint16_t selector)
{
	return (struct kvm_segment){
		.limit = 0xffffffff, .selector = selector, .type = type,
		.present = 1, .db = 1, .s = 1, .g = 1,
	};
}

static void create(struct machine *m)
{
	struct kvm_sregs sregs;

	vmm.m = m;
	set_slot(0, 0, &m->control, (sizeof(m->control) + PAGE - 1) / PAGE * PAGE);
	set_slots(m, true);
	memcpy(m->control.program, guest_program, guest_program_end - guest_program);

	vmm.cpu = must(ioctl(vmm.vm, KVM_CREATE_VCPU, 0));
	vmm.run_size = must(ioctl(vmm.kvm, KVM_GET_VCPU_MMAP_SIZE, 0));
	vmm.run = must(mmap(NULL, vmm.run_size, PROT_READ | PROT_WRITE, MAP_SHARED,
			    vmm.cpu, 0));
	m->run = (struct area){ (uint8_t *)vmm.run, vmm.run_size / PAGE };
	must(ioctl(vmm.cpu, KVM_GET_SREGS, &sregs));
	sregs.cr0 |= 1;
	sregs.cs = flat(0xb, 8);
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = flat(3, 16);
	must(ioctl(vmm.cpu, KVM_SET_SREGS, &sregs));
	vmm.data = must(memfd_create("vmm", MFD_CLOEXEC));
	close(vmm.kvm);
}

static void vmm_run(uint32_t rip)
{
	struct kvm_regs regs = { .rip = rip, .rflags = 2, .rbx = rip };

	must(ioctl(vmm.cpu, KVM_SET_REGS, &regs));
	for (;;) {
		if (ioctl(vmm.cpu, KVM_RUN, 0)) {
			check_that(errno == EINTR || errno == EAGAIN);
			continue;
		}
		switch (vmm.run->exit_reason) {
		case KVM_EXIT_HLT:
			return;
		case KVM_EXIT_IO:
			check_that(vmm.run->io.port == GUEST_PORT);
			memset((uint8_t *)vmm.run + vmm.run->io.data_offset, 0xa5,
			       vmm.run->io.size * vmm.run->io.count);
			break;
		default:
			ck_abort_msg("KVM_RUN ends with %u (%#llx)",
				     vmm.run->exit_reason,
				     (unsigned long long)vmm.run->hw.hardware_exit_reason);
		}
	}
}

static void guest_work(struct machine *m)
{
	uint32_t *list = m->control.list;
	struct slot *s;
	size_t i;

	for (s = m->slot; s < m->slot + m->slots; s++)
		for (i = 0; i < SLOT_PAGES; i++)
			if (s->guest[i])
				*list++ = gpa(m, s) + i * PAGE + guest_offset(i) +
					  s->guest[i];
	*list = 0;
	vmm_run(0);
}

/* By the kernel, on behalf of the VMM. */
static void read_into(uint8_t *p, const void *data, size_t size)
{
	check_that(pwrite(vmm.data, data, size, 0) == (ssize_t)size);
	check_that(pread(vmm.data, p, size, 0) == (ssize_t)size);
}

static void vmm_work_page(struct slot *s, size_t page)
{
	uint8_t *p = s->a.p + page * PAGE + vmm_offset(page);
	uint32_t value;

	memcpy(&value, p, sizeof(value));
	value++;
	switch (s->vmm[page]) {
	case VMM_COPY:
		memcpy(p, &value, sizeof(value));
		break;
	case VMM_SYSCALL:
		read_into(p, &value, sizeof(value));
		break;
	case VMM_BALLOON:
		/* Of memory of a file only MADV_REMOVE takes away the data. */
		if (madvise(s->a.p + page * PAGE, PAGE, MADV_REMOVE))
			must(madvise(s->a.p + page * PAGE, PAGE, MADV_DONTNEED));
		break;
	}
}

static void vmm_work(struct machine *m)
{
	struct slot *s;
	size_t i;

	for (s = m->slot; s < m->slot + m->slots; s++)
		for (i = 0; i < SLOT_PAGES; i++)
			if (s->vmm[i])
				vmm_work_page(s, i);
}

static void *guest_thread(void *arg)
{
	guest_work(arg);
	return NULL;
}

/* The first byte of what the guest writes to. */
static void remember(struct machine *m, uint8_t *byte)
{
	size_t i, k;

	for (k = 0; k < m->slots; k++)
		for (i = 0; i < SLOT_PAGES; i++)
			byte[k * SLOT_PAGES + i] =
				m->slot[k].a.p[i * PAGE + guest_offset(i)];
}

/* Has the guest done what it should, and is it in the memory of the VMM? */
static void check_memory(struct machine *m, const uint8_t *before, const uint8_t *after)
{
	const struct slot *s;
	size_t i, n;

	for (s = m->slot; s < m->slot + m->slots; s++) {
		for (i = 0; i < SLOT_PAGES; i++) {
			n = (s - m->slot) * SLOT_PAGES + i;
			if (s->vmm[i] == VMM_BALLOON)
				continue;
			switch (s->guest[i]) {
			case GUEST_WRITE:
				check_that(after[n] == (uint8_t)(before[n] + 1));
				break;
			case GUEST_INS:
				check_that(after[n] == 0xa5);
				break;
			default:
				check_that(after[n] == before[n]);
			}
		}
	}
}

static void work(struct machine *m)
{
	static uint8_t before[VM_PAGES], after[VM_PAGES];
	pthread_t thread;

	/* Reading what is not populated would do something to it. */
	if (m->command == VMM_WORK)
		remember(m, before);
	switch (m->order) {
	case GUEST_THEN_VMM:
		guest_work(m);
		vmm_work(m);
		break;
	case VMM_THEN_GUEST:
		vmm_work(m);
		guest_work(m);
		break;
	default:
		check_that(!pthread_create(&thread, NULL, guest_thread, m));
		vmm_work(m);
		pthread_join(thread, NULL);
	}
	if (m->command == VMM_WORK) {
		remember(m, after);
		check_memory(m, before, after);
	}
}

static void get_log(struct machine *m)
{
	size_t i;

	for (i = 0; i < m->slots; i++) {
		struct kvm_dirty_log log = {
			.slot = 1 + i, .dirty_bitmap = m->slot[i].log,
		};

		must(ioctl(vmm.vm, KVM_GET_DIRTY_LOG, &log));
	}
}

/* A guest may have KVM keep the time in a page of its memory. */
static void tick(struct machine *m)
{
	struct slot *s = &m->slot[0];
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msrs = {
		.head.nmsrs = 1,
		.entry.index = MSR_KVM_SYSTEM_TIME_NEW,
		.entry.data = (gpa(m, s) + CLOCK_PAGE * PAGE) | 1,
	};
	struct kvm_clock_data clock = { .clock = 1000000000 };
	static bool on;

	if (!on)
		ck_assert_int_eq(must(ioctl(vmm.cpu, KVM_SET_MSRS, &msrs)), 1);
	on = true;
	must(ioctl(vmm.vm, KVM_SET_CLOCK, &clock));
	m->control.list[0] = 0;
	vmm_run(0);
	memcpy(m->clock, s->a.p + CLOCK_PAGE * PAGE, sizeof(m->clock));
}

static void *storm_guest(void *arg)
{
	vmm_run(guest_storm - guest_program);
	return NULL;
}

/* A write that was lost is seen if the page is left alone for a scan. */
static void move_window(struct machine *m)
{
	__atomic_store_n(&m->control.first, rnd_below(m->slots * SLOT_PAGES - WINDOW + 1),
			 __ATOMIC_RELAXED);
	usleep(rnd_below(m->guest_alone ? 15000 : 4000));
}

/* The VMM does to the second word what the guest does to the first. */
static void write_in_window(struct machine *m)
{
	size_t page = m->control.first + rnd_below(WINDOW);
	uint8_t *p = m->slot[page / SLOT_PAGES].a.p + page % SLOT_PAGES * PAGE + 4;
	uint32_t value = m->vmm_announce[page] + 1;

	if (rnd_below(8))
		__atomic_store_n((uint32_t *)p, value, __ATOMIC_RELEASE);
	else
		read_into(p, &value, sizeof(value));
	__atomic_store_n(&m->vmm_announce[page], value, __ATOMIC_RELEASE);
}

static void *storm_writer(void *arg)
{
	struct machine *m = arg;
	int i;

	while (!__atomic_load_n(&m->control.stop, __ATOMIC_RELAXED)) {
		move_window(m);
		for (i = 0; i < 64 && !m->guest_alone; i++)
			write_in_window(m);
	}
	return NULL;
}

static void storm(struct machine *m)
{
	struct slot *s;
	size_t i;

	for (s = m->slot; s < m->slot + m->slots; s++)
		for (i = 0; i < SLOT_PAGES; i++)
			memset(s->a.p + i * PAGE, 0, 8);
	m->control.stop = 0;
	m->control.window = WINDOW;
	check_that(!pthread_create(&vmm.guest, NULL, storm_guest, m));
	check_that(!pthread_create(&vmm.writer, NULL, storm_writer, m));
}

static void calm(struct machine *m)
{
	__atomic_store_n(&m->control.stop, 1, __ATOMIC_RELAXED);
	pthread_join(vmm.guest, NULL);
	pthread_join(vmm.writer, NULL);
}

static void populate(struct machine *m)
{
	size_t i;

	for (i = 0; i < m->slots; i++)
		memset(m->slot[i].a.p, 1, SLOT_PAGES * PAGE);
}

void vmm_command(struct machine *m, enum vmm_command command)
{
	switch (command) {
	case VMM_MAP:
		return map(m);
	case VMM_POPULATE:
		return populate(m);
	case VMM_CREATE:
		return create(m);
	case VMM_RESLOT:
		set_slots(m, false);
		return set_slots(m, true);
	case VMM_WORK:
	case VMM_WORK_EMPTY:
		return work(m);
	case VMM_GET_LOG:
		return get_log(m);
	case VMM_CLOCK:
		return tick(m);
	case VMM_STORM:
		return storm(m);
	case VMM_CALM:
		return calm(m);
	case VMM_END:
		return;
	}
}
