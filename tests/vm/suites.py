# SPDX-License-Identifier: GPL-2.0-only
"""Which suites there are, how each is booted, and what counts as its tests."""
import os
import re
import shlex
import sys

import boot
import build
import env
import kernels
import kinds
import kselftest
import tap

HOST = "unit"			# runs on this machine
CONTROL = "control"		# other suites, with the hook off
KERNELS_OWN = ["pagemap_ioctl", "soft_dirty"]	# the kernel's selftests
PRELOAD = ["compat", "defects"]	# the preload library, with programs of ours

# Suites that need what only some kernels have.
ONLY = {
    "full": lambda kernel: not kernel.debug,
}

# Boot options that differ from boot.Options.
OPTIONS = {
    "refuse": {"load": False},
    "full": {"full": True, "memory": "2G"},
    "pins": {"slow_disk": True},
    "memory": {"memory": "4G"},
    "cli_control": {"module_args": "unsafe_no_hook=1"},
    "pagemap_ioctl": {"memory": "2G", "append": "hugepages=16"},
    "soft_dirty": {"memory": "2G"},
}

# With the write-fault hook off (unsafe_no_hook=1) tests of these suites and cases
# must find lost writes: it proves that they can.  Only memory that scans need not
# walk shows it, elsewhere the ptes still tell.
CONTROLLED = [
    ("anon", "basic"), ("anon", "fork"), ("anon", "ranges"), ("shmem", "shmem"),
    ("file", "shared"), ("remap", "remap"), ("threads", "long"),
    ("trackers", "several"),
]
_LOST = re.compile(r"\b[1-9]\d* (pages )?lost\b|\bLOST\b")


def names():
    """In the order in which they run: what fails first is told first."""
    return ([HOST, "boot", "refuse"] + build.suites() + ["cli", "cli_control"] + PRELOAD +
            KERNELS_OWN + [CONTROL, "full"])


def runs_on(kernel, name):
    return ONLY.get(name, lambda kernel: True)(kernel)


def prepare(name):
    """What has to be made on this machine for one suite only."""
    if name in KERNELS_OWN:
        kselftest.prepare()
        build.as_newer()


def _options(name):
    """How to boot for a suite.  What the environment says about it goes inside."""
    options = dict(OPTIONS.get(name, {}))
    if name in PRELOAD:
        options["dynamic"] = {"dynamic/" + name: os.path.join(
            env.BUILD, "userspace/dynamic", name)}
    if name in KERNELS_OWN:
        options["dynamic"] = {"kselftest/" + n: path
                              for n, path in kselftest.programs().items()}
        options["dynamic"]["kselftest/as_newer.so"] = build.as_newer()
    return options


class Outcome:
    def __init__(self, points, result=None, retried=0):
        self.points = points
        self.result = result
        self.retried = retried

    def failed(self):
        return [p for p in self.points if p.state == tap.FAILED]


def _boot(kernel, name, command, **options):
    """Boot once; once more if, and only if, QEMU's known flaw showed up."""
    opts = boot.Options(**options)
    for retried in (0, 1):
        output = []
        r = boot.boot(kernel, command, opts, "%s-%s" % (kernel.name, name),
                      output.append)
        text = b"".join(output).decode(errors="replace")
        env.write(os.path.join(r.directory, "output.log"), text)
        if not r.spurious:
            break
    return r, text, retried


def run(kernel, name):
    """Run one suite on one kernel."""
    if name == CONTROL:
        return _control(kernel)
    r, text, retried = _boot(kernel, name, "/tests/" + name, **_options(name))
    points = tap.parse(text)
    if r.leaks is not None:
        points.append(tap.Point("nothing leaked", tap.FAILED if r.leaks else tap.PASSED,
                                "kmemleak found something, see the console"))
    for problem in r.problems:
        points.append(tap.Point("kernel", tap.FAILED, problem))
    if not r.problems:
        points.append(tap.Point("kernel", tap.PASSED, "no complaint, nothing left"))
    if name == "memory":
        wrong = kinds.differences(kernel.abi if kernel.debug else kernel.name, text)
        points.append(tap.Point("docs/memory.md tells what was seen",
                                tap.FAILED if wrong else tap.PASSED, wrong))
    if r.status and not any(p.state == tap.FAILED for p in points):
        points.append(tap.Point("exit", tap.FAILED, "all tests passed but the suite "
                                "exited with %d" % r.status))
    return Outcome(points, r, retried)


def _control(kernel):
    """Without the hook, tests of every controlled case must find lost writes."""
    # Tests by the clock end as soon as a write is lost.
    seconds = 60
    mark = "@@ %s %s"
    script = "; ".join("echo %s; CK_RUN_CASE=%s WPTRACK_TEST_SECONDS=%d /tests/%s" % (
        shlex.quote(mark % (s, c)), c, seconds, s) for s, c in CONTROLLED)
    r, text, retried = _boot(kernel, CONTROL, script, module_args="unsafe_no_hook=1")
    points = []
    if r.splat or r.status is None:
        points.append(tap.Point("kernel", tap.FAILED, "\n".join(r.problems)))
    for s, c in CONTROLLED:
        after = text.partition(mark % (s, c) + "\n")[2]
        seen = tap.parse(after.partition("@@ ")[0])
        lost = [p for p in seen if p.state == tap.FAILED and
                _LOST.search(p.name + p.text)]
        if any(p.name == "plan" for p in seen):
            state, why = tap.FAILED, "it did not run to its end"
        elif not lost:
            state, why = tap.FAILED, "no test noticed that writes were lost"
        else:
            state, why = tap.PASSED, ""
        points.append(tap.Point("without the hook %s, %s: %d of %d tests find lost "
                                "writes" % (s, c, len(lost), len(seen)), state, why))
    return Outcome(points, r, retried)


def unit():
    """Unit tests on this machine, and agreement of README.md with the list."""
    environ = dict(os.environ, CK_TAP_LOG_FILE_NAME="-")
    points = []
    for name, argv in (
            ("module", ["make", "-s", "-C", env.TOP + "/tests/unit", "check"]),
            ("userspace", ["make", "-s", "-C", env.TOP + "/userspace", "check"]),
            ("harness", [sys.executable, env.TOP + "/tests/vm/selftest.py"])):
        log = os.path.join(env.BUILD, "vm", "unit-%s.log" % name)
        try:
            env.sh(argv, "unit tests of " + name, env=environ, log=log)
        except env.Fail as e:
            points.append(tap.Point(name, tap.FAILED, str(e)))
        points += tap.parse(env.read(log, ""))
    return Outcome(points + list(_readme()))


def _readme():
    """README.md shows the list of kernels and the example as they are."""
    readme = env.read(os.path.join(env.TOP, "README.md"), "")
    example = env.read(os.path.join(env.TOP, "tests/vm/guest/example.c"))
    for what, text, where in (
            ("kernels", kernels.readme_table(), "the output of tests/vm/kernels.py"),
            ("example", example.split("\n", 1)[1], "tests/vm/guest/example.c")):
        yield tap.Point("README.md has the %s" % what,
                        tap.PASSED if text in readme else tap.FAILED,
                        "put %s into README.md" % where)
