/* SPDX-License-Identifier: MIT */
/* PAGEMAP_SCAN on /proc/PID/pagemap: whose is it, and who answers? */
#ifndef PRELOAD_PAGEMAP_H
#define PRELOAD_PAGEMAP_H

/* Answers as ioctl(2) does. */
int pagemap_scan(int fd, void *uarg);

#endif
