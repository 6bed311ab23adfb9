// SPDX-License-Identifier: MIT
/* Numbers, categories and heat strips as text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fmt.h"

const char *fmt_bytes(char *buf, uint64_t bytes)
{
	static const char *const unit[] = {
		"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"
	};
	double n = bytes;
	unsigned int i = 0;

	/* 1023.95 would print as 1024.0 */
	while (n >= 1023.95 && i < sizeof(unit) / sizeof(unit[0]) - 1) {
		n /= 1024;
		i++;
	}
	snprintf(buf, FMT_BYTES, i ? "%.1f %s" : "%.0f %s", n, unit[i]);
	return buf;
}

const char *category_name(unsigned int bit)
{
	static const char *const low[] = {
		"wpallowed", "written", "file", "present", "swapped", "pfnzero",
		"huge", "soft-dirty", "guard", "accessed"
	};

	if (bit < sizeof(low) / sizeof(low[0]))
		return low[bit];
	return bit == 32 ? "pinned" : NULL;
}

const char *fmt_categories(char *buf, uint64_t categories)
{
	size_t used = 0;
	unsigned int bit;

	buf[0] = '\0';
	for (bit = 0; bit < 64; bit++) {
		const char *name = category_name(bit);

		if (!(categories >> bit & 1))
			continue;
		if (name)
			used += snprintf(buf + used, FMT_CATEGORIES - used,
					 "%s%s", used ? " " : "", name);
		else
			used += snprintf(buf + used, FMT_CATEGORIES - used,
					 "%s#%u", used ? " " : "", bit);
		if (used >= FMT_CATEGORIES)
			break;
	}
	return buf[0] ? buf : strcpy(buf, "-");
}

const char *fmt_heat(double share, bool utf8)
{
	static const char *const fancy[] = {
		" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"
	};
	static const char *const plain[] = {
		" ", ".", ":", "-", "=", "+", "*", "%", "#"
	};
	int level = 0;

	if (share > 0) {
		level = 1 + (int)(share * 7.999);
		if (level > 8)
			level = 8;
	}
	return utf8 ? fancy[level] : plain[level];
}

bool fmt_utf8(void)
{
	/* Not setlocale(): a static binary may not find the locale. */
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = getenv(names[i]);

		if (value && *value)
			return strcasestr(value, "utf-8") ||
			       strcasestr(value, "utf8");
	}
	return false;
}
