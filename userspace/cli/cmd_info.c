// SPDX-License-Identifier: MIT
/* wptrack info: what the module does on this kernel. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libwptrack.h>

#include "cli.h"
#include "fmt.h"
#include "infotext.h"
#include "json.h"

static const struct argp_option options[] = {
	OPT_JSON,
	OPT_DEVICE,
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	return common_parse(key, arg, state, state->input);
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc = "Show what the wptrack module can do on this kernel, and why not."
	       "\vMemory of a kind that is not supported is never reported clean: "
	       "it always reads written.",
};

/* All of the description, to be freed. */
static char *query(struct wptrack *w, struct wptrack_info *info)
{
	size_t len = 4096;
	char *text = NULL;

	for (;;) {
		text = xrealloc(text, len, 1);
		if (wptrack_query_info(w, info, text, len)) {
			complain("%s", wptrack_error(w));
			free(text);
			return NULL;
		}
		if (info->text_len <= len)
			return text;
		len = info->text_len;
	}
}

/* The features that work, by the names of the header. */
static json_t *feature_names(uint64_t features)
{
	static const char *const names[] = {
		"anon", "shmem", "file-private", "file-shared", "thp",
		"hugetlb", "remote", "multi", "soft-dirty", "epoch", "notify",
		"fork"
	};
	json_t *list = json_array();
	size_t bit;

	for (bit = 0; bit < sizeof(names) / sizeof(names[0]); bit++)
		if (features >> bit & 1)
			json_array_append_new(list, json_string(names[bit]));
	return list;
}

static bool print_json(const struct wptrack_info *info, const char *text)
{
	json_t *names = json_array();
	json_t *o = info_text_json(text);
	unsigned int bit;

	for (bit = 0; bit < 64; bit++)
		if (info->categories >> bit & 1 && category_name(bit))
			json_array_append_new(names,
				json_string(category_name(bit)));
	json_object_set_new(o, "supported", feature_names(info->features));
	json_object_set_new(o, "abi", json_integer(info->abi));
	json_object_set_new(o, "address_end", json_integer(info->address_end));
	json_object_set_new(o, "categories", names);
	json_object_set_new(o, "library", json_string(wptrack_version()));
	return json_line(stdout, o);
}

int cmd_info(int argc, char **argv)
{
	struct wptrack_open_opts opts = { .sz = sizeof(opts) };
	struct common c = { 0 };
	struct wptrack_info info;
	struct wptrack *w;
	bool ok = true;
	char *text;
	int err;

	argp_parse(&argp, argc, argv, 0, NULL, &c);
	opts.device = c.device;
	err = wptrack_open(&w, &opts);
	if (err) {
		complain("%s", wptrack_open_error(err, c.device));
		return EXIT_ERROR;
	}
	text = query(w, &info);
	if (!text)
		ok = false;
	else if (c.json)
		ok = print_json(&info, text);
	else
		ok = fputs(text, stdout) >= 0 && !fflush(stdout);
	free(text);
	wptrack_close(w);
	return ok ? EXIT_OK : EXIT_ERROR;
}
