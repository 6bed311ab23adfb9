// SPDX-License-Identifier: MIT
/* The module's description of itself, taken apart. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "infotext.h"

/* The answer of a feature's line as an object, NULL if it is no such line. */
static json_t *feature(const char *value, size_t len)
{
	json_t *o;

	if (len == 3 && !memcmp(value, "yes", 3))
		return json_pack("{sb}", "supported", 1);
	if (len < 2 || memcmp(value, "no", 2) || (len > 2 && value[2] != ' '))
		return NULL;
	o = json_pack("{sb}", "supported", 0);
	if (len > 5 && value[3] == '(' && value[len - 1] == ')')
		json_object_set_new(o, "reason",
				    json_stringn(value + 4, len - 5));
	return o;
}

json_t *info_text_json(const char *text)
{
	json_t *o = json_object(), *features = json_object();

	while (*text) {
		size_t len = strcspn(text, "\n");
		const char *colon = memchr(text, ':', len);

		if (colon) {
			const char *value = colon + 1;
			char *key = xstrndup(text, colon - text), *space;
			size_t value_len;
			json_t *f;

			/* Who reads JSON would rather not quote its names. */
			while ((space = strchr(key, ' ')))
				*space = '-';
			while (*value == ' ')
				value++;
			value_len = text + len - value;
			f = feature(value, value_len);
			if (f)
				json_object_set_new(features, key, f);
			else
				json_object_set_new(o, key,
					json_stringn(value, value_len));
			free(key);
		}
		text += len + (text[len] == '\n');
	}
	json_object_set_new(o, "features", features);
	return o;
}
