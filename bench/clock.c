// SPDX-License-Identifier: MIT
/*
 * Two clocks.  In an emulator that counts instructions (QEMU -icount shift=0) the
 * time stamp counter is the number of instructions that the virtual machine has
 * executed.  Everywhere else the clock is time.
 */
#include <time.h>
#include <x86intrin.h>

#include "bench.h"

uint64_t clock_read(void)
{
	struct timespec ts;

	if (opts.instructions)
		return __rdtsc();
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

const char *clock_unit(void)
{
	return opts.instructions ? "instructions" : "ns";
}
