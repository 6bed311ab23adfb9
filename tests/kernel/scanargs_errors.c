// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arguments that are refused, and how.
 */
#define _GNU_SOURCE
#include "scanargs.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static const struct area nothing;

/* A structure in a buffer with room behind it. */
struct padded {
	union {
		struct wptrack_info info;
		struct wptrack_attach attach;
		struct wptrack_range range;
		struct wptrack_scan scan;
		struct wptrack_clear clear;
		struct wptrack_notify notify;
		struct wptrack_forked forked;
		uint64_t size;
		uint8_t bytes[256];
	};
};

struct command {
	const char *name;
	unsigned long cmd;
	size_t size;
	/* Fill in arguments that succeed on a tracker that is ready for them. */
	void (*good)(struct padded *p, struct area a);
};

static void good_info(struct padded *p, struct area a)
{
}

static void good_attach(struct padded *p, struct area a)
{
	p->attach.pidfd = -1;
}

static void good_range(struct padded *p, struct area a)
{
	p->range.start = area_start(a);
	p->range.end = area_end(a);
}

static void good_scan(struct padded *p, struct area a)
{
	p->scan = scan_of(a, NULL, 0, 0);
}

static void good_clear(struct padded *p, struct area a)
{
	static struct wptrack_region region;

	region.start = area_start(a);
	region.end = area_end(a);
	p->clear.vec = (uintptr_t)&region;
	p->clear.vec_len = 1;
}

static void good_notify(struct padded *p, struct area a)
{
	p->notify.pages = 1;
	p->notify.eventfd = -1;
}

static void good_forked(struct padded *p, struct area a)
{
}

static const struct command commands[] = {
	{ "INFO", WPTRACK_IOC_INFO, sizeof(struct wptrack_info), good_info },
	{ "ATTACH", WPTRACK_IOC_ATTACH, sizeof(struct wptrack_attach),
	  good_attach },
	{ "TRACK", WPTRACK_IOC_TRACK, sizeof(struct wptrack_range),
	  good_range },
	{ "UNTRACK", WPTRACK_IOC_UNTRACK, sizeof(struct wptrack_range),
	  good_range },
	{ "SCAN", WPTRACK_IOC_SCAN, sizeof(struct wptrack_scan), good_scan },
	{ "CLEAR", WPTRACK_IOC_CLEAR, sizeof(struct wptrack_clear), good_clear },
	{ "NOTIFY", WPTRACK_IOC_NOTIFY, sizeof(struct wptrack_notify),
	  good_notify },
	{ "FORKED", WPTRACK_IOC_FORKED, sizeof(struct wptrack_forked),
	  good_forked },
};
#define COMMANDS ((int)(sizeof(commands) / sizeof(*commands)))

static struct padded good(const struct command *c, struct area a)
{
	struct padded p;

	memset(&p, 0, sizeof(p));
	c->good(&p, a);
	p.size = c->size;
	return p;
}

/* A tracker with a child that nobody has fetched. */
static int raw_forked(void)
{
	struct wptrack_attach attach = {
		.size = sizeof(attach), .pidfd = -1,
		.flags = WPTRACK_ATTACH_FOLLOW_FORK,
	};
	int fd = raw_open();
	pid_t pid;

	must(ioctl(fd, WPTRACK_IOC_ATTACH, &attach));
	pid = must(fork());
	if (!pid)
		_exit(0);
	must(waitpid(pid, NULL, 0));
	return fd;
}

/* A tracker on which the command would succeed. */
static int ready(const struct command *c, struct area a)
{
	if (c->cmd == WPTRACK_IOC_FORKED)
		return raw_forked();
	return c->cmd == WPTRACK_IOC_ATTACH ? raw_open() : raw_tracker(a);
}

START_TEST(good_arguments_are_accepted)
{
	const struct command *c = &commands[_i];
	struct area a = anon_populated(4);
	struct padded p = good(c, a);

	ck_assert_int_eq(raw(ready(c, a), c->cmd, &p), 0);
}
END_TEST

START_TEST(size_below_the_first_one_is_einval)
{
	const struct command *c = &commands[_i];
	struct area a = anon_populated(4);
	size_t sizes[] = { 0, 1, 8, c->size - 8, c->size - 1 }, i;

	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct padded p = good(c, a);

		p.size = sizes[i];
		expect_errno(ready(c, a), c->cmd, &p, EINVAL);
	}
}
END_TEST

START_TEST(longer_structure_is_accepted_if_the_rest_is_zero)
{
	const struct command *c = &commands[_i];
	struct area a = anon_populated(4);
	struct padded p = good(c, a);

	p.size = c->size + 64;
	ck_assert_int_eq(raw(ready(c, a), c->cmd, &p), 0);
	ck_assert_uint_eq(p.size, c->size + 64);
	/* Not a multiple of anything. */
	p = good(c, a);
	p.size = c->size + 3;
	ck_assert_int_eq(raw(ready(c, a), c->cmd, &p), 0);
}
END_TEST

START_TEST(longer_structure_with_unknown_members_is_e2big)
{
	const struct command *c = &commands[_i];
	struct area a = anon_populated(4);
	struct padded p = good(c, a);

	p.size = c->size + 64;
	p.bytes[c->size + 63] = 1;
	expect_errno(ready(c, a), c->cmd, &p, E2BIG);
	p.bytes[c->size + 63] = 0;
	p.bytes[c->size] = 1;
	expect_errno(ready(c, a), c->cmd, &p, E2BIG);
}
END_TEST

START_TEST(absurd_size_is_refused)
{
	const struct command *c = &commands[_i];
	struct area a = anon_populated(4);
	uint64_t sizes[] = { 1ULL << 31, 1ULL << 32, (1ULL << 32) + c->size,
			     ~0ULL };
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct padded p = good(c, a);
		long err;

		p.size = sizes[i];
		err = raw(ready(c, a), c->cmd, &p);
		ck_assert_msg(err == -E2BIG || err == -EFAULT,
			      "size %#llx: %s", (unsigned long long)sizes[i],
			      strerror(-err));
	}
}
END_TEST

START_TEST(bad_pointer_is_efault)
{
	const struct command *c = &commands[_i];
	struct area a = anon_populated(4);
	struct area guard = hole(2, 0);
	struct padded p = good(c, a);
	uint8_t *edge;
	int fd = ready(c, a);

	expect_errno(fd, c->cmd, NULL, EFAULT);
	expect_errno(fd, c->cmd, (void *)-4096L, EFAULT);
	expect_errno(fd, c->cmd, (void *)0xffff888000000000UL, EFAULT);
	/* The size can be read, the rest cannot. */
	map_over(area_sub(guard, 0, 1), PROT_READ | PROT_WRITE);
	edge = guard.p + PAGE - 8;
	memcpy(edge, &p, 8);
	expect_errno(fd, c->cmd, edge, EFAULT);
}
END_TEST

START_TEST(not_attached_is_enotconn)
{
	const struct command *c = &commands[_i];
	struct area a = anon_populated(4);
	struct padded p = good(c, a);

	if (c->cmd == WPTRACK_IOC_INFO || c->cmd == WPTRACK_IOC_ATTACH)
		return;
	expect_errno(raw_open(), c->cmd, &p, ENOTCONN);
}
END_TEST

START_TEST(command_is_known_by_its_number_whatever_its_size)
{
	const struct command *c = &commands[_i];
	struct area a = anon_populated(4);
	struct padded p = good(c, a);
	unsigned long cmd = _IOC(_IOC_READ | _IOC_WRITE, _IOC_TYPE(c->cmd),
				 _IOC_NR(c->cmd), c->size + 64);

	ck_assert_int_eq(raw(ready(c, a), cmd, &p), 0);
}
END_TEST

START_TEST(unknown_command_is_enotty)
{
	struct area a = anon_populated(4);
	int fd = raw_tracker(a);
	struct padded p = good(&commands[4], a);
	int nr;

	for (nr = COMMANDS; nr < 256; nr++)
		expect_errno(fd, _IOWR(WPTRACK_IOC_TYPE, nr, struct wptrack_scan),
			     &p, ENOTTY);
	for (nr = 0; nr < COMMANDS; nr++)
		expect_errno(fd, _IOWR('w', nr, struct wptrack_scan), &p, ENOTTY);
	expect_errno(fd, 0, &p, ENOTTY);
}
END_TEST

START_TEST(unknown_flags_are_einval)
{
	struct area a = anon_populated(4);
	int fd = raw_tracker(a), loose = raw_open(), bit;
	struct padded p;

	for (bit = 0; bit < 64; bit++) {
		p = good(&commands[1], a);
		p.attach.flags = 1ULL << bit;
		if (bit > 0)
			expect_errno(loose, WPTRACK_IOC_ATTACH, &p, EINVAL);
		p = good(&commands[2], a);
		p.range.flags = 1ULL << bit;
		if (bit > 1)
			expect_errno(fd, WPTRACK_IOC_TRACK, &p, EINVAL);
		expect_errno(fd, WPTRACK_IOC_UNTRACK, &p, EINVAL);
		p = good(&commands[4], a);
		p.scan.flags = 1ULL << bit;
		if (bit > 2)
			expect_errno(fd, WPTRACK_IOC_SCAN, &p, EINVAL);
		p = good(&commands[5], a);
		p.clear.flags = 1ULL << bit;
		if (bit > 0)
			expect_errno(fd, WPTRACK_IOC_CLEAR, &p, EINVAL);
		p = good(&commands[6], a);
		p.notify.flags = 1ULL << bit;
		expect_errno(fd, WPTRACK_IOC_NOTIFY, &p, EINVAL);
		p = good(&commands[7], a);
		p.forked.flags = 1ULL << bit;
		expect_errno(fd, WPTRACK_IOC_FORKED, &p, EINVAL);
	}
}
END_TEST

START_TEST(unknown_categories_are_einval)
{
	struct area a = anon_populated(4);
	int fd = raw_tracker(a), bit;
	uint64_t known = info().categories;

	for (bit = 0; bit < 64; bit++) {
		uint64_t c = 1ULL << bit;
		struct wptrack_scan s[4];
		int i;

		for (i = 0; i < 4; i++)
			s[i] = scan_of(a, NULL, 0, 0);
		s[0].category_inverted |= c;
		s[1].category_mask |= c;
		s[2].category_anyof_mask |= c;
		s[3].return_mask |= c;
		for (i = 0; i < 4; i++) {
			long err = raw(fd, WPTRACK_IOC_SCAN, &s[i]);

			if (known & c)
				ck_assert_int_ge(err, 0);
			else
				ck_assert_int_eq(err, -EINVAL);
		}
	}
}
END_TEST

START_TEST(ranges_that_are_none)
{
	struct area a = anon_populated(4);
	int fd = raw_tracker(a), i;
	struct wptrack_scan s;

	for (i = 2; i < 4; i++) {
		struct padded p = good(&commands[i], a);

		p.range.start += 1;
		expect_errno(fd, commands[i].cmd, &p, EINVAL);
		p.range.start = area_start(a) + PAGE / 2;
		expect_errno(fd, commands[i].cmd, &p, EINVAL);
		p = good(&commands[i], a);
		p.range.end = p.range.start;
		expect_errno(fd, commands[i].cmd, &p, EINVAL);
		p.range.end = p.range.start - PAGE;
		expect_errno(fd, commands[i].cmd, &p, EINVAL);
		p.range.end = 0;
		expect_errno(fd, commands[i].cmd, &p, EINVAL);
	}
	s = scan_of(a, NULL, 0, 0);
	s.start += 1;
	expect_errno(fd, WPTRACK_IOC_SCAN, &s, EINVAL);
	s = scan_of(a, NULL, 0, 0);
	s.end = s.start - PAGE;
	expect_errno(fd, WPTRACK_IOC_SCAN, &s, EFAULT);
	s = scan_of(a, NULL, 0, 0);
	s.end = s.start;
	ck_assert_int_eq(scan(fd, &s), 0);
	ck_assert_uint_eq(s.walk_end, s.start);
	s = scan_of(a, NULL, 1, 0);
	expect_errno(fd, WPTRACK_IOC_SCAN, &s, EINVAL);
}
END_TEST

START_TEST(end_is_rounded_up_to_the_page)
{
	struct area a = anon_populated(8);
	struct wptrack_range r = {
		.size = sizeof(r), .start = area_start(a),
		.end = area_start(a) + 2 * PAGE + 1,
	};
	int fd = raw_tracker(nothing);
	struct marks *want = marks_new(8);
	struct wptrack_region vec[8];
	struct wptrack_scan s;

	ck_assert_int_eq(raw(fd, WPTRACK_IOC_TRACK, &r), 0);
	ck_assert_uint_ge(r.done, r.end);
	ck_assert_uint_le(r.done, area_start(a) + 3 * PAGE);
	touch_all(a);
	marks_set(want, 0, 3);
	expect_marks(raw_written(fd, a), want);
	s = scan_of(a, vec, 8, WPTRACK_SCAN_RESET);
	s.end = area_start(a) + PAGE + 1;
	ck_assert_int_eq(scan(fd, &s), 1);
	ck_assert_uint_eq(vec[0].end, area_start(a) + 2 * PAGE);
	ck_assert_uint_eq(s.walk_end, area_start(a) + 2 * PAGE);
	r.end = area_start(a) + 1;
	ck_assert_int_eq(raw(fd, WPTRACK_IOC_UNTRACK, &r), 0);
	marks_none(want);
	marks_set(want, 2, 1);
	expect_marks(raw_written(fd, a), want);
}
END_TEST

START_TEST(ranges_beyond_the_address_space_are_cut_off)
{
	struct area a = anon_populated(4);
	struct wptrack_range r = { .size = sizeof(r), .start = 0, .end = ~0ULL };
	int fd = raw_tracker(nothing);
	struct wptrack_scan s = scan_of(a, NULL, 0, 0);

	ck_assert_int_eq(raw(fd, WPTRACK_IOC_TRACK, &r), 0);
	ck_assert_uint_ge(r.done, area_end(a));
	touch(a, 2);
	s.start = 0;
	s.end = ~0ULL;
	ck_assert_int_ge(raw(fd, WPTRACK_IOC_SCAN, &s), 1);
	/* The end wraps to 0 when it is rounded up. */
	s = scan_of(a, NULL, 0, 0);
	s.end = ~0ULL;
	ck_assert_int_ge(raw(fd, WPTRACK_IOC_SCAN, &s), 1);
	r.start = ~0ULL & ~(PAGE - 1);
	r.end = ~0ULL;
	ck_assert_int_eq(raw(fd, WPTRACK_IOC_TRACK, &r), 0);
	r.start = 0;
	ck_assert_int_eq(raw(fd, WPTRACK_IOC_UNTRACK, &r), 0);
	s = scan_of(a, NULL, 0, 0);
	ck_assert_int_eq(scan(fd, &s), 0);
}
END_TEST

START_TEST(attach_refuses_what_is_no_process)
{
	struct wptrack_attach at = { .size = sizeof(at) };
	int fd = raw_open(), null = must(open("/dev/null", O_RDONLY)), pidfd;
	pid_t pid;

	at.pidfd = 98765;
	expect_errno(fd, WPTRACK_IOC_ATTACH, &at, EBADF);
	at.pidfd = -2;
	expect_errno(fd, WPTRACK_IOC_ATTACH, &at, EBADF);
	at.pidfd = null;
	expect_errno(fd, WPTRACK_IOC_ATTACH, &at, EBADF);
	/* Not to be cut to 32 bits. */
	at.pidfd = (1LL << 32) + null;
	expect_errno(fd, WPTRACK_IOC_ATTACH, &at, EBADF);
	at.pidfd = fd;
	expect_errno(fd, WPTRACK_IOC_ATTACH, &at, EBADF);

	pid = must(fork());
	if (!pid)
		_exit(0);
	pidfd = must(syscall(SYS_pidfd_open, pid, 0));
	must(waitid(P_PID, pid, NULL, WEXITED | WNOWAIT));
	at.pidfd = pidfd;
	expect_errno(fd, WPTRACK_IOC_ATTACH, &at, ESRCH);
	must(waitpid(pid, NULL, 0));
	expect_errno(fd, WPTRACK_IOC_ATTACH, &at, ESRCH);
	/* kthreadd */
	at.pidfd = must(syscall(SYS_pidfd_open, 2, 0));
	expect_errno(fd, WPTRACK_IOC_ATTACH, &at, ESRCH);
	/* After all that it still can be attached, once. */
	at.pidfd = -1;
	ck_assert_int_eq(raw(fd, WPTRACK_IOC_ATTACH, &at), 0);
	expect_errno(fd, WPTRACK_IOC_ATTACH, &at, EBUSY);
	at.pidfd = must(syscall(SYS_pidfd_open, getpid(), 0));
	expect_errno(fd, WPTRACK_IOC_ATTACH, &at, EBUSY);
}
END_TEST

START_TEST(info_tells_the_truth_about_itself)
{
	struct wptrack_info i = { .size = sizeof(i) };
	int fd = raw_open(), on_stack;

	ck_assert_int_eq(raw(fd, WPTRACK_IOC_INFO, &i), 0);
	ck_assert_uint_eq(i.abi, WPTRACK_ABI_VERSION);
	ck_assert(i.features & WPTRACK_FEATURE_ANON);
	ck_assert_uint_eq(i.categories & 0x7f & ~WPTRACK_PAGE_HUGE,
			  0x7f & ~WPTRACK_PAGE_HUGE);
	ck_assert_uint_gt(i.address_end, (uintptr_t)&on_stack);
	ck_assert_uint_eq(i.address_end % PAGE, 0);
	ck_assert_uint_gt(i.text_len, 1);
}
END_TEST

START_TEST(info_text_is_cut_to_the_buffer)
{
	struct wptrack_info i = { .size = sizeof(i) };
	int fd = raw_open();
	char all[8192], part[8192];
	uint64_t len, n;
	char *line;

	memset(all, 'x', sizeof(all));
	i.text = (uintptr_t)all;
	i.text_len = sizeof(all);
	ck_assert_int_eq(raw(fd, WPTRACK_IOC_INFO, &i), 0);
	len = i.text_len;
	ck_assert_uint_lt(len, sizeof(all));
	ck_assert_uint_eq(strlen(all) + 1, len);
	for (n = 1; n < len + 2; n += n < 20 ? 1 : 37) {
		memset(part, 'x', sizeof(part));
		i = (struct wptrack_info){
			.size = sizeof(i), .text = (uintptr_t)part,
			.text_len = n,
		};
		ck_assert_int_eq(raw(fd, WPTRACK_IOC_INFO, &i), 0);
		ck_assert_uint_eq(i.text_len, len);
		ck_assert_uint_eq(strlen(part), (n < len ? n : len) - 1);
		ck_assert(!memcmp(part, all, strlen(part)));
		ck_assert_int_eq(part[n], 'x');
	}
	i = (struct wptrack_info){
		.size = sizeof(i), .text = 4096, .text_len = 100,
	};
	expect_errno(fd, WPTRACK_IOC_INFO, &i, EFAULT);
	for (line = strtok(all, "\n"); line; line = strtok(NULL, "\n")) {
		note("%s", line);
		ck_assert_ptr_nonnull(strstr(line, ": "));
	}
}
END_TEST

#define MAX_RANGES "/sys/module/wptrack/parameters/max_ranges"

static char max_ranges[32];

/* As many as there may be would take long to name. */
static void few_ranges(void)
{
	FILE *f = fopen(MAX_RANGES, "re");

	if (!f || !fgets(max_ranges, sizeof(max_ranges), f))
		max_ranges[0] = 0;
	if (f)
		fclose(f);
	write_file(MAX_RANGES, "500");
}

static void ranges_as_before(void)
{
	write_file(MAX_RANGES, max_ranges);
}

START_TEST(too_many_ranges_are_enospc_and_those_before_hold)
{
	struct wptrack_range r = { .size = sizeof(r) };
	struct area far = hole(3000, 0), a = anon_populated(4);
	int fd = raw_tracker(a);
	struct marks *want = marks_new(4);
	double t = seconds();
	long err = 0;
	size_t i;

	for (i = 0; i < far.pages; i += 2) {
		r.start = area_start(far) + i * PAGE;
		r.end = r.start + PAGE;
		err = raw(fd, WPTRACK_IOC_TRACK, &r);
		if (err)
			break;
	}
	note("%zu ranges in %.2f s, then %s", i / 2 + 1, seconds() - t,
	     strerror(-err));
	ck_assert_int_eq(err, -ENOSPC);
	ck_assert_uint_le(r.done, r.start);
	/* No more holes, but less is always possible. */
	touch(a, 1);
	want->w[1] = 1;
	expect_marks(raw_written(fd, a), want);
	r.start = area_start(far);
	r.end = area_end(far);
	ck_assert_int_eq(raw(fd, WPTRACK_IOC_TRACK, &r), 0);
	r.end = r.start + PAGE;
	ck_assert_int_eq(raw(fd, WPTRACK_IOC_UNTRACK, &r), 0);
}
END_TEST

void scanargs_errors(Suite *s)
{
	TCase *tc = tcase_new(s, "errors", TEST_TIMEOUT);

#define EACH_COMMAND(test) tcase_add_loop_test(tc, test, 0, COMMANDS)
	EACH_COMMAND(good_arguments_are_accepted);
	EACH_COMMAND(size_below_the_first_one_is_einval);
	EACH_COMMAND(longer_structure_is_accepted_if_the_rest_is_zero);
	EACH_COMMAND(longer_structure_with_unknown_members_is_e2big);
	EACH_COMMAND(absurd_size_is_refused);
	EACH_COMMAND(bad_pointer_is_efault);
	EACH_COMMAND(not_attached_is_enotconn);
	EACH_COMMAND(command_is_known_by_its_number_whatever_its_size);
	tcase_add_test(tc, unknown_command_is_enotty);
	tcase_add_test(tc, unknown_flags_are_einval);
	tcase_add_test(tc, unknown_categories_are_einval);
	tcase_add_test(tc, ranges_that_are_none);
	tcase_add_test(tc, end_is_rounded_up_to_the_page);
	tcase_add_test(tc, ranges_beyond_the_address_space_are_cut_off);
	tcase_add_test(tc, attach_refuses_what_is_no_process);
	tcase_add_test(tc, info_tells_the_truth_about_itself);
	tcase_add_test(tc, info_text_is_cut_to_the_buffer);

	tc = tcase_new(s, "limits", TEST_TIMEOUT);
	tcase_add_unchecked_fixture(tc, few_ranges, ranges_as_before);
	tcase_add_test(tc, too_many_ranges_are_enospc_and_those_before_hold);
}
