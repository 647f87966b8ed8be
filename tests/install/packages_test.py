#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""debian/ and the RPM spec say what the build says: version, packages, what is installed where."""

import fnmatch
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
import tap  # noqa: E402


def read(name):
    with open(os.path.join(tap.SOURCE, name), encoding="utf-8") as f:
        return f.read()


def lines(name):
    return [line for line in read(name).splitlines() if line.strip() and not line.startswith("#")]


def version():
    return re.search(r"^AC_INIT\(\[wfworker\], \[([^]]+)\]", read("configure.ac"), re.M).group(1)


def built_with():
    """[(Debian, Fedora)]: the packages that the build needs, but those that every build has."""
    wanted = []
    for line in lines("packaging/packages"):
        words = line.split()
        if words[0] in ("build", "extra") and words[1] in ("library", "header") and words[-5] != "libc6-dev":
            wanted.append((words[-5], words[-4]))
    return wanted


@tap.case
def versions():
    """the version is the one of configure.ac"""
    tap.is_(version(), re.match(r"wfworker \(([^)]+)\)", read("debian/changelog")).group(1))
    tap.is_(version(), re.search(r"^Version: *(\S+)$", read("packaging/wfworker.spec"), re.M).group(1))


@tap.case
def build_depends():
    """what the build needs is in Build-Depends and BuildRequires, and nothing that it does not"""
    control = read("debian/control").split("\n\n")[0]
    debian = set(re.findall(r"^ ([a-z0-9.+-]+)", control[control.index("Build-Depends:"):], re.M))
    needs = {d for d, _ in built_with()} | {"ca-certificates", "debhelper-compat", "libcmocka-dev", "pkg-config", "tzdata"}
    tap.is_(sorted(needs), sorted(debian))
    spec = set(re.findall(r"^BuildRequires: *(\S+)", read("packaging/wfworker.spec"), re.M))
    missing = ({f for _, f in built_with()} | {"ca-certificates", "libcmocka-devel", "tzdata"}) - spec
    tap.is_(set(), missing)


@tap.case
def packaged():
    """every file of the layout is in one package, or said not to be installed"""
    places = {"bindir": "usr/bin", "libdir": "usr/lib/x86_64-linux-gnu", "plugindir": "usr/lib/x86_64-linux-gnu/wfworker/abi1",
              "includedir": "usr/include", "mandir": "usr/share/man", "docdir": "usr/share/doc/wfworker", "datadir": "usr/share",
              "systemdsystemunitdir": "lib/systemd/system", "bashcompletiondir": "usr/share/bash-completion/completions",
              "zshcompletiondir": "usr/share/zsh/vendor-completions"}
    claims = {}
    for name in sorted(os.listdir(os.path.join(tap.SOURCE, "debian"))):
        if name.endswith(".install") or name == "not-installed":
            for line in lines("debian/" + name):
                claims.setdefault(name, []).append(line.split()[0])
    for line in lines("tests/install/layout.txt"):
        path = re.sub(r"\{([a-z]+)\}", lambda m: places[m.group(1)], line.split()[1]).replace("*", "x")
        owners = {n for n, patterns in claims.items() for p in patterns
                  if fnmatch.fnmatchcase(path, p) or fnmatch.fnmatchcase(path, p.rstrip("/") + "/*")}
        tap.is_((path, 1), (path, len(owners)))


@tap.case
def scripts():
    """the tests that debian/tests/control names are there and can be run"""
    names = re.search(r"^Tests: *(.*)$", read("debian/tests/control"), re.M).group(1).replace(",", " ").split()
    assert names
    for name in names:
        assert os.access(os.path.join(tap.SOURCE, "debian/tests", name), os.X_OK), name


tap.main()
