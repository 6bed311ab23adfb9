#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The tables of docs/precision.md, from what the suite "events" prints.

Run by hand after that suite has run on every kernel; prints the tables, but for rows that
are about some kernels only.  The suite
itself fails if it sees more over-reports than docs/precision.md tells of, or if the
kernel's own tracking is more exact in a cell that docs/precision.md does not list.
"""
import os
import re

import env
import kernels

DOC = os.path.join(env.TOP, "docs/precision.md")
OURS, PEER = "wptrack", "WP_ASYNC"
WORDS = ["none", "some", "most"]
NEVER = ["hugetlb, shared"]		# on some kernels
_CELL = re.compile(
    r"^# CELL (.*) \| (.*) \| (\w+) \| lost (\d+) \| over (\d+) (\d+) (\d+), "
    r"after a fork (\d+) (\d+) (\d+) \| of (\d+)( always)?( chance)?$", re.M)


class Cell:
    """What one oracle said of one event on one kind of memory."""

    def __init__(self, event, kind, oracle, *rest):
        self.event, self.kind, self.oracle = event, kind, oracle
        self.lost = int(rest[0])
        self.over = [int(x) for x in rest[1:7]]
        self.of = int(rest[7])
        # Memory that this kernel cannot arm, see docs/memory.md.
        self.never = bool(rest[8]) and kind in NEVER
        self.chance = bool(rest[9])

    def worst(self):
        return max(self.over)

    def word(self):
        """How many of the pages that were not written."""
        return WORDS[(self.worst() > 0) + (3 * self.worst() >= self.of)]


def seen(text):
    """{(event, kind, oracle): Cell} of a suite's output, in its order."""
    return {m[:3]: Cell(*m) for m in _CELL.findall(text)}


def _rows(path):
    """The number of a table and a line of it, as a list of cells."""
    table = 0
    inside = False
    for line in env.read(path, "").splitlines():
        if not line.startswith("|"):
            inside = False
            continue
        if not inside:
            table += 1
        inside = True
        yield table, [c.strip() for c in line.strip("|").split("|")]


# "event (5.10, 6.1)": so it is on these kernels only.
_ONLY = re.compile(r"^(.*) \(([\d.]+(?:, [\d.]+)*)\)$")


def _applies(event, kernel):
    """The event of a row, or None if it is about other kernels."""
    m = _ONLY.match(event)
    if not m:
        return event
    return m[1] if kernel in m[2].split(", ") else None


def documented(kernel):
    """[(event, kinds, word)], [(event, kinds) that may be worse than WP_ASYNC]."""
    words, worse = [], []
    for table, row in _rows(DOC):
        if row[0] == "event" or "---" in row[0]:
            continue
        event = _applies(row[0], kernel)
        if table == 1:
            words.append((event, row[1], row[2]))
        elif table == 2:
            worse.append((event, row[1]))
    return words, worse


# An event that stands for all of them, because it has no part in it.
ANY, NOTHING = "any", "nothing"


def _covers(pattern, kind):
    """Does a cell of the document, as _join() has made it, include a kind?"""
    if pattern == "all":
        return True
    rest = pattern.startswith("all but ")
    listed = [x.strip() for x in pattern[8 if rest else 0:].split(";")]
    return (kind in listed) != rest


def problems(text, kernel):
    """What docs/precision.md does not tell of a kernel, and where WP_ASYNC is more exact."""
    cells = seen(text)
    words, worse = documented(kernel)
    for (event, kind, oracle), cell in cells.items():
        if oracle != OURS or cell.never:
            continue
        doc = max((w for e, k, w in words if e in (event, ANY) and _covers(k, kind)),
                  key=WORDS.index, default="none")
        # A matter of chance is how many, not whether.
        most = "most" if cell.chance and doc != "none" else doc
        if WORDS.index(cell.word()) > WORDS.index(most):
            yield ("%s, %s: docs/precision.md has '%s', it is '%s' (over %s of %d)"
                   % (event, kind, doc, cell.word(), cell.over, cell.of))
        peer = cells.get((event, kind, PEER))
        if peer and not peer.lost and cell.worst() > peer.worst() and not any(
                e in (event, ANY) and _covers(k, kind) for e, k in worse):
            yield ("%s, %s: %d pages over, with WP_ASYNC %d, and docs/precision.md "
                   "does not say why" % (event, kind, cell.worst(), peer.worst()))


def better(cells):
    """(event, kind, ours, peer, lost by the peer) where wptrack is more exact."""
    for (event, kind, oracle), cell in cells.items():
        peer = cells.get((event, kind, PEER))
        if oracle == OURS and peer and (cell.worst() < peer.worst() or peer.lost):
            yield event, kind, cell.worst(), peer.worst(), peer.lost


def summary(text):
    """Three lines about one run."""
    cells = seen(text)
    ours = [c for c in cells.values() if c.oracle == OURS]
    exact = [c for c in ours if not c.worst()]
    return ("%d cells: %d pages lost, %d cells without an over-report; more exact "
            "than WP_ASYNC in %d" % (len(ours), sum(c.lost for c in ours), len(exact),
                                     len(list(better(cells)))))


def _output(kernel):
    return env.read(os.path.join(env.BUILD, "vm", kernel + "-events", "output.log"), "")


def _kinds(runs, event):
    """All kinds of memory that an event was tried on anywhere, in order."""
    found = [k for cells in runs.values() for e, k, o in cells
             if e == event and o == OURS]
    return list(dict.fromkeys(found))


def _join(runs, event, some):
    rest = [k for k in _kinds(runs, event) if k not in some]
    if event == ANY:
        return "; ".join(some)
    if len(rest) < len(some) and len(rest) < 4:
        return "all but " + "; ".join(rest) if rest else "all"
    return "; ".join(some)


def _word(runs, event, kind):
    """The worst of all kernels."""
    cells = [c[event, kind, OURS] for c in runs.values() if (event, kind, OURS) in c]
    return max((c.word() for c in cells if not c.never), key=WORDS.index,
               default="none")


def _show(runs, head, groups):
    """A table of {(event, ...): kinds}."""
    print("| %s |\n%s|" % (" | ".join(head), "|---" * len(head)))
    for key, some in groups.items():
        print("| %s |" % " | ".join((key[0], _join(runs, key[0], some)) + key[1:]))
    print()


def _told(cells, kernel):
    """Cells without those of rows about some kernels only, which are kept by hand."""
    rows = [(_applies(row[0], kernel), row[1]) for table, row in _rows(DOC)
            if table == 1 and _ONLY.match(row[0])]
    return {(event, kind, oracle): cell for (event, kind, oracle), cell in cells.items()
            if not any(e in (event, ANY) and _covers(k, kind) for e, k in rows)}


def main():
    runs = {k: _told(seen(_output(k)), k) for k in kernels.names()}
    runs = {k: cells for k, cells in runs.items() if cells}
    events = list(dict.fromkeys(e for cells in runs.values() for e, _, _ in cells))
    anyway = [k for k in _kinds(runs, NOTHING) if _word(runs, NOTHING, k) != "none"]
    over = {(ANY, WORDS[-1]): anyway} if anyway else {}
    worse = {(ANY,): anyway} if anyway else {}
    finer = {}
    for e in events:
        for k in _kinds(runs, e):
            pairs = [(c[e, k, OURS], c[e, k, PEER]) for c in runs.values()
                     if (e, k, PEER) in c and (e, k, OURS) in c]
            if any(a.worst() < b.worst() or b.lost for a, b in pairs):
                finer.setdefault((e,), []).append(k)
            if k in anyway:
                continue
            if _word(runs, e, k) != "none":
                over.setdefault((e, _word(runs, e, k)), []).append(k)
            if any(a.worst() > b.worst() and not b.lost for a, b in pairs):
                worse.setdefault((e,), []).append(k)
    _show(runs, ["event", "kind of memory", "over-reported"], over)
    _show(runs, ["event", "kind of memory"], worse)
    _show(runs, ["event", "kind of memory"], finer)


if __name__ == "__main__":
    main()
