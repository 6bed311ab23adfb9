# SPDX-License-Identifier: GPL-2.0-only
"""Kernels that watch themselves: built here, from Debian's source and fragments.

What is kept is what a root of a stock kernel would be used for: the image to
boot, a busybox, and what modules are compiled with.  It is keyed by the version of
the source, the configuration and the compiler, and may be deleted at any time.
"""
import functools
import os
import re
import shutil
import tempfile
import time

import archive
import env

# Where the kernel's build system for modules is, below path().
KDIR = "usr/src/linux"

# Without them the build fails late, with a message that does not help.
_TOOLS = ["flex", "bison", "bc", "cpio", "lz4"]
_ENVIRON = {"KBUILD_BUILD_USER": "wptrack", "KBUILD_BUILD_HOST": "wptrack",
            "LC_ALL": "C"}


def fragments(kernel):
    """Paths of what its configuration is made of."""
    return [os.path.join(env.TOP, "tests/vm/debug", x + ".config")
            for x in kernel.debug]


def wanted(texts):
    """{option: value} of fragments; a later one wins."""
    return dict(re.findall(r"^(CONFIG_\w+)=(.*)$", "\n".join(texts), re.M))


def dropped(want, config):
    """Options that are not in a configuration as they were wanted."""
    have = wanted([config])
    return sorted("%s=%s" % kv for kv in want.items()
                  if have.get(kv[0], "n") != kv[1])


def _source(kernel):
    return archive.newest_package("debug-source", kernel.suites, "linux-source-",
                                  "linux-source-" + re.escape(kernel.abi))


@functools.lru_cache(None)
def _compiler():
    return env.sh(["gcc", "--version"], "asking the compiler").splitlines()[0]


def path(kernel):
    key = env.digest(_source(kernel)["version"], _compiler(), _ENVIRON,
                     [env.read(x) for x in fragments(kernel)])
    return os.path.join(env.CACHE, "debug", "%s-%s" % (kernel.name, key[:8]))


def release(kernel):
    """What `uname -r` says in a VM of this kernel."""
    return env.read(os.path.join(path(kernel), "release")).strip()


def _data(package, directory, member):
    """Unpack the members of a package that match."""
    env.sh(["bash", "-o", "pipefail", "-c",
            'dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" --wildcards "$3"',
            "bash", package, directory, member],
           "unpacking " + os.path.basename(package))


def _fetch(name, kernel, package, work):
    get = os.path.join(work, "get-" + name)
    os.mkdir(get)
    return archive.download(package["package"], package["version"], get,
                            "debug-" + name, kernel.suites)


def _unpack(kernel, work):
    """The source; returns where its top is."""
    deb = _fetch("source", kernel, _source(kernel), work)
    _data(deb, work, "./usr/src/*.tar.xz")
    os.unlink(deb)
    tree = os.path.join(work, "linux")
    os.mkdir(tree)
    tar = os.path.join(work, "usr/src", _source(kernel)["package"] + ".tar.xz")
    env.sh(["tar", "-xJf", tar, "--strip-components=1", "-C", tree],
           "unpacking the kernel's source")
    os.unlink(tar)
    return tree


def configure(kernel, tree):
    """Write .config, and see that no wanted option was dropped."""
    texts = [env.read(x) for x in fragments(kernel)]
    env.sh(["make", "-s", "-C", tree, "tinyconfig"], "make tinyconfig", env=_environ())
    with open(tree + "/.config", "a") as f:
        f.write("\n".join(texts))
    env.sh(["make", "-s", "-C", tree, "olddefconfig"], "make olddefconfig",
           env=_environ())
    lost = dropped(wanted(texts), env.read(tree + "/.config"))
    if lost:
        raise env.Fail("the configuration of %s lacks what was wanted: %s"
                       % (kernel.name, " ".join(lost)))


def _environ():
    return dict(os.environ, **_ENVIRON)


def install(kernel, tree, out):
    """Everything that is kept of a built tree."""
    environ = dict(_environ(), srctree=tree, SRCARCH="x86", CC="gcc", HOSTCC="gcc",
                   MAKE="make")
    env.sh(["sh", "scripts/package/install-extmod-build", os.path.join(out, KDIR)],
           "collecting what modules need", cwd=tree, env=environ)
    rel = env.read(tree + "/include/config/kernel.release").strip()
    os.mkdir(out + "/boot")
    shutil.copyfile(tree + "/arch/x86/boot/bzImage", out + "/boot/vmlinuz-" + rel)
    shutil.copyfile(tree + "/.config", out + "/boot/config-" + rel)
    env.write(out + "/release", rel + "\n")


def _busybox(kernel, work, out):
    package = archive.newest_package("debug-busybox", kernel.suites,
                                     "busybox-static", "busybox-static")
    tree = os.path.join(work, "busybox")
    os.mkdir(tree)
    _data(_fetch("busybox", kernel, package, work), tree, "./*bin/busybox")
    for where, _, files in os.walk(tree):
        if "busybox" in files:
            os.mkdir(out + "/bin")
            shutil.copy2(os.path.join(where, "busybox"), out + "/bin/busybox")
            return
    raise env.Fail("%s has no busybox" % package["package"])


def prepare(kernel):
    """Build the kernel unless it is there; returns its root."""
    with env.lock("debug-" + kernel.name):
        target = path(kernel)
        if os.path.exists(target):
            return target
        missing = [x for x in _TOOLS if not shutil.which(x)]
        if missing:
            raise env.Fail("building a kernel needs %s (tests/vm/setup --debug)"
                           % " ".join(missing))
        env.say("%s: building it from %s %s (takes several minutes)"
                % ((kernel.name,) + tuple(_source(kernel)[k]
                                          for k in ("package", "version"))))
        begin = time.monotonic()
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with tempfile.TemporaryDirectory(dir=os.path.dirname(target)) as work:
            tree = _unpack(kernel, work)
            configure(kernel, tree)
            env.sh(["make", "-s", "-j%d" % os.cpu_count(), "-C", tree, "bzImage",
                    "modules"], "building the kernel " + kernel.name,
                   log=target + ".log", env=_environ())
            out = os.path.join(work, "out")
            os.mkdir(out)
            install(kernel, tree, out)
            _busybox(kernel, work, out)
            os.rename(out, target)
        env.say("%s: built in %d s" % (kernel.name, time.monotonic() - begin))
        return target
