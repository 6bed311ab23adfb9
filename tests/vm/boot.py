# SPDX-License-Identifier: GPL-2.0-only
"""Boot a stock kernel in QEMU, run tasks in it, and judge each of them and the boot.

QEMU's exit code alone proves nothing (a panic with -no-reboot exits with 0), so
a boot counts as good only if all of these hold:

  - QEMU was ended by the guest through isa-debug-exit with our value,
  - the guest reported the commands' status and its own end, marked with a nonce,
  - the console shows nothing that a kernel prints when something is wrong.
"""
import functools
import os
import re
import secrets
import select
import shlex
import shutil
import subprocess
import sys
import time

import build
import env
import image
import root
from cpio import Cpio
from stream import Part, Stream

EXIT_VALUE = 0x2a
EXIT_CODE = EXIT_VALUE << 1 | 1

SPLAT = re.compile(
    r"\bBUG\b|WARNING:|\bOops\b|Kernel panic|general protection|Call Trace:|"
    r"unable to handle|rcu.*(detected|starved)|blocked for more than|"
    r"soft lockup|hard LOCKUP|possible (circular|recursive) locking|"
    r"suspicious RCU|inconsistent lock state|bad page|Bad page|Bad rss-counter|"
    r"page_table_check|non-zero pgtables_bytes|refcount_t:|list_(add|del) corruption|"
    r"scheduling while atomic|invalid context|UBSAN:|KASAN:|KCSAN:|"
    r"kernel memory leak|stack segment|double fault|invalid opcode|stack-protector")
# Printed by kernels on the command line or by design; nothing is wrong.
HARMLESS = re.compile(r"Command line:|Kernel command line:|Unknown kernel command")
# Known flaw of emulated self-modifying code in QEMU, see docs/testing.md.
SPURIOUS = re.compile(r"Oops: int3")

# no_timer_check: on a busy machine the emulated timer can miss the time in which the
# kernel wants to see it tick.
APPEND = ("console=ttyS0 loglevel=7 printk.time=1 panic=-1 oops=panic no_timer_check "
          "rcupdate.rcu_cpu_stall_timeout=120 random.trust_cpu=on net.ifnames=0 "
          "systemd.mask=apt-daily.timer systemd.mask=apt-daily-upgrade.timer "
          "systemd.mask=serial-getty@ttyS0.service")


# Kernels that watch themselves take their time, and memory.
DEBUG_SLOWNESS = 8
DEBUG_MEMORY = "1500M"
# A race is seen if another processor comes while one waits for it.  Here they are threads
# of QEMU, which on a busy machine run at the same time now and then only.
DEBUG_APPEND = {"kcsan": " kcsan.udelay_task=1000 kcsan.udelay_interrupt=100"}
# What the suites take from the environment.
PASSED_ON = ["WPTRACK_TEST_SECONDS", "WPTRACK_TEST_SEED", "WPTRACK_TEST_UNLOADS",
             "CK_RUN_CASE"]

_running = set()


class Task:
    """A shell command line, for which the module is loaded, unless load is False."""
    def __init__(self, command, name="command", load=True, module_args=""):
        self.command = command
        self.name = name
        self.load = load
        self.module_args = module_args


class Options:
    """How to boot; the defaults are what most suites need."""
    full = False		# the release's own userland, module from dkms
    memory = "1G"
    smp = 2
    files = None		# host directory that appears as /files
    timeout = 600
    append = ""
    module = True		# carry the module into the VM, and load it
    slow_disk = False		# /dev/slow: every request takes 0.3 s
    nodes = 1			# of memory, each with an equal share and at most one CPU
    drivers = ()		# modules of the kernel to load first, not if full
    icount = False		# time is the number of instructions: see _clock()
    dynamic = {}		# {name in /tests: program of this machine}, not if full

    def __init__(self, **kw):
        for k, v in kw.items():
            if not hasattr(type(self), k):
                raise TypeError("unknown boot option " + k)
            setattr(self, k, v)


class Result:
    def __init__(self, directory):
        self.directory = directory
        self.console = os.path.join(directory, "console.log")
        self.parts = []		# what became of the tasks that began, see stream.py
        self.problems = []	# sentences, of the tasks and of the boot
        self.leaks = None	# how many kmemleak found; None: it is not there
        self.spurious = False
        self.seconds = 0
        self.cpu = 0		# seconds, of QEMU

    @property
    def status(self):
        """Of the only command."""
        return self.parts[-1].status if self.parts else None

    @property
    def splat(self):
        """Lines of the console."""
        return next((p.splat for p in self.parts if p.splat), [])

    def ok(self):
        return self.status == 0 and not self.problems


def complaint(line):
    """Does a line of the console say that something is wrong?"""
    return SPLAT.search(line) and not HARMLESS.search(line)


# With DEBUG_VM the kernel wants to know each bit of a pte that mprotect() changes, and
# does not know our mark, which goes with it: see docs/testing.md.
_MARK_GOES = re.compile(r"WARNING: .* at arch/x86/include/asm/tlbflush\.h:\d+ "
                        r"change_(protection|huge_pmd)\+")
_TRACE_END = re.compile(r"---\[ end trace ")


def by_design(log):
    """Numbers of the lines that a debug kernel prints of our mark, once a boot."""
    lines = set()
    begin = None
    for i, line in enumerate(log):
        if _MARK_GOES.search(line):
            begin = i
        if begin is not None:
            lines.add(i)
            if _TRACE_END.search(line):
                begin = None
    return lines


# An allocation of this suite, which may be one of its fork(), fails as it wants, and the
# kernel says where.
_INJECTED = re.compile(r"\] faultinject: (vmalloc error|page allocation failure): ")
_INJECTED_END = re.compile(r"\] +</TASK>")


def injected(log):
    """Numbers of the lines about memory that was not to be had on purpose."""
    lines = set()
    inside = False
    for i, line in enumerate(log):
        inside = inside or bool(_INJECTED.search(line))
        if inside:
            lines.add(i)
            inside = not _INJECTED_END.search(line)
    return lines


_RACE = re.compile(r"BUG: KCSAN: ")
_RACE_END = re.compile(r"\] ={60,}")
_ACCESS = re.compile(r"\b(?:read|write|read-write|assert \S+) (\(\S+\) )?to 0x")
_FRAME = re.compile(r"\] +(\S+)\+0x\w+/0x\w+( \[wptrack\])?")
# What a function of ours may have called to read or write for it.
_HELPER = re.compile(r"_*(find_|bitmap_|mem|str|xa|list_|hlist_|rb_)")


def our_race(report):
    """Is a plain access one of ours?  Those that are marked may race."""
    marked = True
    for line in report:
        access, frame = _ACCESS.search(line), _FRAME.search(line)
        if access:
            marked = bool(access.group(1))
        elif frame and not marked:
            if frame.group(2):
                return True
            marked = not _HELPER.match(frame.group(1))
    return False


def foreign_races(log):
    """Numbers of the lines of data races that are none of the module's: the kernel has
    many.  A report lasts until the next line of equals signs."""
    lines = set()
    begin = None
    for i, line in enumerate(log):
        if _RACE.search(line):
            begin = i
        elif begin is not None and _RACE_END.search(line):
            if not our_race(log[begin:i]):
                lines.update(range(begin, i))
            begin = None
    return lines


def _tasks(tasks, opts):
    """What the guest is to do, as lines of its job."""
    how = "modprobe" if opts.full else "insmod"
    lines = []
    for t, after in zip(tasks, tasks[1:] + [None]):
        # To load the module takes a second of CPU.
        keep = after and (t.load, t.module_args) == (after.load, after.module_args)
        lines.append("task %s %s %s %s %s\n" % (
            shlex.quote(t.name), how if opts.module and t.load else "none",
            shlex.quote(t.module_args), "keep" if keep else "unload",
            shlex.quote(t.command)))
    return "".join(lines)


def _payload(put, kernel, tasks, nonce, opts):
    """Everything that is particular to one boot; put(name, source or bytes)."""
    conf = "NONCE=%s\nFAST=%s\n" % (nonce, "" if opts.full else "yes")
    if kernel.debug:
        conf += "export CK_TIMEOUT_MULTIPLIER=%d\n" % DEBUG_SLOWNESS
    for name in PASSED_ON:
        if name in os.environ:
            conf += "export %s=%s\n" % (name, shlex.quote(os.environ[name]))
    put("conf", conf.encode())
    put("tasks", _tasks(tasks, opts).encode())
    put("job", os.path.join(env.TOP, "tests/vm/guest/job"))
    put("bin/vmexit", build.vmexit())
    for name, built in (("wptrack", "wptrack-static"),
                        ("libwptrack-preload.so", "libwptrack-preload.so")):
        path = os.path.join(env.BUILD, "userspace", built)
        if os.path.exists(path):
            put("bin/" + name, path)
    put("tests", os.path.join(env.TOP, "tests/vm/guest/suites"))
    for name, path in build.guest_programs().items():
        put("tests/" + name, path)
    if opts.files:
        put("files", opts.files)


def _initramfs(path, kernel, tasks, nonce, opts):
    c = Cpio(path)
    c.device("dev/console", 0o020600, 5, 1)
    # The release's own: static, and the same wherever the harness runs.
    c.tree(root.path(kernel) + "/bin/busybox", "bin/busybox")
    c.tree(os.path.join(env.TOP, "tests/vm/guest/init"), "init")
    c.file("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n"
                         b"nobody:x:65534:65534:nobody:/:/bin/sh\n")
    c.file("etc/group", b"root:x:0:\nnogroup:x:65534:\n")
    c.mkdir("root")
    c.mkdir("vm/files")
    c.link("files", "vm/files")
    c.mkdir("vm/tests")
    c.link("tests", "vm/tests")
    c.link("usr/bin/wptrack", "/vm/bin/wptrack")
    for name, path in opts.dynamic.items():
        c.tree(path, "vm/tests/" + name)
    for path in build.libraries(list(opts.dynamic.values())) if opts.dynamic else []:
        c.tree(os.path.realpath(path), path)

    def put(name, source):
        if isinstance(source, bytes):
            c.file("vm/" + name, source)
        else:
            c.tree(source, "vm/" + name)
    _payload(put, kernel, tasks, nonce, opts)
    if opts.module:
        c.tree(image.module(kernel), "lib/wptrack.ko")
    # Named so that the shell loads them in this order.
    for i, (driver, data) in enumerate(root.drivers(kernel, opts.drivers)):
        c.file("lib/drivers/%02d-%s" % (i, driver), data)
    c.close()


def _job_disk(path, kernel, tasks, nonce, opts):
    """The payload as a small ext4 disk, for the full userland."""
    tree = path + ".tree"

    def put(name, source):
        to = os.path.join(tree, name)
        os.makedirs(os.path.dirname(to), exist_ok=True)
        if isinstance(source, bytes):
            with open(to, "wb") as f:
                f.write(source)
        elif os.path.isdir(source):
            shutil.copytree(source, to, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copy2(source, to)
    _payload(put, kernel, tasks, nonce, opts)
    build.ext4(path, "256M", source=tree)
    root.remove(tree)


@functools.lru_cache(None)
def _accel():
    """QEMU before 10 loses patched instructions when its threads run freely."""
    version = env.sh(["qemu-system-x86_64", "--version"], "asking QEMU's version")
    major = int(re.search(r"version (\d+)", version).group(1))
    return "tcg" if major >= 10 else "tcg,thread=single"


def _clock(opts):
    """Arguments that make two boots alike to the instruction: one instruction takes
    one nanosecond, idle time passes at once, nothing is random.  Without erms and fsrm
    the kernel copies by loops of plain instructions: the emulator takes bytes for a REP
    one by one, and each counts as one."""
    cpu = "max,-erms,-fsrm"
    if not opts.icount:
        return ["-cpu", cpu]
    return ["-cpu", cpu + ",-rdrand,-rdseed", "-seed", "1",
            "-icount", "shift=0,sleep=off",
            "-rtc", "base=2026-01-01T00:00:00,clock=vm"]


def kill_all():
    """End the VMs that other threads are waiting for."""
    for q in list(_running):
        q.terminate()


def _timeout(kernel, opts):
    # A long run that was asked for is allowed several tests of that length.
    asked = 6 * int(os.environ.get("WPTRACK_TEST_SECONDS") or 0)
    return (opts.timeout + asked) * (DEBUG_SLOWNESS if kernel.debug else 1)


def _memory(kernel, opts):
    """In MiB."""
    text = DEBUG_MEMORY if kernel.debug and opts.memory == "1G" else opts.memory
    return int(text[:-1]) * {"M": 1, "G": 1024}[text[-1]]


def _smp(kernel, opts):
    # Without ACPI (debug/base.config) processors are found in sockets only.
    sockets = opts.smp if kernel.debug else min(opts.nodes, opts.smp)
    return "%d,sockets=%d" % (opts.smp, sockets)


def _qemu(result, kernel, tasks, nonce, opts):
    where = result.directory
    # timeout: nothing may be left running if this process is killed.
    argv = ["timeout", "--foreground", "-k", "5",
            str(_timeout(kernel, opts) + 30), "qemu-system-x86_64", "-accel",
            "tcg,thread=single" if opts.icount else _accel(), *_clock(opts),
            "-m", "%dM" % _memory(kernel, opts), "-smp", _smp(kernel, opts), "-nodefaults",
            "-display", "none", "-no-reboot",
            "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04",
            "-chardev", "file,id=con,path=" + result.console,
            "-serial", "chardev:con",
            "-chardev", "stdio,id=out,signal=off", "-serial", "chardev:out",
            "-kernel", root.vmlinuz(kernel)]

    def disk(serial, blockdev):
        argv.extend(["-drive", "if=none,id=%s,%s" % (serial, blockdev),
                     "-device", "nvme,drive=%s,serial=%s" % (serial, serial)])

    append = APPEND + DEBUG_APPEND.get(kernel.name, "")
    if opts.nodes > 1 and kernel.debug:
        # Without ACPI nobody tells it which memory is where.  A number of nodes it may
        # miss by one: sizes are rounded up around holes, and the rest is the last one's.
        append += " numa=fake=%dM" % (_memory(kernel, opts) // opts.nodes - 64)
    elif opts.nodes > 1:
        each = _memory(kernel, opts) // opts.nodes
        for n in range(opts.nodes):
            argv += ["-object", "memory-backend-ram,id=node%d,size=%dM" % (n, each),
                     "-numa", "node,nodeid=%d,memdev=node%d%s"
                     % (n, n, ",cpus=%d" % n if n < opts.smp else "")]
    if opts.full and kernel.debug:
        raise env.Fail("%s has no userland of its own: no full boot" % kernel.name)
    if opts.full:
        disk("wp-root", "format=raw,snapshot=on,file=" + image.full(kernel, opts.module))
        job = os.path.join(where, "job.img")
        _job_disk(job, kernel, tasks, nonce, opts)
        disk("wp-job", "format=raw,file=" + job)
        append += " " + image.root_argument()
    else:
        initrd = os.path.join(where, "initramfs.cpio")
        _initramfs(initrd, kernel, tasks, nonce, opts)
        argv += ["-initrd", initrd]
    disk("wp-scratch", "format=raw,snapshot=on,file=" + build.scratch())
    if opts.slow_disk:
        # As long as it takes to look at a transfer that is under way.
        disk("wp-slow", "driver=null-co,size=64M,read-zeroes=on,latency-ns=%d"
             % (1200000000 if kernel.debug else 300000000))
    if opts.icount:
        append += " nokaslr norandmaps"
    return argv + ["-append", (append + " " + opts.append).strip()]


# Written by guest/job.
_TASK = re.compile(r"wptrack-vm: (\w+) \S+$")
_GONE = (("trackers", "0"), ("spaces", "0"), ("armed", "0"), ("hooks", "removed"),
         ("anomalies", "0"))


def consoles(log, nonce, count):
    """The lines of the console that belong to each of so many tasks.  What comes before
    the first task belongs to it."""
    parts = [[] for _ in range(count)]
    at = -1
    for line in log:
        m = _TASK.search(line)
        if m and m.group(1) == nonce:
            at += 1
        if parts:
            parts[min(max(at, 0), count - 1)].append(line)
    return parts


def judge_console(part, log):
    harmless = by_design(log) | injected(log) | foreign_races(log)
    for i, line in enumerate(log):
        if i not in harmless and complaint(line):
            part.splat = log[max(0, i - 3):i + 60]
            part.problems.append("the kernel complained: " + line.strip())
            return


def judge_rest(part):
    """What a task has left behind."""
    if part.unload.strip():
        part.problems.append("unloading: " + part.unload.strip())
    for key, want in _GONE:
        have = part.stats.get(key, want)
        if have != want:
            part.problems.append("after the command /proc/wptrack/stats says "
                                 "'%s %s', not '%s'" % (key, have, want))


def _judge(result, code, stream, timed_out, nonce):
    log = env.read_bytes(result.console).decode(errors="replace").splitlines()
    result.parts = stream.parts or [Part("-")]
    result.leaks = stream.leaks
    last = result.parts[-1]
    if timed_out:
        last.died = True
        last.problems.append("no end after %s s" % timed_out)
    elif not stream.ended or code != EXIT_CODE:
        last.died = True
        last.problems.append("the VM ended by itself (QEMU exit %d%s)" % (
            code, "" if last.status is None else ", after the command"))
    elif any(p.status is None and not p.problems for p in result.parts):
        last.problems.append("a command did not report a status")
    if code not in (0, EXIT_CODE) and not timed_out:
        last.problems.append("QEMU: " + env.read(
            os.path.join(result.directory, "qemu.log"), "").strip())
    for part, lines in zip(result.parts, consoles(log, nonce, len(result.parts))):
        judge_console(part, lines)
        judge_rest(part)
        result.problems += part.problems
    result.spurious = any(SPURIOUS.search("\n".join(p.splat)) for p in result.parts)


def _cpu_of(pid):
    """Seconds of CPU that the child of a process has had so far."""
    try:
        child = env.read("/proc/%d/task/%d/children" % (pid, pid)).split()[0]
        fields = env.read("/proc/%s/stat" % child).rpartition(")")[2].split()
    except (AttributeError, IndexError, OSError):
        return 0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def boot(kernel, tasks, opts, name, output=None):
    """Run tasks in a VM, one after the other.  output(bytes) gets what they print."""
    directory = os.path.join(env.BUILD, "vm", name)
    root.remove(directory)
    os.makedirs(directory)
    result = Result(directory)
    env.write(result.console, "")
    nonce = secrets.token_hex(8)
    argv = _qemu(result, kernel, tasks, nonce, opts)
    begin = time.monotonic()
    end = begin + _timeout(kernel, opts)
    timed_out = None
    with open(os.path.join(directory, "qemu.log"), "wb") as err:
        qemu = subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=err)
    _running.add(qemu)
    stream = Stream(nonce, output or (lambda data: None),
                    lambda: (time.monotonic(), _cpu_of(qemu.pid)))
    try:
        while True:
            left = end - time.monotonic()
            if left <= 0:
                timed_out = _timeout(kernel, opts)
                break
            if select.select([qemu.stdout], [], [], min(left, 1))[0]:
                data = os.read(qemu.stdout.fileno(), 65536)
                if not data:
                    break
                stream.feed(data)
    finally:
        if timed_out or sys.exc_info()[0]:
            qemu.terminate()
        code = qemu.wait()
        _running.discard(qemu)
        qemu.stdout.close()
        for x in ("initramfs.cpio", "job.img"):
            if os.path.exists(os.path.join(directory, x)):
                os.unlink(os.path.join(directory, x))
    stream.close()
    result.seconds, result.cpu = time.monotonic() - begin, stream.cpu
    if stream.gcov:
        env.write(os.path.join(directory, "gcov.tar.gz.b64"), stream.gcov)
    _judge(result, code, stream, timed_out, nonce)
    return result
