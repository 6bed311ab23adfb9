/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints, in /sys/kernel/tracing/events/wptrack.  All addresses are those of the
 * tracked program.  @space is the number of an address space, which fdinfo shows.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM wptrack

#if !defined(WPT_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define WPT_TRACE_H

#include <linux/tracepoint.h>

/* The values of enum wpt_arm and enum wpt_stop, and of the kernel's own events. */
#define WPT_TRACE_ARM							\
	{ 0, "done" }, { 1, "pinned" }, { 2, "referenced" },		\
	{ 3, "readonly" }, { 4, "swapped" }, { 5, "huge" },		\
	{ 6, "untrackable" }
#define WPT_TRACE_STOP							\
	{ 0, "end" }, { 1, "full" }, { 2, "flush" }, { 3, "breathe" },	\
	{ 4, "drain" }, { 5, "untracked" }, { 6, "splitting" },		\
	{ 7, "nomem" }, { 8, "quota" }
#define WPT_TRACE_EVENT							\
	{ 0, "unmap" }, { 1, "clear" }, { 2, "protection_vma" },	\
	{ 3, "protection_page" }, { 4, "soft_dirty" }, { 5, "release" },	\
	{ 6, "migrate" }, { 7, "exclusive" }

/* A reset wants to write-protect a page, or a huge entry. */
TRACE_EVENT(wptrack_arm,
	TP_PROTO(u64 space, unsigned long addr, unsigned int pages, int result),
	TP_ARGS(space, addr, pages, result),
	TP_STRUCT__entry(
		__field(u64, space)
		__field(unsigned long, addr)
		__field(unsigned int, pages)
		__field(int, result)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->addr = addr;
		__entry->pages = pages;
		__entry->result = result;
	),
	TP_printk("space=%llu addr=%#lx pages=%u result=%s", __entry->space,
		  __entry->addr, __entry->pages,
		  __print_symbolic(__entry->result, WPT_TRACE_ARM))
);

/* A write to a page, or to a huge page, is seen; @fresh: the first since its reset. */
TRACE_EVENT(wptrack_fault,
	TP_PROTO(u64 space, unsigned long addr, unsigned int pages, bool fresh),
	TP_ARGS(space, addr, pages, fresh),
	TP_STRUCT__entry(
		__field(u64, space)
		__field(unsigned long, addr)
		__field(unsigned int, pages)
		__field(bool, fresh)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->addr = addr;
		__entry->pages = pages;
		__entry->fresh = fresh;
	),
	TP_printk("space=%llu addr=%#lx pages=%u fresh=%d", __entry->space,
		  __entry->addr, __entry->pages, __entry->fresh)
);

/* An armed huge entry was split, and so many of its pages stay clean. */
TRACE_EVENT(wptrack_split,
	TP_PROTO(u64 space, unsigned long addr, unsigned int carried),
	TP_ARGS(space, addr, carried),
	TP_STRUCT__entry(
		__field(u64, space)
		__field(unsigned long, addr)
		__field(unsigned int, carried)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->addr = addr;
		__entry->carried = carried;
	),
	TP_printk("space=%llu addr=%#lx carried=%u", __entry->space,
		  __entry->addr, __entry->carried)
);

/* The kernel is about to change ptes of a tracked address space. */
TRACE_EVENT(wptrack_event,
	TP_PROTO(u64 space, unsigned long start, unsigned long end, int event),
	TP_ARGS(space, start, end, event),
	TP_STRUCT__entry(
		__field(u64, space)
		__field(unsigned long, start)
		__field(unsigned long, end)
		__field(int, event)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->start = start;
		__entry->end = end;
		__entry->event = event;
	),
	TP_printk("space=%llu start=%#lx end=%#lx event=%s", __entry->space,
		  __entry->start, __entry->end,
		  __print_symbolic(__entry->event, WPT_TRACE_EVENT))
);

/* A step of a scan or TRACK has given back its locks. */
TRACE_EVENT(wptrack_harvest,
	TP_PROTO(u64 space, u64 tracker, unsigned long start, unsigned long end,
		 bool reset, int stop),
	TP_ARGS(space, tracker, start, end, reset, stop),
	TP_STRUCT__entry(
		__field(u64, space)
		__field(u64, tracker)
		__field(unsigned long, start)
		__field(unsigned long, end)
		__field(bool, reset)
		__field(int, stop)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->tracker = tracker;
		__entry->start = start;
		__entry->end = end;
		__entry->reset = reset;
		__entry->stop = stop;
	),
	TP_printk("space=%llu tracker=%llu start=%#lx end=%#lx reset=%d stop=%s",
		  __entry->space, __entry->tracker, __entry->start,
		  __entry->end, __entry->reset,
		  __print_symbolic(__entry->stop, WPT_TRACE_STOP))
);

#endif /* WPT_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
