# SPDX-License-Identifier: Apache-2.0
"""The outbox: what executions ask for is carried out once and in order, whoever does it and whatever somebody has locked.
No worker runs here: the test calls what workers call."""

import contextlib

from harness import Backend, Postgres, Worker, case, graph, main, wait_until, wfworker

postgres = Postgres()
backend = Backend(postgres, "outbox", json_type="jsonb")
assert wfworker("migrate", "--db", backend.dsn).status == 0
backend.run("CREATE TABLE noted (n integer)")
backend.run("""CREATE FUNCTION wfworker.ask_note(p_execution uuid, p_body json) RETURNS void LANGUAGE sql AS $$
                   INSERT INTO noted VALUES ((p_body ->> 'n')::integer) $$""")
WAITING = backend.workflow(graph([("t", "trigger"), ("w", "await", {"signal_type": "x"}), ("e", "end")], [("t", "w"), ("w", "e")]))


@contextlib.contextmanager
def transaction():
    with contextlib.closing(postgres.connect(backend.database)) as connection, connection.cursor() as cursor:
        connection.autocommit = False
        yield connection, cursor
        connection.rollback()


def ask(execution, kind, body="{}", run=backend.run):
    run("INSERT INTO wfworker.outbox (execution_id, kind, body) VALUES (%s, %s, %s)", (execution, kind, body))


def deliver():
    return backend.run("SELECT wfworker.deliver(200)")[0][0]


def noted():
    return [r[0] for r in backend.run("SELECT n FROM noted ORDER BY n")]


def outbox():
    return backend.run("SELECT execution_id::text, kind, tries FROM wfworker.outbox ORDER BY id")


def clean():
    backend.run("DELETE FROM wfworker.outbox")
    backend.run("DELETE FROM noted")


@case
def once():
    """what another worker is carrying out is left to it, also when something older is committed only now"""
    clean()
    execution = backend.execution(WAITING)
    with transaction() as (older, cursor), transaction() as (other, at_work):
        ask(execution, "poke", run=cursor.execute)
        ask(execution, "note", '{"n": 1}')
        ask(execution, "note", '{"n": 2}')
        at_work.execute("SELECT wfworker.deliver(1)")
        older.commit()
        deliver()
        assert noted() == [], noted()
        other.commit()
    assert noted() == [1], noted()
    assert deliver() is None
    assert noted() == [1, 2] and outbox() == [], (noted(), outbox())


@case
def refused():
    """what the database refuses is tried again when who asked cannot be told now, and keeps nobody else from his turn"""
    clean()
    first, second = backend.execution(WAITING), backend.execution(WAITING)
    with transaction() as (_, cursor):
        cursor.execute("SELECT FROM wfworker.task WHERE execution_id = %s FOR UPDATE", (first,))
        ask(first, "nothing", '{"reply": ":answer:1"}')
        ask(second, "note", '{"n": 3}')
        assert deliver() is not None
        assert noted() == [3] and outbox() == [(first, "nothing", 1)], (noted(), outbox())
    wait_until("the answer", lambda: deliver() is None)
    assert backend.run("SELECT type, data ->> 'status', data -> 'error' ->> 'type' FROM wfworker.inbox WHERE execution_id = %s", (first,)) == [
        (":answer:1", "refused", "ask_refused")]


@case
def locked():
    """many who wait for what somebody has locked keep neither the others nor what was answered before them waiting"""
    clean()
    target = backend.execution(WAITING)
    senders = backend.executions(WAITING, 30)
    other = backend.execution(WAITING)
    with transaction() as (_, cursor):
        cursor.execute("SELECT FROM workflowexecution WHERE id = %s FOR UPDATE", (target,))
        for i, sender in enumerate(senders):
            ask(sender, "send", '{"id": "a%d", "execution": "%s", "type": "x", "data": null}' % (i, target))
        ask(other, "note", '{"n": 4}')
        deliver()
        assert sum(tries for _, _, tries in outbox()) == 5, outbox()
        for _ in range(6):
            deliver()
        assert noted() == [4], outbox()
    wait_until("all of them", lambda: deliver() is None)
    assert backend.run("SELECT count(*) FROM workflowsignal WHERE execution_id = %s", (target,)) == [(30,)]


@case
def deleted_children():
    """what is known of a child goes with its row"""
    clean()
    worker = Worker(backend.dsn, env={"WFWORKER_POLL_INTERVAL": "0.2"})
    child = backend.workflow(graph([("t", "trigger"), ("e", "end")], [("t", "e")]))
    parent = backend.workflow(graph([("t", "trigger"), ("s", "sub_workflow", {"workflow_id": child, "wait_for_completion": True}), ("e", "end")],
                                    [("t", "s"), ("s", "e")]))
    for way in ("trigger", "sweep"):
        identity = backend.execution(parent)
        assert backend.wait_end(identity).status == "completed"
        wait_until("nothing to be left to do", lambda: outbox() == [])
        found = backend.run("SELECT id::text, told FROM wfworker.child WHERE parent = %s", (identity,))
        assert len(found) == 1 and found[0][1], found
        if way == "sweep":
            backend.run("ALTER TABLE workflowexecution DISABLE TRIGGER wfworker_delete")
        backend.run("DELETE FROM executionlog WHERE execution_id = %s", (found[0][0],))
        backend.run("DELETE FROM workflowexecution WHERE id = %s", (found[0][0],))
        if way == "sweep":
            backend.run("ALTER TABLE workflowexecution ENABLE TRIGGER wfworker_delete")
            backend.run("SELECT wfworker.sweep_asks(true)")
        assert backend.run("SELECT 1 FROM wfworker.child WHERE parent = %s", (identity,)) == [], way
    assert worker.terminate() == 0, worker.log()


main()
