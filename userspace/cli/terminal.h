/* SPDX-License-Identifier: MIT */
/* What the command needs to know of a terminal. */
#ifndef TERMINAL_H
#define TERMINAL_H

#include <stdio.h>

/*
 * Columns and rows of the terminal that @out is; 0 x 0 if it is none, or one
 * that does not know its size (a serial console): do not draw on that.
 */
void terminal_size(FILE *out, unsigned int *width, unsigned int *height);

#endif
