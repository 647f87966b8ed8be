# SPDX-License-Identifier: Apache-2.0
"""The functions of schema wfworker are part of the caller's transaction: what is rolled back never was, what is committed is
there together with the caller's own rows, and the worker sees nothing in between."""

import contextlib
import hashlib
import json
import sys
import uuid

from expect import END, completed, log_is, ran
from harness import add_case, case, graph, main, now, psycopg2, signal, time, wait_until
from scene import Scene, T, postgres, server

REASON = "no longer wanted"
scene = Scene("jsonb", name="transactions")
backend = scene.backend
backend.run("CREATE TABLE own_order (id integer PRIMARY KEY, execution uuid)")


@contextlib.contextmanager
def transaction():
    """A connection of the caller's own; what is not committed is rolled back."""
    with contextlib.closing(postgres.connect(backend.database)) as connection, connection.cursor() as cursor:
        connection.autocommit = False
        yield connection, cursor
        connection.rollback()


def contents():
    """Every row of every table but those that say that a worker lives."""
    tables = [t for t,
              in backend.run("SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname IN ('public', 'wfworker')"
                                      " AND tablename NOT IN ('worker', 'upkeep', 'lease') ORDER BY 1")]
    return {t: hashlib.sha256(repr(sorted(str(r) for r in backend.run("SELECT x::text FROM %s x" % t))).encode()).hexdigest() for t in tables}


def quiet():
    """No worker holds anything, and nothing is due: what follows is the caller's alone."""
    wait_until("the worker to be idle", lambda: not backend.run(
        "SELECT 1 FROM wfworker.task WHERE worker IS NOT NULL OR due_at <= now()"))


class Waiting:
    """One execution in every state that a function may find."""

    def __init__(self):
        wait = [T, ("w", "await", {"signal_type": "go"}), ("e", "end")], [("t", "w"), ("w", "e")]
        self.workflow = backend.workflow(graph(*wait), "transactions")
        self.waiting = backend.execution(self.workflow)
        self.paused = backend.execution(self.workflow)
        self.failed = scene.start(graph([T, ("c", "condition", {"expression": "nope"})], [("t", "c")]))
        self.completed = scene.start(graph([T, ("n", "noop")], [("t", "n")]))
        for identity in (self.waiting, self.paused):
            scene.waiting(identity)
        backend.run("SELECT wfworker.pause(%s)", (self.paused,))
        for identity in (self.failed, self.completed):
            backend.wait_end(identity)
        self.schedule = str(backend.run("SELECT wfworker.add_schedule(%s, '0 0 1 1 *')", (self.workflow,))[0][0])
        wait_until("the schedule's next time", lambda: backend.run(
            "SELECT next_run_at IS NOT NULL FROM workflowschedule WHERE id = %s", (self.schedule,)) == [(True,)])


@contextlib.contextmanager
def nothing_remains():
    quiet()
    before = contents()
    assert len(before) > 10, before
    yield
    time.sleep(0.1)
    quiet()
    after = contents()
    assert after == before, {t for t in after if after[t] != before.get(t)}


CALLS = {
    "pause": "SELECT wfworker.pause(%(waiting)s)",
    "resume": "SELECT wfworker.resume(%(paused)s)",
    "terminate": "SELECT wfworker.terminate(%(waiting)s, 'no longer wanted')",
    "retry": "SELECT wfworker.retry(%(failed)s)",
    "replay": "SELECT wfworker.replay(%(completed)s)",
    "replay from a node": "SELECT wfworker.replay(%(completed)s, 'n', '{\"a\": 1}')",
    "signal": "SELECT wfworker.signal(%(waiting)s, 'go', '[1]')",
    "submit": "SELECT wfworker.submit(%(workflow)s, '{\"a\": 1}', 'key', 'high')",
    "adopt": "SELECT wfworker.adopt(%(completed)s)",
    "add_schedule": "SELECT wfworker.add_schedule(%(workflow)s::uuid, '* * * * *')",
    "pause_schedule": "SELECT wfworker.pause_schedule(%(schedule)s::uuid, true)",
    "run_schedule": "SELECT wfworker.run_schedule(%(schedule)s::uuid)",
    "remove_schedule": "SELECT wfworker.remove_schedule(%(schedule)s::uuid)",
    "a row of the backend's own": "INSERT INTO workflowsignal (id, execution_id, signal_type, signal_data, received_at, processed)"
                                  " VALUES (gen_random_uuid(), %(waiting)s, 'go', '1', now(), false)",
}
things = Waiting()


def rolled_back(text):
    with nothing_remains(), transaction() as (_, cursor):
        with contextlib.suppress(psycopg2.errors.ObjectNotInPrerequisiteState):
            cursor.execute(text, vars(things))
        time.sleep(0.05)


for called, statement in CALLS.items():
    add_case("%s: rolled back, it never was" % called, lambda s=statement: rolled_back(s))


@case
def all_rolled_back():
    """all of them in one transaction, rolled back to a savepoint and then as a whole"""
    with nothing_remains(), transaction() as (_, cursor):
        for text in CALLS.values():
            cursor.execute("SAVEPOINT before")
            try:
                cursor.execute(text, vars(things))
            except psycopg2.errors.ObjectNotInPrerequisiteState:
                cursor.execute("ROLLBACK TO before")


@case
def with_own_rows():
    """submit and the caller's own row: both or neither, and the worker begins at the commit"""
    with transaction() as (connection, cursor):
        cursor.execute("SELECT id FROM wfworker.submit(%s, '{\"order\": 7}')", (things.workflow,))
        identity = cursor.fetchone()[0]
        cursor.execute("INSERT INTO own_order VALUES (7, %s)", (identity,))
        time.sleep(0.3)
        assert backend.row(identity) is None and backend.run("SELECT 1 FROM wfworker.task WHERE execution_id = %s",
                                                             (identity,)) == []
        connection.commit()
    scene.waiting(identity)
    assert backend.run("SELECT execution::text FROM own_order") == [(str(identity),)]
    with contextlib.suppress(psycopg2.errors.UniqueViolation), transaction() as (connection, cursor):
        cursor.execute("SELECT id FROM wfworker.submit(%s, '{\"order\": 7}', 'order 7')", (things.workflow,))
        cursor.execute("INSERT INTO own_order VALUES (7, NULL)")
    assert backend.run("SELECT count(*) FROM workflowexecution WHERE workflow_id = %s", (things.workflow,)) == [(3,)]
    again = backend.run("SELECT id FROM wfworker.submit(%s, '{\"order\": 7}', 'order 7')", (things.workflow,))[0][0]
    assert backend.run("SELECT id FROM wfworker.submit(%s, '{}', 'order 7')",
                       (things.workflow,))[0][0] == again, "the key is taken now, not before"


@case
def several_in_one():
    """several functions in one transaction act in their order: submitted, signalled and paused, it waits for nobody"""
    with transaction() as (connection, cursor):
        cursor.execute("SELECT id FROM wfworker.submit(%s)", (things.workflow,))
        identity = str(cursor.fetchone()[0])
        cursor.execute("SELECT wfworker.signal(%s, 'go', '\"early\"'), wfworker.pause(%s)", (identity, identity))
        connection.commit()
    time.sleep(0.3)
    quiet()
    row = backend.row(identity)
    assert row.status == "paused" and row.state["completed_node_ids"] == [] and scene.signals(identity)[0][1] is False, row
    with transaction() as (connection, cursor):
        cursor.execute("SELECT wfworker.resume(%s), wfworker.pause(%s), wfworker.resume(%s)", (identity,) * 3)
        connection.commit()
    row = completed(backend, identity, ["t", "w", "e"])
    assert scene.data(row)["w_output"]["data"] == "early" and scene.signals(identity)[0][1] is True, row


@case
def a_row_and_its_workflow():
    """a workflow, its execution and the signal that it waits for, inserted as the backend does, in one transaction"""
    workflow, identity = str(uuid.uuid4()), str(uuid.uuid4())
    definition = graph([T, ("w", "await", {"signal_type": "go"}), ("e", "end")], [("t", "w"), ("w", "e")])
    state = {"execution_id": "exec-000000000001", "workflow_id": workflow, "workflow_version": 1, "status": "running",
             "current_node_id": None,
             "completed_node_ids": [], "node_results": {}, "execution_data": {}, "started_at": now().isoformat(),
             "retry_count": 0}
    with transaction() as (connection, cursor):
        cursor.execute("INSERT INTO workflow (name, is_active, version, trigger_config, graph_config, id, owner_id, created_at, updated_at)"
                       " VALUES ('x', true, 1, '{}', %s, %s, %s, now(), now())",
                       (json.dumps(definition), workflow, backend.owner))
        cursor.execute("INSERT INTO workflowexecution (id, workflow_id, workflow_version, execution_id, status, started_at, execution_state, retry_count)"
                       " VALUES (%s, %s, 1, 'exec-000000000001', 'running', %s, %s, 0)",
                       (identity, workflow, now(), json.dumps(state)))
        cursor.execute("INSERT INTO workflowsignal (id, execution_id, signal_type, signal_data, received_at, processed)"
                       " VALUES (gen_random_uuid(), %s, 'go', '{\"n\": 1}', %s, false)", (identity, now()))
        time.sleep(0.3)
        connection.commit()
    row = completed(backend, identity, ["t", "w", "e"])
    assert scene.data(row)["signal_go"] == {"n": 1}, row


@case
def long_transaction():
    """a transaction that holds a row does not keep the worker from the others, and its change wins when it commits"""
    gate = []
    path = scene.path()
    server.script[path] = [server.script[path][0]._replace(until=lambda: gate)]
    held, other = (scene.start(graph([T, ("h", *scene.call(path)), ("n", "noop")], [("t", "h"), ("h", "n")])) for _ in range(2))
    for identity in (held, other):
        scene.shown(identity, "h")
    with transaction() as (connection, cursor):
        cursor.execute("SELECT wfworker.terminate(%s, %s)", (held, REASON))
        gate.append(True)
        completed(backend, other, ["t", "h", "n"])
        connection.commit()
    wait_until("it to be let go", lambda: not backend.run("SELECT 1 FROM wfworker.task WHERE execution_id = %s", (held,)))
    row = backend.row(held)
    assert (row.status, row.error_message) == ("failed", REASON) and "n" not in row.state["completed_node_ids"], row
    log = [m for _, _, m in backend.log(held)]
    assert "Execution terminated: " + REASON in log and "Executing node: n" not in log, log
    log_is(backend, other, ran("t", "h", "n") + END)


@case
def cancelled_at_once():
    """terminate reaches a node that runs at once: its request is cut, nobody waits for its answer"""
    path = scene.path()
    ended = []
    server.script[path] = [server.script[path][0]._replace(until=lambda: ended)]
    identity = scene.start(graph([T, ("h", *scene.call(path)), ("n", "noop")], [("t", "h"), ("h", "n")]))
    wait_until("the request", lambda: server.seen(path))
    scene.shown(identity, "h")
    with transaction() as (connection, cursor):
        cursor.execute("SELECT wfworker.terminate(%s)", (identity,))
        connection.commit()
    wait_until("the worker to have dropped it while the answer is still held back", lambda: not backend.run(
        "SELECT 1 FROM wfworker.task WHERE execution_id = %s", (identity,)))
    worker = scene.workers[0]
    worker.process.send_signal(signal.SIGUSR1)
    worker.wait_line(r"statistics why=requested .* running=0 ")
    ended.append(True)
    row = backend.row(identity)
    assert row.status == "failed" and row.error_message == "Execution terminated by user", row


if __name__ == "__main__":
    sys.exit(main(keep_workers=True))
