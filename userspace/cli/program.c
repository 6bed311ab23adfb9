// SPDX-License-Identifier: MIT
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "program.h"

static int open_file(const char *path)
{
	return access(path, X_OK) ? -1 : open(path, O_RDONLY | O_CLOEXEC);
}

/* The first file of that name in PATH, unless the name has a slash. */
static int open_command(const char *command)
{
	const char *dir = getenv("PATH"), *end;
	char path[PATH_MAX];
	int fd = -1;

	if (strchr(command, '/'))
		return open_file(command);
	for (; dir && *dir && fd < 0; dir = *end ? end + 1 : end) {
		end = strchrnul(dir, ':');
		if (snprintf(path, sizeof(path), "%.*s/%s", (int)(end - dir),
			     end > dir ? dir : ".", command) < (int)sizeof(path))
			fd = open_file(path);
	}
	return fd;
}

/* Does an ELF file ask for a loader? */
static bool has_interpreter(int fd, const Elf64_Ehdr *head)
{
	Elf64_Phdr part;
	int i;

	for (i = 0; i < head->e_phnum; i++) {
		if (pread(fd, &part, sizeof(part), head->e_phoff + i * sizeof(part)) !=
		    (ssize_t)sizeof(part) || part.p_type == PT_INTERP)
			return true;
	}
	return false;
}

bool program_static(const char *command)
{
	Elf64_Ehdr head;
	bool found;
	int fd = open_command(command);

	if (fd < 0)
		return false;
	found = read(fd, &head, sizeof(head)) == (ssize_t)sizeof(head) &&
		!memcmp(head.e_ident, ELFMAG, SELFMAG) &&
		head.e_ident[EI_CLASS] == ELFCLASS64 &&
		head.e_phentsize == sizeof(Elf64_Phdr) && !has_interpreter(fd, &head);
	close(fd);
	return found;
}
