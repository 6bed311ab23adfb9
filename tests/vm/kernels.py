# SPDX-License-Identifier: GPL-2.0-only
"""The kernels wptrack is tested on: the one list that tests, CI and README use.

A kernel is named by its upstream version.  The suite says which Debian release
ships it; that release is also the userland of `--full` boots.  Point releases
come and go, so the newest package is looked up when a root is built.
"""
import collections

import env

# debug: None, or the fragments in tests/vm/debug/ that make its configuration; such
# a kernel is built here from Debian's source of the kernel whose name is in abi.
Kernel = collections.namedtuple("Kernel", "name codename suites abi default debug",
                                defaults=[None])


# abi matches what stands between "linux-image-" and "-<flavour>".
KERNELS = [
    Kernel("5.10", "bullseye", ["bullseye", "bullseye-security"],
           r"5\.10\.\d+-\d+", True),
    Kernel("6.1", "bookworm", ["bookworm", "bookworm-security"],
           r"6\.1\.\d+-\d+", True),
    Kernel("6.12", "trixie", ["trixie", "trixie-security"],
           r"6\.12\.\d+\+deb13", True),
    Kernel("7.2", "forky", ["forky"],
           r"7\.2\.\d+\+deb14", True),
    Kernel("7.3", "trixie", ["trixie", "trixie-backports"],
           r"7\.3\.\d+\+deb13", False),
    Kernel("kasan", "trixie", ["trixie", "trixie-security"], "6.12", False,
           ["base", "kasan"]),
    Kernel("kcsan", "trixie", ["trixie", "trixie-security"], "6.12", False,
           ["base", "kcsan"]),
]

FLAVOUR = "cloud-amd64"

# Where the newest kernel source is looked for, for its own tests.
SOURCE_SUITES = ["trixie-backports", "sid", "experimental"]


def names(default_only=True):
    return [k.name for k in KERNELS if k.default or not default_only]


def get(name):
    for k in KERNELS:
        if k.name == name:
            return k
    raise env.Fail("no kernel '%s': the list in tests/vm/kernels.py has %s"
                     % (name, " ".join(names(default_only=False))))


def readme_table():
    """The support table of README.md (tests/vm/test checks that it agrees)."""
    rows = ["| kernel | Debian suite | tested by default |", "|---|---|---|"]
    for k in KERNELS:
        if k.debug:
            continue
        rows.append("| %s | %s | %s |" % (
            k.name, k.codename if k.default else k.suites[-1],
            "yes" if k.default else "on request (`KERNELS=%s`)" % k.name))
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    print(readme_table(), end="")
