// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random calls, and the answers that the documentation allows.
 */
#define _GNU_SOURCE
#include "fuzz_values.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

const char *const fuzz_call_name[CALLS] = {
	"open", "close", "INFO", "ATTACH", "TRACK", "UNTRACK", "SCAN",
	"CLEAR", "NOTIFY", "FORKED", "unknown commands", "file operations",
	"changes of memory", "writes", "fork",
};

/* --- what the documentation allows */

static const int *allowed(enum fuzz_call call)
{
	static const int info[] = { EFAULT, EINVAL, E2BIG, ENOMEM, 0 };
	static const int attach[] = { EBUSY, EBADF, EPERM, ESRCH, EINVAL, E2BIG,
				      EFAULT, ENOMEM, 0 };
	static const int range[] = { EINVAL, ENOSPC, E2BIG, ENOTCONN, ESRCH,
				     ENOMEM, EFAULT, 0 };
	static const int scan[] = { EINVAL, EFAULT, EPERM, E2BIG, ENOTCONN,
				    ESRCH, ENOMEM, 0 };
	static const int clear[] = { EINVAL, EFAULT, E2BIG, ENOTCONN, ESRCH, ENOMEM,
				     ESTALE, 0 };
	static const int notify[] = { EINVAL, EFAULT, E2BIG, ENOTCONN, ESRCH, 0 };
	static const int forked[] = { EINVAL, EFAULT, E2BIG, ENOTCONN, EOPNOTSUPP,
				      EAGAIN, EMFILE, ENFILE, ENOMEM, 0 };
	static const int unknown[] = { ENOTTY, 0 };

	switch (call) {
	case CALL_INFO:
		return info;
	case CALL_ATTACH:
		return attach;
	case CALL_TRACK:
	case CALL_UNTRACK:
		return range;
	case CALL_SCAN:
		return scan;
	case CALL_CLEAR:
		return clear;
	case CALL_NOTIFY:
		return notify;
	case CALL_FORKED:
		return forked;
	default:
		return unknown;
	}
}

static void judge(struct fuzz_world *w, enum fuzz_call call, int fd, long ret)
{
	const int *ok = allowed(call);
	long none = 0;
	int err = errno;

	if (ret >= 0) {
		atomic_fetch_add(&w->count->good[call], 1);
		return;
	}
	/* Another thread has closed it. */
	if (err == EBADF)
		return;
	while (*ok && *ok != err)
		ok++;
	if (!*ok && atomic_compare_exchange_strong(&w->count->wrong, &none, err))
		atomic_store(&w->count->wrong_call, call);
}

/* --- the calls */

static atomic_int *slot_of(struct fuzz_world *w, struct fuzz_rnd *r)
{
	return &w->fd[fuzz_below(r, FUZZ_FDS)];
}

/* One that is open, mostly. */
static int some_fd(struct fuzz_world *w, struct fuzz_rnd *r)
{
	int fd = -1, try;

	for (try = 0; fd < 0 && try < 4; try++)
		fd = atomic_load(slot_of(w, r));
	return fd;
}

static void do_open(struct fuzz_world *w, struct fuzz_rnd *r)
{
	static const int modes[] = { O_RDWR, O_RDONLY, O_WRONLY,
				     O_RDWR | O_NONBLOCK };
	int fd = open(WPTRACK_DEVICE, modes[fuzz_below(r, 4)] | O_CLOEXEC);
	int old;

	if (fd < 0)
		return;
	atomic_fetch_add(&w->count->good[CALL_OPEN], 1);
	old = atomic_exchange(slot_of(w, r), fd);
	if (old >= 0)
		close(old);
}

static void do_close(struct fuzz_world *w, struct fuzz_rnd *r)
{
	int fd = atomic_exchange(slot_of(w, r), -1);

	if (fd >= 0 && !close(fd))
		atomic_fetch_add(&w->count->good[CALL_CLOSE], 1);
}

static void do_info(struct fuzz_world *w, struct fuzz_rnd *r)
{
	char text[600];
	struct wptrack_info arg = {
		.size = some_size(r, sizeof(arg)),
		.text = (uintptr_t)some_place(w, r, one_in(r, 3) ? NULL : text),
		.text_len = one_in(r, 3) ? 0 : fuzz_below(r, sizeof(text)),
	};
	int fd = some_fd(w, r);

	judge(w, CALL_INFO, fd,
	      ioctl(fd, WPTRACK_IOC_INFO, some_place(w, r, &arg)));
}

static void do_attach(struct fuzz_world *w, struct fuzz_rnd *r)
{
	struct wptrack_attach arg = {
		.size = some_size(r, sizeof(arg)),
		.flags = one_in(r, 30) ? odd_number(r) :
			 one_in(r, 2) ? WPTRACK_ATTACH_FOLLOW_FORK : 0,
		.pidfd = -1,
	};
	int fd = some_fd(w, r);

	if (one_in(r, 4))
		arg.pidfd = atomic_load(&w->peer);
	else if (one_in(r, 10))
		arg.pidfd = one_in(r, 2) ? some_fd(w, r) : (int64_t)odd_number(r);
	judge(w, CALL_ATTACH, fd,
	      ioctl(fd, WPTRACK_IOC_ATTACH, some_place(w, r, &arg)));
}

static void do_range(struct fuzz_world *w, struct fuzz_rnd *r, enum fuzz_call call)
{
	struct wptrack_range arg = {
		.size = some_size(r, sizeof(arg)),
		.flags = call == CALL_TRACK ? some_flags(r, 3) :
			 one_in(r, 30) ? odd_number(r) : 0,
	};
	int fd = some_fd(w, r);

	some_range(w, r, (uint64_t *)&arg.start, (uint64_t *)&arg.end);
	judge(w, call, fd,
	      ioctl(fd, call == CALL_TRACK ? WPTRACK_IOC_TRACK :
					     WPTRACK_IOC_UNTRACK,
		    some_place(w, r, &arg)));
}

static void do_scan(struct fuzz_world *w, struct fuzz_rnd *r)
{
	struct wptrack_region vec[64];
	struct wptrack_scan arg = {
		.size = some_size(r, sizeof(arg)),
		.flags = some_flags(r, 7),
		.category_inverted = some_categories(r),
		.category_mask = some_categories(r),
		.category_anyof_mask = some_categories(r),
		.return_mask = some_categories(r),
		.max_pages = one_in(r, 3) ? fuzz_below(r, 600) : 0,
	};
	int fd = some_fd(w, r);

	some_range(w, r, (uint64_t *)&arg.start, (uint64_t *)&arg.end);
	if (!one_in(r, 3)) {
		arg.vec = (uintptr_t)some_place(w, r, vec);
		arg.vec_len = (uintptr_t)vec == arg.vec ?
			fuzz_below(r, 65) : fuzz_below(r, 10000);
	} else if (one_in(r, 10)) {
		arg.vec_len = odd_number(r);
	}
	judge(w, CALL_SCAN, fd,
	      ioctl(fd, WPTRACK_IOC_SCAN, some_place(w, r, &arg)));
}

static void do_clear(struct fuzz_world *w, struct fuzz_rnd *r)
{
	struct wptrack_region vec[8];
	struct wptrack_clear arg = {
		.size = some_size(r, sizeof(arg)),
		.flags = some_flags(r, 1),
		.vec = (uintptr_t)some_place(w, r, vec),
		.vec_len = fuzz_below(r, 9),
		.epoch = one_in(r, 3) ? fuzz_below(r, 4) : 0,
	};
	int fd = some_fd(w, r);
	size_t i;

	for (i = 0; i < 8; i++) {
		vec[i] = (struct wptrack_region){ 0 };
		some_range(w, r, (uint64_t *)&vec[i].start, (uint64_t *)&vec[i].end);
	}
	judge(w, CALL_CLEAR, fd,
	      ioctl(fd, WPTRACK_IOC_CLEAR, some_place(w, r, &arg)));
}

static void do_notify(struct fuzz_world *w, struct fuzz_rnd *r)
{
	struct wptrack_notify arg = {
		.size = some_size(r, sizeof(arg)),
		.flags = some_flags(r, 0),
		.pages = one_in(r, 4) ? 0 : 1 + fuzz_below(r, 100),
		.eventfd = -1,
	};
	int fd = some_fd(w, r);

	/* EBADF, for what is no eventfd, is not judged. */
	if (one_in(r, 8))
		arg.eventfd = (int64_t)odd_number(r);
	judge(w, CALL_NOTIFY, fd,
	      ioctl(fd, WPTRACK_IOC_NOTIFY, some_place(w, r, &arg)));
}

static void do_forked(struct fuzz_world *w, struct fuzz_rnd *r)
{
	struct wptrack_forked arg = {
		.size = some_size(r, sizeof(arg)),
		.flags = some_flags(r, 0),
		.fd = -1,
	};
	int fd = some_fd(w, r), old;
	long ret = ioctl(fd, WPTRACK_IOC_FORKED, some_place(w, r, &arg));

	judge(w, CALL_FORKED, fd, ret);
	if (ret || arg.fd < 0)
		return;
	old = atomic_exchange(slot_of(w, r), arg.fd);
	if (old >= 0)
		close(old);
}

static void do_unknown(struct fuzz_world *w, struct fuzz_rnd *r)
{
	unsigned long cmd = fuzz_rnd(r) & 0xffffffff;
	uint8_t arg[256];
	int fd = some_fd(w, r);
	size_t i;

	/* What the file system layer answers itself is not ours. */
	if (one_in(r, 2))
		cmd = _IOC(fuzz_below(r, 4), WPTRACK_IOC_TYPE,
			   7 + fuzz_below(r, 248), fuzz_below(r, 200));
	else if ((cmd >> 8 & 0xff) != WPTRACK_IOC_TYPE)
		cmd = (cmd & 0xffff00ff) | 0xd800;
	for (i = 0; i < sizeof(arg); i++)
		arg[i] = fuzz_rnd(r);
	if ((cmd & 0xff) < 8 && (cmd >> 8 & 0xff) == WPTRACK_IOC_TYPE)
		cmd |= 0x80;
	judge(w, CALL_UNKNOWN, fd, ioctl(fd, cmd, arg));
}

static void do_file(struct fuzz_world *w, struct fuzz_rnd *r)
{
	int fd = some_fd(w, r), slot, dup_fd;
	struct pollfd p = { fd, POLLIN | POLLOUT, 0 };
	char buf[512], path[64];
	ssize_t n = 0;
	void *m;

	switch (fuzz_below(r, 6)) {
	case 0:
		n += read(fd, buf, sizeof(buf));
		n += write(fd, buf, fuzz_below(r, sizeof(buf)));
		break;
	case 1:
		n += lseek(fd, fuzz_rnd(r), SEEK_SET);
		break;
	case 2:
		poll(&p, 1, 0);
		break;
	case 3:
		m = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
		if (m != MAP_FAILED)
			munmap(m, PAGE);
		break;
	case 4:
		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
		slot = open(path, O_RDONLY | O_CLOEXEC);
		if (slot < 0)
			break;
		n += read(slot, buf, sizeof(buf));
		close(slot);
		break;
	default:
		dup_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (dup_fd < 0)
			break;
		dup_fd = atomic_exchange(slot_of(w, r), dup_fd);
		if (dup_fd >= 0)
			close(dup_fd);
	}
	(void)n;
}

static void do_memory(struct fuzz_world *w, struct fuzz_rnd *r)
{
	static const int advice[] = {
		MADV_DONTNEED, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_MERGEABLE,
		MADV_UNMERGEABLE, MADV_REMOVE, MADV_FREE, 20 /* COLD */,
		21 /* PAGEOUT */, 22 /* POPULATE_READ */, 23 /* POPULATE_WRITE */,
		25 /* COLLAPSE */, MADV_WIPEONFORK, MADV_KEEPONFORK,
	};
	size_t first = fuzz_below(r, w->a.pages - 1);
	size_t n = 1 + fuzz_below(r, one_in(r, 4) ? 700 : 20);
	struct area a;
	size_t to;

	if (first + n > w->a.pages)
		n = w->a.pages - first;
	a = area_sub(w->a, first, n);
	switch (fuzz_below(r, 9)) {
	case 0:
		munmap(a.p, n * PAGE);
		break;
	case 1:
	case 2:
		mmap(a.p, n * PAGE, PROT_READ | PROT_WRITE, MAP_FIXED |
		     MAP_ANONYMOUS | (one_in(r, 3) ? MAP_SHARED : MAP_PRIVATE) |
		     (one_in(r, 3) ? MAP_POPULATE : 0), -1, 0);
		break;
	case 3:
		mprotect(a.p, n * PAGE, PICK(r, PROT_NONE, PROT_READ, PROT_READ |
					     PROT_WRITE, PROT_READ | PROT_WRITE));
		break;
	case 4:
		to = fuzz_below(r, w->a.pages - n);
		mremap(a.p, n * PAGE, n * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED |
		       (one_in(r, 3) ? 4 /* DONTUNMAP */ : 0),
		       w->a.p + to * PAGE);
		break;
	case 5:
		mlock(a.p, n * PAGE);
		munlock(a.p, n * PAGE);
		break;
	default:
		madvise(a.p, n * PAGE, advice[fuzz_below(r, sizeof(advice) /
							 sizeof(advice[0]))]);
	}
}

/* Through a file: memory that has gone gives an error, and no signal. */
static void do_write(struct fuzz_world *w, struct fuzz_rnd *r)
{
	static int zero = -1;
	size_t i;

	if (zero < 0)
		zero = open("/dev/zero", O_RDWR | O_CLOEXEC);
	for (i = 0; i < 16; i++) {
		char *p = (char *)w->a.p + fuzz_below(r, w->a.pages) * PAGE;

		if (read(zero, p + fuzz_below(r, PAGE), 8) > 0)
			atomic_fetch_add(&w->count->good[CALL_WRITE], 1);
	}
}

static void do_fork(struct fuzz_world *w, struct fuzz_rnd *r)
{
	pid_t pid = fork();

	if (!pid) {
		/* Its copies of the trackers watch the parent. */
		if (one_in(r, 2))
			do_scan(w, r);
		do_write(w, r);
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

/* In percent; what is left is for scans. */
static const struct {
	enum fuzz_call call;
	unsigned int percent;
} mix[] = {
	{ CALL_OPEN, 6 }, { CALL_CLOSE, 4 }, { CALL_INFO, 4 }, { CALL_ATTACH, 8 },
	{ CALL_TRACK, 14 }, { CALL_UNTRACK, 6 }, { CALL_UNKNOWN, 3 },
	{ CALL_CLEAR, 4 }, { CALL_NOTIFY, 3 }, { CALL_FORKED, 2 },
	{ CALL_FILE, 4 }, { CALL_MEMORY, 12 }, { CALL_WRITE, 12 },
};

void fuzz_step(struct fuzz_world *w, struct fuzz_rnd *r)
{
	enum fuzz_call call = CALL_SCAN;
	size_t i, x = fuzz_below(r, 100);

	for (i = 0; i < sizeof(mix) / sizeof(mix[0]); i++) {
		if (x < mix[i].percent) {
			call = mix[i].call;
			break;
		}
		x -= mix[i].percent;
	}
	if (one_in(r, 400))
		call = CALL_FORK;
	atomic_fetch_add(&w->count->calls[call], 1);
	switch (call) {
	case CALL_OPEN:
		do_open(w, r);
		break;
	case CALL_CLOSE:
		do_close(w, r);
		break;
	case CALL_INFO:
		do_info(w, r);
		break;
	case CALL_ATTACH:
		do_attach(w, r);
		break;
	case CALL_TRACK:
	case CALL_UNTRACK:
		do_range(w, r, call);
		break;
	case CALL_CLEAR:
		do_clear(w, r);
		break;
	case CALL_NOTIFY:
		do_notify(w, r);
		break;
	case CALL_FORKED:
		do_forked(w, r);
		break;
	case CALL_UNKNOWN:
		do_unknown(w, r);
		break;
	case CALL_FILE:
		do_file(w, r);
		break;
	case CALL_MEMORY:
		do_memory(w, r);
		break;
	case CALL_WRITE:
		do_write(w, r);
		break;
	case CALL_FORK:
		do_fork(w, r);
		break;
	default:
		do_scan(w, r);
	}
}

void fuzz_world_init(struct fuzz_world *w, struct fuzz_count *count)
{
	struct wptrack_attach attach = {
		.size = sizeof(attach), .pidfd = -1,
		.flags = WPTRACK_ATTACH_FOLLOW_FORK,
	};
	size_t quarter = FUZZ_PAGES / 4;
	int fd, i;

	w->count = count;
	w->a = hole(FUZZ_PAGES, 0);
	/* Not from nothing: most calls need a tracker that is attached. */
	for (i = 0; i < FUZZ_FDS; i++)
		atomic_init(&w->fd[i], i % 3 ? -1 : open(WPTRACK_DEVICE,
							 O_RDWR | O_CLOEXEC));
	for (i = 0; i < FUZZ_FDS; i += 6)
		ioctl(w->fd[i], WPTRACK_IOC_ATTACH, &attach);
	atomic_init(&w->peer, -1);
	map_over(area_sub(w->a, 0, 2 * quarter), PROT_READ | PROT_WRITE);
	madvise(w->a.p, quarter * PAGE, MADV_HUGEPAGE);
	fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, 2 * quarter * PAGE))
		_exit(1);
	mmap(w->a.p + 2 * quarter * PAGE, quarter * PAGE, PROT_READ | PROT_WRITE,
	     MAP_SHARED | MAP_FIXED, fd, 0);
	mmap(w->a.p + 3 * quarter * PAGE, quarter * PAGE, PROT_READ | PROT_WRITE,
	     MAP_PRIVATE | MAP_FIXED, fd, quarter * PAGE);
	close(fd);
}
