# SPDX-License-Identifier: GPL-2.0-only
"""The disk of a full boot: a copy of the root with wptrack installed by dkms."""
import os
import shutil
import struct
import subprocess

import build
import env
import root

DISK_ID = "77707476"		# MBR signature; the kernel is told to look for it
_FIRST = 2048			# sector of the only partition
_SIZE = 3 << 30			# sparse
_UDEV = "debian/wptrack-dkms.udev"
_SYSUSERS = "debian/wptrack-dkms.sysusers"
_GUEST = ["tests/vm/guest/full", "tests/vm/guest/wptrack-vm.service"]


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


def _install_module(tree, kernel, log):
    name, version = "wptrack", build.version()
    build.sync(build.MODULE_SOURCES, "%s/usr/src/%s-%s" % (tree, name, version))
    os.unlink("%s/usr/src/%s-%s/.sources" % (tree, name, version))
    _copy(_UDEV, tree, "usr/lib/udev/rules.d/60-wptrack.rules")
    _copy(_SYSUSERS, tree, "usr/lib/sysusers.d/wptrack.conf")
    env.sh(root.chroot(tree, """
        dkms --version
        dkms add %(id)s
        dkms build %(id)s -k %(rel)s || { cat /var/lib/dkms/%(id)s/build/make.log; exit 1; }
        dkms install %(id)s -k %(rel)s
        dkms status | grep 'wptrack.*installed'
        systemd-sysusers
    """ % {"id": "%s/%s" % (name, version), "rel": root.release(kernel)}),
        "dkms on %s" % kernel.name, log=log, env=root.ENVIRON)


def _system(tree):
    """What makes the tree a system that boots into our job."""
    shutil.rmtree(tree + root.BUILD_DIR, ignore_errors=True)
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
    # The demo starts it when it is needed.
    if os.path.lexists(wants + "/redis-server.service"):
        os.unlink(wants + "/redis-server.service")
    os.symlink("../wptrack-vm.service", wants + "/wptrack-vm.service")


def full(kernel, with_module=True):
    """Path of the image, made anew when the root or the module's source changed."""
    base = root.prepare(kernel)
    out = os.path.join(env.CACHE, "image", kernel.name +
                       ("" if with_module else "-bare") + ".img")
    names = _GUEST + ["tests/vm/image.py"]
    if with_module:
        names = names + build.MODULE_SOURCES + [_UDEV, _SYSUSERS]
    with env.lock("image-" + os.path.basename(out)):
        key = env.digest(env.read(base + ".key"), build.contents(names))
        if os.path.exists(out) and env.read(out + ".key") == key:
            return out
        env.say("%s: making the disk of the full boot" % kernel.name)
        os.makedirs(os.path.dirname(out), exist_ok=True)
        tree = out + ".tree"
        root.remove(tree)
        subprocess.run(["cp", "-a", "--reflink=auto", base, tree], check=True)
        try:
            if with_module:
                _install_module(tree, kernel, out[:-4] + ".dkms.log")
            _system(tree)
            if os.path.exists(out):
                os.unlink(out)
            with open(out, "wb") as f:
                f.truncate(_SIZE)
            build.ext4(out, "%dk" % ((_SIZE - _FIRST * 512) // 1024), source=tree,
                       offset=_FIRST * 512)
            _mbr(out)
        finally:
            root.remove(tree)
        env.write(out + ".key", key)
        return out
