# SPDX-License-Identifier: GPL-2.0-only
"""Which suites there are, how each is booted, and what counts as its tests."""
import os
import re
import shlex
import sys

import boot
import build
import env
import figures
import kernels
import kinds
import kselftest
import precision
import tap

HOST = "unit"			# runs on this machine
COMPILE = "compile"		# so does this, for kernels whose headers are not to be had
CONTROL = "control"		# other suites, with the hook off
SOAK = "soak"			# takes MINUTES
KERNELS_OWN = ["pagemap_ioctl", "soft_dirty"]	# the kernel's selftests
PRELOAD = ["compat", "defects"]	# the preload library, with programs of ours
BENCH = "bench"			# costs, in instructions
# Left out of it: files, whose disk is not deterministic, what takes long, and memory
# of more than 64 MiB.
BENCH_MEASURES = "fault,arm,scan,flat,untracked,fork,memory,gc,hold"
BENCH_METHODS = "none,wptrack,wptrack-keep-huge,async"

# It runs when it is asked for: the matrix of events takes as long as all the rest.
ON_REQUEST = ["events"]

# Suites that need what only some kernels have.
ONLY = {
    "faultinject": lambda kernel: kernel.name == "kasan",
    "full": lambda kernel: not kernel.debug,
    "kvm": lambda kernel: not kernel.debug,
    # It is not about us, and takes an hour there.
    "soft_dirty": lambda kernel: not kernel.debug,
}

# What takes long and hangs on the kernel less than others: unless it is asked for, only
# some kernels run it.
SPARED = {
    "soft_dirty": ["5.10", "6.1", "7.2"],
    CONTROL: ["6.1", "6.12"],
}

# Newer kernels forbid writes by force through /proc/self/mem.
FORCE = "proc_mem.force_override=always"

# The emulator pays for what guards real processors.  Where time is short, and other boots
# of the same kernel have it.
PLAIN = "mitigations=off " + FORCE

# Suites that share a boot, those that take longest first, and how it differs from
# boot.Options.  Any of them may be chosen alone: its boot is the same.  Where nothing
# happens at the same time on purpose there is one processor: with two the emulator takes
# half as long again.
TOGETHER = [
    # Two nodes and many forks.
    (("events",), {"nodes": 2, "smp": 1,
                   "append": "hugepages=24", "drivers": ("lzo-rle", "zram")}),
    (("remap", "kwrites", "trackers", "kvm", "threads", "fuzz", "lifecycle", "pins",
      "carry", SOAK), {"nodes": 2, "slow_disk": True,
                       "drivers": ("kvm", "kvm-amd", "lzo-rle", "zram", "dm-delay"),
                       "append": "numa_balancing=disable " + FORCE}),
    # Pages of 1 GiB are not to be had any more, now and then, once it has booted.
    (("refuse", "boot", "anon", "shmem", "file", "scanargs", "cli", *PRELOAD, *KERNELS_OWN,
      "memory", "cli_control", CONTROL),
     {"smp": 1, "memory": "4G", "drivers": ("overlay",),
      "append": "hugepagesz=2M hugepages=16 hugepagesz=1G hugepages=1 " + PLAIN}),
    (("full",), {"full": True, "memory": "2G"}),
    # One thread is at work most of the time, and hangs on no other processor.
    (("faultinject",), {"smp": 1}),
]

# Suites for which the module is loaded in another way, or not at all.
LOADED = {
    "refuse": {"load": False},
    CONTROL: {"module_args": "unsafe_no_hook=1"},
}

# The soak runs this long instead of some seconds.
MINUTES = float(os.environ.get("MINUTES") or 0)

# With the write-fault hook off (unsafe_no_hook=1) tests of these suites and cases
# must find lost writes: it proves that they can.  Only memory that scans need not
# walk shows it, elsewhere the ptes still tell.
CONTROLLED = [
    ("anon", "basic"), ("anon", "fork"), ("anon", "ranges"), ("shmem", "shmem"),
    ("file", "shared"), ("remap", "remap"), ("threads", "long"),
    ("trackers", "several"), ("events", "events"), ("soak", "soak"),
]
# These go on until a write is lost or their time is over: they get more of it.
UNTIL_LOST = ["threads", SOAK]
_LOST = re.compile(r"\b[1-9]\d* (pages )?lost\b|\bLOST\b")


def names():
    """In the order in which they run: what fails first is told first."""
    return ([HOST, COMPILE, "boot", "refuse"] + build.suites() +
            ["cli", "cli_control"] + PRELOAD + KERNELS_OWN + [CONTROL, "full", BENCH])


def default():
    return [n for n in names() if n not in ON_REQUEST]


def _group(name):
    return next((g for g in TOGETHER if name in g[0]), ((name,), {}))


def boots(chosen):
    """The chosen suites, in tuples that share a boot; the longest first."""
    groups = [g for g, _ in TOGETHER]
    groups += [(n,) for n in chosen if not any(n in g for g in groups)]
    for group in groups:
        now = tuple(n for n in group if n in chosen)
        if now:
            yield now


def runs_on(kernel, name, asked=True):
    if not asked and kernel.name in SPARED.get(name, []):
        return False
    return ONLY.get(name, lambda kernel: True)(kernel)


def prepare(name):
    """What has to be made on this machine for one suite only."""
    if name in KERNELS_OWN:
        kselftest.prepare()
        build.as_newer()


def _options(names):
    """How to boot for suites of one group."""
    options = dict(_group(names[0])[1])
    options["timeout"] = boot.Options.timeout * len(names)
    if SOAK in names:
        options["timeout"] += int(MINUTES * 60)
    options["dynamic"] = {"dynamic/" + n: os.path.join(
        env.BUILD, "userspace/dynamic", n) for n in names if n in PRELOAD}
    if any(n in KERNELS_OWN for n in names):
        options["dynamic"].update(("kselftest/" + n, path)
                                  for n, path in kselftest.programs().items())
        options["dynamic"]["kselftest/as_newer.so"] = build.as_newer()
    return options


class Outcome:
    def __init__(self, points, part=None, result=None, retried=0):
        self.points = points
        self.part = part	# of the boot
        self.result = result
        self.retried = retried

    def failed(self):
        return [p for p in self.points if p.state == tap.FAILED]


def _boot(kernel, tasks, **options):
    """Boot once; once more if, and only if, QEMU's known flaw showed up."""
    opts = boot.Options(**options)
    for retried in (0, 1):
        output = []
        r = boot.boot(kernel, tasks, opts, "%s-%s" % (
            kernel.name, "+".join(t.name for t in tasks)), output.append)
        env.write(os.path.join(r.directory, "output.log"),
                  b"".join(output).decode(errors="replace"))
        if not r.spurious:
            break
    return r, retried


def _task(name):
    command = "/tests/" + name
    if name == SOAK:
        if MINUTES:
            command = "WPTRACK_TEST_SECONDS=%d %s" % (MINUTES * 60, command)
        # The only one that wants it.
        command = "sysctl -q kernel.numa_balancing=1; " + command
    if name == CONTROL:
        command = _control_command()
    return boot.Task(command, name, **LOADED.get(name, {}))


def _points(kernel, name, text, status):
    points = tap.parse(text)
    if name == "memory":
        # Debug kernels have no overlayfs.
        wrong = (kinds.differences(kernel.abi, text, ["overlayfs"]) if kernel.debug
                 else kinds.differences(kernel.name, text))
        points.append(tap.Point("docs/memory.md tells what was seen",
                                tap.FAILED if wrong else tap.PASSED, wrong))
    if name == "events":
        env.say("%s events: %s" % (kernel.name, precision.summary(text)))
        wrong = "\n".join(precision.problems(text, kernel.name))
        points.append(tap.Point("docs/precision.md tells what was seen",
                                tap.FAILED if wrong else tap.PASSED, wrong))
    if name == SOAK:
        for line in re.findall(r"^# SOAK (.*)$", text, re.M):
            env.say("%s soak: %s" % (kernel.name, line))
    if status and not any(p.state == tap.FAILED for p in points):
        points.append(tap.Point("exit", tap.FAILED, "all tests passed but the suite "
                                "exited with %d" % status))
    return points


def run(kernel, names):
    """Run suites on one kernel, in one boot; yields (name, Outcome)."""
    if names == (BENCH,):
        yield BENCH, _bench(kernel)
        return
    r, retried = _boot(kernel, [_task(n) for n in names], **_options(names))
    parts = {p.name: p for p in r.parts}
    for name in names:
        part = parts.get(name)
        if part is None:
            points = [tap.Point("begin", tap.FAILED,
                                "the VM ended before the suite began: "
                                + "; ".join(r.parts[-1].problems))]
        elif name == CONTROL:
            points = _control_points(part)
        else:
            points = _points(kernel, name, part.text, part.status or 0)
            if part.status is None:
                points.append(tap.Point("end", tap.FAILED,
                                        "the suite did not come to its end"))
            points += [tap.Point("kernel", tap.FAILED, x) for x in part.problems]
            if not part.problems:
                points.append(tap.Point("kernel", tap.PASSED, "no complaint, nothing left"))
        if name == names[-1] and r.leaks is not None:
            points.append(tap.Point("nothing leaked", tap.FAILED if r.leaks else tap.PASSED,
                                    "kmemleak found something, see the console"))
        yield name, Outcome(points, part, r, retried)


_CASE = "@@ %s %s"


def _control_command():
    return "; ".join("echo %s; %s CK_RUN_CASE=%s WPTRACK_TEST_EVENT=nothing /tests/%s" % (
        shlex.quote(_CASE % (s, c)),
        "WPTRACK_TEST_SECONDS=60" if s in UNTIL_LOST else "", c, s)
        for s, c in CONTROLLED)


def _control_points(part):
    """Without the hook, tests of every controlled case must find lost writes."""
    points = []
    if part.splat or part.status is None or part.died:
        points.append(tap.Point("kernel", tap.FAILED, "\n".join(part.problems)))
    for s, c in CONTROLLED:
        after = part.text.partition(_CASE % (s, c) + "\n")[2]
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
    return points


def bench_figures(kernel, keep=None):
    """The figures that are compared: deterministic, and soon had."""
    command = ("wptrack bench --json --instructions --quick --repeat 4 --size 64"
               " --measure %s --method %s --directory /none"
               % (BENCH_MEASURES, BENCH_METHODS))
    r, retried = _boot(kernel, [boot.Task(command, BENCH)], icount=True, smp=1,
                       append="hugepages=16")
    part = r.parts[-1]
    if keep is not None:
        keep += [part, r, retried]
    if r.problems or r.status:
        raise env.Fail("; ".join(r.problems) or "wptrack bench exited with %s:\n%s"
                       % (r.status, part.text[-2000:]))
    return figures.parse(part.text)


def _bench(kernel):
    """Has the cost of anything changed?  Only where there are figures to compare."""
    reference = figures.load(figures.reference(kernel.name))
    if reference is None:
        return Outcome([tap.Point("costs", tap.SKIPPED,
                                  "no reference figures for this kernel")])
    keep = []
    try:
        found = bench_figures(kernel, keep)
        wrong = "\n".join(figures.failed(found))
        rows = figures.differences(reference, found)
    except env.Fail as e:
        wrong, rows = str(e), []
    title = "costs are within 2 % of bench/reference"
    if not wrong and figures.release(reference) != figures.release(found):
        title += " (ratios only: measured on %s, not on %s)" % (
            figures.release(reference), figures.release(found))
    if rows:
        wrong += figures.difference_table(rows) + (
            "\nif this is meant to be: KERNELS=%s tests/vm/bench --reference"
            % kernel.name)
    return Outcome([tap.Point(title, tap.FAILED if wrong else tap.PASSED, wrong)],
                   *keep)


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


COMPILED_FOR = "6.12"

# What Linux 6.12 did not have yet in some earlier release: by that what differs is tried.
_BEFORE = [
    "FOLIO_MAPCOUNT_INLINE",		# 6.10
    "FOLIO_MAPCOUNT_INLINE FOLIO_TRY_SHARE_ANON",	# 6.7
    "SPLIT_HUGE_PMD_LOCKED",		# 6.11
]


def compile_module():
    """Does the module compile where headers have less than those of 6.12?"""
    points = []
    for lacks in _BEFORE:
        try:
            build.module(kernels.get(COMPILED_FOR), without=lacks.split())
            why = ""
        except env.Fail as e:
            why = str(e)
        points.append(tap.Point("compiles without " + lacks,
                                tap.FAILED if why else tap.PASSED, why))
    return Outcome(points)


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
