# SPDX-License-Identifier: Apache-2.0
"""sub_workflow: executions that start others, wait for them or not, and what becomes of both whatever happens to one."""

import contextlib
import time
import uuid

from harness import Backend, Postgres, Worker, case, graph, main, wait_until, wfworker

FAST = {"WFWORKER_POLL_INTERVAL": "0.2", "WFWORKER_LEASE_SECONDS": "3", "WORKFLOW_MAX_RETRIES": "0"}

postgres = Postgres()
backend = Backend(postgres, "children", json_type="jsonb")
assert wfworker("migrate", "--db", backend.dsn).status == 0

RECURSIVE = graph([("t", "trigger"), ("c", "condition", {"expression": "input.n > 0"}),
                   ("s", "sub_workflow", {"workflow_id": "self", "input_data": {"n": "${input.n - 1}"}, "wait_for_completion": True,
                                          "output": "result.s_output ? result.s_output.result + 1 : 1"}), ("e", "end")],
                  [("t", "c"), ("c", "s", "true"), ("c", "e", "false")])


def adds():
    return backend.workflow(graph([("t", "trigger"), ("sum", "set_variable", {"variable_name": "x", "variable_value": "${input.a + input.b}"}),
                                   ("e", "end")], [("t", "sum"), ("sum", "e")]))


def waiting():
    """A workflow that waits for the signal go."""
    return backend.workflow(graph([("t", "trigger"), ("w", "await", {"signal_type": "go"}), ("e", "end")], [("t", "w"), ("w", "e")]))


def failing():
    return backend.workflow(graph([("t", "trigger"), ("x", "terminate", {"status": "failed", "message": "no luck"})], [("t", "x")]))


def parent(child, edges=(), nodes=(), **config):
    return backend.workflow(graph([("t", "trigger"), ("s", "sub_workflow", {"workflow_id": child, **config}), ("e", "end"), *nodes],
                                  [("t", "s"), *(edges or [("s", "e")])]))


def children_of(identity):
    return [r[0] for r in backend.run("SELECT id::text FROM wfworker.child WHERE parent = %s", (identity,))]


def child_of(identity):
    found = wait_until("a child", lambda: children_of(identity))
    assert len(found) == 1, found
    return found[0]


def stands_at(identity, status):
    wait_until("%s to be %s" % (identity, status), lambda: backend.row(identity).status == status)


def go(identity):
    backend.run("SELECT wfworker.signal(%s, 'go')", (identity,))


def nothing_left():
    """What was asked was carried out, what was answered was used up."""
    wait_until("the outbox to be empty", lambda: backend.run("SELECT count(*) FROM wfworker.outbox") == [(0,)])
    wait_until("the inbox to be empty", lambda: backend.run("SELECT count(*) FROM wfworker.inbox") == [(0,)])


@case
def not_waiting():
    """without waiting: done as soon as the other one is started, which has all data of the parent, and goes its own way"""
    Worker(backend.dsn, env=FAST)
    child = waiting()
    identity = backend.execution(parent(child), data={"order": 7})
    row = backend.wait_end(identity)
    other = child_of(identity)
    start = backend.row(other)
    assert row.state["execution_data"]["s_output"] == {
        "sub_workflow_id": child, "sub_execution_id": start.execution_id, "sub_execution_uuid": other, "status": "started"}, row.state
    assert start.workflow_id == child and start.status in ("running", "waiting_for_signal"), start
    data = start.state["execution_data"]
    assert data["order"] == 7 and data["t_output"]["order"] == 7, data
    assert backend.log(other)[0] == ("start", "info", "Workflow execution started: " + start.execution_id), backend.log(other)
    go(other)
    assert backend.wait_end(other).status == "completed"
    nothing_left()


@case
def made_as_the_backend_does():
    """the row of a child has the columns and the ten keys of one that the backend makes"""
    Worker(backend.dsn, env=FAST)
    child = adds()
    ours = backend.execution(child, data={"a": 1, "b": 2}, status="paused")
    backend.run("CREATE TABLE IF NOT EXISTS seen AS SELECT * FROM workflowexecution WHERE false")
    backend.run("CREATE OR REPLACE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO seen SELECT NEW.*; RETURN NULL; END'")
    backend.run("CREATE TRIGGER see AFTER INSERT ON workflowexecution FOR EACH ROW EXECUTE FUNCTION see()")
    try:
        identity = backend.execution(parent(child, input_data={"a": 1, "b": 2}, wait_for_completion=True))
        backend.wait_end(identity)
    finally:
        backend.run("DROP TRIGGER see ON workflowexecution")
    made = backend.run("SELECT workflow_version, status, completed_at, error_message, current_node_id, retry_count, next_retry_at,"
                       " execution_state FROM seen WHERE id::text = %s", (child_of(identity),))[0]
    state, theirs = made[7], backend.row(ours).state
    assert made[:7] == (1, "running", None, None, None, 0, None), made
    assert set(state) == set(theirs) and state["execution_data"] == {"a": 1, "b": 2}, (state, theirs)
    assert len(state["started_at"]) == 26, state


@case
def waits():
    """waiting: parked, not held, status running; the result is the other one's data, or what output makes of them"""
    Worker(backend.dsn, env=FAST)
    child = waiting()
    identity = backend.execution(parent(child, input_data={"n": "${input.n * 2}"}, wait_for_completion=True))
    # the trigger gave no n: an unknown member is an error of the template, and nothing is started
    assert backend.wait_end(identity).status == "failed" and children_of(identity) == []
    identity = backend.execution(parent(child, input_data={"n": "${input.n * 2}"}, wait_for_completion=True), data={"n": 21})
    other = child_of(identity)
    stands_at(other, "waiting_for_signal")
    task = "SELECT worker, due_at < now() + interval '2 hours' FROM wfworker.task WHERE execution_id = %s"
    wait_until("the parent to be parked", lambda: backend.run(task, (identity,)) == [(None, True)])
    assert backend.row(identity).status == "running"
    go(other)
    row = backend.wait_end(identity)
    end = backend.row(other)
    assert row.state["execution_data"]["s_output"] == {
        "sub_workflow_id": child, "sub_execution_id": end.execution_id, "sub_execution_uuid": other, "status": "completed",
        "result": end.state["execution_data"], "error": None}, row.state
    assert end.state["execution_data"]["n"] == 42
    identity = backend.execution(parent(adds(), input_data={"a": 1, "b": 2}, wait_for_completion=True,
                                        output="{sum: result.sum_output.value, of: [result.a, result.b]}"))
    assert backend.wait_end(identity).state["execution_data"]["s_output"]["result"] == {"sum": 3, "of": [1, 2]}
    nothing_left()


@case
def by_name():
    """a workflow is named by its id, or by its name among those of the owner"""
    Worker(backend.dsn, env=FAST)
    name = "adder %s" % uuid.uuid4()
    child = adds()
    backend.run("UPDATE workflow SET name = %s WHERE id = %s", (name, child))
    row = backend.wait_end(backend.execution(parent(name, input_data={"a": 1, "b": 2}, wait_for_completion=True)))
    assert row.state["execution_data"]["s_output"]["sub_workflow_id"] == child, row


@case
def one_by_one():
    """a worker with room for one execution runs a chain of them: who waits holds nothing"""
    narrow = Worker(backend.dsn, "--concurrency", "1", env=FAST)
    row = backend.wait_end(backend.execution(backend.workflow(RECURSIVE), data={"n": 6}))
    assert row.state["execution_data"]["s_output"]["result"] == 6, row.state
    assert narrow.terminate() == 0, narrow.log()


@case
def until_idle():
    """run --until-idle does not end while something that was asked for is not done"""
    workflow = backend.workflow(RECURSIVE)
    identity = backend.execution(workflow, data={"n": 3})
    done = wfworker("run", "--until-idle", "--db", backend.dsn, env=FAST, timeout=60)
    assert done.status == 0, done
    assert backend.row(identity).status == "completed", backend.row(identity)
    assert backend.run("SELECT count(*) FROM workflowexecution WHERE workflow_id = %s AND status = 'completed'", (workflow,)) == [(4,)]


@case
def depth():
    """32 executions below the first one are possible, the 33rd is refused, and every one above it fails"""
    Worker(backend.dsn, env=FAST)
    workflow = backend.workflow(RECURSIVE)
    row = backend.wait_end(backend.execution(workflow, data={"n": 32}))
    assert row.status == "completed" and row.state["execution_data"]["s_output"]["result"] == 32, row
    row = backend.wait_end(backend.execution(workflow, data={"n": 33}))
    assert row.status == "failed", row
    assert row.error_message.startswith("Node s failed: execution exec-"), row.error_message
    assert backend.run("SELECT error_message FROM wfworker.child c JOIN workflowexecution x ON x.id = c.id WHERE x.workflow_id = %s AND depth = 32"
                       " AND error_message IS NOT NULL", (workflow,)) == [
        ("Node s failed: executions that start each other are nested more than 32 deep",)]
    assert backend.run("SELECT count(*), max(depth) FROM wfworker.child c JOIN workflowexecution x ON x.id = c.id WHERE x.workflow_id = %s",
                       (workflow,)) == [(64, 32)]
    nothing_left()


@case
def failures():
    """a child that fails: an edge error, a catch, a retry with a new child, and else the execution, without a try of its own"""
    Worker(backend.dsn, env={**FAST, "WORKFLOW_MAX_RETRIES": "3"})
    child = failing()
    row = backend.wait_end(backend.execution(parent(child, [("s", "e", "error")], wait_for_completion=True)))
    error = row.state["execution_data"]["s_output"]["error"]
    name = error["details"]["sub_execution_id"]
    assert row.status == "completed" and error["type"] == "child_failed", row
    assert error["message"] == "execution %s failed: no luck" % name, error
    tries = graph([("t", "try"), ("s", "sub_workflow", {"workflow_id": child, "wait_for_completion": True}),
                   ("c", "catch", {"error_type": "child_failed"}), ("e", "end")], [("t", "s", "body"), ("t", "c", "catch"), ("t", "e", "done")])
    row = backend.wait_end(backend.execution(backend.workflow(tries)))
    assert row.status == "completed" and "c" in row.state["completed_node_ids"], row
    again = graph([("s", "sub_workflow", {"workflow_id": child, "wait_for_completion": True, "retry": {"max_attempts": 3, "initial_ms": 1}})], [])
    identity = backend.execution(backend.workflow(again))
    row = backend.wait_end(identity)
    assert row.status == "failed" and row.retry_count == 0 and len(children_of(identity)) == 3, (row, children_of(identity))
    identity = backend.execution(parent(child, wait_for_completion=True))
    row = backend.wait_end(identity)
    assert row.error_message == "Node s failed: execution %s failed: no luck" % backend.row(child_of(identity)).execution_id, row
    nothing_left()


@case
def not_started():
    """an unknown, an inactive and somebody else's workflow are errors of the node, waiting or not"""
    Worker(backend.dsn, env=FAST)
    missing = str(uuid.uuid4())
    idle = backend.workflow(graph([("t", "trigger")], []), active=False)
    foreign = adds()
    backend.run("INSERT INTO \"user\" SELECT (json_populate_record(u, json_build_object('id', gen_random_uuid(), 'email', gen_random_uuid(),"
                " 'clerk_user_id', null))).* FROM \"user\" u LIMIT 1")
    backend.run("UPDATE workflow SET owner_id = (SELECT u.id FROM \"user\" u WHERE u.id <> owner_id LIMIT 1) WHERE id = %s", (foreign,))
    for child, kind, text in ((missing, "workflow_unknown", 'there is no workflow "%s"' % missing),
                              (idle, "workflow_inactive", 'workflow "%s" is not active' % idle),
                              (foreign, "workflow_foreign", 'workflow "%s" belongs to somebody else' % foreign)):
        for wait in (False, True):
            identity = backend.execution(parent(child, [("s", "e", "error")], wait_for_completion=wait))
            error = backend.wait_end(identity).state["execution_data"]["s_output"]["error"]
            assert (error["type"], error["message"]) == (kind, text), error
            assert children_of(identity) == []
    row = backend.wait_end(backend.execution(parent(adds(), input_data=[1])))
    assert row.error_message == "Node s failed: input_data must be an object: it becomes the data of the other execution", row


@case
def deadline():
    """timeout_seconds: branch timeout, else the failure; the child is terminated, or goes on"""
    Worker(backend.dsn, env=FAST)
    child = waiting()
    identity = backend.execution(parent(child, [("s", "e", "timeout")], wait_for_completion=True, timeout_seconds=0.3))
    row = backend.wait_end(identity)
    other = child_of(identity)
    assert row.status == "completed" and row.state["execution_data"]["s_output"] == {
        "sub_workflow_id": child, "sub_execution_uuid": other, "status": "timeout"}, row.state
    end = backend.wait_end(other)
    assert (end.status, end.error_message) == ("failed", "the node of the parent execution that waited for it has ended"), end
    identity = backend.execution(parent(child, wait_for_completion=True, timeout_seconds=0.3, parent_close="abandon"))
    assert backend.wait_end(identity).error_message == "Node s failed: the other execution was not over in time"
    other = child_of(identity)
    go(other)
    assert backend.wait_end(other).status == "completed"
    nothing_left()


@case
def terminated():
    """a parent that is terminated, failed by a plain UPDATE or deleted takes its children with it, and theirs; not those that it abandons"""
    Worker(backend.dsn, env=FAST)
    child = waiting()
    middle = parent(child, wait_for_completion=True)
    ends = (lambda i: backend.run("SELECT wfworker.terminate(%s, 'enough')", (i,)), lambda i: backend.set_status(i, "failed", "enough", True),
            lambda i: backend.run("DELETE FROM workflowexecution WHERE id = %s", (i,)))
    for n, end in enumerate(ends):
        identity = backend.execution(parent(middle, wait_for_completion=True))
        inner = child_of(identity)
        innermost = child_of(inner)
        stands_at(innermost, "waiting_for_signal")
        end(identity)
        texts = [backend.wait_end(i).error_message for i in (inner, innermost)]
        assert texts[0] == ("the parent execution was deleted" if n == 2 else texts[0]), texts
        assert all("parent execution" in text for text in texts), texts
    for config in ({"wait_for_completion": True, "parent_close": "abandon"}, {}):
        identity = backend.execution(parent(child, [("s", "w"), ("w", "e")], [("w", "await", {"signal_type": "never"})], **config))
        other = child_of(identity)
        stands_at(other, "waiting_for_signal")
        backend.run("SELECT wfworker.terminate(%s)", (identity,))
        assert backend.wait_end(identity).status == "failed"
        go(other)
        assert backend.wait_end(other).status == "completed"
    # without waiting, and yet tied to it
    identity = backend.execution(parent(child, [("s", "w"), ("w", "e")], [("w", "await", {"signal_type": "never"})], parent_close="cancel"))
    other = child_of(identity)
    stands_at(identity, "waiting_for_signal")
    backend.run("SELECT wfworker.terminate(%s)", (identity,))
    assert backend.wait_end(other).error_message == "the parent execution has failed"
    nothing_left()


@case
def lost_branch():
    """a branch that lost takes its child with it"""
    Worker(backend.dsn, env=FAST)
    workflow = backend.workflow(graph([("t", "trigger"), ("s", "sub_workflow", {"workflow_id": waiting(), "wait_for_completion": True}),
                                       ("w", "await", {"signal_type": "go"}), ("j", "end", {"join": "any"})],
                                      [("t", "s"), ("t", "w"), ("s", "j"), ("w", "j")]))
    identity = backend.execution(workflow)
    other = child_of(identity)
    stands_at(other, "waiting_for_signal")
    go(identity)
    assert backend.wait_end(identity).status == "completed"
    assert backend.wait_end(other).error_message == "the node of the parent execution that waited for it has ended"


@case
def child_from_outside():
    """a child whose row vanishes, that is terminated, or set to completed by somebody: its parent is told"""
    Worker(backend.dsn, env=FAST)
    for change, type_ in (("DELETE FROM workflowexecution WHERE id = %s", "child_deleted"), ("SELECT wfworker.terminate(%s, 'enough')", "child_failed"),
                          ("UPDATE workflowexecution SET status = 'completed', completed_at = now() WHERE id = %s", None)):
        identity = backend.execution(parent(waiting(), [("s", "e"), ("s", "x", "error")], [("x", "end")], wait_for_completion=True))
        other = child_of(identity)
        stands_at(other, "waiting_for_signal")
        wait_until("nobody to hold it", lambda: backend.run("SELECT worker FROM wfworker.task WHERE execution_id = %s", (other,)) == [(None,)])
        backend.run(change, (other,))
        row = backend.wait_end(identity)
        output = row.state["execution_data"]["s_output"]
        assert row.status == "completed" and output["error"] == type_ if type_ is None else output["error"]["type"] == type_, row
    nothing_left()


@case
def child_retried():
    """a child that fails and is tried again is not over; one that was over and is retried by hand changes nothing any more"""
    Worker(backend.dsn, env={**FAST, "WORKFLOW_MAX_RETRIES": "1"})
    child = backend.workflow(graph([("t", "trigger"), ("h", "http_request", {"url": "http://127.0.0.1:9/"})], [("t", "h")]))
    identity = backend.execution(parent(child, wait_for_completion=True))
    other = child_of(identity)
    row = backend.wait_end(identity)
    end = backend.row(other)
    assert (row.status, end.status, end.retry_count) == ("failed", "failed", 1), (row, end)
    assert row.completed_at >= end.completed_at, (row, end)
    backend.run("SELECT wfworker.retry(%s)", (other,))
    wait_until("the child to fail again", lambda: backend.row(other).completed_at and backend.row(other).completed_at != end.completed_at)
    assert backend.row(identity).completed_at == row.completed_at
    nothing_left()


@case
def parent_again():
    """retry and replay of the parent start a new child, a paused parent hears of the end when it is resumed"""
    Worker(backend.dsn, env=FAST)
    identity = backend.execution(parent(waiting(), wait_for_completion=True))
    first = child_of(identity)
    stands_at(first, "waiting_for_signal")
    backend.run("SELECT wfworker.terminate(%s)", (first,))
    assert backend.wait_end(identity).status == "failed"
    backend.run("SELECT wfworker.retry(%s)", (identity,))
    second = wait_until("a second child", lambda: [c for c in children_of(identity) if c != first])[0]
    stands_at(second, "waiting_for_signal")
    backend.set_status(identity, "paused")
    go(second)
    assert backend.wait_end(second).status == "completed"
    time.sleep(0.5)
    assert backend.row(identity).status == "paused"
    backend.set_status(identity, "running")
    assert backend.wait_end(identity).status == "completed"
    again = backend.run("SELECT id::text FROM wfworker.replay(%s)", (identity,))[0][0]
    third = child_of(again)
    stands_at(third, "waiting_for_signal")
    go(third)
    assert backend.wait_end(again).status == "completed" and third not in (first, second)


@case
def killed():
    """kill -9 of the worker while the start is on its way, and while it waits: one child, and the parent goes on"""
    child = waiting()
    one = Worker(backend.dsn, env=FAST)
    with contextlib.closing(postgres.connect("children")) as connection, connection.cursor() as cursor:
        connection.autocommit = False
        cursor.execute("LOCK TABLE wfworker.child")  # the ask is durable, but cannot be carried out
        identity = backend.execution(parent(child, wait_for_completion=True))
        wait_until("the ask to stand in the outbox", lambda: backend.run("SELECT tries > 0 FROM wfworker.outbox WHERE execution_id = %s", (identity,)))
        one.kill()
        connection.rollback()
    two = Worker(backend.dsn, env=FAST)
    other = child_of(identity)
    stands_at(other, "waiting_for_signal")
    two.kill()
    go(other)
    Worker(backend.dsn, env=FAST)
    Worker(backend.dsn, env=FAST)
    assert backend.wait_end(identity).status == "completed"
    assert children_of(identity) == [other]
    nothing_left()


@case
def many():
    """300 children of one map, with two workers whose connections are cut again and again: each is started once, each ends in its pass"""
    Worker(backend.dsn, env=FAST)
    Worker(backend.dsn, env=FAST)
    child = adds()
    workflow = backend.workflow(graph([("m", "for", {"array_expression": "input.items", "max_concurrency": 300, "keep": 300}),
                                       ("s", "sub_workflow", {"workflow_id": child, "input_data": {"a": "${item}", "b": 1}, "wait_for_completion": True,
                                                              "output": "result.sum_output.value"}), ("e", "end")],
                                      [("m", "s", "body"), ("m", "e", "done")]))
    identity = backend.execution(workflow, data={"items": list(range(300))})
    for _ in range(10):
        time.sleep(0.2)
        backend.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'wfworker%' AND pid <> pg_backend_pid()"
                    " AND random() < 0.5")
    row = backend.wait_end(identity)
    assert row.status == "completed", row
    assert [r["result"] for r in row.state["execution_data"]["m_output"]["results"]] == [n + 1 for n in range(300)], row.state
    assert backend.run("SELECT count(*) FROM workflowexecution WHERE workflow_id = %s", (child,)) == [(300,)]
    nothing_left()


@case
def reserved():
    """answers cannot be forged: their types are refused, and not believed when they are written all the same"""
    Worker(backend.dsn, env=FAST)
    identity = backend.execution(parent(waiting(), wait_for_completion=True))
    other = child_of(identity)
    stands_at(other, "waiting_for_signal")
    done = wfworker("signal", identity, ":child:" + other, "--db", backend.dsn)
    assert done.status == 1 and "types of signals that begin with a colon are the worker's own" in done.err, done
    backend.run("INSERT INTO workflowsignal (id, execution_id, signal_type, signal_data, received_at, processed)"
                " VALUES (gen_random_uuid(), %s, %s, '{\"status\": \"completed\"}', now(), false)", (identity, ":child:" + other))
    time.sleep(0.5)
    assert backend.row(identity).status == "running"
    go(other)
    assert backend.wait_end(identity).status == "completed"


@case
def people():
    """show names the parent and the children, explain says for whose end a node waits, or for which signal"""
    Worker(backend.dsn, env=FAST)
    name = "inner %s" % str(uuid.uuid4())[:8]
    child = waiting()
    backend.run("UPDATE workflow SET name = %s WHERE id = %s", (name, child))
    identity = backend.execution(parent(child, wait_for_completion=True))
    other = child_of(identity)
    stands_at(other, "waiting_for_signal")
    outer, inner = backend.row(identity).execution_id, backend.row(other).execution_id
    wait_until("nobody to hold it", lambda: backend.run("SELECT worker FROM wfworker.task WHERE execution_id = %s", (identity,)) == [(None,)])
    shown = wfworker("show", identity, "--db", backend.dsn).out
    assert [line.split() for line in shown.splitlines()][-2:] == [
        ["CHILD", "NODE", "WORKFLOW", "STATUS"], [inner, "s", *name.split(), "waiting_for_signal"]], shown
    shown = wfworker("show", other, "--db", backend.dsn).out
    assert "Parent     %s, node s\n" % outer in shown, shown
    told = wfworker("explain", identity, "--db", backend.dsn).out
    assert "- %s of workflow %s, for which node s waits, is waiting_for_signal\n" % (inner, name) in told, told
    assert "- node s waits for the end of execution %s, until " % other in told, told
    told = wfworker("explain", other, "--db", backend.dsn).out
    assert "- node w waits for signal go\n" in told, told
    go(other)
    backend.wait_end(identity)


main()
