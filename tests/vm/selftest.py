# SPDX-License-Identifier: GPL-2.0-only
"""Does the harness see what is wrong?  Prints TAP."""
import sys
import unittest

import env
import boot
import kernels
import suites
import tap

NONCE = "00112233"
MARK = "\x1e" + NONCE + " "

GOOD_CONSOLE = """\
[    0.0] Command line: console=ttyS0 panic=-1 oops=panic
[    0.4] \tRCU CPU stall warnings timeout set to 120 (rcu_cpu_stall_timeout).
[    0.5] mce: CPU supports 10 MCE banks
[    1.5] Kernel command line: oops=panic
[    3.8] wptrack: loading out-of-tree module taints kernel.
[    3.8] DEBUG: nothing
"""
SPLATS = """\
BUG: kernel NULL pointer dereference, address: 0000000000000000
WARNING: CPU: 0 PID: 112 at module/main.c:12 i+0x17/0x1000 [wptrack]
WARNING: possible circular locking dependency detected
WARNING: suspicious RCU usage
Oops: 0000 [#1] PREEMPT SMP NOPTI
general protection fault, probably for non-canonical address 0xdead000000000100
rcu: INFO: rcu_preempt self-detected stall on CPU
INFO: task sh:1 blocked for more than 120 seconds.
watchdog: BUG: soft lockup - CPU#0 stuck for 26s!
BUG: Bad page state in process anon  pfn:12345
BUG: Bad rss-counter state mm:00000000deadbeef type:MM_ANONPAGES val:1
kernel BUG at mm/page_table_check.c:94!
Kernel panic - not syncing: Fatal exception
list_add corruption. prev->next should be next
refcount_t: underflow; use-after-free.
UBSAN: array-index-out-of-bounds in module/chunk.c:1:2
"""


def total(text):
    t = tap.Total()
    t.add(tap.parse(text))
    return str(t), t.good()


class Tap(unittest.TestCase):
    def test_plan_first_or_last(self):
        for text in ("1..2\nok 1 - a\nok 2 - b\n", "ok 1 - a\nok 2 - b\n1..2\n"):
            self.assertEqual(total(text), ("2 passed, 0 failed", True))

    def test_failure(self):
        self.assertEqual(total("1..2\nok 1 - a\nnot ok 2 - b\n"),
                         ("1 passed, 1 failed", False))

    def test_planned_test_without_report(self):
        self.assertEqual(total("1..2\nok 1 - a\n"), ("1 passed, 1 failed", False))

    def test_no_plan(self):
        self.assertEqual(total("ok 1 - a\n"), ("1 passed, 1 failed", False))

    def test_nothing_ran(self):
        for text in ("", "1..0\n"):
            self.assertEqual(total(text), ("0 passed, 1 failed", False))

    def test_skip_is_not_a_pass(self):
        self.assertEqual(total("1..1\n# SKIP x: why\nok 1 - f.c:t:x: Passed\n"),
                         ("0 passed, 0 failed, 1 skipped", False))

    def test_failed_test_cannot_be_skipped(self):
        self.assertFalse(total("1..1\n# SKIP x: why\nnot ok 1 - f.c:t:x: no\n")[1])

    def test_skip_of_the_kernels_selftests(self):
        points = tap.parse("1..2\nok 1 a\nok 2 # SKIP no huge pages\n")
        self.assertEqual([(p.name, p.state) for p in points],
                         [("a", tap.PASSED), ("no huge pages", tap.SKIPPED)])

    def test_one_of_two_programs_ran_nothing(self):
        self.assertFalse(total("1..0 # SKIP no\n1..1\nok 1 a\n")[1])

    def test_bail_out(self):
        self.assertFalse(total("1..1\nok 1 - a\nBail out! no device\n")[1])


class Stream(unittest.TestCase):
    def feed(self, text, step):
        out = []
        s = boot.Stream(NONCE, out.append)
        data = text.encode()
        for i in range(0, len(data), step):
            s.feed(data[i:i + step])
        return s, b"".join(out).decode()

    def test_output_comes_clean_however_it_is_cut(self):
        text = (MARK + "start\nhello\n\x1enot ours\nlast" + MARK + "status 3\n" +
                MARK + "stats\narmed 5\n" + MARK + "unload\n" + MARK + "end\n")
        for step in range(1, len(text)):
            s, out = self.feed(text, step)
            self.assertEqual(out, "hello\n\x1enot ours\nlast")
            self.assertEqual((s.status, s.ended, s.stats), (3, True, "armed 5\n"))

    def test_wrong_nonce_is_output(self):
        text = MARK + "start\n\x1e99999999 status 0\n"
        s, out = self.feed(text, 7)
        self.assertIsNone(s.status)
        self.assertIn("status 0", out)

    def test_words_of_rmmod_are_no_output(self):
        s, out = self.feed(MARK + "unload\nrmmod: busy\n" + MARK + "end\n", 5)
        self.assertEqual((s.unload, out), ("rmmod: busy\n", ""))


class Console(unittest.TestCase):
    def test_good_lines(self):
        for line in GOOD_CONSOLE.splitlines():
            self.assertFalse(boot.complaint(line), line)

    def test_splats(self):
        for line in SPLATS.splitlines():
            self.assertTrue(boot.complaint("[    5.0] " + line), line)

    def test_only_int3_is_spurious(self):
        self.assertTrue(boot.SPURIOUS.search("Oops: int3: 0000 [#1] PREEMPT SMP"))
        self.assertFalse(boot.SPURIOUS.search("Oops: 0000 [#1] PREEMPT SMP"))


class List(unittest.TestCase):
    def test_names_are_unique(self):
        names = kernels.names(default_only=False)
        self.assertEqual(len(names), len(set(names)))

    def test_unknown_kernel(self):
        self.assertRaises(env.Fail, kernels.get, "4.19")


class Boots(unittest.TestCase):
    def test_together_they_have_the_same_options(self):
        for group in suites.TOGETHER:
            for name in group:
                self.assertEqual(suites.OPTIONS.get(name), suites.OPTIONS.get(group[0]))

    def test_every_chosen_suite_is_booted_once(self):
        chosen = ["boot", "shmem", "anon", "pins", "compat"]
        self.assertEqual(list(suites.boots(chosen)),
                         [("boot",), ("shmem", "anon"), ("pins",), ("compat",)])

    def run_as(self, text, status=0):
        """What suites.run() makes of a boot that printed this."""
        class Result:
            problems, seconds, splat = [], 9, []
        Result.status = status
        real, suites._boot = suites._boot, lambda *a, **k: (Result, text, 0)
        try:
            return {n: o for n, o in suites.run(kernels.KERNELS[0], ("anon", "shmem"))}
        finally:
            suites._boot = real

    def test_each_suite_gets_its_own_points(self):
        out = self.run_as("@@ anon begins at 5\n1..1\nok 1 - a\n@@ anon ends with 0 at 7\n"
                          "@@ shmem begins at 7\n1..1\nnot ok 1 - b\n"
                          "@@ shmem ends with 1 at 8\n")
        self.assertFalse(out["anon"].failed())
        self.assertEqual(out["anon"].seconds, 2)
        self.assertEqual([p.name for p in out["shmem"].failed()], ["b"])

    def test_a_suite_that_does_not_end_fails_and_so_do_those_after_it(self):
        out = self.run_as("@@ anon begins at 5\n1..1\nok 1 - a\n")
        self.assertEqual([p.name for p in out["anon"].failed()], ["end"])
        self.assertEqual([p.name for p in out["shmem"].failed()], ["begin"])

    def test_a_suite_that_passes_but_exits_with_an_error_fails(self):
        out = self.run_as("@@ anon begins at 5\n1..1\nok 1 - a\n@@ anon ends with 3 at 7\n"
                          "@@ shmem begins at 7\n1..1\nok 1 - b\n"
                          "@@ shmem ends with 0 at 8\n")
        self.assertEqual([p.name for p in out["anon"].failed()], ["exit"])


def main():
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__])
    bad = 0
    tests = [t for group in suite for t in group]
    print("1..%d" % len(tests))
    for n, test in enumerate(tests, 1):
        result = test.run()
        for _, text in result.failures + result.errors:
            print("# " + text.replace("\n", "\n# "))
        print("%sok %d - %s" % ("" if result.wasSuccessful() else "not ", n, test.id()))
        bad |= not result.wasSuccessful()
    return bad


if __name__ == "__main__":
    sys.exit(main())
