/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/**
 * DOC: wptrack: which pages of memory were written
 *
 * One open file of /dev/wptrack is one *tracker*.  A program
 *
 *   1. opens the device,
 *   2. attaches the tracker to one address space with WPTRACK_IOC_ATTACH,
 *   3. names the ranges it cares about with WPTRACK_IOC_TRACK,
 *   4. asks which of their pages were written with WPTRACK_IOC_SCAN, as often
 *      as it likes, with or without resetting the answer in the same call.
 *
 * The tracked program takes one short minor fault for the first write to a
 * page after each reset.  It gets no signal and waits for nobody, but that mmap(2)
 * and its like may wait for a step of a scan (about 2 ms of its work), and a child of a
 * followed fork for its tracker.  Closing the file ends the tracking.
 *
 * Several trackers may watch the same memory.  Each has its own written set: a
 * reset by one never hides a write from another.
 *
 * The promise
 * -----------
 * A page is reported clean only if no write through this mapping can have
 * happened since this tracker last reset it (or since TRACK).  Where wptrack
 * cannot know, the page is reported written; every such case is counted by
 * cause in /proc/wptrack/stats.
 *
 * What "written" means
 * --------------------
 *  - Tracking is per mapping.  Writes to the same file or shared memory
 *    through another mapping, or by write(2) on the file, are not seen.
 *  - Writes by the kernel on the program's behalf (read(2) into a buffer,
 *    signal frames), by ptrace, /proc/PID/mem and process_vm_writev() are seen.
 *  - A page that was empty when it was tracked or reset is clean until it is
 *    written; reading it does not make it written in private mappings.
 *  - Memory that is zapped (munmap, MADV_DONTNEED, hole punch) after it held
 *    data reads written.  A reset that passes over unmapped memory forgets what
 *    was there: what is mapped there later begins clean.
 *  - To map something else in the place of memory is no write: what was empty stays
 *    clean, whatever file shows there from then on.  /proc/PID/maps tells of that.
 *  - What is stored in shared memory of which its file has nothing yet, while the
 *    program itself makes a hole there (MADV_REMOVE), may go with the hole, and
 *    read clean: it is empty as before.
 *  - A page that was reported may be unmapped before its reader gets to it.  Take
 *    it as empty then: if it held data, and comes back (mremap), it is reported
 *    again; if it did not, what comes back is empty too.
 *  - Memory in which a device may write at any time (pinned pages) and memory
 *    that cannot be write-protected is always reported written.  Use the
 *    categories %WPTRACK_PAGE_PINNED and %WPTRACK_PAGE_WPALLOWED to tell.
 *
 * Structures
 * ----------
 * Every argument structure begins with @size, which the caller sets to the
 * sizeof it was compiled with.  A kernel that knows a shorter structure accepts
 * a longer one if what it does not know is zero (otherwise E2BIG); a kernel
 * that knows a longer one takes what is missing as zero.  A size below the
 * first published one is EINVAL.  All addresses and lengths are bytes.  The
 * ioctl numbers are told apart by their type and number alone, so they stay
 * valid when a structure grows.  Unknown flag bits are EINVAL, unknown commands
 * ENOTTY.
 *
 * Errors that every command but INFO can give
 * -------------------------------------------
 *  - ENOTCONN: the tracker is not attached yet (not from ATTACH)
 *  - ESRCH:    the target exited or replaced itself by execve(2)
 *  - EINTR:    the caller was killed while it waited
 *  - ENOMEM:   out of memory (or over the memory limit of the caller's cgroup)
 *  - EDQUOT:   a limit of the user who opened the tracker is reached, see below
 *  - EFAULT:   an argument points to memory that cannot be accessed
 *
 * Limits
 * ------
 * A user, that is an effective user ID when the device is opened, may have so many
 * trackers, so many ranges in all of them, and so much memory in records; the
 * module's parameters max_user_trackers, max_user_ranges and max_user_record_kib say
 * how many.  Beyond it open(2), TRACK, UNTRACK (which may cut a range in two) and
 * SCAN give EDQUOT, and what the user has already goes on as before: a scan that
 * fails has lost nothing.  Where one tracker's reset finds no memory to note what is
 * still written for another one, all of that other one reads written until it is
 * reset: by scans for %WPTRACK_PAGE_WRITTEN alone, or CLEAR, that go through all of its
 * mapped ranges, upwards and without a gap.  A tracker that was opened with CAP_SYS_RESOURCE has no limits.
 *
 * A record serves all trackers of an address space.  It is charged to the user
 * whose tracker needed it first.  What has to be noted when the target changes its
 * mappings is charged to the memory cgroup of whoever changes them, as far as there
 * is room in it, and to no user.
 */
#ifndef _UAPI_WPTRACK_H
#define _UAPI_WPTRACK_H

#include <linux/ioctl.h>
#include <linux/types.h>

/** define WPTRACK_ABI_VERSION - version of this interface, see wptrack_info.abi */
#define WPTRACK_ABI_VERSION	1

/** define WPTRACK_DEVICE - path of the device */
#define WPTRACK_DEVICE		"/dev/wptrack"

/**
 * DOC: page categories
 *
 * Bits 0 to 9 have the numbers and the meaning of the PAGE_IS_* bits of the
 * PAGEMAP_SCAN ioctl (Linux 6.7).  Bits from 32 up are wptrack's own.
 *
 * @WPTRACK_PAGE_WPALLOWED:  the page is in a range of this tracker and in a
 *                           mapping whose pages can be write-protected
 * @WPTRACK_PAGE_WRITTEN:    the page was written, or may have been, since this
 *                           tracker last reset it.  Never set outside the
 *                           ranges of this tracker.
 * @WPTRACK_PAGE_FILE:       a page of a file or of shared memory is mapped
 * @WPTRACK_PAGE_PRESENT:    the page is in memory
 * @WPTRACK_PAGE_SWAPPED:    the page is swapped out or in migration
 * @WPTRACK_PAGE_PFNZERO:    the shared zero page is mapped
 * @WPTRACK_PAGE_HUGE:       the page is mapped by a huge page table entry
 * @WPTRACK_PAGE_SOFT_DIRTY: the kernel's own soft-dirty bit is set
 * @WPTRACK_PAGE_GUARD:      the page is a guard page (MADV_GUARD_INSTALL)
 * @WPTRACK_PAGE_ACCESSED:   reserved: the number of Linux 7.3's PAGE_IS_ACCESSED
 * @WPTRACK_PAGE_PINNED:     a device may write to the page at any time
 */
#define WPTRACK_PAGE_WPALLOWED	(1ULL << 0)
#define WPTRACK_PAGE_WRITTEN	(1ULL << 1)
#define WPTRACK_PAGE_FILE	(1ULL << 2)
#define WPTRACK_PAGE_PRESENT	(1ULL << 3)
#define WPTRACK_PAGE_SWAPPED	(1ULL << 4)
#define WPTRACK_PAGE_PFNZERO	(1ULL << 5)
#define WPTRACK_PAGE_HUGE	(1ULL << 6)
#define WPTRACK_PAGE_SOFT_DIRTY	(1ULL << 7)
#define WPTRACK_PAGE_GUARD	(1ULL << 8)
#define WPTRACK_PAGE_ACCESSED	(1ULL << 9)
#define WPTRACK_PAGE_PINNED	(1ULL << 32)

/**
 * DOC: features
 *
 * What a loaded module can do on the running kernel, see wptrack_info.features.
 *
 * @WPTRACK_FEATURE_ANON:         4 KiB pages of private anonymous memory are exact
 * @WPTRACK_FEATURE_SHMEM:        4 KiB pages of shmem, tmpfs, memfd are exact
 * @WPTRACK_FEATURE_FILE_PRIVATE: 4 KiB pages of private file mappings are exact
 * @WPTRACK_FEATURE_FILE_SHARED:  4 KiB pages of shared file mappings are exact
 * @WPTRACK_FEATURE_THP:          transparent huge pages are exact; those of shared
 *                                memory as a whole.  Without it they are
 *                                reported written.
 * @WPTRACK_FEATURE_HUGETLB:      hugetlb of 2 MiB is tracked, per huge page: it is
 *                                reset as a whole only.  Without it, and where
 *                                %WPTRACK_PAGE_WPALLOWED is missing, it is
 *                                reported written.
 * @WPTRACK_FEATURE_REMOTE:       other processes can be tracked through a pidfd
 * @WPTRACK_FEATURE_MULTI:        several trackers can watch one address space
 * @WPTRACK_FEATURE_SOFT_DIRTY:   %WPTRACK_PAGE_SOFT_DIRTY is filled in
 * @WPTRACK_FEATURE_EPOCH:        scans tell their epoch; WPTRACK_IOC_CLEAR
 * @WPTRACK_FEATURE_NOTIFY:       poll(2) and WPTRACK_IOC_NOTIFY
 * @WPTRACK_FEATURE_FORK:         %WPTRACK_ATTACH_FOLLOW_FORK and WPTRACK_IOC_FORKED
 */
#define WPTRACK_FEATURE_ANON		(1ULL << 0)
#define WPTRACK_FEATURE_SHMEM		(1ULL << 1)
#define WPTRACK_FEATURE_FILE_PRIVATE	(1ULL << 2)
#define WPTRACK_FEATURE_FILE_SHARED	(1ULL << 3)
#define WPTRACK_FEATURE_THP		(1ULL << 4)
#define WPTRACK_FEATURE_HUGETLB		(1ULL << 5)
#define WPTRACK_FEATURE_REMOTE		(1ULL << 6)
#define WPTRACK_FEATURE_MULTI		(1ULL << 7)
#define WPTRACK_FEATURE_SOFT_DIRTY	(1ULL << 8)
#define WPTRACK_FEATURE_EPOCH		(1ULL << 9)
#define WPTRACK_FEATURE_NOTIFY		(1ULL << 10)
#define WPTRACK_FEATURE_FORK		(1ULL << 11)

/**
 * struct wptrack_info - what this module does on this kernel
 * @size:        in: sizeof(struct wptrack_info)
 * @abi:         out: %WPTRACK_ABI_VERSION of the module
 * @features:    out: WPTRACK_FEATURE_* bits that work here
 * @categories:  out: WPTRACK_PAGE_* bits that SCAN accepts in its masks
 * @address_end: out: end of the largest address space; no range reaches beyond
 * @text:        in: address of a buffer for a description, or 0
 * @text_len:    in: size of that buffer; out: size of the whole description with
 *               its final NUL.  If it did not fit it is cut, and still ends in NUL.
 *
 * The description has one line a feature, "name: yes" or "name: no (reason)",
 * then lines "key: value" about the kernel and the module.
 *
 * Errors: EFAULT, EINVAL, E2BIG.
 */
struct wptrack_info {
	__u64 size;
	__u64 abi;
	__u64 features;
	__u64 categories;
	__u64 address_end;
	__u64 text;
	__u64 text_len;
};

/**
 * define WPTRACK_ATTACH_FOLLOW_FORK - children get trackers of their own
 *
 * Each process that the target makes by fork(2) begins with a tracker that has taken
 * over the state of this one, and follows in turn the forks of the child.  See "fork".
 */
#define WPTRACK_ATTACH_FOLLOW_FORK	(1ULL << 0)

/**
 * struct wptrack_attach - choose the address space a tracker watches
 * @size:  sizeof(struct wptrack_attach)
 * @flags: WPTRACK_ATTACH_* bits
 * @pidfd: a pidfd of the target (see pidfd_open(2)), or -1 for the caller itself
 *
 * A tracker attaches once.  Attaching to another process needs the access that
 * ptrace(2) attach needs (PTRACE_MODE_ATTACH_FSCREDS).  The tracker is bound to
 * the address space, not to the process: execve(2) ends it, as exit does.  Then
 * poll(2) gives POLLHUP and commands give ESRCH; a new tracker can be attached to
 * what the process has become.
 *
 * fork(2) leaves the tracker with the parent, and the child is not tracked, unless
 * %WPTRACK_ATTACH_FOLLOW_FORK is given.
 *
 * Errors: EBUSY (already attached), EBADF (not a pidfd), EPERM (no ptrace
 * access), ESRCH (the process is gone or a kernel thread), EOPNOTSUPP (the hook
 * cannot be placed: sysctl kernel.ftrace_enabled is 0, or a live patch has replaced
 * the function; forks cannot be followed here), EINVAL, E2BIG.
 */
struct wptrack_attach {
	__u64 size;
	__u64 flags;
	__s64 pidfd;
};

/**
 * define WPTRACK_TRACK_START_WRITTEN - pages begin as written
 *
 * Without this flag TRACK write-protects what is populated, and every page
 * begins clean.  With it TRACK touches no page: all of them, empty ones too,
 * read written until a scan resets them, which is what a first full copy wants.
 * Ask for any of %WPTRACK_PAGE_PRESENT and %WPTRACK_PAGE_SWAPPED as well to leave
 * out what is not there.
 */
#define WPTRACK_TRACK_START_WRITTEN	(1ULL << 0)

/**
 * define WPTRACK_TRACK_KEEP_HUGE - huge pages are not split
 *
 * The first write to a transparent huge page after a reset splits it, so that
 * only the 4 KiB page that was written is reported.  With this flag it stays
 * whole and all of it is reported.  Then it is reset only as a whole: by a scan
 * that is not limited to some of its pages by its range, @max_pages or masks.
 * Where several trackers watch a huge page, all of them have to ask for this.
 */
#define WPTRACK_TRACK_KEEP_HUGE		(1ULL << 1)

/**
 * struct wptrack_range - a range for TRACK and UNTRACK
 * @size:  sizeof(struct wptrack_range)
 * @flags: TRACK: WPTRACK_TRACK_* bits; UNTRACK: 0
 * @start: first byte, a multiple of the page size
 * @end:   end of the range (exclusive), rounded up to the page size.  What lies
 *         beyond the end of the address space is cut off, so 0 to ~0 is all of
 *         it.
 * @done:  out: how far the command got.  After an error of UNTRACK nothing was
 *         changed.  After an error of TRACK the range may be tracked as a whole;
 *         what lies beyond @done then reads written where it holds data.
 *
 * A range may span holes and memory that will be mapped later.  TRACK of
 * memory that this tracker already tracks resets it.  When TRACK returns 0,
 * any later write to the range will be reported.  UNTRACK of memory that is not
 * tracked does nothing.
 *
 * Errors: EINVAL (unaligned @start, @start not below @end, unknown flag),
 * ENOSPC (too many separate ranges in this tracker), EDQUOT (in all of the user's),
 * E2BIG.  If the caller of UNTRACK is killed on the way, the range is tracked no
 * more, and what is left of it goes with the next UNTRACK or with the tracker.
 */
struct wptrack_range {
	__u64 size;
	__u64 flags;
	__u64 start;
	__u64 end;
	__u64 done;
};

/**
 * struct wptrack_region - a run of pages with equal categories
 * @start:      first byte
 * @end:        end (exclusive)
 * @categories: WPTRACK_PAGE_* bits, masked by wptrack_scan.return_mask
 *
 * The layout is that of struct page_region of PAGEMAP_SCAN.
 */
struct wptrack_region {
	__u64 start;
	__u64 end;
	__u64 categories;
};

/**
 * define WPTRACK_SCAN_RESET - reset what is reported
 *
 * The pages that match, and only those, become clean in the same step.  A write
 * that comes after is reported by the next scan.  PAGEMAP_SCAN calls this
 * PM_SCAN_WP_MATCHING.  Pages outside the ranges of this tracker are reported
 * if they match, and not changed.
 */
#define WPTRACK_SCAN_RESET		(1ULL << 0)

/**
 * define WPTRACK_SCAN_CHECK_TRACKED - fail on memory that is not tracked
 *
 * The scan stops with EPERM at the first mapped page without
 * %WPTRACK_PAGE_WPALLOWED; walk_end says where.  PAGEMAP_SCAN calls this
 * PM_SCAN_CHECK_WPASYNC.
 */
#define WPTRACK_SCAN_CHECK_TRACKED	(1ULL << 1)

/**
 * define WPTRACK_SCAN_ADVANCE - end the epoch
 *
 * If the walk reaches @end, the tracker's epoch is over, in the same step; the scan
 * still belongs to it.  See "epochs".
 */
#define WPTRACK_SCAN_ADVANCE		(1ULL << 2)

/**
 * DOC: epochs
 *
 * Each tracker has an epoch, a number that begins with 1 and that only its users
 * advance, by %WPTRACK_SCAN_ADVANCE or %WPTRACK_CLEAR_ADVANCE.  What a scan resets
 * in epoch N was written before the end of N.  What is written after its reset is
 * reported in N, if N is not over, or in N + 1 or later.  So if snapshot 17 is made
 * of what one scan of everything, in as many calls as it takes, has reset with
 * %WPTRACK_SCAN_RESET, and the last call has ended epoch 17, then what was written
 * since snapshot 17 is what is reported in later epochs, and nothing else.
 *
 * A call that fails, or stops before its @end, leaves the epoch as it is.  Where
 * several threads or processes share one tracker, the number tells whether somebody
 * else has ended the epoch in between.
 */

/**
 * struct wptrack_scan - report, and optionally reset, pages by category
 * @size:               sizeof(struct wptrack_scan)
 * @flags:              WPTRACK_SCAN_* bits
 * @start:              first byte, a multiple of the page size
 * @end:                end of the range (exclusive), rounded up to the page size
 * @walk_end:           out: where the walk ended: @end, or the address from which
 *                      to go on because @vec was full, @max_pages was reached or
 *                      an error occurred
 * @vec:                address of an array of struct wptrack_region, or 0 to
 *                      count only
 * @vec_len:            number of elements of @vec
 * @max_pages:          stop after this many matching pages; 0 means no limit
 * @category_inverted:  categories whose meaning is inverted before matching
 * @category_mask:      a page matches if it has all of these ...
 * @category_anyof_mask: ... and any of these (unless 0)
 * @return_mask:        categories to return in the regions
 * @regions:            out: number of elements of @vec that were filled in; with
 *                      @vec 0, the number that would have been
 * @pages:              out: number of pages in these regions
 * @epoch:              out: the epoch of the scan; unchanged if it was not begun
 *
 * Members up to @return_mask mean what those of struct pm_scan_arg mean.
 * Memory where nothing is mapped is passed over.  Adjacent pages with equal
 * returned categories make one region.  The ioctl returns the number of
 * regions, as in @regions.
 *
 * If the scan fails after some regions were delivered, @regions, @pages and
 * @walk_end tell how far it got; what was delivered was reset (if asked for),
 * and nothing else was.  Only when the argument structure itself cannot be
 * written back is that unknown to the caller.
 *
 * Errors: EINVAL (unaligned @start, unknown bits, @vec 0 with @vec_len not 0),
 * EFAULT (@end below @start, @vec or the structure not writable),
 * EPERM (see %WPTRACK_SCAN_CHECK_TRACKED), E2BIG, EAGAIN: while it ran, something
 * happened to the target's mappings that could not be noted for want of memory, so
 * written pages may be missing in what it reported.  @walk_end is @start, whatever was
 * delivered: scan anew, all reads written now, until one SCAN has reset all ranges.
 */
struct wptrack_scan {
	__u64 size;
	__u64 flags;
	__u64 start;
	__u64 end;
	__u64 walk_end;
	__u64 vec;
	__u64 vec_len;
	__u64 max_pages;
	__u64 category_inverted;
	__u64 category_mask;
	__u64 category_anyof_mask;
	__u64 return_mask;
	__u64 regions;
	__u64 pages;
	__u64 epoch;
};

/**
 * define WPTRACK_CLEAR_ADVANCE - end the epoch
 *
 * When all regions are cleared, the tracker's epoch is over.  If several threads use
 * one tracker, another one's call may come before that.
 */
#define WPTRACK_CLEAR_ADVANCE		(1ULL << 0)

/**
 * struct wptrack_clear - reset exactly what was reported before
 * @size:    sizeof(struct wptrack_clear)
 * @flags:   WPTRACK_CLEAR_* bits
 * @vec:     address of an array of struct wptrack_region; @categories are ignored
 * @vec_len: number of elements of @vec
 * @epoch:   in: the epoch that it has to be, or 0 for any; out, if it succeeds or
 *           fails with ESTALE: the epoch that it was
 * @done:    out: number of elements that were cleared
 * @pages:   out: number of pages in them that were written, and are reset
 *
 * The second of two steps: a scan without %WPTRACK_SCAN_RESET tells what was
 * written, CLEAR resets these pages and no others, and *then* their content is
 * read.  What is written before CLEAR is in what is read; what is written after it
 * will be reported again; what was written elsewhere between the two steps stays
 * written.  Between the steps a page that is written again and again costs no fault.
 *
 * If CLEAR fails, the elements from @done on are to be given again, or to be taken
 * as not reset; pages of the first of them may have been.  As the caller has the
 * list, no page is lost.  Pages outside the ranges of this tracker are left alone.
 *
 * Errors: EINVAL (an element with unaligned @start, or @end not above it; unknown
 * flag), ESTALE (it is not the epoch @epoch), EFAULT, E2BIG.
 */
struct wptrack_clear {
	__u64 size;
	__u64 flags;
	__u64 vec;
	__u64 vec_len;
	__u64 epoch;
	__u64 done;
	__u64 pages;
};

/**
 * struct wptrack_notify - wait for writes instead of asking again and again
 * @size:    sizeof(struct wptrack_notify)
 * @flags:   0
 * @pages:   be readable when so many pages are newly written; 0: never
 * @eventfd: an eventfd that is signalled besides, or -1
 *
 * Replaces what was asked for before, and counts from 0.  A page is newly written if
 * it is in a range of this tracker and its first write since it was last reset, by
 * whichever tracker, is seen in the write-fault path.  The count begins anew when a
 * scan with %WPTRACK_SCAN_RESET or a CLEAR of this tracker begins, but not when a scan
 * goes on where the one before it was full.
 *
 * What was written before this call does not count again before it is reset: ask first
 * and TRACK then, or ask, and reset once by a scan, before you wait.
 *
 * poll(2) of the tracker gives POLLIN as long as the count is @pages or more (level),
 * and whoever waits is woken once, when it gets there: however many writes follow,
 * there is no other wake-up until a reset.  So EPOLLET gives one event for each time
 * that the threshold is crossed, and the eventfd has 1 added for each.  When the
 * target exits, or replaces itself by execve(2), poll(2) gives POLLHUP, and the
 * eventfd has 1 added: the tracker is of no more use, other commands give ESRCH.
 *
 * The count is a hint, the scan knows.  A huge page that is kept whole counts as all
 * of its pages.  What was written without a write fault does not count: memory that
 * was empty when it was reset and is filled for the first time, or that was unmapped
 * or moved.  A page that is reset by another tracker and written again counts again.
 *
 * Errors: EBADF (@eventfd is no open file), EINVAL (it is no eventfd, unknown flag),
 * E2BIG.
 */
struct wptrack_notify {
	__u64 size;
	__u64 flags;
	__u64 pages;
	__s64 eventfd;
};

/**
 * DOC: fork
 *
 * A tracker attached with %WPTRACK_ATTACH_FOLLOW_FORK gives each child of its target a
 * tracker with the same ranges (and %WPTRACK_TRACK_KEEP_HUGE), the same epoch, and the
 * same owner, whose limits it counts in.  It waits to be fetched with
 * WPTRACK_IOC_FORKED, and is not different from others then.  Threads, vfork(2) and
 * whatever else shares the memory make no new tracker.
 *
 * The child is born when it first returns to user space; before that it is tracked.
 * What it then reads written is what the parent's tracker would have reported at the
 * moment of the fork, and what the child itself writes is reported from its first
 * instruction on.  More than that reads written where it cannot be known better:
 *
 *  - what the parent writes between the fork and the child's birth,
 *  - everything, if the parent's tracker is reset, or gets or loses ranges, between
 *    the two or while the fork is under way (overreport_forked counts these forks),
 *  - memory that is empty or not mapped at birth and written in the parent's
 *    tracker, and what is mapped where nothing was, until the first reset,
 *  - memory with MADV_WIPEONFORK, and where the kernel has stored the child's thread ID.
 *
 * What other processes write to the child's memory before it is born (ptrace,
 * process_vm_writev()) counts as what was there at the fork.
 *
 * A page that a reset of the parent's tracker has reported *before* the fork, and whose
 * content is read from the parent only *after* it, may be older in the child: read it
 * from the child as well.  An epoch in the child's first scan tells which reset was the
 * last before.
 *
 * Being born takes the time of a scan and reset of the tracked memory, as the first
 * scan after fork(2) would; the child is charged for memory of the records in its
 * cgroup, and the owner in his limits.  A fork never fails because of its tracker: over
 * a limit, or without memory, it is not followed, which is told by
 * wptrack_forked.missed.  A child that is killed before it is born is left out.
 */

/**
 * struct wptrack_forked - take the tracker of a child
 * @size:   sizeof(struct wptrack_forked)
 * @flags:  0
 * @fd:     out: a new file descriptor of the child's tracker, with O_CLOEXEC; or -1
 * @pid:    out: the child's process ID in the caller's pid namespace; 0 if it has none
 * @missed: out: forks of the target, since the tracker was attached, that could not be
 *          followed
 *
 * One child a call, in the order of their births.  poll(2) gives POLLPRI when a child
 * waits, or when there are more @missed than the last call has told.  Children wait
 * until they are fetched or this tracker is closed, which closes their trackers and
 * those of their children that were not fetched.  At most so many as the module's
 * parameter max_user_forks says may wait for a user, whatever his capabilities.  They can be
 * fetched after the target has ended, too; those of a child that was not fetched wait
 * for its own tracker.
 *
 * Errors: EAGAIN (no child waits; the structure was filled in), EOPNOTSUPP (the
 * tracker does not follow forks), EMFILE, ENFILE, EINVAL (unknown flag), E2BIG.
 */
struct wptrack_forked {
	__u64 size;
	__u64 flags;
	__s64 fd;
	__s64 pid;
	__u64 missed;
};

/* 0xD7 is free in Documentation/userspace-api/ioctl/ioctl-number.rst up to 7.3 */
#define WPTRACK_IOC_TYPE	0xD7

#define WPTRACK_IOC_INFO	_IOWR(WPTRACK_IOC_TYPE, 0, struct wptrack_info)
#define WPTRACK_IOC_ATTACH	_IOW(WPTRACK_IOC_TYPE, 1, struct wptrack_attach)
#define WPTRACK_IOC_TRACK	_IOWR(WPTRACK_IOC_TYPE, 2, struct wptrack_range)
#define WPTRACK_IOC_UNTRACK	_IOWR(WPTRACK_IOC_TYPE, 3, struct wptrack_range)
#define WPTRACK_IOC_SCAN	_IOWR(WPTRACK_IOC_TYPE, 4, struct wptrack_scan)
#define WPTRACK_IOC_CLEAR	_IOWR(WPTRACK_IOC_TYPE, 5, struct wptrack_clear)
#define WPTRACK_IOC_NOTIFY	_IOW(WPTRACK_IOC_TYPE, 6, struct wptrack_notify)
#define WPTRACK_IOC_FORKED	_IOWR(WPTRACK_IOC_TYPE, 7, struct wptrack_forked)

#endif /* _UAPI_WPTRACK_H */
