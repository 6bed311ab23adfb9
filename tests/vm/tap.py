# SPDX-License-Identifier: GPL-2.0-only
"""Read the Test Anything Protocol, as libcheck and our shell suites print it."""
import collections
import re

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"

MOST_NOTES = 40			# comment lines of a failed test that are shown

Point = collections.namedtuple("Point", "name state text")

_POINT = re.compile(r"(not )?ok\b\s*(\d+)?\s*(?:- )?(.*)")
_PLAN = re.compile(r"1\.\.(\d+)\b")
# libcheck cannot skip a test: ours say so in a comment and return.
_SKIP_NOTE = re.compile(r"# SKIP (\w+): (.*)")


def parse(text):
    """Points of a TAP stream.  A test that was planned and did not report, and
    a stream without a plan, are failed points.  Comments belong to the point that
    comes after them."""
    points, plans, skips, notes = [], [], {}, []
    for line in text.splitlines():
        line = line.strip("\r")
        m = _PLAN.match(line)
        if m:
            plans.append(int(m.group(1)))
            continue
        m = _SKIP_NOTE.match(line)
        if m:
            skips[m.group(1)] = m.group(2)
            continue
        if line.startswith("Bail out!"):
            points.append(Point("bailed out", FAILED, line))
            continue
        if line.startswith("#"):
            notes.append(line)
            continue
        m = _POINT.match(line)
        if not m:
            continue
        state = FAILED if m.group(1) else PASSED
        if not m.group(1) and re.search(r"#\s*SKIP\b", m.group(3), re.I):
            state = SKIPPED
        # The kernel's selftests put the name after the word.
        name = re.sub(r": Passed$|^#\s*SKIP\s*", "", m.group(3))
        points.append(Point(name, state, "\n".join(notes[-MOST_NOTES:])))
        notes = []
    missing = sum(plans) - len(points)
    if not plans or 0 in plans:
        points.append(Point("plan", FAILED, "the suite printed no plan, or one of no "
                            "tests: it ended before its time, or ran nothing"))
    elif missing > 0:
        points.append(Point("plan", FAILED, "%d planned tests did not report"
                            % missing))
    elif missing < 0:
        points.append(Point("plan", FAILED, "%d tests more than planned" % -missing))
    return [_skip(p, skips) for p in points]


def _skip(point, skips):
    for name, why in skips.items():
        if point.state == PASSED and re.search(r"\b%s\b" % name, point.name):
            return Point(point.name, SKIPPED, why)
    return point


class Total:
    def __init__(self):
        self.count = collections.Counter()

    def add(self, points):
        self.count.update(p.state for p in points)

    def __str__(self):
        text = "%d passed, %d failed" % (self.count[PASSED], self.count[FAILED])
        if self.count[SKIPPED]:
            text += ", %d skipped" % self.count[SKIPPED]
        return text

    def good(self):
        return self.count[PASSED] > 0 and not self.count[FAILED]
