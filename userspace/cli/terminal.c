// SPDX-License-Identifier: MIT
/* What the command needs to know of a terminal. */
#include <sys/ioctl.h>

#include "terminal.h"

void terminal_size(FILE *out, unsigned int *width, unsigned int *height)
{
	struct winsize ws = { 0 };

	/* Fails if it is no terminal. */
	if (ioctl(fileno(out), TIOCGWINSZ, &ws) || !ws.ws_col || !ws.ws_row)
		ws = (struct winsize){ 0 };
	*width = ws.ws_col;
	*height = ws.ws_row;
}
