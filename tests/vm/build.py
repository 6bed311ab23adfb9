# SPDX-License-Identifier: GPL-2.0-only
"""Compile what goes into a VM, and make its disks."""
import os
import re
import shutil
import subprocess
import sys

import debug
import env
import root

# What kbuild reads, and what dkms gets.
MODULE_SOURCES = ["Kbuild", "dkms.conf", "module", "include"]
# What a build in the source tree itself may have left there.
PRODUCTS = (".o", ".ko", ".mod", ".mod.c", ".cmd", ".order", ".symvers")


def _sources(names):
    """Every file below the named ones, relative to the top of the project."""
    for name in names:
        path = os.path.join(env.TOP, name)
        if os.path.isfile(path):
            yield name
        for where, dirs, files in os.walk(path):
            dirs.sort()
            for f in sorted(files):
                yield os.path.relpath(os.path.join(where, f), env.TOP)


def contents(names):
    """Something that differs when any of the files does."""
    return [(n, env.read_bytes(os.path.join(env.TOP, n)))
            for n in _sources(names) if not n.endswith(PRODUCTS)]


def version():
    """Of the package, from dkms.conf, where it is declared."""
    for line in env.read(os.path.join(env.TOP, "dkms.conf")).splitlines():
        if line.startswith("PACKAGE_VERSION="):
            return line.split("=")[1].strip('"')
    raise env.Fail("dkms.conf does not say PACKAGE_VERSION")


def sync(names, target):
    """Make target a copy of the sources.  Files that did not change keep their
    time stamps, so that kbuild compiles only what it must."""
    manifest = os.path.join(target, ".sources")
    want = [n for n in _sources(names) if not n.endswith(PRODUCTS)]
    for n in set(env.read(manifest, "").splitlines()) - set(want):
        if os.path.exists(os.path.join(target, n)):
            os.unlink(os.path.join(target, n))
    for n in want:
        source, to = os.path.join(env.TOP, n), os.path.join(target, n)
        if os.path.exists(to) and env.read_bytes(to) == env.read_bytes(source):
            continue
        os.makedirs(os.path.dirname(to), exist_ok=True)
        shutil.copyfile(source, to)
        shutil.copymode(source, to)
    env.write(manifest, "\n".join(want))


# Probes of module/compat that find nothing: kernels whose headers are not to be had.
WITHOUT = os.environ.get("WITHOUT", "").split()


def _directory(kernel, without):
    return os.path.join(env.BUILD, "module", "-without-".join([kernel.name] + without))


def work(kernel, without=WITHOUT):
    """Where the module is compiled for a kernel."""
    return os.path.join(_directory(kernel, without), "src")


def product(kernel, without=WITHOUT):
    """Where the module for a kernel is."""
    out = os.path.join(_directory(kernel, without), "wptrack.ko")
    os.makedirs(os.path.dirname(out), exist_ok=True)
    return out


def compiled(kernel):
    """Is there a module of these sources for a kernel?"""
    where = work(kernel)
    return os.path.exists(product(kernel)) and all(
        env.read_bytes(os.path.join(env.TOP, n)) == env.read_bytes(os.path.join(where, n))
        if os.path.exists(os.path.join(where, n)) else False
        for n in _sources(MODULE_SOURCES) if not n.endswith(PRODUCTS))


def module(kernel, show=False, without=WITHOUT):
    """Compile the module for a kernel; returns the path of the .ko."""
    base = root.prepare(kernel)
    with env.lock("module-%s-%s" % (kernel.name, env.digest(env.TOP)[:8])):
        where = work(kernel, without)
        sync(MODULE_SOURCES, where)
        if not os.path.exists(where + "/Kbuild"):
            raise env.Fail("there is no Kbuild at the top of the project")
        if kernel.debug:
            # Without gcov in the kernel the variable means nothing.
            argv = ["make", "-s", "-j2", "-C", os.path.join(base, debug.KDIR),
                    "M=" + where, "GCOV_PROFILE=y", "WPT_WITHOUT=" + " ".join(without),
                    "modules"]
        else:
            argv = root.chroot(base, "exec make -s -j2 -C /lib/modules/%s/build M=%s "
                               "WPT_WITHOUT='%s' modules" % (root.release(kernel),
                               root.BUILD_DIR, " ".join(without)), where)
        p = subprocess.run(argv, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           universal_newlines=True, env=root.ENVIRON)
        text = p.stdout.replace(where + "/", "").replace(root.BUILD_DIR + "/", "")
        text = "".join(x + "\n" for x in text.splitlines()
                       if "Skipping BTF generation" not in x)
        if p.returncode:
            raise env.Fail("the module does not compile for %s%s:\n%s"
                           % (kernel.name, "".join(" without " + x for x in without), text))
        if show or "warning" in text:
            sys.stderr.write(text)
        out = product(kernel, without)
        strip(where + "/wptrack.ko", out)
        return out


def strip(built, out):
    """As dkms installs it: to load 9 MB takes an emulator a second."""
    env.sh(["strip", "-g", "-o", out + ".new", built], "strip")
    os.replace(out + ".new", out)


def suites():
    """Names of the suites of tests/kernel."""
    return env.sh(["make", "-s", "-C", os.path.join(env.TOP, "tests/kernel"),
                   "suites"], "listing the suites").split()


def suites_compiled():
    """Is there nothing to compile for `make suites`, or next to nothing?"""
    for argv in (["userspace", "O=" + os.path.join(env.BUILD, "userspace"), "guest"],
                 ["tests/kernel", "O=" + os.path.join(env.BUILD, "tests")]):
        if subprocess.call(["make", "-q", "-C", os.path.join(env.TOP, argv[0])] + argv[1:],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
            return False
    return True


def guest_programs():
    """{name: path} of all that `make suites` built to run in a VM's /tests."""
    found = {n: os.path.join(env.BUILD, "tests", n) for n in suites()}
    for where in ("userspace/guest", "example"):
        where = os.path.join(env.BUILD, where)
        for n in sorted(os.listdir(where)) if os.path.isdir(where) else []:
            found[n] = os.path.join(where, n)
    return {n: p for n, p in found.items() if os.path.exists(p)}


def _compile(name, source, *more, kind="-static"):
    """Compile a small program of the harness, if its source is newer."""
    source = os.path.join(env.TOP, "tests/vm/guest", source)
    out = os.path.join(env.BUILD, name)
    with env.lock(os.path.basename(name)):
        old = os.path.getmtime(out) if os.path.exists(out) else 0
        if any(os.path.getmtime(x) > old for x in (source,) + more if x[0] == "/"):
            os.makedirs(os.path.dirname(out), exist_ok=True)
            env.sh(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", kind, "-o", out, source]
                   + list(more), "compiling " + source)
    return out


def vmexit():
    """The helper that ends a VM with a verdict."""
    return _compile("vm/vmexit", "vmexit.c")


def example():
    """The program that README.md shows."""
    return _compile("example/example", "example.c",
                    os.path.join(env.BUILD, "userspace/libwptrack.a"),
                    "-I" + os.path.join(env.TOP, "userspace/lib"),
                    "-I" + os.path.join(env.TOP, "include/uapi"))


def as_newer():
    """A library for programs that are newer than the kernel."""
    return _compile("vm/as_newer.so", "as_newer.c", "-fPIC", "-ldl",
                    kind="-shared")


def libraries(programs):
    """What these programs and libraries of this machine need to be started."""
    text = env.sh(["ldd"] + programs, "looking for libraries")
    return sorted(set(re.findall(r"(?:^|\s)(/\S+)(?= \(0x)", text, re.M)))


def mke2fs(path, size, source=None, offset=0):
    """Arguments that make a file system that every kernel of the list can mount."""
    argv = ["mke2fs", "-q", "-F", "-t", "ext4", "-m", "0",
            "-O", "^orphan_file,^metadata_csum_seed",
            "-E", "root_owner=0:0,lazy_itable_init=1,offset=%d" % offset]
    if source:
        argv += ["-d", source]
    return argv + [path, size]


def ext4(path, size, source=None):
    env.sh(mke2fs(path, size, source), "making a file system")


def scratch():
    """An empty ext4 disk that every boot gets a throw-away copy of."""
    out = os.path.join(env.CACHE, "scratch.img")
    with env.lock("scratch"):
        if not os.path.exists(out):
            ext4(out + ".new", "512M")
            os.replace(out + ".new", out)
    return out

