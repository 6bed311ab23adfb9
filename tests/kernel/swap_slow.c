// SPDX-License-Identifier: GPL-2.0-only
/* Swap that takes its time: dm-delay over compressed memory. */
#define _GNU_SOURCE
#include "swap.h"

#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/swap.h>
#include <unistd.h>

struct request {
	struct dm_ioctl dm;
	struct dm_target_spec target;
	char params[128];
};

static struct request request(void)
{
	struct request r = {
		.dm = {
			.version = { 4, 0, 0 },
			.data_size = sizeof(r),
			.data_start = offsetof(struct request, target),
			.name = "wptrack-delay",
		},
	};

	return r;
}

/* What is written to it takes so many milliseconds longer than to ZRAM. */
static bool make(int control, unsigned int ms)
{
	struct request r = request();

	if (ioctl(control, DM_DEV_CREATE, &r))
		return false;
	r = request();
	r.dm.target_count = 1;
	r.target.length = ZRAM_BYTES / 512;
	r.target.next = sizeof(r) - offsetof(struct request, target);
	strcpy(r.target.target_type, "delay");
	snprintf(r.params, sizeof(r.params), ZRAM " 0 0 " ZRAM " 0 %u", ms);
	if (ioctl(control, DM_TABLE_LOAD, &r))
		return false;
	r = request();
	/* Without the flag to suspend it: it begins. */
	return !ioctl(control, DM_DEV_SUSPEND, &r);
}

void slow_setup(void)
{
	int control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);

	if (control >= 0 && zram_make() && make(control, 300))
		swap_to("/dev/dm-0");
	else
		swap_lacks("no dm-delay, or no zram for it");
	close(control);
}

void slow_teardown(void)
{
	int control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	struct request r = request();

	swapoff("/dev/dm-0");
	ioctl(control, DM_DEV_REMOVE, &r);
	close(control);
}
