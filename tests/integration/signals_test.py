# SPDX-License-Identifier: Apache-2.0
"""Signals: kept until somebody waits, each used once by one waiter, in the transaction that records it."""

import json
import uuid

from harness import Backend, Postgres, Worker, case, graph, main, now, wait_until, wfworker

FAST = {"WFWORKER_POLL_INTERVAL": "0.2", "WFWORKER_LEASE_SECONDS": "3"}

postgres = Postgres()
backend = Backend(postgres, "signals")


def send(identity, kind, data=None, to=backend):
    """A row as the backend writes it."""
    signal = str(uuid.uuid4())
    to.run("INSERT INTO workflowsignal (id, execution_id, signal_type, signal_data, received_at, processed)"
           " VALUES (%s, %s, %s, %s, %s, false)", (signal, identity, kind, json.dumps(data), now()))
    return signal


def rows(identity):
    return backend.run("SELECT id::text, processed FROM workflowsignal WHERE execution_id = %s ORDER BY received_at", (identity,))


def waits(identity, to=backend):
    wait_until("the execution to wait", lambda: to.row(identity).status == "waiting_for_signal")


def awaiting(**config):
    return backend.workflow(graph([("t", "trigger"), ("w", "await", config), ("e", "end")], [("t", "w"), ("w", "e")]))


def texts(identity, start):
    return [r[2] for r in backend.log(identity) if r[2].startswith(start)]


@case
def migrate():
    """migrate makes the index of signals and the trigger"""
    done = wfworker("migrate", "--db", backend.dsn)
    assert done.status == 0, done
    assert backend.run("SELECT wfworker.has_triggers()") == [(True,)]


@case
def after():
    """signals: a signal ends the wait; the row is the same one, processed; log rows and data as the backend's readers know them"""
    worker = Worker(backend.dsn)
    identity = backend.execution(awaiting(signal_type="paid"))
    waits(identity)
    assert backend.row(identity).current_node_id == "w"
    done = wfworker("explain", identity, "--db", backend.dsn)
    assert done.out.splitlines()[1:] == ["- node w waits for signal paid",
                                         "- no worker looks at it before something comes for it or its row is changed"], done
    other = send(identity, "other")
    signal = send(identity, "paid", {"amount": 5})
    row = backend.wait_end(identity)
    assert row.status == "completed", row
    assert row.state["execution_data"]["signal_paid"] == {"amount": 5}, row.state
    assert rows(identity) == [(other, False), (signal, True)], rows(identity)
    assert texts(identity, "Execution waiting") == ["Execution waiting for signal: paid"]
    assert texts(identity, "Signal") == ["Signal received and processed: paid"]
    assert worker.terminate() == 0, worker.log()


@case
def before():
    """one that comes before anybody waits is kept, also while no worker runs; first in, first out"""
    workflow = backend.workflow(graph([("t", "trigger"), ("a", "await", {"signal_type": "x"}), ("b", "await", {"signal_type": "x"}),
                                       ("e", "end")], [("t", "a"), ("a", "b"), ("b", "e")]))
    identity = backend.execution(workflow)
    send(identity, "x", 1)
    send(identity, "x", 2)
    worker = Worker(backend.dsn)
    row = backend.wait_end(identity)
    results = row.state["node_results"]
    assert [results[n]["output"]["data"] for n in "ab"] == [1, 2], results
    assert [processed for _, processed in rows(identity)] == [True, True]
    assert worker.terminate() == 0, worker.log()


@case
def restart():
    """a wait survives the worker; who answers while none runs is not late"""
    worker = Worker(backend.dsn)
    identity = backend.execution(awaiting(signal_type="x", timeout_seconds=2))
    waits(identity)
    worker.kill()
    send(identity, "x", "late?")
    wait_until("the deadline to be over", lambda: backend.run(
        "SELECT due_at + interval '2.5 s' < clock_timestamp() FROM wfworker.task WHERE execution_id = %s", (identity,)) == [(True,)])
    Worker(backend.dsn)
    row = backend.wait_end(identity)
    assert row.status == "completed" and row.state["execution_data"]["signal_x"] == "late?", row


@case
def two_workers():
    """two waiters, two workers, many signals: each is used exactly once, the surplus stays"""
    workers = [Worker(backend.dsn, env=FAST), Worker(backend.dsn, env=FAST)]
    nodes = [("t", "trigger"), ("a", "await", {"signal_type": "x"}), ("b", "await", {"signal_type": "x"}), ("j", "noop"), ("e", "end")]
    workflow = backend.workflow(graph(nodes, [("t", "a"), ("t", "b"), ("a", "j"), ("b", "j"), ("j", "e")]))
    identities = [backend.execution(workflow) for _ in range(20)]
    for identity in identities:
        waits(identity)
    for number in range(3):
        for identity in identities:
            send(identity, "x", number)
    workers[0].kill()
    for identity in identities:
        row = backend.wait_end(identity)
        results = row.state["node_results"]
        assert sorted(results[n]["output"]["data"] for n in "ab") == [0, 1], results
        assert sum(processed for _, processed in rows(identity)) == 2, rows(identity)
    assert workers[1].terminate() == 0, workers[1].log()


@case
def deadline():
    """a deadline takes branch timeout when there is one, else the node fails with timeout"""
    Worker(backend.dsn)
    config = {"signal_type": "x", "timeout_seconds": 0.3}
    nodes = [("t", "trigger"), ("w", "await", config), ("late", "noop"), ("good", "noop")]
    branched = backend.execution(backend.workflow(graph(nodes, [("t", "w"), ("w", "late", "timeout"), ("w", "good", "x")])))
    plain = backend.execution(awaiting(**config))
    assert backend.wait_end(branched).state["completed_node_ids"] == ["t", "w", "late"]
    row = backend.wait_end(plain)
    assert (row.status, row.error_message) == ("failed", "Node w failed: nothing that the node waits for came in time"), row


@case
def approval():
    """human_approval: the choice is the branch, another answer is refused and the node still waits"""
    Worker(backend.dsn)
    config = {"approval_message": "Pay?", "approval_options": ["pay", "refuse"]}
    nodes = [("t", "trigger"), ("h", "human_approval", config), ("p", "noop"), ("r", "noop")]
    identity = backend.execution(backend.workflow(graph(nodes, [("t", "h"), ("h", "p", "pay"), ("h", "r", "refuse")])))
    waits(identity)
    assert texts(identity, "Approval") == ["Approval requested: Pay? (answer with signal human_approval:h: pay, refuse)"]
    sent = wfworker("signal", identity, "human_approval", "--data", '"perhaps"', "--db", backend.dsn)
    assert (sent.status, sent.out) == (0, "%s: signal human_approval sent\n" % identity), sent
    wait_until("the refusal", lambda: texts(identity, "The answer"))
    assert texts(identity, "The answer") == ['The answer "perhaps" is refused, still waiting: it is none of pay, refuse']
    waits(identity)
    backend.run("SELECT wfworker.signal(%s, 'human_approval:h', '{\"choice\": \"refuse\", \"by\": \"Zo\u00eb\"}')", (identity,))
    row = backend.wait_end(identity)
    assert row.state["completed_node_ids"] == ["t", "h", "r"], row.state
    assert row.state["node_results"]["h"]["output"]["response"] == {"choice": "refuse", "by": "Zo\u00eb"}
    assert [processed for _, processed in rows(identity)] == [True, True]
    none = wfworker("signal", str(uuid.uuid4()), "x", "--db", backend.dsn)
    assert none.status == 1 and "there is no execution" in none.err, none


@case
def paused():
    """a signal to a paused execution is kept until it is resumed"""
    Worker(backend.dsn)
    identity = backend.execution(awaiting(signal_type="x"))
    waits(identity)
    backend.set_status(identity, "paused")
    signal = send(identity, "x", 1)
    wait_until("the worker to have looked", lambda: backend.run(
        "SELECT NOT poked AND worker IS NULL FROM wfworker.task WHERE execution_id = %s", (identity,)) == [(True,)])
    assert backend.row(identity).status == "paused" and rows(identity) == [(signal, False)]
    backend.set_status(identity, "running")
    assert backend.wait_end(identity).status == "completed"
    assert rows(identity) == [(signal, True)]


@case
def without_triggers():
    """where no trigger tells of signals the sweep finds them; jsonb is as good as json"""
    other = Backend(postgres, "signals_jsonb", json_type="jsonb")
    assert wfworker("migrate", "--db", other.dsn).status == 0
    other.run("DROP TRIGGER wfworker_signal ON workflowsignal")
    Worker(other.dsn, env=FAST)
    workflow = other.workflow(graph([("t", "trigger"), ("w", "await", {"signal_type": "x"}), ("e", "end")], [("t", "w"), ("w", "e")]))
    identity = other.execution(workflow)
    waits(identity, other)
    send(identity, "x", {"n": 1}, other)
    assert other.wait_end(identity).state["execution_data"]["signal_x"] == {"n": 1}


main()
