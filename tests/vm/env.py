# SPDX-License-Identifier: GPL-2.0-only
"""Where things are, and the few helpers every part of the harness needs."""
import contextlib
import fcntl
import hashlib
import os
import subprocess
import sys
import time

TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.path.join(TOP, "build")
# Roots and images: large, slow to make, safe to delete at any time.
CACHE = os.path.abspath(os.environ.get("WPTRACK_CACHE") or
                        os.path.join(BUILD, "cache"))

sys.dont_write_bytecode = True
# What we start is not a part of the make that may have started us.
os.environ.pop("MAKEFLAGS", None)
_start = time.monotonic()
# Progress goes to stderr where stdout belongs to a command.
progress = sys.stderr


class Fail(Exception):
    """Something the user has to know, said in one sentence."""


def say(text):
    print("[%4d s] %s" % (time.monotonic() - _start, text),
          file=progress, flush=True)


def sh(argv, what, log=None, **kw):
    """Run a program; on failure raise Fail with its last lines of output."""
    try:
        p = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, universal_newlines=True,
                           errors="replace", **kw)
    except FileNotFoundError:
        raise Fail("%s: this machine has no %s; tests/vm/setup installs what is missing"
                   % (what, argv[0]))
    if log:
        write(log, p.stdout)
    if p.returncode:
        tail = "\n".join("    " + x for x in p.stdout.splitlines()[-40:])
        raise Fail("%s failed (exit %d)%s:\n%s" % (
            what, p.returncode, ", all of it in " + log if log else "", tail))
    return p.stdout


@contextlib.contextmanager
def lock(name):
    """One process at a time; others wait, and say so."""
    path = os.path.join(CACHE, "locks", name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another process (%s)" % name)
            fcntl.flock(f, fcntl.LOCK_EX)
        yield


def digest(*parts):
    h = hashlib.sha256()
    for p in parts:
        h.update(repr(p).encode())
    return h.hexdigest()[:16]


def read(path, default=None):
    try:
        with open(path) as f:
            return f.read()
    except FileNotFoundError:
        return default


def write(path, text):
    """Replace a small file in one step."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    tmp = "%s.%d" % (path, os.getpid())
    with open(tmp, "w") as f:
        f.write(text)
    os.replace(tmp, path)


def read_bytes(path):
    with open(path, "rb") as f:
        return f.read()
