/* SPDX-License-Identifier: MIT */
/* wptrack run --compat: the command with libwptrack-preload.so. */
#ifndef COMPAT_H
#define COMPAT_H

/*
 * Become the command.  Returns only if that fails, after a sentence, with the
 * exit code.
 */
int compat_become(char **command);

#endif
