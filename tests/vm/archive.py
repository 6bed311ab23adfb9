# SPDX-License-Identifier: GPL-2.0-only
"""What the Debian archive has: mirrors and the newest package of a kernel."""
import functools
import json
import os
import re
import subprocess
import time

import env
import kernels

# A lookup costs an index download, so its answer is kept this long.
FRESH_SECONDS = 12 * 3600


@functools.lru_cache(None)
def mirrors():
    """(main, security) as this machine's own apt is configured, or $MIRROR."""
    main = os.environ.get("MIRROR")
    sec = os.environ.get("MIRROR_SECURITY")
    fmt = "$(REPO_URI) $(RELEASE) $(COMPONENT)"
    out = subprocess.run(["apt-get", "indextargets", "--format", fmt],
                         stdout=subprocess.PIPE, universal_newlines=True).stdout
    for line in out.splitlines():
        uri, release, component = (line.split() + ["", ""])[:3]
        if component != "main":
            continue
        if re.fullmatch(r"[a-z]+-security", release):
            sec = sec or uri
        elif re.fullmatch(r"[a-z]+", release) and "debian" in uri:
            main = main or uri
    if not main:
        raise env.Fail("no Debian mirror in this machine's apt configuration; "
                       "name one with MIRROR=URI")
    main = main.rstrip("/")
    return main, (sec or main + "-security").rstrip("/")


def sources(suites):
    main, sec = mirrors()
    return ["deb %s %s main" % (sec if s.endswith("-security") else main, s)
            for s in suites]


def _apt(name, suites):
    """Options that make apt look at these suites instead of the host's."""
    base = os.path.join(env.CACHE, "apt", name)
    for d in ("lists/partial", "cache/archives/partial", "parts"):
        os.makedirs(os.path.join(base, d), exist_ok=True)
    env.write(os.path.join(base, "sources.list"),
              "\n".join(sources(suites)) + "\n")
    env.write(os.path.join(base, "status"), "")
    opts = {
        "Dir::Etc::SourceList": base + "/sources.list",
        "Dir::Etc::SourceParts": base + "/parts",
        "Dir::Etc::Preferences": base + "/none",
        "Dir::Etc::PreferencesParts": base + "/parts",
        "Dir::State::Lists": base + "/lists",
        "Dir::State::Status": base + "/status",
        "Dir::Cache": base + "/cache",
        "Dir::Cache::pkgcache": "pkgcache.bin",
        "Dir::Cache::srcpkgcache": "srcpkgcache.bin",
        "APT::Architecture": "amd64",
        "APT::Architectures": "amd64",
        "Acquire::Languages": "none",
        "Acquire::Check-Valid-Until": "false",
        "Acquire::Retries": "3",
        "APT::Sandbox::User": "root",
    }
    return ["-o%s=%s" % kv for kv in opts.items()]


def _lookup(name, suites, prefix, pattern):
    """(package, version) of the newest package whose name matches."""
    opts = _apt(name, suites)
    env.sh(["apt-get", "update", "-qq"] + opts,
           "fetching the package index of %s" % " ".join(suites))
    found = env.sh(["apt-cache"] + opts + ["pkgnames", prefix],
                   "listing the packages " + prefix).split()
    best = None
    for package in [n for n in found if re.fullmatch(pattern, n)]:
        show = env.sh(["apt-cache"] + opts + ["show", "--no-all-versions", package],
                      "looking up " + package)
        version = re.search(r"^Version: (.*)", show, re.M).group(1)
        if best is None or subprocess.run(["dpkg", "--compare-versions", version,
                                           "gt", best[1]]).returncode == 0:
            best = (package, version)
    if best is None:
        raise env.Fail("no package %s in %s" % (pattern, " ".join(suites)))
    return best


def _remembered(name, lookup):
    """What lookup() says, kept for half a day."""
    path = os.path.join(env.CACHE, "newest", name + ".json")
    old = json.loads(env.read(path, "null"))
    if old and time.time() - old["time"] < FRESH_SECONDS:
        return old
    try:
        new = dict(lookup(), time=time.time())
    except env.Fail as e:
        if not old:
            raise
        env.say("%s\n  (going on with %s)" % (e, old["version"]))
        return old
    env.write(path, json.dumps(new))
    return new


def newest(kernel):
    """{image, version, release} of the newest package of a kernel."""
    def lookup():
        image, version = _lookup(
            kernel.name, kernel.suites, "linux-image-",
            "linux-image-%s-%s" % (kernel.abi, kernels.FLAVOUR))
        return {"image": image, "version": version,
                "release": image[len("linux-image-"):]}
    return _remembered(kernel.name, lookup)


def newest_package(name, suites, prefix, pattern):
    """{package, version} of the newest package whose name matches."""
    def lookup():
        package, version = _lookup(name, suites, prefix, pattern)
        return {"package": package, "version": version}
    return _remembered(name, lookup)


def newest_source():
    """{package, version} of the newest kernel source."""
    return newest_package("source", kernels.SOURCE_SUITES, "linux-source-",
                          r"linux-source-\d+\.\d+")


def download(package, version, directory, name="source",
             suites=kernels.SOURCE_SUITES):
    """Fetch a package, by default of the source suites; returns its path."""
    env.sh(["apt-get"] + _apt(name, suites) +
           ["download", "%s=%s" % (package, version)],
           "downloading %s %s" % (package, version), cwd=directory)
    return os.path.join(directory, os.listdir(directory)[0])
