# SPDX-License-Identifier: Apache-2.0
"""Node types that not all workers have: an execution runs where all of its types are, and fails when nobody has them."""

import json
import os
import re
import shutil
import sys

from harness import BUILDDIR, Backend, Postgres, Worker, case, graph, main, tmpdir, wait_until, wfworker

PLUGIN = os.path.join(BUILDDIR, "tests/plugins/.libs/good.so")
if not os.path.exists(PLUGIN):
    print("1..0 # SKIP the plugins of the tests are not built: configure without --disable-tests, make check")
    sys.exit(0)

T = ("t", "trigger", {"trigger_type": "manual"})
SPECIAL = graph([T, ("s", "test.loop", {"do": "done"}), ("e", "end")], [("t", "s"), ("s", "e")])
PLAIN = graph([T, ("e", "end")], [("t", "e")])
LEFT = "execution left to a worker that has its node types"
NAMES = iter(range(1000))

postgres = Postgres()
directory = os.path.join(tmpdir(), "special")
os.mkdir(directory, 0o755)
shutil.copy(PLUGIN, directory)


class Scene:
    def __init__(self):
        self.backend = Backend(postgres, "routing_%d" % next(NAMES))
        assert wfworker("migrate", "--db", self.backend.dsn).status == 0

    def worker(self, name, special):
        started = Worker(self.backend.dsn, "--log-level", "debug", *(("--plugin-dir", directory) if special else ()), name=name)
        wait_until("it to say what it has", lambda: self.backend.run(
            "SELECT 1 FROM wfworker.worker WHERE pid = %s AND node_types IS NOT NULL", (started.process.pid,))
            or self.backend.run("SELECT 1 FROM wfworker.worker WHERE name LIKE %s AND node_types IS NOT NULL",
                                ("%%:%d" % started.process.pid,)))
        return started

    def ended(self, identity, status):
        row = self.backend.wait_end(identity)
        assert row.status == status, row
        return row


@case
def handed_over():
    """what one worker cannot do another one does; from the second execution of a workflow on nobody else takes it up"""
    s = Scene()
    plain = s.worker("plain", False)
    special = s.worker("special", True)
    workflow = s.backend.workflow(SPECIAL)
    wait_until("the worker without the type to come first", lambda: s.ended(s.backend.execution(workflow), "completed")
               and plain.lines(LEFT))
    assert len(plain.lines(LEFT)) == 1, plain.lines(LEFT)
    many = s.backend.executions(workflow, 300)
    others = s.backend.executions(s.backend.workflow(PLAIN), 50)
    for identity in many + others:
        s.ended(identity, "completed")
    assert len(plain.lines(LEFT)) == 1, plain.lines(LEFT)
    assert not plain.lines("execution failed") and not special.lines("execution failed")


@case
def backlog_first():
    """300 wait when only the worker without the type is there and another one comes: none fails, each is left at most once"""
    s = Scene()
    # One that is alive as far as the registry knows, and takes nothing.
    s.backend.run("INSERT INTO wfworker.worker (id, name, version, node_types) VALUES (5, 'far away', '', '{trigger,end,test.loop}')")
    many = s.backend.executions(s.backend.workflow(SPECIAL), 300)
    plain = s.worker("plain", False)
    wait_until("the worker without the type to leave them", lambda: plain.lines(LEFT))
    wait_until("it to hold none", lambda: not s.backend.run(
        "SELECT 1 FROM wfworker.task t JOIN wfworker.worker w ON w.id = t.worker WHERE w.name LIKE %s",
        ("%%:%d" % plain.process.pid,)))
    s.worker("special", True)
    for identity in many:
        s.ended(identity, "completed")
    left = len(plain.lines(LEFT))
    assert 1 <= left <= 300, left  # those that were claimed until it was found out, each once
    assert len(set(re.search(r"execution=(\S+)", line).group(1) for line in plain.lines(LEFT))) == left
    assert not plain.lines("execution failed")


@case
def nobody():
    """a type that nobody has fails the execution, as with one worker, and does not go round"""
    s = Scene()
    workers = [s.worker("plain", False) for _ in range(2)]
    row = s.ended(s.backend.execution(s.backend.workflow(SPECIAL)), "failed")
    assert row.state["node_results"]["s"]["output"]["error"]["type"] == "node_type_unknown", row.state["node_results"]["s"]
    assert not workers[0].lines(LEFT) and not workers[1].lines(LEFT)


@case
def gone():
    """once the only worker with the type has ended, what needs it fails; once it is back, what is new runs"""
    s = Scene()
    s.worker("plain", False)
    special = s.worker("special", True)
    workflow = s.backend.workflow(SPECIAL)
    s.ended(s.backend.execution(workflow), "completed")
    assert special.terminate() == 0
    s.ended(s.backend.execution(workflow), "failed")
    s.worker("special", True)
    s.ended(s.backend.execution(workflow), "completed")


@case
def begun_elsewhere():
    """an execution that keeps its old definition goes where that one's types are, whatever the workflow needs now"""
    s = Scene()
    plain = s.worker("plain", False)
    s.worker("special", True)
    waiting = graph([T, ("w", "await", {"signal_type": "go"}), ("s", "test.loop", {"do": "done"})],
                    [("t", "w"), ("w", "s")])
    workflow = s.backend.workflow(waiting)
    identity = s.backend.execution(workflow)
    wait_until("it to wait", lambda: s.backend.row(identity).status == "waiting_for_signal")
    s.backend.run("UPDATE workflow SET graph_config = %s WHERE id = %s", (json.dumps(PLAIN), workflow))
    s.ended(s.backend.execution(workflow), "completed")
    s.backend.run("SELECT wfworker.signal(%s, 'go', '{}')", (identity,))
    s.ended(identity, "completed")
    assert not plain.lines("execution failed")


@case
def woken_for_each():
    """one statement that inserts executions of several workflows wakes somebody for each thing that is needed, unless all are busy"""
    s = Scene()
    b = s.backend
    workflows = [b.workflow(PLAIN) for _ in range(3)]
    for workflow, needs in zip(workflows, ("{a}", "{b}", None)):
        b.run("SELECT wfworker.lane_of(%s, '', %s::text[])", (workflow, needs))
    b.run("INSERT INTO wfworker.worker (id, name, version, idle, node_types) VALUES (11, 'a', '', true, '{a}'),"
          " (12, 'b', '', true, '{b}'), (13, 'c', '', true, '{c}')")
    connection = postgres.connect(b.database)

    def woken(*which):
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO workflowexecution (id, workflow_id, workflow_version, execution_id, status, started_at,"
                           " retry_count) SELECT gen_random_uuid(), w, 1, gen_random_uuid()::text, 'running', now(), 0"
                           " FROM unnest(%s::uuid[]) w, generate_series(1, 3)", ([workflows[n] for n in which],))
        connection.poll()
        channels = [n.channel for n in connection.notifies]
        del connection.notifies[:]
        return sorted(channels)
    with connection.cursor() as cursor:
        for number in (11, 12, 13):
            cursor.execute("LISTEN wfworker_%d" % number)
    assert woken(0, 1) == ["wfworker_11", "wfworker_12"]
    assert woken(1) == ["wfworker_12"]
    assert len(woken(2)) == 2
    everybody = woken(0, 1, 2)
    assert {"wfworker_11", "wfworker_12"} <= set(everybody), everybody
    b.run("UPDATE wfworker.worker SET idle = false")
    assert woken(0, 1, 2) == []
    connection.close()


sys.exit(main())
