/* SPDX-License-Identifier: MIT */
/* What kind of file a command is. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <stdbool.h>

/*
 * Is a command, found as execvp() finds it, known to be statically linked?  Not of scripts, nor
 * of programs that are not of 64 bits.
 */
bool program_static(const char *command);

#endif
