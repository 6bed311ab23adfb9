# SPDX-License-Identifier: GPL-2.0-only
"""Write initramfs archives: cpio "newc", everything owned by root."""
import os
import stat


class Cpio:
    def __init__(self, path):
        self._f = open(path, "wb")
        self._ino = 0
        self._dirs = set()

    def _entry(self, name, mode, data=b"", rdev=(0, 0)):
        self._ino += 1
        raw = name.encode() + b"\0"
        fields = (self._ino, mode, 0, 0, 1, 0, len(data), 0, 0,
                  rdev[0], rdev[1], len(raw), 0)
        self._pad(b"070701" + b"".join(b"%08x" % x for x in fields) + raw)
        self._pad(data)

    def _pad(self, data):
        self._f.write(data + b"\0" * (-len(data) % 4))

    def mkdir(self, name):
        name = name.strip("/")
        if not name or name in self._dirs:
            return
        self.mkdir(os.path.dirname(name))
        self._dirs.add(name)
        self._entry(name, stat.S_IFDIR | 0o755)

    def file(self, name, data, mode=0o644):
        name = name.strip("/")
        self.mkdir(os.path.dirname(name))
        self._entry(name, stat.S_IFREG | mode, data)

    def link(self, name, target):
        name = name.strip("/")
        self.mkdir(os.path.dirname(name))
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def device(self, name, mode, major, minor):
        name = name.strip("/")
        self.mkdir(os.path.dirname(name))
        self._entry(name, mode, rdev=(major, minor))

    def tree(self, source, name):
        """Copy a host file or directory, modes and symbolic links kept."""
        if os.path.islink(source):
            self.link(name, os.readlink(source))
        elif os.path.isdir(source):
            self.mkdir(name)
            for x in sorted(os.listdir(source)):
                self.tree(os.path.join(source, x), name + "/" + x)
        else:
            with open(source, "rb") as f:
                self.file(name, f.read(), os.stat(source).st_mode & 0o777)

    def close(self):
        self._entry("TRAILER!!!", 0)
        self._f.write(b"\0" * (-self._f.tell() % 512))
        self._f.close()
