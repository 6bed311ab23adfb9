/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of the pins suite. */
#ifndef TESTS_PINS_H
#define TESTS_PINS_H

#include "common.h"

#include <liburing.h>

/* False, with the reason in errno, where this kernel has no io_uring. */
bool pin_buffer(struct io_uring *ring, struct area buf);
/* Transfer between pages of the buffer and a file; the kernel uses the pin. */
void pin_transfer(struct io_uring *ring, struct area buf, int fd, bool into_memory,
		  size_t page, size_t pages);

void pins_before(Suite *s);
void pins_inflight(Suite *s);
void pins_hugetlb(Suite *s);
void pins_readers(Suite *s);
void pins_split(Suite *s);

#endif /* TESTS_PINS_H */
