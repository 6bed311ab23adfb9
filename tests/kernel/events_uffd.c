// SPDX-License-Identifier: GPL-2.0-only
/* Events: userfaultfd and pipes. */
#define _GNU_SOURCE
#include "events.h"
#include "maps.h"
#include "uffd.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "../../userspace/preload/abi.h"

static size_t bytes(struct area a)
{
	return a.pages * PAGE;
}

const char *ev_uffd_register(struct cell *c)
{
	int fd = uffd_on(c->m.ev, 0, UFFDIO_REGISTER_MODE_MISSING);

	if (fd < 0)
		return refused("UFFDIO_REGISTER");
	close(fd);
	return NULL;
}

const char *ev_uffd_wp(struct cell *c)
{
	struct uffdio_writeprotect wp = {
		.range = { area_start(c->m.ev), bytes(c->m.ev) },
		.mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};
	int fd = uffd_on(c->m.ev, 0, UFFDIO_REGISTER_MODE_WP);

	if (fd < 0)
		return refused("UFFDIO_REGISTER");
	must(ioctl(fd, UFFDIO_WRITEPROTECT, &wp));
	wp.mode = 0;
	must(ioctl(fd, UFFDIO_WRITEPROTECT, &wp));
	close(fd);
	return NULL;
}

const char *ev_uffd_copy(struct cell *c)
{
	struct uffdio_copy copy = {
		.dst = area_start(c->m.ev), .len = bytes(c->m.ev),
	};
	struct area from;
	int fd;

	if (!(c->m.kind->flags & KIND_EMPTY))
		return "for empty memory";
	fd = uffd_on(c->m.ev, 0, UFFDIO_REGISTER_MODE_MISSING);
	if (fd < 0)
		return refused("UFFDIO_REGISTER");
	from = anon_populated(c->m.ev.pages);
	copy.src = area_start(from);
	/* It ends at the first page that is there, and some are. */
	if (ioctl(fd, UFFDIO_COPY, &copy) && copy.copy <= 0) {
		close(fd);
		return refused("UFFDIO_COPY");
	}
	marks_set(c->done, 0, copy.copy / PAGE);
	close(fd);
	return NULL;
}

/* The pages of the part move elsewhere; nothing is left. */
const char *ev_uffd_move(struct cell *c)
{
	struct area to = hole(c->m.ev.pages, area_start(c->m.ev) % PMD / PAGE);
	const char *why = NULL;
	int fd;

	if (!(c->m.kind->flags & KIND_ANON))
		return "for private anonymous memory only";
	if (!uffd_has_move())
		return "UFFDIO_MOVE came with Linux 6.8";
	map_over(to, PROT_READ | PROT_WRITE);
	fd = uffd_on(to, 0, UFFDIO_REGISTER_MODE_MISSING);
	if (fd < 0)
		why = refused("UFFDIO_REGISTER");
	else if (uffd_move(fd, to.p, c->m.ev.p, bytes(to)))
		why = refused("UFFDIO_MOVE");
	munmap(to.p, bytes(to));
	if (fd >= 0)
		close(fd);
	return why;
}

/* Pages in a pipe have a reference that is not a mapping's. */
const char *ev_vmsplice(struct cell *c)
{
	static uint8_t buf[16 * PAGE];
	struct iovec iov = { c->m.ev.p, sizeof(buf) };
	int fd[2];

	if (c->m.kind->flags & KIND_EMPTY)
		return "it would not be empty";
	must(pipe(fd));
	if (vmsplice(fd[1], &iov, 1, 0) != sizeof(buf))
		return refused("vmsplice");
	ck_assert_int_eq(read(fd[0], buf, sizeof(buf)), sizeof(buf));
	close(fd[0]);
	close(fd[1]);
	return NULL;
}
