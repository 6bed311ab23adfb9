# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's own tests of what wptrack stands in for.

They are built from the newest linux-source package, by their own Makefile, when a
suite needs them.  Only the programs are kept.
"""
import os
import tempfile

import archive
import env
import root

# Of tools/testing/selftests/mm.
PROGRAMS = ["pagemap_ioctl", "soft-dirty"]

# What of the source tree the headers and these programs are made of.
_PARTS = ["Makefile", "Kbuild", "Kconfig", "arch/Kconfig", "arch/x86",
          "include/uapi", "include/asm-generic", "scripts", "usr", "mm/gup_test.h",
          "tools/include", "tools/scripts", "tools/testing/selftests/lib.mk",
          "tools/testing/selftests/kselftest*", "tools/testing/selftests/mm"]


def _directory():
    new = archive.newest_source()
    return os.path.join(env.CACHE, "kselftest", env.digest(
        new["package"], new["version"], PROGRAMS, _PARTS))


def programs():
    """{name: path} of what prepare() has built."""
    return {n: os.path.join(_directory(), n) for n in PROGRAMS}


def _unpack(package, directory):
    """The parts of the tree; returns where its top is."""
    script = ('dpkg-deb --fsys-tarfile "$1" | tar -x -O --wildcards "./usr/src/*.tar.xz" |'
              ' tar -x -J --strip-components=1 --wildcards --no-wildcards-match-slash -C "$2" ')
    tree = os.path.join(directory, "tree")
    os.mkdir(tree)
    env.sh(["bash", "-o", "pipefail", "-c",
            script + " ".join("'linux-source-*/%s'" % x for x in _PARTS),
            "bash", package, tree], "unpacking " + os.path.basename(package))
    return tree


def _build(tree, out):
    env.sh(["make", "-s", "-C", tree, "headers"], "making the kernel's headers")
    os.makedirs(out)
    mm = os.path.join(tree, "tools/testing/selftests/mm")
    env.sh(["make", "-s", "-C", mm, "OUTPUT=" + out] +
           [os.path.join(out, n) for n in PROGRAMS],
           "building the kernel's selftests", env=dict(os.environ, ARCH="x86_64"))
    for n in os.listdir(out):
        if n not in PROGRAMS:
            os.unlink(os.path.join(out, n))


def prepare():
    with env.lock("kselftest"):
        target = _directory()
        if all(os.path.exists(p) for p in programs().values()):
            return
        new = archive.newest_source()
        env.say("building the kernel's selftests from %s %s (a few minutes)"
                % (new["package"], new["version"]))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with tempfile.TemporaryDirectory(dir=os.path.dirname(target)) as work:
            get = os.path.join(work, "package")
            os.mkdir(get)
            tree = _unpack(archive.download(new["package"], new["version"], get), work)
            _build(tree, os.path.join(work, "out"))
            root.remove(target)
            os.rename(os.path.join(work, "out"), target)
