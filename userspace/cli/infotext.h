/* SPDX-License-Identifier: MIT */
/* The module's description of itself, taken apart. */
#ifndef INFOTEXT_H
#define INFOTEXT_H

#include <jansson.h>

/*
 * "name: yes" and "name: no (reason)" become
 * { "features": { name: { "supported": bool, "reason": string } } },
 * every other "key: value" a member of the object with a string.  Names have '-' for ' '.
 */
json_t *info_text_json(const char *text);

#endif
