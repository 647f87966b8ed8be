# SPDX-License-Identifier: Apache-2.0
"""Handlers that do to their process whatever they can, in some of a hundred executions that run at once: the others complete, each
bad node fails with the named cause and takes its edge or its try, the worker stays the process that it was, and what keeps crashing is
quarantined, listed and released."""

import json
import os
import re
import shutil
import signal
import sys
import urllib.request

from harness import BUILDDIR, SANITIZED, Worker, case, free_port, graph, main, note, tmpdir, wait_until, wfworker
from scene import Scene, T

if SANITIZED:
    print("1..0 # SKIP sanitizers take signals, memory and the ends of processes into their own hands")
    sys.exit(0)
PLUGINS = ("rogue", "good", "speaker")
for name in PLUGINS:
    if not os.path.exists(os.path.join(BUILDDIR, "tests/plugins/.libs/%s.so" % name)):
        print("1..0 # SKIP the plugins of the tests are not built: configure without --disable-tests, make check")
        sys.exit(0)

DIRECTORY = os.path.join(tmpdir(), "plugins")
os.mkdir(DIRECTORY, 0o755)
for name in PLUGINS:
    shutil.copy(os.path.join(BUILDDIR, "tests/plugins/.libs/%s.so" % name), DIRECTORY)
    os.chmod(os.path.join(DIRECTORY, name + ".so"), 0o644)
CONFIG = os.path.join(tmpdir(), "rogue.conf")
with open(CONFIG, "w") as f:
    f.write("[plugin rogue]\nlimit_memory = 128MiB\nlimit_cpu = 1\nlimit_descriptors = 128\nlimit_output = 1MiB\nextra = acme.more\n")
OPTIONS = ("--config", CONFIG, "--plugin-dir", DIRECTORY)
SECCOMP = "with seccomp" in wfworker("--version").out

SUBJECT = "the handler of node type acme.%s "
# What the node type does: the failure's type and the whole message.
CAUSES = {
    "segv": ("crashed", "crashed with signal 11 (SIGSEGV)"),
    "loop_segv": ("crashed", "crashed with signal 11 (SIGSEGV)"),
    "spin": ("limit_exceeded", "used up its processor time, limit_cpu = 1 s"),
    "eat": ("limit_exceeded", "needed more memory than it may have, limit_memory = 128 MiB: it crashed with signal 11 (SIGSEGV)"),
    "exit": ("crashed", "ended its process with exit code 3"),
    "smash": ("crashed", r"crashed with signal (6 \(SIGABRT\)|11 \(SIGSEGV\)(: its stack is used up)?)"),
    "abort": ("crashed", "crashed with signal 6 (SIGABRT)"),
    "stop": ("crashed", "stopped its process with signal 19 (SIGSTOP)"),
    "flood": ("limit_exceeded", "wrote more in one call than it may, limit_output = 1 MiB"),
    "garbage": ("crashed", "wrote into wfworker's own descriptor: what came is no message"),
}
FINE = {"fine": True}

scene = Scene("json", workers=0, name="rogue")
address = "127.0.0.1:%d" % free_port()
worker = Worker(scene.backend.dsn, *OPTIONS, "--web-listen", address)


def page(path):
    with urllib.request.urlopen("http://%s%s" % (address, path), timeout=30) as answer:
        return answer.read().decode()


def with_edge(kind):
    """The bad node has an edge for its failure."""
    return graph([T, ("bad", "acme." + kind), ("never", "noop"), ("after", "noop")],
                 [("t", "bad"), ("bad", "never", "success"), ("bad", "after", "error")])


def with_try(kind):
    return graph([T, ("try", "try"), ("bad", "acme." + kind), ("caught", "noop"), ("e", "end")],
                 [("t", "try"), ("try", "bad", "body"), ("try", "caught", "catch"), ("try", "e")])


def good(first, second):
    return graph([T, ("a", first), ("b", second, {"do": "done", "name": "xyz"} if second == "test.block" else {}), ("e", "end")],
                 [("t", "a"), ("a", "b"), ("b", "e")])


def matches(kind, text):
    cause = CAUSES[kind][1]
    pattern = cause if kind == "smash" else re.escape(cause)
    return re.fullmatch(re.escape(SUBJECT % kind) + pattern, text)


def state(identity):
    return json.loads(scene.backend.run("SELECT execution_state::text FROM workflowexecution WHERE id = %s", (identity,))[0][0])


def error_of(identity):
    """Of the node `bad`."""
    return state(identity)["node_results"]["bad"]["output"]["error"]


@case
def a_hundred_at_once():
    """80 good executions and 20 bad ones at once"""
    pid = worker.process.pid
    bad = [(kind, scene.start(make(kind), {})) for kind in CAUSES for make in (with_edge, with_try)]
    workflows = [scene.backend.workflow(good(first, second)) for first, second in
                 (("acme.fine", "acme.fine"), ("acme.loop_fine", "noop"), ("noop", "test.block"), ("acme.fine", "test.block"))]
    fine = [scene.backend.execution(workflow, {}) for workflow in workflows for _ in range(20)]
    for identity in fine:
        row = scene.backend.wait_end(identity)
        assert row.status == "completed", (row.status, row.error_message)
    for kind, identity in bad:
        row = scene.backend.wait_end(identity)
        error = error_of(identity)
        assert row.status == "completed", (kind, row.status, row.error_message)
        assert error["type"] == CAUSES[kind][0], (kind, error)
        assert matches(kind, error["message"]), (kind, error)
        done = state(identity)["completed_node_ids"]
        assert ("after" in done) != ("caught" in done) and "never" not in done, (kind, done)
    assert worker.running() and worker.process.pid == pid


@case
def one_type():
    """of one node type, some calls crash: the others complete, and it is not quarantined"""
    def workflow(spared):
        return scene.backend.workflow(graph([T, ("bad", "acme.segv", {"spared": spared}), ("after", "noop")],
                                            [("t", "bad"), ("bad", "after", "error")]))
    good_one, bad_one = workflow(True), workflow(False)
    executions = [(n % 4 == 0, scene.backend.execution(bad_one if n % 4 == 0 else good_one, {})) for n in range(100)]
    for crashes, identity in executions:
        row = scene.backend.wait_end(identity)
        assert row.status == "completed", (row.status, row.error_message)
        output = state(identity)["node_results"]["bad"]["output"]
        if crashes:
            assert output["error"]["type"] == "crashed" and matches("segv", output["error"]["message"]), output
        else:
            assert output == FINE, output


@case
def details():
    """what programs read of a death"""
    identity = scene.start(with_edge("exit"), {})
    scene.backend.wait_end(identity)
    found = error_of(identity)["details"]
    assert found["exit_code"] == 3 and "signal" not in found, found
    identity = scene.start(with_edge("flood"), {})
    scene.backend.wait_end(identity)
    found = error_of(identity)["details"]
    assert found["limit"] == "limit_output" and found["limit_value"] == "1 MiB", found
    assert found["last_output"].startswith("more and more and more"), found


@case
def last_words():
    """a last line without an end is in the details, too"""
    identity = scene.start(graph([T, ("bad", "acme.mutter"), ("after", "noop")], [("t", "bad"), ("bad", "after", "error")]), {})
    assert scene.backend.wait_end(identity).status == "completed"
    assert error_of(identity)["details"]["last_output"] == "a last word", error_of(identity)


@case
def processor_time_of_a_call():
    """the limit of processor time is one of each call: five in one process need twice as much together"""
    steps = ["n%d" % n for n in range(5)]
    identity = scene.start(graph([T, *((s, "acme.work") for s in steps)], list(zip(["t", *steps], steps))), {})
    row = scene.backend.wait_end(identity)
    assert row.status == "completed", (row.status, row.error_message)


def end_helpers_of(plugin):
    """Its idle processes are killed, so that the next call needs a new one."""
    def there():
        found = []
        for pid in os.listdir("/proc"):
            try:
                with open("/proc/%s/cmdline" % pid, "rb") as f:
                    words = f.read().split(b"\0")
                with open("/proc/%s/stat" % pid) as f:
                    parent = int(f.read().rpartition(")")[2].split()[1])
            except (OSError, ValueError):
                continue
            if words[1:3] == [b"--helper-process", plugin.encode()] and parent == worker.process.pid:
                found.append(int(pid))
        return found
    for pid in there():
        os.kill(pid, signal.SIGKILL)
    wait_until("the helper processes to be gone", lambda: not there())


@case
def changed_below():
    """a file that was replaced below a running worker, or that others may change now, is not run"""
    file = os.path.join(DIRECTORY, "good.so")
    with open(file, "rb") as f:
        image = f.read()
    workflow = scene.backend.workflow(graph([T, ("bad", "test.block", {"do": "done", "name": "xyz"}), ("after", "noop")],
                                            [("t", "bad"), ("bad", "after", "error")]))

    def install(bytes_, mode):
        with open(file + ".new", "wb") as f:
            f.write(bytes_)
        os.chmod(file + ".new", mode)
        os.rename(file + ".new", file)
        end_helpers_of("good")

    def output():
        identity = scene.backend.execution(workflow, {})
        assert scene.backend.wait_end(identity).status == "completed"
        return state(identity)["node_results"]["bad"]["output"]

    assert image.count(b"1.2.3\0") == 1
    install(image.replace(b"1.2.3\0", b"1.2.4\0"), 0o644)
    begin = "plugin good does not start in a helper process: "
    error = output()["error"]
    assert (error["type"], error["message"]) == (
        "crashed", begin + "the file %s is not the one any more that was there when wfworker started" % file), error
    install(image, 0o666)
    error = output()["error"]
    assert (error["type"], error["message"]) == (
        "crashed", begin + "cannot be had: refused: its mode is 0666, everybody may change the file"), error
    install(image, 0o644)
    assert "error" not in output()


def spoken(kind, config, timeout=None):
    """One call of a plugin that speaks to wfworker itself: the execution, and the node's error or None."""
    definition = graph([T, ("bad", "speaker." + kind, config), ("fine", "noop"), ("after", "noop")],
                       [("t", "bad"), ("bad", "fine", "success"), ("bad", "after", "error")])
    if timeout:
        definition["nodes"][1]["timeout_seconds"] = timeout
    identity = scene.start(definition, {})
    row = scene.backend.wait_end(identity)
    assert row.status == "completed", (row.status, row.error_message)
    return identity, state(identity)["node_results"]["bad"]["output"].get("error")


@case
def half_a_message():
    """a handler that stops in the middle of a message is ended by its attempt's timeout, and the next call is served"""
    _, error = spoken("block", {"stall": 1000000}, timeout=0.5)
    assert (error["type"], error["message"]) == ("timeout", "timed out after 0.5 seconds"), error
    assert spoken("block", {"done": 1})[1] is None


@case
def ends_after_its_outcome():
    """an outcome counts, however its process ends right after it; the end is logged"""
    for kind in ("loop", "block"):
        for how, words, times in (("exit", "ended its process with exit code 0", 1), ("_exit", "ended its process with exit code 0", 2),
                                  ("abort", "crashed with signal 6 (SIGABRT)", 1)):
            _, error = spoken(kind, {"end": how})
            assert error is None, (kind, how, error)
            line = ('a helper process ended after its call had an outcome plugin=speaker reason="the handler of node type speaker.%s '
                    '%s" node=bad execution=exec-' % (kind, words))
            worker.wait_line(re.escape(line), count=times)


@case
def forged_lines():
    """no line of the log begins as a plugin wants it, whatever it sends"""
    forged = "2026-01-01 00:00:00.000Z error forged by a plugin"
    line = {"is": "line", "level": 2, "message": "told\n" + forged, "fields": ["reason", "because\n%s\r\u001b[2J" % forged]}
    assert spoken("loop", {"say": json.dumps(line), "done": 1})[1] is None
    line["fields"] = ["reason\n" + forged, "x"]
    _, error = spoken("loop", {"say": json.dumps(line), "done": 1})
    assert error["message"] == ("the handler of node type speaker.loop wrote into wfworker's own descriptor: what came is no "
                                "message"), error
    found = worker.lines("forged by a plugin")
    assert len(found) == 1, found
    assert found[0].endswith(r'warning told\n%s reason="because\n%s\x0d\x1b[2J" plugin=speaker' % (forged, forged)), found


@case
def leaks():
    """a handler that leaks descriptors is named, and its process replaced before it fails"""
    workflow = scene.backend.workflow(graph([T, ("a", "acme.leak"), ("e", "end")], [("t", "a"), ("a", "e")]))
    for _ in range(6):
        assert scene.backend.wait_end(scene.backend.execution(workflow, {})).status == "completed"
    worker.wait_line(r'the handler of node type "acme\.leak" leaks descriptors \(\d+ open\); its helper process is replaced')


@case
def forks():
    """a handler cannot start processes"""
    if not SECCOMP:
        note("skipped: built without libseccomp")
        return
    identity = scene.start(graph([T, ("a", "acme.bomb"), ("e", "end")], [("t", "a"), ("a", "e")]), {})
    assert scene.backend.wait_end(identity).status == "completed"
    assert state(identity)["node_results"]["a"]["output"] == {"made": 0}


@case
def quarantine():
    """what keeps crashing is quarantined, listed, and released"""
    workflow = scene.backend.workflow(with_edge("abort"))
    identities = [scene.backend.execution(workflow, {}) for _ in range(20)]
    for identity in identities:
        assert scene.backend.wait_end(identity).status == "completed"
    refused = scene.backend.execution(workflow, {})
    scene.backend.wait_end(refused)
    error = error_of(refused)
    cause = SUBJECT % "abort" + "crashed with signal 6 (SIGABRT)"
    assert error["type"] == "plugin_quarantined", error
    time = r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)"
    found = re.fullmatch(r'node type "acme\.abort" is quarantined until %s after (\d+) crashes; the last one: %s'
                         % (time, re.escape(cause)), error["message"])
    assert found and int(found.group(2)) >= 10, error
    worker.wait_line("a node type is quarantined: its helper processes keep crashing")
    listed = wfworker(*OPTIONS, "--list-plugins").out
    line = '          QUARANTINE:  node type "acme.abort" until %s after %s crashes; the last one: %s' % (
        found.group(1), found.group(2), cause)
    assert line in listed.splitlines(), listed
    plugins = json.loads(wfworker(*OPTIONS, "--list-plugins", "--json").out)["plugins"]
    nodes = {n["type"]: n for p in plugins if p["name"] == "rogue" for n in p["nodes"]}
    assert nodes["acme.abort"]["quarantine"] == {"until": found.group(1), "crashes": int(found.group(2)), "cause": cause}, nodes
    assert nodes["acme.fine"]["quarantine"] is None
    assert 'wfworker_quarantined_node_types 1\n' in page("/metrics"), page("/metrics")
    assert '<tr><td>in quarantine</td><td class="bad">acme.abort</td></tr>' in page("/"), page("/")
    fine = scene.start(good("acme.fine", "acme.fine"), {})
    assert scene.backend.wait_end(fine).status == "completed"  # others of the plugin go on
    done = wfworker(*OPTIONS, "plugin", "release", "rogue")
    assert (done.status, done.out) == (0, 'node type "acme.abort" is released\n'), done
    again = scene.backend.execution(workflow, {})
    scene.backend.wait_end(again)
    assert error_of(again)["message"] == cause, error_of(again)
    worker.wait_line("a node type's quarantine is over.*it was released")
    assert 'wfworker_quarantined_node_types 0\n' in page("/metrics"), page("/metrics")


@case
def declared():
    """a node type that the plugin declared from its configuration runs in a helper process, too"""
    identity = scene.start(graph([T, ("a", "acme.more"), ("e", "end")], [("t", "a"), ("a", "e")]), {})
    assert scene.backend.wait_end(identity).status == "completed"
    assert state(identity)["node_results"]["a"]["output"] == FINE


@case
def nothing_to_release():
    """a release of what is not quarantined says so"""
    done = wfworker(*OPTIONS, "plugin", "release", "acme.fine")
    assert done.status == 1 and 'no plugin or node type "acme.fine" is in quarantine' in done.err, done


@case
def no_zombies():
    """no process is left over when the worker ends"""
    pid = worker.process.pid

    def children():
        return open("/proc/%d/task/%d/children" % (pid, pid)).read().split()

    def states():
        return [open("/proc/%s/stat" % child).read().rsplit(") ", 1)[1][0] for child in children()]
    assert "Z" not in states(), states()
    left = children()
    assert worker.terminate() == 0
    wait_until("the helper processes to end", lambda: not any(os.path.exists("/proc/" + child) for child in left))


if __name__ == "__main__":
    sys.exit(main(keep_workers=True))
