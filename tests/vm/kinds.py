#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The tables of docs/memory.md, from what the suite "memory" prints.

Run by hand after that suite has run on every kernel; prints the tables.  The suite
itself checks that its kernel's columns in docs/memory.md are what it has seen.
"""
import os
import re

import env
import kernels

DOC = os.path.join(env.TOP, "docs/memory.md")
TABLES = ["populated", "empty"]
NONE = "-"
# What newer ones, which are tested on request, are compared with.
NEWEST = kernels.names()[-1]


def seen(text):
    """{(table, kind): cell} of a suite's output."""
    return {(t, k): cell for t, k, cell in
            re.findall(r"^# KIND (\w+) \| (.*) \| (.*)$", text, re.M)}


def table(which, columns):
    """One table; columns is {kernel: what was seen there}."""
    rows = []
    for cells in columns.values():
        rows += [k for t, k in cells if t == which and k not in rows]
    lines = ["| kind of memory | %s |" % " | ".join(columns),
             "|---" * (len(columns) + 1) + "|"]
    for kind in rows:
        lines.append("| %s | %s |" % (kind, " | ".join(
            cells.get((which, kind), NONE) for cells in columns.values())))
    return "\n".join(lines) + "\n"


def documented(kernel):
    """The column of a kernel in docs/memory.md, as seen() has it."""
    cells = {}
    tables = iter(TABLES)
    for line in env.read(DOC, "").splitlines():
        if not line.startswith("|"):
            continue
        row = [c.strip() for c in line.strip("|").split("|")]
        if row[0] == "kind of memory":
            which = next(tables)
            column = row.index(kernel) if kernel in row else None
        elif column is not None and row[column] != NONE and "---" not in row[0]:
            cells[which, row[0]] = row[column]
    return cells


def differences(kernel, text, absent=()):
    """How docs/memory.md and the output of a run differ, as text.  The guest need not
    have those kinds whose names begin like this."""
    doc, now = documented(kernel) or documented(NEWEST), seen(text)
    doc = {k: v for k, v in doc.items() if k in now or not k[1].startswith(tuple(absent))}
    return "\n".join("%s, %s: docs/memory.md has '%s', it is '%s'"
                     % (k + (doc.get(k, NONE), now.get(k, NONE)))
                     for k in sorted(set(doc) | set(now))
                     if doc.get(k) != now.get(k))


def main():
    columns = {k: seen(env.read(os.path.join(
        env.BUILD, "vm", k + "-memory", "output.log"), "")) for k in kernels.names()}
    print("\n".join(table(t, columns) for t in TABLES), end="")


if __name__ == "__main__":
    main()
