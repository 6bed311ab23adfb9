# SPDX-License-Identifier: GPL-2.0-only
"""Does the harness see what is wrong?  Prints TAP."""
import sys
import unittest

import env
import boot
import debug
import figures
import kernels
import stream
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
        s = stream.Stream(NONCE, out.append)
        data = text.encode()
        for i in range(0, len(data), step):
            s.feed(data[i:i + step])
        return s, b"".join(out).decode()

    def test_output_comes_clean_however_it_is_cut(self):
        text = (MARK + "task a\nhello\n\x1enot ours\nlast" + MARK + "status 3\n" +
                MARK + "stats\narmed 5\n" + MARK + "unload\n" + MARK + "done\n" +
                MARK + "end\n")
        for step in range(1, len(text)):
            s, out = self.feed(text, step)
            a, = s.parts
            self.assertEqual(out, "hello\n\x1enot ours\nlast")
            self.assertEqual(a.text, out)
            self.assertEqual((a.status, s.ended, a.stats), (3, True, {"armed": "5"}))

    def test_wrong_nonce_is_output(self):
        text = MARK + "task a\n\x1e99999999 status 0\n"
        s, out = self.feed(text, 7)
        self.assertIsNone(s.parts[0].status)
        self.assertIn("status 0", out)

    def test_words_of_rmmod_are_no_output(self):
        s, out = self.feed(MARK + "task a\n" + MARK + "unload\nrmmod: busy\n" +
                           MARK + "end\n", 5)
        self.assertEqual((s.parts[0].unload, out), ("rmmod: busy\n", ""))

    def test_each_task_has_its_own(self):
        s, _ = self.feed(MARK + "task a\none\n" + MARK + "status 0\n" +
                         MARK + "stats\narmed 5\n" + MARK + "failed it is open\n" +
                         MARK + "done\n" + MARK + "task b\ntwo\n" + MARK + "status 1\n", 9)
        self.assertEqual([(p.name, p.text, p.status, p.stats, p.problems)
                          for p in s.parts],
                         [("a", "one\n", 0, {"armed": "5"}, ["it is open"]),
                          ("b", "two\n", 1, {}, [])])


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

    def judged(self, *lines):
        parts = [stream.Part("a"), stream.Part("b")]
        for part, log in zip(parts, boot.consoles(lines, NONCE, 2)):
            boot.judge_console(part, log)
        return [len(p.problems) for p in parts]

    def test_what_a_debug_kernel_says_of_the_mark(self):
        mark = ["[1.0] ---[ cut here ]---",
                "[1.0] WARNING: CPU: 0 PID: 1 at arch/x86/include/asm/tlbflush.h:342 "
                "change_protection+0x1976/0x3420", "[1.0] Call Trace:",
                "[1.0] ---[ end trace 0000000000000000 ]---"]
        other = [mark[1].replace("change_protection", "zap_pte_range"), mark[2], mark[3]]
        for log, wrong in ((mark, 0), (other, 1), (mark + ["[2.0] Call Trace:"], 1),
                           (mark + other, 1)):
            part = stream.Part("x")
            boot.judge_console(part, log)
            self.assertEqual(len(part.problems), wrong, log)

    def test_complaints_belong_to_the_task_that_ran(self):
        a, b = ["[    5.0] wptrack-vm: %s %s" % (NONCE, x) for x in "ab"]
        bug = SPLATS.splitlines()[0]
        self.assertEqual(self.judged(a, b), [0, 0])
        self.assertEqual(self.judged(bug, a, b), [1, 0])
        self.assertEqual(self.judged(a, bug, b), [1, 0])
        self.assertEqual(self.judged(a, b, bug), [0, 1])

    def test_nobody_else_says_which_task_runs(self):
        a, b = ["[    5.0] wptrack-vm: %s %s" % (n, x)
                for n, x in ((NONCE, "a"), ("99", "b"))]
        self.assertEqual(self.judged(a, b, SPLATS.splitlines()[0]), [1, 0])


class Left(unittest.TestCase):
    def problems(self, **kw):
        part = stream.Part("a")
        part.stats = dict({"trackers": "0", "spaces": "0", "armed": "0",
                           "hooks": "removed", "anomalies": "0", "scans": "7"}, **kw)
        boot.judge_rest(part)
        return len(part.problems)

    def test_nothing(self):
        self.assertEqual(self.problems(), 0)

    def test_something(self):
        for kw in ({"trackers": "1"}, {"spaces": "1"}, {"armed": "1"},
                   {"hooks": "placed"}, {"anomalies": "1"}):
            self.assertEqual(self.problems(**kw), 1, kw)

    def test_words_of_rmmod(self):
        part = stream.Part("a")
        part.unload = "rmmod: busy\n"
        boot.judge_rest(part)
        self.assertEqual(len(part.problems), 1)


def costs(ours, peer=1000, release="6.12.1", metric="first_write", unit="instructions"):
    """What a very short `wptrack bench` would have found."""
    out = [{"metric": "kernel", "method": "none", "params": {}, "value": release,
            "unit": "release"}]
    for method, value in (("wptrack", ours), ("async", peer)):
        if value != "":
            out.append({"metric": metric, "method": method, "params": {"memory": "anon"},
                        "value": value, "unit": unit})
    return out


class Costs(unittest.TestCase):
    def changes(self, *args, **kw):
        return [round(d[3], 3) if d[3] is not None else None for d in
                figures.differences(costs(1000), costs(*args, **kw))]

    def test_small_changes_pass(self):
        for now in (1000, 1019, 981):
            self.assertEqual(self.changes(now), [])

    def test_large_ones_do_not(self):
        self.assertEqual(self.changes(1021), [0.021])
        self.assertEqual(self.changes(979), [-0.021])

    def test_a_figure_that_is_gone(self):
        self.assertEqual(self.changes(None), [None])
        self.assertEqual(self.changes(""), [None])

    def test_the_peer_is_not_ours(self):
        self.assertEqual(self.changes(1000, 2000), [])

    def test_other_package_compares_ratios(self):
        self.assertEqual(self.changes(2000, 2000, release="6.12.2"), [])
        self.assertEqual(self.changes(1000, 900, release="6.12.2"), [0.111])

    def test_near_nothing(self):
        self.assertEqual(figures.differences(costs(6), costs(7)), [])
        self.assertEqual(len(figures.differences(costs(6), costs(9))), 1)

    def test_a_promise_has_a_limit(self):
        for now, changes in ((1500, 0), (2500, 0), (2501, 1)):
            for release in ("6.12.1", "6.12.2"):
                found = figures.differences(
                    costs(2000, metric="max_hold", unit="microseconds"),
                    costs(now, metric="max_hold", unit="microseconds",
                          release=release))
                self.assertEqual(len(found), changes)

    def test_last_line_is_the_figures(self):
        self.assertEqual(figures.parse('x\n[]\n[{"a": 1}]\n'), [{"a": 1}])
        self.assertRaises(env.Fail, figures.parse, "Segmentation fault\n")


RACE = """\
[    7.1] ==================================================================
[    7.1] BUG: KCSAN: data-race in x / do_wp_page
[    7.1]
[    7.1] write %sto 0xffff888003a0c008 of 8 bytes by task 77 on cpu 1:
[    7.1]  %s+0x10/0x20%s
[    7.1]  wpt_ioctl+0x10/0x20 [wptrack]
[    7.1]
[    7.1] read to 0xffff888003a0c008 of 8 bytes by task 78 on cpu 0:
[    7.1]  do_wp_page+0x10/0x20
[    7.1]  wpt_fault+0x10/0x20 [wptrack]
[    7.1]
[    7.1] ==================================================================
[    7.2] fine
"""
OURS = RACE % ("", "wpt_x", " [wptrack]")
THEIRS = RACE % ("", "lru_add", "")


class Injected(unittest.TestCase):
    LOG = ["[   78.8] %s: vmalloc error: size 32768, vm_struct allocation failed",
           "[   78.8] Call Trace:", "[   78.8]  <TASK>", "[   78.8]  </TASK>"]

    def complaints(self, task, *more):
        log = [x.replace("%s", task) for x in self.LOG] + list(more)
        lines = boot.injected(log)
        return [x for i, x in enumerate(log) if i not in lines and boot.complaint(x)]

    def test_what_the_suite_makes_fail_is_no_complaint(self):
        self.assertFalse(self.complaints("faultinject"))

    def test_others_have_memory(self):
        self.assertTrue(self.complaints("anon"))

    def test_what_comes_after_it_counts(self):
        self.assertTrue(self.complaints("faultinject", "[   78.9] Call Trace:"))


class Races(unittest.TestCase):
    def left(self, text):
        log = text.splitlines()
        foreign = boot.foreign_races(log)
        return [x for i, x in enumerate(log) if i not in foreign and boot.complaint(x)]

    def test_the_kernels_own_do_not_count(self):
        self.assertEqual(self.left(THEIRS * 2), [])

    def test_ours_count(self):
        self.assertEqual(len(self.left(THEIRS + OURS + THEIRS)), 1)

    def test_what_we_had_done_counts(self):
        self.assertEqual(len(self.left(RACE % ("", "_find_next_bit", ""))), 1)

    def test_marked_ones_do_not(self):
        self.assertEqual(self.left(RACE % ("(marked) ", "wpt_x", " [wptrack]")), [])

    def test_other_complaints_count(self):
        self.assertEqual(len(self.left(THEIRS + "[ 8.0] Oops: 0000")), 1)

    def test_a_report_that_is_cut_counts(self):
        self.assertTrue(self.left("\n".join(THEIRS.splitlines()[:4])))


class Configuration(unittest.TestCase):
    def test_dropped_options_are_seen(self):
        want = debug.wanted(["CONFIG_A=y\nCONFIG_B=m\n", "CONFIG_C=n\nCONFIG_B=y\n"])
        self.assertEqual(debug.dropped(want, "CONFIG_A=y\nCONFIG_B=y\n"), [])
        self.assertEqual(debug.dropped(want, "# CONFIG_A is not set\nCONFIG_B=m\n"
                                       "CONFIG_C=y\n"),
                         ["CONFIG_A=y", "CONFIG_B=y", "CONFIG_C=n"])


class List(unittest.TestCase):
    def test_names_are_unique(self):
        names = kernels.names(default_only=False)
        self.assertEqual(len(names), len(set(names)))

    def test_unknown_kernel(self):
        self.assertRaises(env.Fail, kernels.get, "4.19")


class Boots(unittest.TestCase):
    def test_what_is_spared_runs_when_it_is_asked_for(self):
        for name in suites.SPARED:
            kinds = [(suites.runs_on(kernels.get(k), name),
                      suites.runs_on(kernels.get(k), name, asked=False))
                     for k in kernels.names()]
            self.assertTrue(all(asked for asked, _ in kinds))
            self.assertEqual({spared for _, spared in kinds}, {True, False})

    def test_every_suite_is_in_one_boot(self):
        names = [n for n in suites.names() if n not in (suites.HOST, suites.COMPILE)]
        self.assertEqual(sorted(n for group in suites.boots(names) for n in group),
                         sorted(names))

    def test_every_chosen_suite_is_booted_once(self):
        chosen = ["boot", "shmem", "anon", "full", "threads", "bench"]
        self.assertEqual(sorted(map(sorted, suites.boots(chosen))),
                         [["anon", "boot", "shmem"], ["bench"], ["full"], ["threads"]])

    def run_as(self, *parts):
        """What suites.run() makes of a boot of anon and shmem in which these ran."""
        class Result:
            problems, splat, leaks = [], [], None
        Result.parts = []
        for name, text, status, problems in parts:
            p = stream.Part(name)
            p.output, p.status, p.problems = text.encode(), status, problems
            Result.parts.append(p)
        Result.problems = [x for p in Result.parts for x in p.problems]
        real, suites._boot = suites._boot, lambda *a, **k: (Result, 0)
        try:
            return {n: [p.name for p in o.failed()] for n, o in
                    suites.run(kernels.KERNELS[0], ("anon", "shmem"))}
        finally:
            suites._boot = real

    GOOD = "1..1\nok 1 - a\n"

    def test_each_suite_gets_its_own_points(self):
        self.assertEqual(self.run_as(("anon", self.GOOD, 0, []),
                                     ("shmem", "1..1\nnot ok 1 - b\n", 1, [])),
                         {"anon": [], "shmem": ["b"]})

    def test_a_suite_that_does_not_end_fails_and_so_do_those_after_it(self):
        self.assertEqual(self.run_as(("anon", self.GOOD, None, ["the VM ended"])),
                         {"anon": ["end", "kernel"], "shmem": ["begin"]})

    def test_nothing_ran(self):
        self.assertEqual(self.run_as(("-", "", None, ["the VM ended"])),
                         {"anon": ["begin"], "shmem": ["begin"]})

    def test_what_a_suite_leaves_fails_it_and_not_the_other(self):
        self.assertEqual(self.run_as(("anon", self.GOOD, 0, ["armed 5"]),
                                     ("shmem", self.GOOD, 0, [])),
                         {"anon": ["kernel"], "shmem": []})

    def test_a_suite_that_passes_but_exits_with_an_error_fails(self):
        self.assertEqual(self.run_as(("anon", self.GOOD, 3, []),
                                     ("shmem", self.GOOD, 0, [])),
                         {"anon": ["exit"], "shmem": []})

    def test_a_suite_that_is_there_twice(self):
        names = [n for group, _ in suites.TOGETHER for n in group]
        self.assertEqual(len(names), len(set(names)))


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
