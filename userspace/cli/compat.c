// SPDX-License-Identifier: MIT
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libwptrack.h>

#include "cli.h"
#include "compat.h"
#include "program.h"

#define LIBRARY	"libwptrack-preload.so"

/* The one beside this command is that of a build tree. */
static bool find_beside(char *path, size_t size)
{
	ssize_t len = readlink("/proc/self/exe", path, size);
	char *slash;

	if (len < 0 || (size_t)len >= size)
		return false;
	path[len] = '\0';
	slash = strrchr(path, '/');
	if (!slash || (size_t)(slash + 1 - path) + sizeof(LIBRARY) > size)
		return false;
	strcpy(slash + 1, LIBRARY);
	return !access(path, R_OK);
}

static bool find_installed(char *path, size_t size)
{
	snprintf(path, size, "%s/" LIBRARY, WPTRACK_PRELOADDIR);
	return !access(path, R_OK);
}

/* In front of what the user preloads. */
static void preload(const char *library)
{
	const char *old = getenv("LD_PRELOAD");
	char *all;

	if (asprintf(&all, old && *old ? "%s:%s" : "%s", library, old) < 0)
		xrealloc(NULL, SIZE_MAX, 1);
	setenv("LD_PRELOAD", all, 1);
	free(all);
}

/* The command would find out itself, but not say it this clearly. */
static bool usable(void)
{
	struct wptrack *w;
	int err = wptrack_open(&w, NULL);

	if (err) {
		complain("%s", wptrack_open_error(err, NULL));
		return false;
	}
	err = wptrack_attach_self(w);
	if (err)
		complain("%s", wptrack_error(w));
	wptrack_close(w);
	return !err;
}

int compat_become(char **command)
{
	char library[PATH_MAX];
	int err;

	if (!find_beside(library, sizeof(library)) &&
	    !find_installed(library, sizeof(library))) {
		complain("there is no " LIBRARY " in %s; install wptrack again",
			 WPTRACK_PRELOADDIR);
		return EXIT_RUN_ERROR;
	}
	if (!usable())
		return EXIT_RUN_ERROR;
	if (program_static(command[0]))
		complain("%s is statically linked: only what it starts can be served, if that is not",
			 command[0]);
	preload(library);
	execvp(command[0], command);
	err = errno;
	complain("cannot execute %s: %s", command[0], strerror(err));
	return err == ENOENT ? EXIT_NO_COMMAND : EXIT_NO_EXEC;
}
