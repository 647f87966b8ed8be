# SPDX-License-Identifier: Apache-2.0
"""Large documents do not hold up the loop: the threads beside it work on them for longer than its longest turn lasts, the short
executions beside them go on, and the values are the same to the last byte.  What is read beside the loop may be cut off at any
time: nothing is lost, and nothing happens twice."""

import json
import re
import signal
import sys
import time
import urllib.request

from harness import SANITIZED, Answer, Worker, case, free_port, graph, main, note, wait_until
from scene import Scene, T, server

# Beneath a sanitizer everything takes ten times as long: less of it, and times are not judged.
MB, LEASE = (1 << 17, "10") if SANITIZED else (1 << 20, "3")


def document(size, seed):
    """A document of about so many bytes: many objects, and numbers that must come back as they were."""
    out, at, i = [], 0, 0
    while at < size:
        out.append('{"id":%d,"name":"%s-%08x","amount":%d.50,"tags":["a","b",%d],"open":true}'
                   % (i, seed, (i * 2654435761) & 0xffffffff, i, i % 7))
        at += len(out[-1]) + 1
        i += 1
    return "[" + ",".join(out) + "]"


class Watched(Scene):
    """A scene with one worker whose metrics are read; started anew, it has counted nothing."""

    def __init__(self, name):
        super().__init__("json", workers=0, name=name)
        self.again()

    def none(self):
        for worker in self.workers:
            worker.kill()
        self.workers = []

    def again(self):
        self.none()
        self.address = "127.0.0.1:%d" % free_port()
        self.workers = [Worker(self.backend.dsn, "--web-listen", self.address, "--lease-seconds", LEASE, name=self.name)]

    def metric(self, name):
        with urllib.request.urlopen("http://%s/metrics" % self.address, timeout=30) as answer:
            return float(re.search(r"\nwfworker_%s (\S+)\n" % name, answer.read().decode()).group(1))

    def beside(self, count=100):
        """Short executions beside it."""
        workflow = self.backend.workflow(graph([T, ("n", "noop"), ("e", "end")], [("t", "n"), ("n", "e")]))
        return [self.backend.execution(workflow, {}) for _ in range(count)]

    def judge(self, what, share):
        turn, longest, total = (self.metric(n) for n in ("loop_turn_longest_seconds", "large_document_longest_seconds",
                                                         "large_documents_seconds_total"))
        note("%s: the loop's longest turn %.1f ms; beside it %.1f ms, the longest %.1f ms" % (what, turn * 1e3, total * 1e3, longest * 1e3))
        assert total > 0 and (SANITIZED or turn < total * share), (what, turn, total)


def text_of(scene, identity):
    return scene.backend.run("SELECT execution_state::text FROM workflowexecution WHERE id = %s", (identity,))[0][0]


scene = Watched("offloop")


@case
def answer():
    """an http answer of 6 MB as JSON, beside short executions"""
    scene.again()
    body = document(6 * MB, "answer")
    path = scene.path(Answer(body=body, headers={"Content-Type": "application/json"}))
    identity = scene.start(graph([T, ("h",) + scene.call(path), ("e", "end")], [("t", "h"), ("h", "e")]), {})
    short = scene.beside()
    assert scene.backend.wait_end(identity).status == "completed"
    for each in short:
        assert scene.backend.wait_end(each).status == "completed"
    text = text_of(scene, identity)
    assert '"json":' + body in text, "the answer is not what it was, to the last byte"
    assert json.loads(text)["node_results"]["h"]["output"]["body"] == body
    scene.judge("answer", 0.5)
    assert len(server.seen(path)) == 1


def waits(**config):
    """A trigger, a wait for a signal, a request that counts, an end; and the path of the request."""
    path = scene.path(Answer())
    nodes = [T, ("w", "await", {"signal_type": "go"}), ("h",) + scene.call(path, **config), ("e", "end")]
    return graph(nodes, [("t", "w"), ("w", "h"), ("h", "e")]), path


def both_end(identity, short, path):
    assert scene.backend.wait_end(identity).status == "completed"
    for each in short:
        assert scene.backend.wait_end(each).status == "completed"
    assert len(server.seen(path)) == 1


@case
def trigger():
    """trigger data of 10 MB, in one value and in many, beside short executions"""
    many = {"part%d" % i: json.loads(document(50000, "part%d" % i)) for i in range(200)}
    for what, data in (("one value", '{"rows":%s}' % document(10 * MB, "trigger")), ("many values", json.dumps(many))):
        scene.none()
        path = scene.path(Answer())
        identity = scene.start(graph([T, ("h",) + scene.call(path), ("e", "end")], [("t", "h"), ("h", "e")]), {"small": 1})
        scene.backend.run("UPDATE workflowexecution SET execution_state = replace(execution_state::text, %s, %s)::json WHERE id = %s",
                          ('{"small": 1}', data, identity))
        assert data[:1000] in text_of(scene, identity)
        scene.again()
        both_end(identity, scene.beside(), path)
        assert what != "one value" or data[1:-1] in text_of(scene, identity), "the data are not what they were, to the last byte"
        scene.judge("trigger data, " + what, 0.5)


def parked(size):
    """One that waits for a signal with so much data in its state, and no worker."""
    definition, path = waits()
    scene.again()
    identity = scene.start(definition, {"rows": json.loads(document(size, "parked"))})
    scene.waiting(identity)
    scene.none()
    return identity, path


@case
def state():
    """a state with 10 MB that is taken up again, and a signal with 6 MB, beside short executions"""
    identity, path = parked(10 * MB)
    scene.again()
    scene.signal(identity, "go", {"answer": json.loads(document(6 * MB, "signal"))})
    both_end(identity, scene.beside(), path)
    results = scene.backend.row(identity).state["node_results"]
    assert results["w"]["output"]["data"]["answer"] == json.loads(document(6 * MB, "signal")), "the signal's data"
    assert scene.data(scene.backend.row(identity))["rows"] == json.loads(document(10 * MB, "parked")), "the trigger's data"
    scene.judge("snapshot and signal", 0.5)


def reading(identity):
    """Until a worker holds it: it reads now, or has just read."""
    wait_until("the execution to be held", interval=0.001, condition=lambda: scene.backend.run(
        "SELECT worker IS NOT NULL FROM wfworker.task WHERE execution_id = %s", (identity,))[0][0])


@case
def killed():
    """kill -9 while a large state is read: the next worker goes on, and the request is sent once"""
    identity, path = parked(10 * MB)
    scene.signal(identity, "go", {})
    scene.again()
    reading(identity)
    time.sleep(0.02)
    sent = len(server.seen(path))
    scene.again()
    assert scene.backend.wait_end(identity).status == "completed"
    assert sent <= 1 and 1 <= len(server.seen(path)) <= 2
    assert sent == 1 or len(server.seen(path)) == 1, "a request that was not sent before was sent twice"


@case
def stopped():
    """SIGTERM while a large state is read: the worker ends with 0 without waiting for it, and the next one goes on"""
    identity, path = parked(10 * MB)
    scene.signal(identity, "go", {})
    scene.again()
    reading(identity)
    worker = scene.workers.pop()
    worker.process.send_signal(signal.SIGTERM)
    assert worker.wait() == 0, worker.log()[-2000:]
    assert scene.backend.run("SELECT count(*) FROM wfworker.task WHERE worker IS NOT NULL")[0][0] == 0
    scene.again()
    both_end(identity, [], path)


@case
def cancelled():
    """an execution that is ended from outside while its large state is read stays ended, and nothing of it is done"""
    identity, path = parked(10 * MB)
    scene.signal(identity, "go", {})
    scene.again()
    reading(identity)
    scene.backend.run("UPDATE workflowexecution SET status = 'failed', error_message = 'enough', completed_at = now() AT TIME ZONE 'UTC'"
                      " WHERE id = %s", (identity,))
    wait_until("the task to be over", lambda: scene.backend.run(
        "SELECT count(*) FROM wfworker.task WHERE execution_id = %s AND (worker IS NOT NULL OR due_at < 'infinity')", (identity,))[0][0] == 0)
    row = scene.backend.row(identity)
    assert (row.status, row.error_message) == ("failed", "enough")
    assert len(server.seen(path)) <= 1


@case
def deleted():
    """an execution whose row is deleted while its large state is read is forgotten, and the worker goes on"""
    identity, path = parked(10 * MB)
    scene.signal(identity, "go", {})
    scene.again()
    reading(identity)
    scene.backend.run("DELETE FROM workflowsignal WHERE execution_id = %s", (identity,))
    scene.backend.run("DELETE FROM executionlog WHERE execution_id = %s", (identity,))
    scene.backend.run("DELETE FROM workflowexecution WHERE id = %s", (identity,))
    for each in scene.beside(10):
        assert scene.backend.wait_end(each).status == "completed"
    assert scene.backend.run("SELECT count(*) FROM wfworker.task WHERE execution_id = %s", (identity,))[0][0] == 0
    assert len(server.seen(path)) <= 1


@case
def written_out():
    """values that hold each other: written out in their places, in order, and what would be more than 128 MiB is an error"""
    scene.none()
    identity = scene.start(graph([T], []), {})
    name = '"\\u0000%s"'
    ids = ["00000000-0000-4000-8000-%012d" % i for i in range(8)]

    def put(i, value):
        scene.backend.run("SELECT wfworker.put_payloads(%s, %s::uuid[], %s)", (identity, [ids[i]], [value]))

    def out(text):
        return scene.backend.run("SELECT wfworker.written_out(%s, %s)", (identity, text))[0][0]
    put(0, '{"b":[%s,1,%s]}' % (name % ids[1], name % ids[2]))
    put(1, '"one"')
    put(2, "[%s,%s]" % (name % ids[1], name % ids[7]))
    assert out("[%s,%s,2]" % (name % ids[2], name % ids[0])) == '[["one",null],{"b":["one",1,["one",null]]},2]'
    assert out('["\\u0000 is no name"]') == '["\\u0000 is no name"]' and out("") == "" and out(None) is None
    put(3, "[%s]" % ",".join([name % ids[4]] * 400))
    put(4, "[%s]" % ",".join([name % ids[5]] * 400))
    put(5, '"%s"' % ("x" * 1000))
    assert len(out(name % ids[4])) == 400 * 1003 + 1
    try:
        out(name % ids[3])
    except Exception as error:
        assert str(error).split("\n")[0] == \
            "the large values of execution %s are more than 128 MiB when they are written out" % identity, error
    else:
        raise AssertionError("160 MB were written out")


if __name__ == "__main__":
    sys.exit(main(keep_workers=True))
