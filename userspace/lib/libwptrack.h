/* SPDX-License-Identifier: MIT */
/**
 * DOC: libwptrack: which pages of memory were written
 *
 * A thin library over /dev/wptrack.  It needs nothing but libc.  The words
 * (tracker, written, reset, category) and the promise are those of the kernel
 * interface, <wptrack.h>, which this header includes.
 *
 *	struct wptrack *w;
 *	int err = wptrack_open(&w, NULL);
 *
 *	if (err)
 *		errx(1, "%s", wptrack_open_error(err, NULL));
 *	if (wptrack_attach_self(w) || wptrack_track(w, start, end, 0))
 *		errx(1, "%s", wptrack_error(w));
 *	...
 *	n = wptrack_count(w, start, end, NULL);
 *
 * Results
 * -------
 * Functions return 0 or a count if they succeed and -errno if they fail; errno
 * itself is not a result.  After a failure wptrack_error() has a sentence for a
 * person: what failed, on what, and what to do about it.  The errno values are
 * those of the kernel interface; those that the library adds are named at each
 * function.
 *
 * Units
 * -----
 * Addresses and lengths are bytes.  A start must be a multiple of the page
 * size, an end is exclusive and is rounded up to the page size.  What lies
 * beyond the end of the address space is cut off, so 0 to UINT64_MAX is all of
 * it.
 *
 * Threads
 * -------
 * Any number of threads may use one handle at once, as the kernel allows it for
 * one tracker; only wptrack_close() must be the last call on a handle.  The
 * sentence of wptrack_error() belongs to the calling thread, as errno does.
 * No function is safe in a signal handler.
 *
 * Fork
 * ----
 * The file descriptor is close-on-exec.  A child made by fork() shares the
 * tracker with its parent, and the tracker goes on watching the parent.
 *
 * Growth
 * ------
 * Option structures begin with their own size, so that members can be added
 * without a new symbol (as libbpf does it): set @sz to sizeof, leave what you
 * do not use zero.  A library that is older than its caller gives -E2BIG if a
 * member that it does not know is not zero.  An @sz below that of the first
 * release (0, most likely) is -EINVAL.
 */
#ifndef LIBWPTRACK_H
#define LIBWPTRACK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <wptrack.h>

#ifdef __cplusplus
extern "C" {
#endif

/** struct wptrack - one open tracker; opaque */
struct wptrack;

/**
 * struct wptrack_open_opts - options of wptrack_open()
 * @sz:     sizeof(struct wptrack_open_opts)
 * @device: path of the device, or NULL for %WPTRACK_DEVICE; copied
 */
struct wptrack_open_opts {
	size_t sz;
	const char *device;
};

/**
 * struct wptrack_scan_opts - options of the scanning functions
 * @sz:                  sizeof(struct wptrack_scan_opts)
 * @flags:               %WPTRACK_SCAN_RESET, %WPTRACK_SCAN_CHECK_TRACKED,
 *                       %WPTRACK_SCAN_ADVANCE (when the end of the range is reached)
 * @max_pages:           stop after this many matching pages; 0 is no limit
 * @category_inverted:   categories whose meaning is inverted before matching
 * @category_mask:       a page matches if it has all of these ...
 * @category_anyof_mask: ... and any of these (unless 0)
 * @return_mask:         categories to return in the regions
 * @epoch:               receives the epoch of the scan (of the last step of a walk),
 *                       unless NULL
 *
 * The members mean what those of struct wptrack_scan mean, with one addition:
 * if the last four masks are all 0, the scan is for written pages, as it is without
 * options (@category_mask and @return_mask are then %WPTRACK_PAGE_WRITTEN).  So
 * { .sz = sizeof(opts), .flags = WPTRACK_SCAN_RESET } reports and resets what
 * was written.
 */
struct wptrack_scan_opts {
	size_t sz;
	uint64_t flags;
	uint64_t max_pages;
	uint64_t category_inverted;
	uint64_t category_mask;
	uint64_t category_anyof_mask;
	uint64_t return_mask;
	uint64_t *epoch;
};

/**
 * wptrack_open - open a new tracker
 * @out:  receives the handle, to be given to wptrack_close(); NULL on failure
 * @opts: options, or NULL for the defaults
 *
 * The tracker watches nothing until it is attached and given ranges.
 *
 * Return: 0, or -errno: what open(2) gave for the device (-EDQUOT: the user has too
 * many trackers), -ENOTTY if the path is
 * not a wptrack device, -EPROTO if the module is older than this library.  Give
 * the value to wptrack_open_error() for the sentence.
 */
int wptrack_open(struct wptrack **out, const struct wptrack_open_opts *opts);

/**
 * wptrack_close - end the tracking and free the handle
 * @w: the handle, or NULL
 *
 * The tracked memory is as it was before.  If a child made by fork() holds a
 * copy of the file descriptor, the tracker lives until that is closed, too.
 */
void wptrack_close(struct wptrack *w);

/**
 * wptrack_fd - the file descriptor of the tracker
 * @w: the handle
 *
 * For ioctl(2) on what this library does not wrap.  It belongs to the handle:
 * do not close it.
 *
 * Return: the file descriptor.
 */
int wptrack_fd(const struct wptrack *w);

/**
 * wptrack_attach_self - watch the calling process
 * @w: the handle
 *
 * Needs no privilege beyond opening the device.  A tracker attaches once.
 *
 * Return: 0 or -errno (-EBUSY: already attached).
 */
int wptrack_attach_self(struct wptrack *w);

/**
 * wptrack_attach_pid - watch another process
 * @w:   the handle
 * @pid: its process ID, as seen in the caller's pid namespace
 *
 * Needs the access that ptrace(2) attach needs.  execve(2) by the target, like
 * its exit, ends the tracking: later calls give -ESRCH.
 *
 * Return: 0 or -errno: -EPERM (no ptrace access), -ESRCH (no such process, or a
 * kernel thread), -EINVAL (@pid is a thread other than the first of its
 * process, or not positive), -EBUSY (already attached).
 */
int wptrack_attach_pid(struct wptrack *w, pid_t pid);

/**
 * wptrack_attach_pidfd - watch the process of a pidfd
 * @w:     the handle
 * @pidfd: from pidfd_open(2) or clone(2); stays the caller's and may be closed
 *
 * As wptrack_attach_pid(), without the race of a process ID being used again.
 *
 * Return: 0 or -errno, -EBADF if @pidfd is not a pidfd.
 */
int wptrack_attach_pidfd(struct wptrack *w, int pidfd);

/**
 * wptrack_attach_flags - watch a process in a special way
 * @w:     the handle
 * @pidfd: as for wptrack_attach_pidfd(), or -1 for the calling process
 * @flags: 0, or %WPTRACK_ATTACH_FOLLOW_FORK: its children, and theirs, get trackers,
 *         to be fetched with wptrack_forked()
 *
 * Return: 0 or -errno as wptrack_attach_pidfd(), -EOPNOTSUPP if forks cannot be
 * followed here, -EINVAL if the module does not know a flag.
 */
int wptrack_attach_flags(struct wptrack *w, int pidfd, uint64_t flags);

/**
 * wptrack_forked - fetch the tracker of a child that the target has forked
 * @w:      the handle, attached with %WPTRACK_ATTACH_FOLLOW_FORK
 * @child:  receives the handle of the child's tracker, to be given to
 *          wptrack_close(); NULL if there is none
 * @pid:    receives the child's process ID in the caller's pid namespace (0 if it has
 *          none there), unless NULL; not changed if there is no child
 * @missed: receives how many forks could not be followed since the tracker was
 *          attached, unless NULL
 *
 * The child's tracker has the ranges of its parent's, and reports what the parent's
 * would have reported at the fork, and what the child has written since.  It follows
 * forks as well.  poll(2) on wptrack_fd() gives POLLPRI when there is something to
 * fetch.  For all that may be reported besides, see "fork" in wptrack.h.
 *
 * Return: 1, 0 if no child waits, or -errno (-EOPNOTSUPP: @w does not follow forks).
 */
int wptrack_forked(struct wptrack *w, struct wptrack **child, pid_t *pid,
		   uint64_t *missed);

/**
 * wptrack_track - begin tracking a range, or reset it
 * @w:     the handle, attached
 * @start: first byte
 * @end:   end of the range
 * @flags: %WPTRACK_TRACK_START_WRITTEN: every page begins as written;
 *         %WPTRACK_TRACK_KEEP_HUGE: huge pages are not split, and written as a whole
 *
 * The range may span holes and memory that will be mapped later.  After
 * success, any later write to it will be reported.
 *
 * Return: 0 or -errno.  After an error either nothing has changed, or all of the range
 * is tracked and reads written from the address on that wptrack_error() names.
 */
int wptrack_track(struct wptrack *w, uint64_t start, uint64_t end,
		  uint64_t flags);

/**
 * wptrack_untrack - end tracking a range
 * @w:     the handle, attached
 * @start: first byte
 * @end:   end of the range
 *
 * Return: 0 or -errno.  Memory that is not tracked is passed over.
 */
int wptrack_untrack(struct wptrack *w, uint64_t start, uint64_t end);

/**
 * wptrack_scan - one scan into an array
 * @w:        the handle, attached
 * @start:    first byte
 * @end:      end of the range
 * @vec:      array of the caller, or NULL to count only
 * @vec_len:  its number of elements; 0 if @vec is NULL
 * @walk_end: receives where to go on, unless NULL: at least @end if the range is
 *            done, otherwise the start of the next call
 * @opts:     options, or NULL: all written pages, no reset
 *
 * A scan ends early when @vec is full, @max_pages was reached or an error
 * occurred.  As with read(2), what was found before an error is delivered, and
 * the next call, from *@walk_end, gives the error: nothing that a reset has
 * taken is lost.
 *
 * Return: number of regions in @vec (with @vec NULL: that there would be), or
 * -errno, and then nothing was delivered or reset.  But -EAGAIN: an event found no
 * memory for what it had to note, all reads written, and the scan is to be done anew.
 */
ssize_t wptrack_scan(struct wptrack *w, uint64_t start, uint64_t end,
		     struct wptrack_region *vec, size_t vec_len,
		     uint64_t *walk_end, const struct wptrack_scan_opts *opts);

/**
 * typedef wptrack_region_fn - what wptrack_for_each() calls
 * @r:   the region; valid during the call
 * @ctx: the @ctx of wptrack_for_each()
 *
 * It may call any function on the handle but wptrack_close().
 *
 * Return: 0 to go on; anything else ends the walk.
 */
typedef int (*wptrack_region_fn)(const struct wptrack_region *r, void *ctx);

/**
 * wptrack_for_each - scan a whole range, however many regions it has
 * @w:     the handle, attached
 * @start: first byte
 * @end:   end of the range
 * @fn:    called once per region, in the order of addresses
 * @ctx:   handed to @fn
 * @opts:  options, or NULL: all written pages, no reset; @max_pages is the limit
 *         of the whole walk
 *
 * Regions are as long as they can be: neighbours with equal categories are
 * joined.  The range is scanned in pieces, each of them in one step, and @fn is
 * called between the pieces.  If @fn ends the walk of a scan with
 * %WPTRACK_SCAN_RESET, the rest of its piece was reset and is not reported; use
 * @max_pages to stop such a scan early.
 *
 * Return: 0, the value of @fn that ended the walk, or -errno (let @fn return
 * positive values to tell them apart).  Before an error @fn has been called for
 * all that was found.
 */
int wptrack_for_each(struct wptrack *w, uint64_t start, uint64_t end,
		     wptrack_region_fn fn, void *ctx,
		     const struct wptrack_scan_opts *opts);

/**
 * wptrack_count - number of matching pages in a range
 * @w:     the handle, attached
 * @start: first byte
 * @end:   end of the range
 * @opts:  options, or NULL: all written pages, no reset
 *
 * Return: the number, or -errno.
 */
int64_t wptrack_count(struct wptrack *w, uint64_t start, uint64_t end,
		      const struct wptrack_scan_opts *opts);

/**
 * wptrack_clear - reset exactly what was reported before
 * @w:       the handle, attached
 * @vec:     regions, as a scan without %WPTRACK_SCAN_RESET has delivered them
 * @vec_len: their number
 * @epoch:   NULL; or in: the epoch that it has to be, 0 for any; out: which it was
 * @flags:   0, or %WPTRACK_CLEAR_ADVANCE: end the epoch when all are cleared
 *
 * The second of two steps: scan, clear, and *then* read what the pages hold.
 * Written pages of these regions become clean, others stay as they are.
 *
 * Return: number of regions that were cleared, counted from the first, or -errno if
 * the first one was not (-ESTALE: it is another epoch).  If it is less than
 * @vec_len, the next call, with the rest, gives the error.  No page is lost: the
 * caller has the list.
 */
ssize_t wptrack_clear(struct wptrack *w, const struct wptrack_region *vec,
		      size_t vec_len, uint64_t *epoch, uint64_t flags);

/**
 * wptrack_notify - have poll(2) on wptrack_fd() wait for writes
 * @w:       the handle, attached
 * @pages:   become readable when so many pages are newly written; 0: never
 * @eventfd: an eventfd that has 1 added at the same time, or -1
 *
 * Counts from 0, and again from 0 when a resetting scan or wptrack_clear() begins.
 * Call it before wptrack_track(), or reset once after it: what was written before does
 * not count again.
 * poll(2) gives POLLHUP, and the eventfd has 1 added, when the target is gone.  For
 * what counts as newly written, and for edges and levels, see struct wptrack_notify.
 *
 * Return: 0 or -errno, -EBADF and -EINVAL if @eventfd is no eventfd.
 */
int wptrack_notify(struct wptrack *w, uint64_t pages, int eventfd);

/**
 * wptrack_query_info - what the module does on this kernel
 * @w:        the handle; need not be attached
 * @info:     receives the answer, unless NULL.  The members text and text_len
 *            describe @text: text_len is the size that all of it needs.
 * @text:     receives the description, ending in NUL and cut if it does not fit,
 *            or NULL
 * @text_len: size of @text in bytes; 0 if @text is NULL
 *
 * The description has one line a feature, "name: yes" or "name: no (reason)",
 * then lines "key: value" about the kernel and the module.
 *
 * Return: 0 or -errno.
 */
int wptrack_query_info(struct wptrack *w, struct wptrack_info *info, char *text,
		       size_t text_len);

/**
 * wptrack_error - a sentence about the last failure
 * @w: the handle
 *
 * Return: a sentence without newline about the last call of this thread on @w
 * that failed, or "no error".  Valid until this thread calls the library again.
 */
const char *wptrack_error(const struct wptrack *w);

/**
 * wptrack_open_error - a sentence about a failure of wptrack_open()
 * @err:    what wptrack_open() returned
 * @device: the device that was given to it, or NULL
 *
 * Return: a sentence without newline, valid until this thread calls the library
 * again.
 */
const char *wptrack_open_error(int err, const char *device);

/**
 * wptrack_version - version of the library in use
 *
 * Return: a static string, "MAJOR.MINOR.PATCH".
 */
const char *wptrack_version(void);

#ifdef __cplusplus
}
#endif

#endif /* LIBWPTRACK_H */
