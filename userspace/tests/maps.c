// SPDX-License-Identifier: MIT
/* Lines of /proc/PID/maps as kernels print them. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "maps.h"
#include "suite.h"

static void parses(const char *line, uint64_t start, uint64_t end,
		   const char *perms, uint64_t inode, const char *name)
{
	struct mapping m;
	char buf[5];

	ck_assert(maps_parse_line(line, &m));
	ck_assert_uint_eq(m.start, start);
	ck_assert_uint_eq(m.end, end);
	ck_assert_str_eq(mapping_perms(buf, &m), perms);
	ck_assert_uint_eq(m.inode, inode);
	ck_assert_str_eq(m.name, name);
	free(m.name);
}

START_TEST(lines)
{
	parses("7f0000001000-7f0000003000 rw-p 00000000 00:00 0 \n",
	       0x7f0000001000, 0x7f0000003000, "rw-p", 0, "[anon]");
	parses("7f0000001000-7f0000003000 rw-p 00000000 00:00 0",
	       0x7f0000001000, 0x7f0000003000, "rw-p", 0, "[anon]");
	parses("55d0c000-55d0d000 r-xp 00002000 103:02 1835077                    /usr/bin/redis-check-rdb\n",
	       0x55d0c000, 0x55d0d000, "r-xp", 1835077,
	       "/usr/bin/redis-check-rdb");
	parses("01000000-01021000 rw-p 00000000 00:00 0                          [heap]\n",
	       0x1000000, 0x1021000, "rw-p", 0, "[heap]");
	parses("7000-9000 rw-s 00000000 00:01 2049  /dev/zero (deleted)\n",
	       0x7000, 0x9000, "rw-s", 2049, "/dev/zero (deleted)");
	parses("ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n",
	       0xffffffffff600000, 0xffffffffff601000, "--xp", 0,
	       "[vsyscall]");
	/* a name with blanks, and what the kernel makes of a newline in it */
	parses("7000-9000 ---p 00000000 08:01 12  /tmp/a b\\012c\n", 0x7000,
	       0x9000, "---p", 12, "/tmp/a b\\012c");
}
END_TEST

START_TEST(no_lines)
{
	struct mapping m;

	ck_assert(!maps_parse_line("", &m));
	ck_assert(!maps_parse_line("\n", &m));
	ck_assert(!maps_parse_line("VmFlags: rd wr\n", &m));
	ck_assert(!maps_parse_line("7000-9000 rw 0 00:00 0\n", &m));
	ck_assert(!maps_parse_line("9000-7000 rw-p 0 00:00 0\n", &m));
}
END_TEST

START_TEST(find)
{
	static const char text[] =
		"1000-2000 rw-p 00000000 00:00 0 \n"
		"nonsense\n"
		"2000-5000 r--p 00000000 00:00 0 \n"
		"8000-9000 rw-p 00000000 00:00 0 [stack]\n";
	FILE *f = fmemopen((char *)text, strlen(text), "r");
	struct maps maps;

	maps_parse(f, &maps);
	fclose(f);
	ck_assert_uint_eq(maps.n, 3);
	ck_assert_ptr_null(maps_find(&maps, 0xfff));
	ck_assert_ptr_eq(maps_find(&maps, 0x1000), &maps.v[0]);
	ck_assert_ptr_eq(maps_find(&maps, 0x1fff), &maps.v[0]);
	ck_assert_ptr_eq(maps_find(&maps, 0x2000), &maps.v[1]);
	ck_assert_ptr_eq(maps_find(&maps, 0x4fff), &maps.v[1]);
	ck_assert_ptr_null(maps_find(&maps, 0x5000));
	ck_assert_ptr_eq(maps_find(&maps, 0x8fff), &maps.v[2]);
	ck_assert_ptr_null(maps_find(&maps, 0x9000));
	ck_assert_uint_eq(maps_next(&maps, 0), 0x1000);
	ck_assert_uint_eq(maps_next(&maps, 0x1000), 0x2000);
	ck_assert_uint_eq(maps_next(&maps, 0x5000), 0x8000);
	ck_assert_uint_eq(maps_next(&maps, 0x8000), UINT64_MAX);
	maps_free(&maps);
	ck_assert_ptr_null(maps_find(&maps, 0x1000));
	ck_assert_uint_eq(maps_next(&maps, 0x1000), UINT64_MAX);
}
END_TEST

/* Of this process, as the kernel that runs the test prints it. */
START_TEST(own)
{
	const struct mapping *m;
	struct maps maps;
	int local;

	ck_assert_int_eq(maps_read(getpid(), &maps), 0);
	m = maps_find(&maps, (uintptr_t)&local);
	ck_assert_ptr_nonnull(m);
	ck_assert(m->read && m->write && !m->shared);
	m = maps_find(&maps, (uintptr_t)&maps_read);
	ck_assert_ptr_nonnull(m);
	ck_assert(m->exec && !m->write && m->inode);
	maps_free(&maps);
	ck_assert_int_eq(maps_read(0x7fffffff, &maps), -1);
	ck_assert_uint_eq(maps.n, 0);
}
END_TEST

SUITE("maps", lines, no_lines, find, own)
