// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "swap.h"
#include "maps.h"

#include <fcntl.h>
#include <sys/swap.h>

#define SWAP_PAGES 8192

static char swap_path[256];
static char no_swap[300];

/* The header of a swap file, version 1, as mkswap(8) writes it. */
static bool make_swap(int fd)
{
	static uint8_t zero[64 * PAGE];
	uint32_t head[3] = { 1, SWAP_PAGES - 1, 0 };
	size_t i;

	/* A swap file must not have holes. */
	for (i = 0; i < SWAP_PAGES * PAGE; i += sizeof(zero))
		if (write(fd, zero, sizeof(zero)) != sizeof(zero))
			return false;
	return pwrite(fd, head, sizeof(head), 1024) == sizeof(head) &&
	       pwrite(fd, "SWAPSPACE2", 10, PAGE - 10) == 10 && !fsync(fd);
}

void swap_setup(void)
{
	int fd;

	if (!ext4_dir()) {
		snprintf(no_swap, sizeof(no_swap), "no ext4 scratch disk");
		return;
	}
	snprintf(swap_path, sizeof(swap_path), "%s/swap", ext4_dir());
	fd = open(swap_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || !make_swap(fd) || swapon(swap_path, 0))
		snprintf(no_swap, sizeof(no_swap), "%s: %s", swap_path,
			 strerror(errno));
	if (fd >= 0)
		close(fd);
}

void swap_teardown(void)
{
	swapoff(swap_path);
	unlink(swap_path);
}

const char *swap_missing(void)
{
	return no_swap[0] ? no_swap : NULL;
}
