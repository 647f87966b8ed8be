# SPDX-License-Identifier: Apache-2.0
"""Locks that executions share (mutex), signals that they send each other (send_signal)."""

import contextlib
import json
import uuid

from harness import Answer, Backend, HttpServer, Postgres, Worker, case, graph, main, wait_until, wfworker

FAST = {"WFWORKER_POLL_INTERVAL": "0.2", "WFWORKER_LEASE_SECONDS": "3", "WFWORKER_HTTP_GUARD": "off"}

postgres = Postgres()
backend = Backend(postgres, "locks")
server = HttpServer()


def critical(key="k", edges=(), **config):
    """A workflow that calls /in and /out while it holds the lock."""
    url = server.url + "/%s?key=" + key + "&e=${execution.id}"
    return backend.workflow(graph(
        [("t", "trigger"), ("m", "mutex", {"key": key, **config}), ("in", "http_request", {"url": url % "in"}),
         ("out", "http_request", {"url": url % "out"}), ("e", "end"), ("late", "noop")],
        [("t", "m"), ("m", "in", "body"), ("in", "out"), ("m", "e", "done"), *edges]))


def visits(key="k"):
    """(in or out, execution) in the order of the requests."""
    with server.lock:
        return [(r.path[1:].split("?")[0], r.path.split("&e=")[1]) for r in server.requests if "?key=" + key + "&" in r.path]


def check_alone(key, most=1):
    """Never more than so many inside; who is inside may come in again when its worker was lost."""
    inside = set()
    for what, who in visits(key):
        if what == "in":
            inside.add(who)
        else:
            inside.discard(who)
        assert len(inside) <= most, (inside, visits(key))


def locks(key="k"):
    return backend.run("SELECT execution::text, held, place FROM wfworker.locks WHERE key = %s ORDER BY place", (key,))


def waits_for(identity, key="k"):
    wait_until("%s to wait for the lock" % identity, lambda: (identity, False) in [r[:2] for r in locks(key)])


def holds(identity, key="k"):
    wait_until("%s to hold the lock" % identity, lambda: (identity, True) in [r[:2] for r in locks(key)])


@contextlib.contextmanager
def gate():
    """/in answers only after the end of this."""
    opened = []
    with server.lock:
        server.script["/in"] = [Answer(until=lambda: opened)]
    try:
        yield
    finally:
        opened.append(True)
        with server.lock:
            server.script["/in"] = [Answer()]


def texts(identity, word):
    return [r[2] for r in backend.log(identity) if word in r[2]]


@case
def migrate():
    """migrate makes the tables"""
    done = wfworker("migrate", "--db", backend.dsn)
    assert done.status == 0, done


@case
def alone():
    """mutex: 50 executions and two workers, one of which is killed: never two inside, and all come through"""
    workers = [Worker(backend.dsn, env=FAST), Worker(backend.dsn, env=FAST)]
    workflow = critical("many")
    identities = backend.executions(workflow, 50)
    wait_until("some to be through", lambda: backend.ended(workflow) >= 10)
    workers[0].kill()
    workers.append(Worker(backend.dsn, env=FAST))
    backend.wait_ended_count(workflow, 50)
    check_alone("many")
    assert {who for what, who in visits("many") if what == "out"} == set(identities)
    assert {backend.row(i).status for i in identities} == {"completed"}
    assert locks("many") == [], locks("many")
    assert [w.terminate() for w in workers[1:]] == [0, 0]


@case
def first_in_first_out():
    """mutex: whoever asks first is first, across executions and workers; the log says who waits and holds"""
    workers = [Worker(backend.dsn, env=FAST), Worker(backend.dsn, env=FAST)]
    workflow = critical("fifo")
    identities = []
    with gate():
        for i in range(8):
            identities.append(backend.execution(workflow))
            (holds if i == 0 else waits_for)(identities[-1], "fifo")
        assert locks("fifo") == [(identities[0], True, 0)] + [(e, False, n + 1) for n, e in enumerate(identities[1:])], locks("fifo")
    backend.wait_ended_count(workflow, 8)
    assert visits("fifo") == [(what, who) for who in identities for what in ("in", "out")], visits("fifo")
    assert texts(identities[1], "lock") == ["Execution waiting for lock: fifo", "Execution holds lock: fifo"], texts(identities[1], "lock")
    assert [w.terminate() for w in workers] == [0, 0]


@case
def limit():
    """mutex: limit is how many may be inside at the same time"""
    worker = Worker(backend.dsn, env=FAST)
    workflow = critical("three", limit=3)
    with gate():
        identities = backend.executions(workflow, 6)
        wait_until("three inside and three waiting", lambda: [r[1:] for r in locks("three")] ==
                   [(True, 0), (True, 0), (True, 0), (False, 1), (False, 2), (False, 3)])
        wait_until("three requests", lambda: len(visits("three")) == 3)
    backend.wait_ended_count(workflow, 6)
    check_alone("three", 3)
    assert {backend.row(i).status for i in identities} == {"completed"}
    assert worker.terminate() == 0, worker.log()


@case
def killed():
    """mutex: an execution whose worker is killed keeps the lock, and another worker goes on with it"""
    first = Worker(backend.dsn, env=FAST)
    workflow = critical("kill")
    with gate():
        holder = backend.execution(workflow)
        holds(holder, "kill")
        waiter = backend.execution(workflow)
        waits_for(waiter, "kill")
        wait_until("the request", lambda: visits("kill"))
        first.kill()
        second = Worker(backend.dsn, env=FAST)
        wait_until("the request of the second worker", lambda: len(visits("kill")) == 2)
        assert locks("kill") == [(holder, True, 0), (waiter, False, 1)], locks("kill")
    backend.wait_ended_count(workflow, 2)
    assert visits("kill") == [("in", holder), ("in", holder), ("out", holder), ("in", waiter), ("out", waiter)], visits("kill")
    assert second.terminate() == 0, second.log()


@case
def given_back():
    """mutex: the lock is given back when its body fails, the holder is terminated by whomever, or deleted; while it is paused it is kept"""
    worker = Worker(backend.dsn, env=FAST)
    workflow = critical("back")
    ends = {
        "terminate": lambda e: backend.run("SELECT wfworker.terminate(%s)", (e,)),
        "update": lambda e: backend.set_status(e, "failed", "enough", completed=True),
        "completed": lambda e: backend.set_status(e, "completed", completed=True),
        "delete": lambda e: (backend.run("DELETE FROM executionlog WHERE execution_id = %s", (e,)),
                             backend.run("DELETE FROM workflowexecution WHERE id = %s", (e,))),
    }
    for what, end in ends.items():
        with gate():
            holder = backend.execution(workflow)
            holds(holder, "back")
            waiter = backend.execution(workflow)
            waits_for(waiter, "back")
            end(holder)
            holds(waiter, "back")
        assert backend.wait_end(waiter).status == "completed", what
    failing = backend.workflow(graph(
        [("t", "trigger"), ("m", "mutex", {"key": "back"}), ("x", "get_variable", {"variable_name": "nothing"}), ("e", "end")],
        [("t", "m"), ("m", "x", "body"), ("m", "e", "done")]))
    row = backend.wait_end(backend.execution(failing))
    assert row.status == "failed" and row.error_message.startswith("Node x failed: "), row
    with gate():
        holder = backend.execution(workflow)
        holds(holder, "back")
        wait_until("the holder's request", lambda: any(who == holder for _, who in visits("back")))
        backend.set_status(holder, "paused")
        waiter = backend.execution(workflow)
        waits_for(waiter, "back")
    wait_until("the request to be answered", lambda: "in" in backend.row(holder).state["completed_node_ids"])
    assert locks("back") == [(holder, True, 0), (waiter, False, 1)], locks("back")
    backend.set_status(holder, "running")
    assert backend.wait_end(waiter).status == "completed"
    wait_until("no lock to be left", lambda: locks("back") == [])
    assert worker.terminate() == 0, worker.log()


@case
def without_workers():
    """mutex: who holds a lock and is ended while no worker runs gives it back once one does"""
    worker = Worker(backend.dsn, env=FAST)
    workflow = critical("none")
    with gate():
        holder = backend.execution(workflow)
        holds(holder, "none")
        waiters = [backend.execution(workflow)]
        waits_for(waiters[0], "none")
        wait_until("the request", lambda: visits("none"))
        worker.kill()
        backend.set_status(holder, "failed", "enough", completed=True)
        waiters.append(backend.execution(workflow))
        assert locks("none") == [(holder, True, 0), (waiters[0], False, 1)], locks("none")
    worker = Worker(backend.dsn, env=FAST)
    assert [backend.wait_end(w).status for w in waiters] == ["completed", "completed"]
    assert [who for what, who in visits("none") if what == "out"] == waiters, visits("none")
    assert worker.terminate() == 0, worker.log()


@case
def deadline():
    """mutex: without the lock in time branch timeout is taken, or the node fails; the place in the queue is given up"""
    worker = Worker(backend.dsn, env=FAST)
    workflow = critical("late")
    branch = critical("late", edges=[("m", "late", "timeout")], timeout_seconds=0.3)
    without = critical("late", timeout_seconds=0.3)
    with gate():
        holder = backend.execution(workflow)
        holds(holder, "late")
        row = backend.wait_end(backend.execution(branch))
        assert row.status == "completed" and row.state["completed_node_ids"] == ["t", "m", "late"], row
        row = backend.wait_end(backend.execution(without))
        assert row.status == "failed" and row.error_message == 'Node m failed: the lock "late" was not free in time', row
        wait_until("the places to be given up", lambda: locks("late") == [(holder, True, 0)])
    assert backend.wait_end(holder).status == "completed"
    wait_until("the lock to be free", lambda: locks("late") == [])
    assert worker.terminate() == 0, worker.log()


@case
def explained():
    """wfworker explain says who holds the lock that an execution waits for, wfworker locks shows them all"""
    worker = Worker(backend.dsn, env=FAST)
    workflow = critical("why")
    with gate():
        holder = backend.execution(workflow)
        holds(holder, "why")
        waiter = backend.execution(workflow)
        waits_for(waiter, "why")
        names = [backend.row(e).execution_id for e in (holder, waiter)]
        done = wfworker("explain", waiter, "--json", "--db", backend.dsn)
        reasons = {r["reason"]: r["text"] for r in json.loads(done.out)["reasons"]}
        assert reasons["lock"] == 'node m waits for the lock "why", at place 1; it is held by %s' % names[0], done
        done = wfworker("locks", "--json", "--db", backend.dsn)
        rows = json.loads(done.out)
        assert [(r["key"], r["execution_id"], r["node"], r["held"], r["place"]) for r in rows] == [
            ("why", names[0], "m", True, 0), ("why", names[1], "m", False, 1)], done
        lines = wfworker("locks", "--db", backend.dsn).out.splitlines()
        assert [line.split()[:1] + line.split()[-2:] for line in lines] == [
            ["LOCK", "EXECUTION", "NODE"], ["why", names[0], "m"], ["why", names[1], "m"]], lines
    backend.wait_ended_count(workflow, 2)
    assert worker.terminate() == 0, worker.log()


def sending(**config):
    return backend.workflow(graph([("t", "trigger"), ("s", "send_signal", config), ("e", "end")], [("t", "s"), ("s", "e")]))


@case
def signals():
    """send_signal: to itself, to others by id and execution_id, exactly once, as rows of workflowsignal; to nobody fails"""
    workers = [Worker(backend.dsn, env=FAST), Worker(backend.dsn, env=FAST)]
    itself = backend.workflow(graph(
        [("t", "trigger"), ("s", "send_signal", {"signal_type": "x", "data": [1]}), ("w", "await", {"signal_type": "x"}), ("e", "end")],
        [("t", "s"), ("s", "w"), ("w", "e")]))
    row = backend.wait_end(backend.execution(itself))
    results = row.state["node_results"]
    assert row.status == "completed" and results["w"]["output"]["data"] == [1], row
    signal = results["s"]["output"]["signal_id"]
    assert results["s"]["output"] == {"status": "sent", "signal_type": "x", "execution": row.execution_id, "signal_id": signal}, results
    assert backend.run("SELECT signal_type, signal_data, processed FROM workflowsignal WHERE id = %s", (signal,)) == [("x", [1], True)]

    collector = backend.workflow(graph(
        [("t", "trigger"), ("l", "repeat", {"repeat_count": 20}), ("w", "await", {"signal_type": "n"}), ("e", "end")],
        [("t", "l"), ("l", "w", "body"), ("l", "e", "done")]))
    target = backend.row(backend.execution(collector))
    for name in (target.id, target.execution_id):
        backend.executions(sending(signal_type="n", execution=name, data="${input.i}"), 10,
                           lambda i: {"i": i + (0 if name == target.id else 10)})
    row = backend.wait_end(target.id)
    got = [r["data"] for r in row.state["node_results"]["l"]["output"]["results"]]
    assert sorted(got) == list(range(20)), got
    assert backend.run("SELECT count(*), bool_and(processed) FROM workflowsignal WHERE execution_id = %s", (target.id,)) == [(20, True)]

    row = backend.wait_end(backend.execution(sending(signal_type="n", execution="exec-nobody")))
    assert row.status == "failed" and row.error_message == 'Node s failed: there is no execution "exec-nobody"', row
    row = backend.wait_end(backend.execution(sending(signal_type="n", execution=target.id)))
    assert row.error_message == ('Node s failed: execution "%s" is completed, nothing waits for a signal there any more' % target.id), row
    row = backend.wait_end(backend.execution(sending(signal_type=":lock:1")))
    assert row.error_message == ("Node s failed: signal_type must be a text of 1 to 100 characters that does not begin with a colon"), row
    assert [w.terminate() for w in workers] == [0, 0]


@case
def foreign():
    """send_signal: an execution of another owner is unknown, by whatever name"""
    worker = Worker(backend.dsn, env=FAST)
    waiting = backend.workflow(graph([("t", "trigger"), ("w", "await", {"signal_type": "x"}), ("e", "end")], [("t", "w"), ("w", "e")]))
    target = backend.row(backend.execution(waiting))
    other = str(uuid.uuid4())
    backend.run('INSERT INTO "user" (email, is_active, is_superuser, hashed_password, id) VALUES (%s, true, false, %s, %s)',
                ("other@example.com", "x", other))
    for name in (target.id, target.execution_id):
        workflow = sending(signal_type="x", execution=name)
        backend.run("UPDATE workflow SET owner_id = %s WHERE id = %s", (other, workflow))
        row = backend.wait_end(backend.execution(workflow))
        assert row.status == "failed" and row.error_message == 'Node s failed: there is no execution "%s"' % name, row
    assert backend.run("SELECT count(*) FROM workflowsignal WHERE execution_id = %s", (target.id,)) == [(0,)]
    backend.wait_end(backend.execution(sending(signal_type="x", execution=target.id)))
    assert backend.wait_end(target.id).status == "completed"
    assert worker.terminate() == 0, worker.log()


@case
def locked_target():
    """send_signal: while somebody has locked the execution that is to get it, the sender waits and others go on"""
    worker = Worker(backend.dsn, env=FAST)
    target = backend.execution(backend.workflow(graph(
        [("t", "trigger"), ("w", "await", {"signal_type": "x"}), ("e", "end")], [("t", "w"), ("w", "e")])))
    wait_until("the target to wait", lambda: backend.row(target).status == "waiting_for_signal")
    with contextlib.closing(postgres.connect(backend.database)) as other:
        other.autocommit = False
        with other.cursor() as cursor:
            cursor.execute("SELECT FROM workflowexecution WHERE id = %s FOR UPDATE", (target,))
            sender = backend.execution(sending(signal_type="x", execution=target))
            assert backend.wait_end(backend.execution(sending(signal_type="y"))).status == "completed"
            wait_until("a try in vain", lambda: backend.run(
                "SELECT tries > 0 FROM wfworker.outbox WHERE execution_id = %s", (sender,)) == [(True,)])
        other.rollback()
    assert backend.wait_end(target).status == "completed"
    assert backend.wait_end(sender).status == "completed"
    assert worker.terminate() == 0, worker.log()


main()
