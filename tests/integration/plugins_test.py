# SPDX-License-Identifier: Apache-2.0
"""Plugins that do not load: each is listed with its cause, and the worker runs on with the others.

They are made from the plugins of tests/plugins (bad.so makes the mistake of the name it has) and by changing bytes of good ones.
"""

import json
import os
import re
import sys

from harness import BUILDDIR, Backend, Postgres, Worker, add_case, case, graph, main, tmpdir, wfworker

DIRECTORY = os.path.join(tmpdir(), "plugins")
if not os.path.exists(os.path.join(BUILDDIR, "tests/plugins/.libs/bad.so")):
    print("1..0 # SKIP the plugins of the tests are not built: configure without --disable-tests, make check")
    sys.exit(0)

NOT_THERE = "libc.so.6: cannot open shared object file: No such file or directory".replace("libc", "libq")

# Name of the file, and the whole first line of its reason.
REASONS = {
    "wrong_abi": r"built for plugin ABI 9\.0, this wfworker speaks 1\.\d+",
    "undefined": r"%s/undefined\.so: undefined symbol: acme_frobnicate" % re.escape(DIRECTORY),
    "missing_library": re.escape(NOT_THERE),
    "text": r"not a shared object: the file does not begin with an ELF header",
    "empty": r"the file is empty",
    "truncated": r"the file is truncated: .* ends at byte \d+, the file has \d+",
    "header_only": r"the file is truncated: the program header table ends at byte \d+, the file has 64",
    "crash_ctor": r"crashed with signal 11 \(SIGSEGV\) while it was loaded",
    "exit_ctor": r"ended the process with exit code 3 while it was loaded",
    "plain": r"not a wfworker plugin: it does not export wfw_plugin_abi",
    "writable": r"refused: its mode is 0666, everybody may change the file",
}


def built(name):
    with open(os.path.join(BUILDDIR, "tests/plugins/.libs", name + ".so"), "rb") as f:
        return f.read()


def changed(image, old, new):
    assert len(old) == len(new) and image.count(old) == 1, image.count(old)
    return image.replace(old, new)


def prepare():
    """a directory of plugins with faults"""
    with open(os.path.join(BUILDDIR, "plugins/core/.libs/core.so"), "rb") as f:
        good = f.read()
    identity = good.index(b"WFWPLUG\0")
    images = {
        "wrong_abi": good[:identity + 12] + (9).to_bytes(2, sys.byteorder) + good[identity + 14:],
        "undefined": built("undefined"),
        "missing_library": changed(built("good"), b"\0libc.so.6\0", b"\0libq.so.6\0"),
        "text": b"This is not a shared object.\n",
        "empty": b"",
        "truncated": good[:len(good) // 4],
        "header_only": good[:64],
        "crash_ctor": built("bad"),
        "exit_ctor": built("bad"),
        "plain": built("plain"),
        "writable": good,
    }
    assert set(images) == set(REASONS)
    os.mkdir(DIRECTORY, 0o755)
    for name, image in images.items():
        path = os.path.join(DIRECTORY, name + ".so")
        with open(path, "wb") as f:
            f.write(image)
        os.chmod(path, 0o666 if name == "writable" else 0o644)
    with open(os.path.join(DIRECTORY, "README.txt"), "w") as f:
        f.write("Not a plugin by its name: never listed.\n")


def listing(*arguments):
    done = wfworker("--plugin-dir", DIRECTORY, *arguments, "--list-plugins", "--json")
    assert done.status == 0, done
    return json.loads(done.out)


def has_cause(name):
    file = os.path.join(DIRECTORY, name + ".so")
    found = [p for p in listing()["plugins"] if p["file"] == file]
    assert len(found) == 1, found
    assert found[0]["state"] == "failed", found
    reason = found[0]["reason"].splitlines()
    assert re.fullmatch(REASONS[name], reason[0]), reason
    table = wfworker("--plugin-dir", DIRECTORY, "--list-plugins").out.splitlines()
    at = [i for i, line in enumerate(table) if line.endswith(file)]
    assert len(at) == 1 and re.match(r"failed +%s " % name, table[at[0]]), table
    assert table[at[0] + 1].strip() == reason[0], table[at[0]:at[0] + 3]


add_case("a directory of plugins with faults", prepare, always=True)
for fault in REASONS:
    add_case("%s.so is listed with its cause" % fault, lambda n=fault: has_cause(n))


@case
def only_shared_objects():
    """other files in the directory are not listed"""
    assert not [p for p in listing()["plugins"] if p["file"].endswith("README.txt")]
    assert DIRECTORY in listing()["searched"]


@case
def strict():
    """--strict makes a plugin that is not ok an error"""
    done = wfworker("--plugin-dir", DIRECTORY, "--strict", "--list-plugins")
    assert done.status != 0, done
    done = wfworker("--strict", "--list-plugins")
    assert done.status == 0, done


@case
def good_ones_stay():
    """the plugins of the program are all there beside the faulty ones"""
    types = {t for p in listing()["plugins"] if p["state"] == "ok" for t in p["node_types"]}
    assert {"trigger", "http_request", "delay", "condition"} <= types, types


@case
def worker_runs_on():
    """a worker with that directory warns of each and works; a node type that nobody has says where it was looked for"""
    backend = Backend(Postgres(), "plugins")
    assert wfworker("migrate", "--db", backend.dsn).status == 0
    worker = Worker(backend.dsn, "--plugin-dir", DIRECTORY)
    identity = backend.execution(backend.workflow(graph([("t", "trigger"), ("d", "delay", {"delay_seconds": 0}), ("e", "end")],
                                                        [("t", "d"), ("d", "e")])))
    assert backend.wait_end(identity).status == "completed"
    for name in REASONS:
        warnings = worker.lines(r"warning .*/%s\.so" % name)
        assert len(warnings) == 1, (name, warnings)
    failed = backend.wait_end(backend.execution(backend.workflow(graph([("z", "no.such_type")], []))))
    assert failed.status == "failed", failed
    assert failed.error_message.startswith('Node z failed: no plugin provides the node type "no.such_type": searched '), failed
    assert DIRECTORY in failed.error_message and "crash_ctor" in failed.error_message, failed.error_message
    assert worker.terminate() == 0, worker.log()


@case
def careless_plugin():
    """a secret that a plugin asks for and then says everywhere is stored nowhere and logged nowhere"""
    directory = os.path.join(tmpdir(), "careless")
    os.mkdir(directory, 0o755)
    path = os.path.join(directory, "good.so")
    with open(path, "wb") as f:
        f.write(built("good"))
    os.chmod(path, 0o644)
    backend = Backend(Postgres(), "careless")
    assert wfworker("migrate", "--db", backend.dsn).status == 0
    worker = Worker(backend.dsn, "--plugin-dir", directory, "--log-level", "debug", env={"WFWORKER_SECRET_WORD": "xyzzy-plugh"})
    row = backend.wait_end(backend.execution(backend.workflow(graph(
        [("a", "test.block", {"do": "secret", "name": "WORD"}), ("d", "delay", {"delay_seconds": 0.5}), ("m", "map", {"input_array": [0], "map_expression": "told"})],
        [("a", "d"), ("d", "m")]))))
    assert row.status == "completed" and row.state["execution_data"]["a_output"] == {"secret": "***"}, row
    assert row.state["execution_data"]["m_output"]["result"] == [{"secret": "***"}], row
    assert ("a", "warning", "the secret is ***") in backend.log(row.id), backend.log(row.id)
    assert worker.terminate() == 0 and "xyzzy" not in worker.log()
    for table in ("public.workflowexecution", "public.executionlog", "wfworker.journal", "wfworker.snapshot"):
        assert backend.run("SELECT count(*) FROM %s t WHERE t::text LIKE '%%xyzzy%%'" % table)[0][0] == 0, table


if __name__ == "__main__":
    sys.exit(main())
