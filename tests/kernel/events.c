// SPDX-License-Identifier: GPL-2.0-only
/* The table of events. */
#define _GNU_SOURCE
#include "events.h"
#include "maps.h"

#include <sys/syscall.h>

const struct event events[] = {
	{ "nothing", ev_nothing, false },
	{ "fork", ev_fork, false },
	{ "forks while a thread writes", ev_fork_loop, false },
	{ "fork with MADV_WIPEONFORK", ev_fork_wipe, false },
	{ "fork with MADV_DONTFORK", ev_fork_dont, false },
	{ "fork and exec", ev_exec, false },
	{ "core dump of a child", ev_core, false },
	{ "stopped, read and written by ptrace", ev_ptrace, false },
	{ "uprobe set and removed", ev_uprobe, false },

	{ "mremap: grow and shrink", ev_grow, false },
	{ "mremap: away and back", ev_move_back, false },
	{ "mremap: other memory moved over it", ev_move_over, false },
	{ "mremap: MREMAP_DONTUNMAP", ev_dontunmap, false },
	{ "munmap and mmap in the same place", ev_remap, false },
	{ "mprotect: read-only and back", ev_mprotect_read, false },
	{ "mprotect: PROT_NONE and back", ev_mprotect_none, false },
	{ "mprotect: executable and back", ev_mprotect_exec, false },
	{ "mprotect: half of it read-only and back", ev_mprotect_half, false },
	{ "mprotect: no change", ev_mprotect_write, false },
	{ "pkey_mprotect and back", ev_pkey, false },
	{ "mlock and munlock", ev_mlock, false },

	{ "MADV_DONTNEED", ev_dontneed, false },
	{ "MADV_FREE", ev_free, false },
	{ "MADV_FREE and reclaim", ev_free_reclaimed, false },
	{ "MADV_COLD", ev_cold, false },
	{ "MADV_REMOVE", ev_remove, false },
	{ "MADV_POPULATE_READ", ev_populate_read, false },
	{ "MADV_POPULATE_WRITE", ev_populate_write, false },
	{ "MADV_COLLAPSE", ev_collapse, false },
	{ "MADV_HUGEPAGE and MADV_NOHUGEPAGE", ev_hugepage, false },
	{ "guard pages, installed and removed", ev_guard, false },
	{ "MADV_SOFT_OFFLINE", ev_soft_offline, false },
	{ "fsync", ev_fsync, false },
	{ "drop_caches", ev_drop_caches, false },
	{ "clear_refs 1", ev_clear_refs, false },
	{ "clear_refs 4 (soft-dirty)", ev_soft_dirty, false },

	{ "MADV_PAGEOUT", ev_pageout, true },
	{ "swapped out, in by a read", ev_swap_read, true },
	{ "swapped out, in by a write", ev_swap_write, true },
	{ "swapped out, in by swapoff", ev_swapoff, true },
	{ "zram, in by a read", ev_zram_read, true },
	{ "zram, in by a write", ev_zram_write, true },
	{ "compaction", ev_compact, true },
	{ "move_pages to the other node", ev_move_pages, true },
	{ "migrate_pages to the other node", ev_migrate_pages, true },
	{ "NUMA balancing", ev_numa, true },
	{ "khugepaged", ev_khugepaged, true },
	{ "huge pages split by the kernel", ev_split, false },
	{ "KSM: merged", ev_ksm, true },
	{ "KSM: merged and unmerged", ev_unmerge, true },

	{ "userfaultfd: register, unregister", ev_uffd_register, false },
	{ "userfaultfd: protect, unprotect", ev_uffd_wp, false },
	{ "userfaultfd: UFFDIO_COPY", ev_uffd_copy, false },
	{ "userfaultfd: UFFDIO_MOVE", ev_uffd_move, false },
	{ "vmsplice and read", ev_vmsplice, false },
};
const unsigned int nr_events = sizeof(events) / sizeof(events[0]);

START_TEST(every_kind_of_memory)
{
	const char *only = getenv("WPTRACK_TEST_EVENT");

	if (only && !strstr(events[_i].name, only))
		return;
	cell_row(&events[_i]);
}
END_TEST

/*
 * Somebody else is tracked all the time: to place the hooks for each cell anew would
 * take longer than the cell.
 */
static struct peer other;
static struct wptrack *other_tracker;

static void other_waits(int fd, void *arg)
{
	turn_wait(fd);
}

static void setup(void)
{
	unsigned long node1 = 1UL << 1;

	/* Only the row about it is to have it: it comes when it likes. */
	write_file("/proc/sys/kernel/numa_balancing", "0");
	/* The only CPU is on node 0; memory that is there already does not move. */
	if (!access("/sys/devices/system/node/node1", F_OK))
		must(syscall(SYS_set_mempolicy, 1 /* preferred */, &node1, 3UL));
	other = peer_start(other_waits, NULL);
	other_tracker = tracker_pid(other.pid);
}

static void teardown(void)
{
	wptrack_close(other_tracker);
	peer_end(&other);
	hugetlb_pages(0);
}

static void fill_suite(Suite *s)
{
	TCase *tc = tcase_new(s, "events", TEST_TIMEOUT);

	tcase_add_unchecked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, every_kind_of_memory, 0, nr_events);
}

int main(void)
{
	return suite_run("events", fill_suite);
}
