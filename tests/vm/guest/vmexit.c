// SPDX-License-Identifier: GPL-2.0-only
/*
 * End the VM through QEMU's isa-debug-exit device, once all that was written
 * to the terminal on stdout has left the UART.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/io.h>
#include <termios.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	sync();
	tcdrain(STDOUT_FILENO);
	if (argc != 2 || ioperm(0xf4, 4, 1)) {
		perror("vmexit");
		return 1;
	}
	outb(strtoul(argv[1], NULL, 0), 0xf4);
	return 1;
}
