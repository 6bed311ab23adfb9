// SPDX-License-Identifier: MIT
/* What JSON output needs beyond jansson. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "json.h"

bool json_line(FILE *out, json_t *object)
{
	int err = json_dumpf(object, out, JSON_COMPACT | JSON_REAL_PRECISION(9));

	json_decref(object);
	putc('\n', out);
	return !fflush(out) && !err;
}

json_t *json_text(const char *s)
{
	json_t *o = json_string(s);
	char *copy, *p;

	if (o)
		return o;
	copy = xstrndup(s, strlen(s));
	for (p = copy; *p; p++)
		if (*p & 0x80)
			*p = '?';
	o = json_string(copy);
	free(copy);
	return o;
}
