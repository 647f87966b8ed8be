# SPDX-License-Identifier: Apache-2.0
"""Requests for approval as rows: opened with the wait, answered by wfworker.answer() and the command, closed however the node ends."""

import json

import psycopg2

from harness import Backend, Postgres, Worker, case, graph, main, wait_until, wfworker

FAST = {"WFWORKER_POLL_INTERVAL": "0.2", "WFWORKER_LEASE_SECONDS": "3"}

postgres = Postgres()
backend = Backend(postgres, "approvals")


def asking(edges=(), name="orders", **config):
    return backend.workflow(graph(
        [("t", "trigger"), ("ok", "human_approval", config), ("yes", "noop"), ("no", "noop"), ("late", "noop")],
        [("t", "ok"), ("ok", "yes", "approve"), ("ok", "no", "reject"), *edges]), name=name)


def requests(identity, columns="how, choice, answered_by"):
    return backend.run("SELECT " + columns + " FROM wfworker.approval WHERE execution_id = %s ORDER BY id", (identity,))


def asked(identity, count=1):
    wait_until("%d open requests" % count, lambda: backend.run(
        "SELECT count(*) FROM wfworker.approvals WHERE execution = %s", (identity,)) == [(count,)])


def closed(identity, expected):
    wait_until(lambda: "the requests to be %s, they are %s" % (expected, requests(identity)), lambda: requests(identity) == expected)


def refused(text, values):
    try:
        backend.run(text, values)
    except psycopg2.Error as error:
        return error.pgerror.split("\nCONTEXT")[0]
    raise AssertionError("not refused: %s" % (values,))


@case
def migrate():
    """migrate makes the table"""
    done = wfworker("migrate", "--db", backend.dsn)
    assert done.status == 0, done


@case
def answered():
    """human_approval: the request is a row with message, options, default and deadline; the answer is another row, and closes it"""
    worker = Worker(backend.dsn, env=FAST)
    identity = backend.execution(asking(approval_message="Pay ${input.n}?", timeout_seconds=3600, default_option="reject"), {"n": 5})
    asked(identity)
    row = backend.row(identity)
    assert row.status == "waiting_for_signal", row
    assert backend.run("SELECT execution_id, execution::text, workflow, node, message, options, default_option,"
                       " round(extract(epoch FROM deadline - asked_at)) FROM wfworker.approvals WHERE execution = %s", (identity,)) == [
        (row.execution_id, identity, "orders", "ok", "Pay 5?", ["approve", "reject"], "reject", 3600)]
    assert backend.run("SELECT count(*) FROM workflowsignal WHERE execution_id = %s", (identity,)) == [(0,)]
    request = requests(identity, "id, ask")[0]
    backend.run("SELECT wfworker.answer(%s, 'approve', %s, 'ada')", (request[0], json.dumps({"why": "fine"})))
    row = backend.wait_end(identity)
    assert row.status == "completed" and row.state["completed_node_ids"] == ["t", "ok", "yes"], row
    answer = {"choice": "approve", "data": {"why": "fine"}, "answered_by": "ada", "request": request[1]}
    assert row.state["node_results"]["ok"]["output"] == {
        "status": "answered", "message": "Pay 5?", "choice": "approve", "response": answer}, row.state
    closed(identity, [("answered", "approve", "ada")])
    assert requests(identity, "answer") == [(answer,)]
    assert backend.run("SELECT signal_type, signal_data, processed FROM workflowsignal WHERE execution_id = %s", (identity,)) == [
        ("human_approval:ok", answer, True)]
    assert worker.terminate() == 0, worker.log()


@case
def command():
    """wfworker approvals lists what is open, wfworker answer answers it"""
    worker = Worker(backend.dsn, env=FAST)
    identity = backend.execution(asking(name="invoices", approval_options=["approve", "reject"]))
    asked(identity)
    name = backend.row(identity).execution_id
    listed = json.loads(wfworker("approvals", "--json", "--db", backend.dsn).out)
    assert [{k: r[k] for k in r if k not in ("id", "asked_at")} for r in listed] == [
        {"execution_id": name, "workflow_name": "invoices", "node": "ok", "message": "Please approve this action",
         "options": ["approve", "reject"], "default_option": None, "deadline": None}], listed
    lines = wfworker("approvals", "--db", backend.dsn).out.splitlines()
    assert len(lines) == 2 and lines[1].split()[:3] == [name, "ok", "invoices"], lines
    assert lines[1].endswith("approve, reject  Please approve this action"), lines
    done = wfworker("explain", name, "--json", "--db", backend.dsn)
    reasons = {r["reason"]: r["text"] for r in json.loads(done.out)["reasons"]}
    assert reasons == {
        "approval": 'node ok asks for approval: Please approve this action; "wfworker answer %s ok approve|reject" answers it' % name,
        "no_timer": "no worker looks at it before something comes for it or its row is changed"}, done
    done = wfworker("answer", name, "ok", "perhaps", "--db", backend.dsn)
    assert (done.status, done.err) == (1, 'wfworker: "perhaps" is no answer to the request of node "ok"\n'
                                          "DETAIL:  The answers are: approve, reject.\n"), done
    done = wfworker("answer", name, "ok", "reject", "--data", "[1]", "--by", "grace", "--db", backend.dsn)
    assert (done.status, done.out) == (0, name + ": node ok is answered with reject\n"), done
    row = backend.wait_end(identity)
    assert row.state["completed_node_ids"] == ["t", "ok", "no"], row
    closed(identity, [("answered", "reject", "grace")])
    done = wfworker("answer", name, "ok", "reject", "--db", backend.dsn)
    assert (done.status, done.err) == (1, 'wfworker: node "ok" of execution "%s" does not ask for approval\n'
                                          'HINT:  "wfworker approvals" shows the open requests.\n' % name), done
    assert wfworker("approvals", "--db", backend.dsn).out.count("\n") == 1
    assert worker.terminate() == 0, worker.log()


@case
def two_waiters():
    """two requests of one node: an answer reaches the one that it is for, by execution and node the oldest, each once"""
    workers = [Worker(backend.dsn, env=FAST), Worker(backend.dsn, env=FAST)]
    workflow = backend.workflow(graph(
        [("t", "trigger"), ("l", "for", {"array_expression": "[0, 1, 2]", "max_concurrency": 3}),
         ("ok", "human_approval", {"approval_message": "item ${item}", "approval_options": ["a", "b", "c"]}), ("e", "end")],
        [("t", "l"), ("l", "ok", "body"), ("l", "e", "done")]))
    identity = backend.execution(workflow)
    asked(identity, 3)
    ids = {message: number for number, message in requests(identity, "id, message")}
    assert sorted(ids) == ["item 0", "item 1", "item 2"], ids
    backend.run("SELECT wfworker.answer(%s, 'c')", (ids["item 2"],))
    assert refused("SELECT wfworker.answer(%s, 'b')", (ids["item 2"],)) == (
        'ERROR:  the request for approval of node "ok" in execution "%s" is answered already\n'
        'HINT:  "wfworker approvals" shows the open ones.' % backend.row(identity).execution_id)
    asked(identity, 2)
    backend.run("SELECT wfworker.answer(%s, 'ok', 'a')", (identity,))
    backend.run("SELECT wfworker.answer(%s, 'ok', 'b')", (identity,))
    row = backend.wait_end(identity)
    results = [(r["message"], r["choice"]) for r in row.state["node_results"]["l"]["output"]["results"]]
    oldest = [m for m, in requests(identity, "message") if m != "item 2"]
    assert sorted(results) == sorted([("item 2", "c"), (oldest[0], "a"), (oldest[1], "b")]), (results, oldest)
    assert [w.terminate() for w in workers] == [0, 0]


@case
def ends():
    """a request is closed by its deadline, by an answer that comes as a plain signal, by a cancel, by the end of the execution, whoever
    ends it; a deleted execution has none"""
    worker = Worker(backend.dsn, env=FAST)
    identity = backend.execution(asking([("ok", "late", "timeout")], timeout_seconds=0.2))
    assert backend.wait_end(identity).state["completed_node_ids"] == ["t", "ok", "late"]
    closed(identity, [("timeout", None, None)])
    identity = backend.execution(asking(timeout_seconds=0.2))
    assert backend.wait_end(identity).status == "failed"
    closed(identity, [("timeout", None, None)])
    identity = backend.execution(asking(timeout_seconds=0.2, default_option="reject"))
    assert backend.wait_end(identity).state["completed_node_ids"] == ["t", "ok", "no"]
    closed(identity, [("timeout", "reject", None)])
    identity = backend.execution(asking())
    asked(identity)
    backend.run("SELECT wfworker.signal(%s, 'human_approval', %s)", (identity, json.dumps("maybe")))  # refused, still open
    backend.run("SELECT wfworker.signal(%s, 'human_approval', %s)", (identity, json.dumps("approve")))
    assert backend.wait_end(identity).status == "completed"
    closed(identity, [("answered", "approve", None)])
    for end in ("SELECT wfworker.terminate(%s)", "UPDATE workflowexecution SET status = 'failed', completed_at = now() WHERE id = %s"):
        identity = backend.execution(asking())
        asked(identity)
        number = requests(identity, "id")[0][0]
        backend.run(end, (identity,))
        closed(identity, [("cancelled", None, None)])
        assert refused("SELECT wfworker.answer(%s, 'approve')", (number,)).split("\n")[0].endswith("is withdrawn")
    cancelled = backend.workflow({
        "nodes": [{"node_id": "t", "node_type": "trigger"}, {"node_id": "ok", "node_type": "human_approval"},
                  {"node_id": "d", "node_type": "delay", "config": {"delay_seconds": 0.5}}, {"node_id": "j", "node_type": "noop", "join": "any"}],
        "edges": [{"from": "t", "to": "ok"}, {"from": "t", "to": "d"}, {"from": "ok", "to": "j"}, {"from": "d", "to": "j"}]})
    identity = backend.execution(cancelled)
    assert backend.wait_end(identity).status == "completed"
    closed(identity, [("cancelled", None, None)])
    identity = backend.execution(asking())
    asked(identity)
    backend.run("DELETE FROM executionlog WHERE execution_id = %s", (identity,))
    backend.run("DELETE FROM workflowexecution WHERE id = %s", (identity,))
    closed(identity, [])
    assert worker.terminate() == 0, worker.log()


@case
def killed():
    """a request outlives its worker, and is answered while none runs; one that is paused can be answered, too"""
    worker = Worker(backend.dsn, env=FAST)
    identity = backend.execution(asking())
    paused = backend.execution(asking())
    asked(identity)
    asked(paused)
    worker.kill()
    backend.run("SELECT wfworker.answer(%s, 'ok', 'approve')", (identity,))
    backend.set_status(paused, "paused")
    worker = Worker(backend.dsn, env=FAST)
    assert backend.wait_end(identity).status == "completed"
    closed(identity, [("answered", "approve", "postgres")])
    backend.run("SELECT wfworker.answer(%s, 'ok', 'reject')", (paused,))
    assert requests(paused) == [(None, None, None)]
    backend.set_status(paused, "running")
    assert backend.wait_end(paused).state["completed_node_ids"] == ["t", "ok", "no"]
    closed(paused, [("answered", "reject", "postgres")])
    assert worker.terminate() == 0, worker.log()


@case
def retried():
    """each attempt asks anew: the request of the one before is closed"""
    worker = Worker(backend.dsn, env=FAST)
    workflow = backend.workflow({
        "nodes": [{"node_id": "t", "node_type": "trigger"},
                  {"node_id": "ok", "node_type": "human_approval", "config": {"timeout_seconds": 0.2},
                   "retry": {"max_attempts": 2, "initial_ms": 100, "retry_on": ["timeout"]}}],
        "edges": [{"from": "t", "to": "ok"}]})
    identity = backend.execution(workflow)
    assert backend.wait_end(identity).status == "failed"
    closed(identity, [("timeout", None, None), ("timeout", None, None)])
    assert worker.terminate() == 0, worker.log()


main()
