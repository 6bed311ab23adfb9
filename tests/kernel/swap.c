// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "swap.h"
#include "maps.h"

#include <fcntl.h>
#include <sys/swap.h>

#define SWAP_PAGES	(ZRAM_BYTES / PAGE)

static char swap_path[256];
static char no_swap[300];

/* The header of swap, version 1, as mkswap(8) writes it. */
static bool make_swap(int fd, size_t pages)
{
	uint32_t head[3] = { 1, pages - 1, 0 };

	return pwrite(fd, head, sizeof(head), 1024) == sizeof(head) &&
	       pwrite(fd, "SWAPSPACE2", 10, PAGE - 10) == 10 && !fsync(fd);
}

static bool fill(int fd, size_t pages)
{
	static uint8_t zero[64 * PAGE];
	size_t i;

	/* A swap file must not have holes. */
	for (i = 0; i < pages; i += sizeof(zero) / PAGE)
		if (write(fd, zero, sizeof(zero)) != sizeof(zero))
			return false;
	return make_swap(fd, pages);
}

void swap_setup_pages(size_t pages)
{
	int fd;

	no_swap[0] = 0;
	if (!ext4_dir()) {
		snprintf(no_swap, sizeof(no_swap), "no ext4 scratch disk");
		return;
	}
	snprintf(swap_path, sizeof(swap_path), "%s/swap", ext4_dir());
	fd = open(swap_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || !fill(fd, pages) || swapon(swap_path, 0))
		snprintf(no_swap, sizeof(no_swap), "%s: %s", swap_path,
			 strerror(errno));
	if (fd >= 0)
		close(fd);
}

void swap_setup(void)
{
	swap_setup_pages(SWAP_PAGES);
}

void swap_teardown(void)
{
	swapoff(swap_path);
	unlink(swap_path);
}

bool zram_make(void)
{
	char size[16];

	snprintf(size, sizeof(size), "%d", ZRAM_BYTES);
	write_file("/sys/block/zram0/reset", "1");
	return write_file("/sys/block/zram0/disksize", size);
}

void swap_to(const char *device)
{
	int fd = open(device, O_RDWR | O_CLOEXEC);

	no_swap[0] = 0;
	if (fd < 0 || !make_swap(fd, SWAP_PAGES) || swapon(device, SWAP_FLAG_PREFER | 100))
		snprintf(no_swap, sizeof(no_swap), "%s: %s", device, strerror(errno));
	if (fd >= 0)
		close(fd);
}

void zram_setup(void)
{
	if (zram_make())
		swap_to(ZRAM);
	else
		swap_lacks("no zram");
}

void zram_teardown(void)
{
	swapoff(ZRAM);
}

void swap_lacks(const char *why)
{
	snprintf(no_swap, sizeof(no_swap), "%s", why);
}

const char *swap_missing(void)
{
	return no_swap[0] ? no_swap : NULL;
}
