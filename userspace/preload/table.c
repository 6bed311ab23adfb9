// SPDX-License-Identifier: MIT
#include <stdatomic.h>
#include <stdint.h>

#include "../lib/handle.h"
#include "table.h"

/* Process and descriptor of an entry in one word; 0 is a free one. */
static _Atomic uint64_t table[TABLE_MAX];

static uint64_t pack(pid_t pid, int fd)
{
	return (uint64_t)pid << 32 | (uint32_t)fd;
}

static pid_t word_pid(uint64_t word)
{
	return word >> 32;
}

static int word_fd(uint64_t word)
{
	return (uint32_t)word;
}

static bool has(uint64_t word)
{
	int i;

	for (i = 0; i < TABLE_MAX; i++)
		if (table[i] == word)
			return true;
	return false;
}

static bool put(uint64_t word)
{
	int i;

	for (i = 0; i < TABLE_MAX; i++) {
		uint64_t none = 0;

		if (atomic_compare_exchange_strong(&table[i], &none, word))
			return true;
	}
	return false;
}

/* Entries of descriptors that were closed. */
static void purge(void)
{
	struct wptrack w;
	int i;

	for (i = 0; i < TABLE_MAX; i++) {
		uint64_t word = table[i];

		if (word && wpt_borrow(&w, word_fd(word)))
			atomic_compare_exchange_strong(&table[i], &word, 0);
	}
}

bool table_add(pid_t pid, int fd)
{
	const uint64_t word = pack(pid, fd);

	if (has(word) || put(word))
		return true;
	purge();
	return put(word);
}

void table_remove(pid_t pid, int fd)
{
	int i;

	for (i = 0; i < TABLE_MAX; i++) {
		uint64_t word = pack(pid, fd);

		atomic_compare_exchange_strong(&table[i], &word, 0);
	}
}

int table_find(pid_t pid, int fds[TABLE_MAX])
{
	int i, n = 0;

	for (i = 0; i < TABLE_MAX; i++) {
		uint64_t word = table[i];

		if (word && word_pid(word) == pid)
			fds[n++] = word_fd(word);
	}
	return n;
}
