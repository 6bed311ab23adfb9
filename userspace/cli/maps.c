// SPDX-License-Identifier: MIT
/* The mappings of a process, from /proc/PID/maps. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "maps.h"

bool maps_parse_line(const char *line, struct mapping *m)
{
	char perms[5];
	int name = 0;
	size_t len;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*x %*x:%*x %" SCNu64 " %n",
		   &m->start, &m->end, perms, &m->inode, &name) < 4)
		return false;
	if (strlen(perms) != 4 || m->start >= m->end)
		return false;
	m->read = perms[0] == 'r';
	m->write = perms[1] == 'w';
	m->exec = perms[2] == 'x';
	m->shared = perms[3] == 's';
	len = name ? strcspn(line + name, "\n") : 0;
	m->name = len ? xstrndup(line + name, len) : xstrndup("[anon]", 6);
	return true;
}

void maps_parse(FILE *f, struct maps *maps)
{
	size_t room = 0, len = 0;
	struct mapping m;
	char *line = NULL;

	*maps = (struct maps){ 0 };
	while (getline(&line, &len, f) > 0) {
		if (!maps_parse_line(line, &m))
			continue;
		if (maps->n == room) {
			room = room ? 2 * room : 64;
			maps->v = xrealloc(maps->v, room, sizeof(m));
		}
		maps->v[maps->n++] = m;
	}
	free(line);
}

int maps_read(pid_t pid, struct maps *maps)
{
	char path[32];
	FILE *f;

	*maps = (struct maps){ 0 };
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	f = fopen(path, "re");
	if (!f)
		return -1;
	maps_parse(f, maps);
	fclose(f);
	return 0;
}

void maps_free(struct maps *maps)
{
	size_t i;

	for (i = 0; i < maps->n; i++)
		free(maps->v[i].name);
	free(maps->v);
	*maps = (struct maps){ 0 };
}

/* The index of the first mapping that ends above @addr. */
static size_t seek(const struct maps *maps, uint64_t addr)
{
	size_t low = 0, high = maps->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (maps->v[mid].end <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct mapping *maps_find(const struct maps *maps, uint64_t addr)
{
	size_t i = seek(maps, addr);

	return i < maps->n && maps->v[i].start <= addr ? &maps->v[i] : NULL;
}

uint64_t maps_next(const struct maps *maps, uint64_t addr)
{
	size_t i = seek(maps, addr);

	if (i < maps->n && maps->v[i].start <= addr)
		i++;
	return i < maps->n ? maps->v[i].start : UINT64_MAX;
}

bool mapping_tells(const struct mapping *m)
{
	return m->write || m->shared;
}

const char *mapping_perms(char buf[5], const struct mapping *m)
{
	buf[0] = m->read ? 'r' : '-';
	buf[1] = m->write ? 'w' : '-';
	buf[2] = m->exec ? 'x' : '-';
	buf[3] = m->shared ? 's' : 'p';
	buf[4] = '\0';
	return buf;
}
