# SPDX-License-Identifier: Apache-2.0
"""TAP for the tests of the plugin interface: cases, skips with their reason, and running compilers."""

import os
import subprocess
import sys
import tempfile
import traceback

SOURCE = os.path.abspath(os.environ.get("srcdir", os.path.join(os.path.dirname(__file__), "..", "..")))
BUILD = os.path.abspath(os.environ.get("builddir", "."))
HERE = os.path.join(SOURCE, "tests", "abi")
INCLUDE = os.path.join(SOURCE, "include")
CASES = []


class Skip(Exception):
    """This case cannot be had here; the text says why."""


def case(function):
    CASES.append(function)
    return function


def is_(expected, got):
    assert expected == got, "\nexpected: %s\n     got: %s" % (expected, got)


def has(tool):
    found = any(os.access(os.path.join(d, tool), os.X_OK) for d in os.environ.get("PATH", "").split(":"))
    if not found:
        raise Skip("%s is not installed" % tool)
    return tool


def call(*command, **options):
    """(exit status, what it printed)."""
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                          universal_newlines=True, timeout=120, check=False, **options)
    return done.returncode, done.stdout


def ok(*command, **options):
    status, said = call(*command, **options)
    assert status == 0, "%s\nended with %d:\n%s" % (" ".join(str(c) for c in command), status, said)
    return said


def main():
    wanted = sys.argv[1:]
    cases = [c for c in CASES if not wanted or any(w in c.__name__.replace("_", " ") for w in wanted)]
    failed = 0
    print("1..%d" % len(cases))
    with tempfile.TemporaryDirectory(prefix="wfw-abi-") as room:
        for number, function in enumerate(cases, 1):
            name = function.__name__.replace("_", " ")
            own = os.path.join(room, str(number))
            os.mkdir(own)
            try:
                function(own)
                print("ok %d - %s" % (number, name))
            except Skip as reason:
                print("ok %d - %s # SKIP %s" % (number, name, reason))
            except Exception:  # noqa: a case's failure, whatever it is
                failed += 1
                print("\n".join("# " + line for line in traceback.format_exc().splitlines()))
                print("not ok %d - %s" % (number, name))
            sys.stdout.flush()
    sys.exit(1 if failed else 0)
