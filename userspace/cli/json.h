/* SPDX-License-Identifier: MIT */
/* What JSON output needs beyond jansson. */
#ifndef JSON_H
#define JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* Print @object on one line and drop it; false if @out is broken. */
bool json_line(FILE *out, json_t *object);

/* A string from outside: bytes that are not UTF-8 become "?". */
json_t *json_text(const char *s);

#endif
