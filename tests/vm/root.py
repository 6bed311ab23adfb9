# SPDX-License-Identifier: GPL-2.0-only
"""A Debian root per kernel: the release's userland, kernel, headers and dkms.
A debug kernel's (debug.py) has only what booting it and compiling for it needs.

It serves three ends: modules are compiled in it (with the compiler that belongs
to the kernel), its /boot has the kernel to boot, and `--full` boots a copy.
Nothing is written to it: what is compiled is mounted at BUILD_DIR.
"""
import glob
import lzma
import os
import shutil
import time

import archive
import debug
import env

PACKAGES = ["dkms", "gcc", "make", "kmod", "udev", "systemd-sysv",
            "busybox-static", "redis-server", "redis-tools"]
BUILD_DIR = "/mnt"		# in each root, empty

# For what runs in a chroot.
ENVIRON = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "HOME": "/root"}

_EXCLUDE = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*",
            "/usr/share/info/*", "/usr/share/lintian/*"]


def path(kernel):
    if kernel.debug:
        return debug.path(kernel)
    return os.path.join(env.CACHE, "root", kernel.name)


def release(kernel):
    """What `uname -r` says in a VM of this kernel."""
    if kernel.debug:
        return debug.release(kernel)
    return archive.newest(kernel)["release"]


def vmlinuz(kernel):
    return os.path.join(path(kernel), "boot", "vmlinuz-" + release(kernel))


def drivers(kernel, names):
    """(name, contents) of modules of the kernel and of what they need, in the order
    in which they can be loaded.  A kernel may not have one, or have it built in."""
    base = os.path.join(path(kernel), "lib/modules", release(kernel))
    needs = {}
    for line in env.read(base + "/modules.dep", "").splitlines():
        where, _, deps = line.partition(":")
        needs[os.path.basename(where).split(".")[0].replace("-", "_")] = (
            [where] + deps.split())
    done = []
    for name in names:
        # What has to be there first is named last.
        done += [x for x in reversed(needs.get(name.replace("-", "_"), []))
                 if x not in done]
    for x in done:
        data = env.read_bytes(os.path.join(base, x))
        if x.endswith(".xz"):
            data = lzma.decompress(data)
        yield os.path.basename(x).split(".")[0] + ".ko", data


def remove(tree):
    if os.path.exists(tree):
        shutil.rmtree(tree)


def chroot(tree, script, work):
    """Arguments that run a shell script in a tree, with a directory at BUILD_DIR and
    with /proc: without it dkms fails silently, and objtool of 7.2 aloud."""
    return ["unshare", "--mount", "--fork", "sh", "-ec",
            'mount -t proc proc "$1/proc"; mount --bind "$3" "$1' + BUILD_DIR + '"; '
            'exec chroot "$1" sh -ec "$2"',
            "sh", tree, script, work]


def prepare(kernel):
    """Make the root unless the one that is there has the newest kernel."""
    if kernel.debug:
        return debug.prepare(kernel)
    with env.lock("root-" + kernel.name):
        new = archive.newest(kernel)
        include = PACKAGES + ["linux-image-" + new["release"],
                              "linux-headers-" + new["release"]]
        argv = ["mmdebstrap", "--mode=root", "--variant=apt",
                "--include=" + ",".join(include),
                "--aptopt=APT::Install-Recommends \"false\"",
                "--aptopt=Acquire::Check-Valid-Until \"false\"",
                "--aptopt=Acquire::Languages \"none\"",
                "--aptopt=Acquire::Retries \"3\""]
        argv += ["--dpkgopt=path-exclude=" + x for x in _EXCLUDE]
        if kernel.suites[-1].endswith("-backports"):
            # As apt install -t: what the kernel needs comes from there, too.
            argv.append("--aptopt=APT::Default-Release \"%s\"" % kernel.suites[-1])
        key = env.digest(argv, kernel.suites, new["version"])
        root = path(kernel)
        if env.read(root + ".key") == key and os.path.exists(vmlinuz(kernel)):
            return root
        env.say("%s: making a %s root with linux %s (about a minute)"
                % (kernel.name, kernel.codename, new["version"]))
        begin = time.monotonic()
        work = root + ".new"
        remove(work)
        os.makedirs(os.path.dirname(root), exist_ok=True)
        argv += [kernel.codename, work] + archive.sources(kernel.suites)
        environ = dict(os.environ, INITRD="No", LC_ALL="C.UTF-8",
                       DEBIAN_FRONTEND="noninteractive")
        try:
            env.sh(argv, "making the %s root" % kernel.codename,
                   log=root + ".log", env=environ)
            if not glob.glob(work + "/boot/vmlinuz-" + new["release"]):
                raise env.Fail("the %s root has no /boot/vmlinuz-%s, see %s"
                               % (kernel.codename, new["release"], root + ".log"))
        except BaseException:
            remove(work)
            raise
        remove(root)
        os.rename(work, root)
        env.write(root + ".key", key)
        env.say("%s: root ready after %d s" % (kernel.name,
                                               time.monotonic() - begin))
        return root
