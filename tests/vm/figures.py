# SPDX-License-Identifier: GPL-2.0-only
"""Figures of `wptrack bench`: tables of them, and what has changed.

A figure is {metric, method, params, value, unit}; value is None where a method
cannot do it, and then "why" has the reason.
"""
import json
import os

import env

OURS = ["wptrack", "wptrack-keep-huge"]
PEER = "async"			# what Linux 6.7 has of its own
OTHERS = ["soft-dirty", "uffd-wp", "mprotect", "none"]
REFERENCE = os.path.join(env.TOP, "bench/reference")
TOLERANCE = 0.02
# So much more or less counts as nothing: the figures in these units may be near 0.
NOISE = {"percent": 0.0001, "instructions": 2}
# Promises, not costs: it does not matter how much less it is.  A step ends after 2 ms, and
# what the kernel does in an interrupt meanwhile is not ours.
LIMITS = {"max_hold": 2500}

TITLES = {
    "first_write": "first write, per page",
    "later_write": "later write, per page",
    "arm_gib": "initial arm, per GiB",
    "scan": "scan",
    "scan_reset": "scan and reset",
    "flat": "scan and reset",
    "sparse_arm": "initial arm, sparse",
    "sparse_scan": "scan, sparse",
    "sparse_scan_reset": "scan and reset, sparse",
    "untracked_fault": "fault of an untracked process",
    "fork": "fork",
    "fork_write": "write after fork, per page",
    "metadata": "kernel memory, % of tracked",
    "max_hold": "locks held at most, microseconds",
    "gc_round": "write-watch round, 16 MiB heap",
    "threads_first_write": "first write, per page",
    "server_request": "redis, a request, all in all",
    "server_cpu": "redis, a request, CPU of the server",
    "server_snapshot": "redis, a snapshot",
    "server_pages": "redis, pages found by a snapshot",
}


def parse(text):
    """The figures in what `wptrack bench --json` printed."""
    for line in reversed(text.splitlines()):
        if line.startswith("["):
            return json.loads(line)
    raise env.Fail("wptrack bench printed no figures:\n" + text[-2000:])


def release(figures):
    for f in figures:
        if f["metric"] == "kernel":
            return f["value"]
    return None


def unit(figures):
    return next((f["unit"] for f in figures if f["metric"] != "kernel"
                 and f["unit"] != "percent"), "")


def key(figure):
    return (figure["metric"], json.dumps(figure["params"], sort_keys=True))


def by_measure(figures):
    """{(metric, params): {method: figure}}, in the order of the figures."""
    rows = {}
    for f in figures:
        if f["metric"] != "kernel":
            rows.setdefault(key(f), {})[f["method"]] = f
    return rows


def _title(k):
    metric, params = k[0], json.loads(k[1])
    words = [TITLES.get(metric, metric)]
    for name, text in (("memory", "%s"), ("mib", "%d MiB"), ("gib", "%d GiB"),
                       ("percent", "%g %% written"), ("pattern", "%s"),
                       ("written", "%d pages written"), ("threads", "%d threads")):
        if name in params and params[name] != "all":
            words.append(text % params[name])
    return ", ".join(words)


def _number(figure):
    if figure is None or figure["value"] is None:
        return "-"
    v = figure["value"]
    if figure["unit"] == "percent":
        return "%.4f" % v
    return "%.0f" % v if v < 1e6 else "%.2fM" % (v / 1e6)


def ratio(row, ours="wptrack"):
    """Ours over the peer's, or None."""
    a, b = row.get(ours), row.get(PEER)
    if not a or not b or a["value"] is None or not b["value"]:
        return None
    return a["value"] / b["value"]


def table(figures, markdown=False):
    """All figures by measure, with the ratio to the peer."""
    lines = []
    form = "| %s | %s |" if markdown else "%-56s %s"
    heads = ["wptrack", PEER, "ratio"] + OTHERS
    if markdown:
        lines.append(form % ("measure", " | ".join(heads)))
        lines.append("|---|" + "--:|" * len(heads))
    else:
        lines.append(form % ("measure", " ".join("%10s" % h for h in heads)))
    for k, row in by_measure(figures).items():
        for ours in OURS:
            if ours not in row and (ours != "wptrack" or OURS[1] in row):
                continue
            r = ratio(row, ours)
            cells = [_number(row.get(ours)), _number(row.get(PEER)),
                     "-" if r is None else "%.3f" % r]
            cells += [_number(row.get(m)) for m in OTHERS]
            title = _title(k) + (", kept huge" if ours != "wptrack" else "")
            if markdown:
                lines.append(form % (title, " | ".join(cells)))
            else:
                lines.append(form % (title, " ".join("%10s" % c for c in cells)))
    reasons = sorted({"%s: %s (%s)" % (f["method"], f["why"], _title(key(f)))
                      for f in figures if f.get("why")})
    return "\n".join(lines + ["- " + x if markdown else x for x in [""] + reasons if x])


def failed(figures):
    return ["%s with %s: %s" % (f["metric"], f["method"], f["failed"])
            for f in figures if f.get("failed")]


def differences(reference, figures):
    """[(title, before, now, change)] of our own figures that have changed by more
    than is allowed.  Another kernel package has other instructions in it: then only
    ratios to the peer are compared."""
    same = release(reference) == release(figures)
    old, new = by_measure(reference), by_measure(figures)
    out = []
    for k, row in old.items():
        for method in sorted(row):
            if method not in OURS and not (same and k[0] == "untracked_fault"):
                continue
            before, now = row[method], new.get(k, {}).get(method)
            title = "%s: %s" % (method, _title(k))
            if before["value"] is None:
                continue
            if now is None or now["value"] is None:
                out.append((title, before["value"], None, None))
                continue
            if k[0] in LIMITS:
                if now["value"] > LIMITS[k[0]]:
                    a, b = LIMITS[k[0]], now["value"]
                    out.append((title + " (limit)", a, b, (b - a) / a))
                continue
            if same:
                a, b = before["value"], now["value"]
                noise = NOISE.get(before["unit"], 0)
            else:
                a, b = ratio(row, method), ratio(new[k], method)
                noise = 0.002
                if a is None or b is None:
                    continue
            if abs(b - a) > noise and abs(b - a) > TOLERANCE * a:
                out.append((title, a, b, (b - a) / a if a else 1))
    return out


def difference_table(rows):
    lines = ["%-64s %12s %12s %8s" % ("figure", "reference", "now", "change")]
    for title, a, b, change in rows:
        lines.append("%-64s %12.4g %12s %8s" % (
            title, a, "-" if b is None else "%.4g" % b,
            "gone" if change is None else "%+.1f %%" % (100 * change)))
    return "\n".join(lines)


def load(path):
    text = env.read(path)
    return None if text is None else json.loads(text)


def save(path, figures):
    """One figure a line, so that a change of one shows as one."""
    env.write(path, "[\n" + ",\n".join(json.dumps(f, sort_keys=True)
                                       for f in figures) + "\n]\n")


def reference(kernel_name):
    return os.path.join(REFERENCE, kernel_name + ".json")
