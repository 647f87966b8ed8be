# SPDX-License-Identifier: Apache-2.0
"""Plugins that do not load: each is listed with its cause, and the worker runs on with the others.

The plugins with a fault are built under tests/plugins; files that are no plugins at all are made here.
"""

import json
import os
import re
import shutil
import sys

from harness import BUILDDIR, Backend, Postgres, Worker, add_case, case, graph, main, tmpdir, wfworker

DIRECTORY = os.path.join(tmpdir(), "plugins")
BUILT = os.path.join(BUILDDIR, "tests/plugins/.libs")
GOOD = os.path.join(BUILDDIR, "plugins/core/.libs/core.so")

# Name of the built plugin, and what has to be in its reason.
FAULTY = {
    "bad_abi": r"ABI",
    "bad_undefined": r"undefined symbol",
    "bad_missing_lib": r"cannot open shared object file",
    "bad_crash": r"signal|SIGSEGV|SIGABRT|crash",
}


def install(source, name):
    target = os.path.join(DIRECTORY, name)
    shutil.copyfile(source, target)
    os.chmod(target, 0o644)
    return target


def prepare():
    """a directory of plugins with faults"""
    os.mkdir(DIRECTORY, 0o755)
    for name in FAULTY:
        install(os.path.join(BUILT, name + ".so"), name + ".so")
    with open(os.path.join(DIRECTORY, "text.so"), "w") as f:
        f.write("This is not a shared object.\n")
    with open(os.path.join(DIRECTORY, "empty.so"), "w"):
        pass
    with open(GOOD, "rb") as f:
        image = f.read()
    for name, size in (("truncated.so", len(image) // 2), ("header_only.so", 64)):
        with open(os.path.join(DIRECTORY, name), "wb") as f:
            f.write(image[:size])
    for name in os.listdir(DIRECTORY):
        os.chmod(os.path.join(DIRECTORY, name), 0o644)
    install(GOOD, "writable.so")
    os.chmod(os.path.join(DIRECTORY, "writable.so"), 0o666)
    with open(os.path.join(DIRECTORY, "README.txt"), "w") as f:
        f.write("Not a plugin by its name: never listed.\n")


def listed():
    done = wfworker("--plugin-dir", DIRECTORY, "--list-plugins", "--json")
    assert done.status == 0, done
    return {os.path.basename(p["file"]): p for p in json.loads(done.out)["plugins"] if p["file"].startswith(DIRECTORY)}


def has_cause(name, pattern):
    found = listed()
    assert name in found, sorted(found)
    plugin = found[name]
    assert plugin["state"] == "failed", plugin
    assert plugin["reason"] and re.search(pattern, plugin["reason"]), plugin
    table = wfworker("--plugin-dir", DIRECTORY, "--list-plugins").out
    assert re.search(r"failed\s.*%s" % re.escape(name), table), table


add_case("a directory of plugins with faults", prepare)
for fault, cause in FAULTY.items():
    add_case("%s.so is listed with its cause" % fault, lambda n=fault + ".so", c=cause: has_cause(n, c))
for other, cause in (("text.so", r"ELF"), ("empty.so", r"empty|ELF|short"), ("truncated.so", r"truncated|shorter|segment"),
                     ("header_only.so", r"truncated|shorter|segment|header"), ("writable.so", r"writ")):
    add_case("%s is listed with its cause" % other, lambda n=other, c=cause: has_cause(n, c))


@case
def only_shared_objects():
    """other files in the directory are not listed"""
    assert "README.txt" not in listed()


@case
def strict():
    """--strict makes a plugin that is not ok an error"""
    done = wfworker("--plugin-dir", DIRECTORY, "--strict", "--list-plugins")
    assert done.status != 0, done


@case
def good_ones_stay():
    """the plugins of the program are all there beside the faulty ones"""
    done = wfworker("--plugin-dir", DIRECTORY, "--list-plugins", "--json")
    types = {t for p in json.loads(done.out)["plugins"] if p["state"] == "ok" for t in p["node_types"]}
    assert {"trigger", "http_request", "delay", "condition"} <= types, types


@case
def worker_runs_on():
    """a worker with that directory warns and works"""
    backend = Backend(Postgres(), "plugins")
    assert wfworker("migrate", "--db", backend.dsn).status == 0
    worker = Worker(backend.dsn, "--plugin-dir", DIRECTORY)
    identity = backend.execution(backend.workflow(graph([("t", "trigger"), ("d", "delay", {"delay_seconds": 0}), ("e", "end")],
                                                        [("t", "d"), ("d", "e")])))
    assert backend.wait_end(identity).status == "completed"
    log = worker.log()
    for name in list(FAULTY) + ["text", "truncated"]:
        assert name + ".so" in log, "no warning about %s.so" % name
    row = backend.execution(backend.workflow(graph([("z", "no.such_type")], [])))
    failed = backend.wait_end(row)
    assert failed.status == "failed" and "no.such_type" in failed.error_message, failed
    assert worker.terminate() == 0, worker.log()


if __name__ == "__main__":
    sys.exit(main())
