# SPDX-License-Identifier: GPL-2.0-only
"""The disk of a full boot: the root with wptrack installed by dkms, and the module that
dkms built there."""
import glob
import lzma
import os
import shutil
import struct

import build
import env
import root

DISK_ID = "77707476"		# MBR signature; the kernel is told to look for it
_FIRST = 2048			# sector of the only partition
_SIZE = 3 << 30			# sparse
_UDEV = "debian/wptrack-dkms.udev"
_SYSUSERS = "debian/wptrack-dkms.sysusers"
_GUEST = ["tests/vm/guest/full", "tests/vm/guest/wptrack-vm.service"]
# Arguments: the root, where to work, what dkms is to do, and how to make the disk of it.
# The root is seen through what is changed in it, or copied, where that cannot be.
_MAKE = """
root=$1 work=$2 dkms=$3
shift 3
mkdir "$work/tree" "$work/work"
cd "$work/tree"
mount -t overlay wptrack . -o "lowerdir=$root,upperdir=$work/changed,workdir=$work/work" \
	2>/dev/null || cp -a --reflink=auto "$root/." "$work/changed/." .
cd "$work/tree"
mount -t proc proc proc
chroot . sh -ec "$dkms"
umount proc
# The demo starts it when it is needed.
rm -f etc/systemd/system/multi-user.target.wants/redis-server.service
"$@"
"""
_DKMS = """
dkms --version
dkms add %(id)s
dkms build %(id)s -k %(rel)s || { cat /var/lib/dkms/%(id)s/build/make.log; exit 1; }
dkms install %(id)s -k %(rel)s
dkms status | grep 'wptrack.*installed'
systemd-sysusers
"""


def root_argument():
    return "root=PARTUUID=%s-01 rootwait rw" % DISK_ID


def _mbr(path):
    entry = struct.pack("<B3sB3sII", 0, b"\xfe\xff\xff", 0x83, b"\xfe\xff\xff",
                        _FIRST, _SIZE // 512 - _FIRST)
    with open(path, "r+b") as f:
        f.write(b"\0" * 440 + struct.pack("<IH", int(DISK_ID, 16), 0) + entry +
                b"\0" * 48 + b"\x55\xaa")


def _copy(name, tree, to, mode=0o644):
    to = os.path.join(tree, to)
    os.makedirs(os.path.dirname(to), exist_ok=True)
    shutil.copyfile(os.path.join(env.TOP, name), to)
    os.chmod(to, mode)


def _add_module(tree):
    source = "%s/usr/src/wptrack-%s" % (tree, build.version())
    build.sync(build.MODULE_SOURCES, source)
    os.unlink(source + "/.sources")
    _copy(_UDEV, tree, "usr/lib/udev/rules.d/60-wptrack.rules")
    _copy(_SYSUSERS, tree, "usr/lib/sysusers.d/wptrack.conf")


def _add_system(tree):
    """What makes the tree a system that boots into our job."""
    env.write(tree + "/etc/fstab", "PARTUUID=%s-01 / ext4 rw 0 1\n" % DISK_ID)
    env.write(tree + "/etc/hostname", "wptrack-vm\n")
    env.write(tree + "/etc/machine-id", DISK_ID * 4 + "\n")
    os.makedirs(tree + "/vm", exist_ok=True)
    for name in ("files", "tests"):
        os.symlink("vm/" + name, tree + "/" + name)
    _copy(_GUEST[0], tree, "usr/local/sbin/wptrack-vm", 0o755)
    _copy(_GUEST[1], tree, "etc/systemd/system/wptrack-vm.service")
    wants = tree + "/etc/systemd/system/multi-user.target.wants"
    os.makedirs(wants, exist_ok=True)
    os.symlink("../wptrack-vm.service", wants + "/wptrack-vm.service")


def _make(out, base, dkms):
    """The disk, with what is needed on top of the root.  Returns where that is."""
    work = out + ".work"
    root.remove(work)
    changed = work + "/changed"
    os.makedirs(changed)
    _add_system(changed)
    if dkms:
        _add_module(changed)
    with open(out + ".new", "wb") as f:
        f.truncate(_SIZE)
    env.sh(["unshare", "--mount", "--fork", "sh", "-ec", _MAKE, "sh", base, work, dkms] +
           build.mke2fs(out + ".new", "%dk" % ((_SIZE - _FIRST * 512) // 1024),
                        source=".", offset=_FIRST * 512),
           "making the disk %s" % os.path.basename(out), log=out[:-4] + ".log",
           env=root.ENVIRON)
    _mbr(out + ".new")
    return work


def _keep_module(out, work):
    """What dkms has built, and what the compiler said."""
    def found(pattern):
        # In a copied root.
        return (glob.glob("%s/changed/var/lib/dkms/wptrack/%s" % (work, pattern)) or
                glob.glob("%s/tree/var/lib/dkms/wptrack/%s" % (work, pattern)))

    for log in found("*/*/*/log/make.log"):
        if "warning" in env.read(log):
            env.say("%s: the compiler warns:\n%s" % (os.path.basename(out), env.read(log)))
    built, = found("*/*/*/module/wptrack.ko*")
    data = env.read_bytes(built)
    with open(work + "/wptrack.ko", "wb") as f:
        f.write(lzma.decompress(data) if built.endswith(".xz") else data)
    build.strip(work + "/wptrack.ko", _module(out))


def _module(out):
    return out[:-4] + ".ko"


def _key(kernel, with_module):
    names = _GUEST + ["tests/vm/image.py"]
    if with_module:
        names = names + build.MODULE_SOURCES + [_UDEV, _SYSUSERS]
    return env.digest(env.read(root.path(kernel) + ".key"), build.contents(names))


def _path(kernel, with_module):
    return os.path.join(env.CACHE, "image", kernel.name +
                        ("" if with_module else "-bare") + ".img")


def _current(kernel, with_module):
    out = _path(kernel, with_module)
    return os.path.exists(out) and env.read(out + ".key") == _key(kernel, with_module)


def full(kernel, with_module=True):
    """Path of the image, made anew when the root or the module's source changed."""
    base = root.prepare(kernel)
    out = _path(kernel, with_module)
    with env.lock("image-" + os.path.basename(out)):
        if _current(kernel, with_module):
            return out
        env.say("%s: making the disk of the full boot" % kernel.name)
        os.makedirs(os.path.dirname(out), exist_ok=True)
        dkms = _DKMS % {"id": "wptrack/" + build.version(), "rel": root.release(kernel)}
        try:
            work = _make(out, base, dkms if with_module else "")
            if with_module:
                _keep_module(out, work)
            os.replace(out + ".new", out)
        finally:
            root.remove(out + ".work")
        env.write(out + ".key", _key(kernel, with_module))
        return out


def module(kernel):
    """The module for a kernel: what dkms has built of these sources if it has, since
    that takes half a minute, or what kbuild builds of what has changed."""
    if not kernel.debug and not build.WITHOUT:
        root.prepare(kernel)
        # Caches may be shared: take it before another checkout replaces it.
        with env.lock("image-" + os.path.basename(_path(kernel, True))):
            if _current(kernel, True):
                out = build.product(kernel)
                shutil.copyfile(_module(_path(kernel, True)), out + ".new")
                os.replace(out + ".new", out)
                return out
    return build.module(kernel)
