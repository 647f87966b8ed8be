# SPDX-License-Identifier: Apache-2.0
"""What a durable point writes, and how many there are: no more than the promises need.

Times are never part of what is asserted: on a slow machine an execution may be shown once more than it has to be.  So the least of
several is looked at, and what must never be less is asserted of all."""

import sys

from harness import Answer, Backend, HttpServer, Postgres, Worker, case, contextlib, graph, main, time, wait_until, wfworker

postgres = Postgres()
server = HttpServer()
backend = Backend(postgres, "points")
assert wfworker("migrate", "--db", backend.dsn).status == 0
backend.run("CREATE TABLE noted (id uuid, node text)")
backend.run("CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO noted VALUES (NEW.id, NEW.current_node_id);"
            " RETURN NULL; END $$")
backend.run("CREATE TRIGGER note AFTER UPDATE ON workflowexecution FOR EACH ROW EXECUTE FUNCTION note()")


def journal(identity):
    return backend.run("SELECT count(*) FROM wfworker.journal WHERE execution_id = %s", (identity,))[0][0]


def versions(identity):
    return backend.run("SELECT count(*) FROM noted WHERE id = %s", (identity,))[0][0]


def http(node, path):
    return (node, "http_request", {"url": server.url + path, "method": "POST"})


def run_worker(*arguments):
    return Worker(backend.dsn, *arguments)


@case
def pure_nodes():
    """pure nodes need no durable point: one journal row, one version of the row, whatever their number"""
    names = ["n%d" % i for i in range(30)]
    workflow = backend.workflow(graph([("t", "trigger")] + [(n, "noop") for n in names] + [("e", "end")],
                                      list(zip(["t"] + names, names + ["e"]))), name="pure")
    identities = backend.executions(workflow, 60)
    run_worker()
    backend.wait_ended_count(workflow, 60)
    assert [journal(i) for i in identities] == [1] * 60
    assert [versions(i) for i in identities] == [1] * 60
    for identity in identities:
        row = backend.row(identity)
        assert row.state["completed_node_ids"] == ["t"] + names + ["e"], row.text
        assert len(backend.log(identity)) == 2 * 32 + 2
    commits = backend.run("SELECT count(DISTINCT xmin::text) FROM wfworker.journal WHERE execution_id = ANY (%s::uuid[])", (identities,))
    assert commits[0][0] <= 6, "%d transactions for 60 executions" % commits[0][0]  # two claims, two connections


@case
def unsafe_nodes():
    """three effects that must not be repeated: each start is durable before it happens, and that is all"""
    starts = {}

    def answer(request):
        # the server is what the effect happens to: by now its start is in the journal
        identity = request.headers["X-Execution"]
        with postgres.connect("points") as connection, connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM wfworker.journal j JOIN workflowexecution x ON x.id = j.execution_id"
                           " WHERE x.execution_state -> 'execution_data' ->> 'name' = %s", (identity,))
            starts.setdefault(identity, []).append(cursor.fetchone()[0])
        return Answer()
    server.fallback = answer
    nodes = [("t", "trigger")]
    for name in "abc":
        node = http(name, "/" + name)
        node[2]["headers"] = {"X-Execution": "${name}"}
        nodes.append(node)
    workflow = backend.workflow(graph(nodes + [("e", "end")], list(zip("tabc", "abce"))), name="unsafe")
    run_worker()
    rows, shown = [], []
    for n in range(12):
        name = "unsafe-%d" % n
        identity = backend.execution(workflow, {"name": name})
        row = backend.wait_end(identity)
        assert row.status == "completed" and row.state["completed_node_ids"] == list("tabce"), row
        rows.append(journal(identity))
        shown.append(versions(identity))
        seen = starts[name]
        assert len(seen) == 3 and seen[0] >= 1 and seen[1] >= 2 and seen[2] >= 3, seen
    server.fallback = lambda request: Answer()
    assert min(rows) == 4, rows
    assert min(shown) == 1, shown  # at the end


@case
def the_row_follows():
    """while a node runs, the row comes to show where the execution is"""
    released = []
    server.script["/first"] = [Answer()]
    server.script["/second"] = [Answer(until=lambda: released)]
    workflow = backend.workflow(graph([("t", "trigger"), http("a", "/first"), http("b", "/second"), ("e", "end")],
                                      [("t", "a"), ("a", "b"), ("b", "e")]), name="follows")
    run_worker()
    identity = backend.execution(workflow)

    def shown():
        row = backend.row(identity)
        return row if row.current_node_id == "b" and row.state["completed_node_ids"] == ["t", "a"] else None
    row = wait_until("the row to show node b", shown)
    assert row.status == "running" and row.state["status"] == "running", row
    assert row.state["node_results"]["a"]["status"] == "success", row.text
    released.append(True)
    assert backend.wait_end(identity).status == "completed"


@case
def the_row_is_left_in_order():
    """a worker that ends writes the row of what it gives back"""
    released = []
    server.script["/one"] = [Answer()]
    server.script["/two"] = [Answer(until=lambda: released)]
    workflow = backend.workflow(graph([("t", "trigger"), http("a", "/one"), http("b", "/two"), ("e", "end")],
                                      [("t", "a"), ("a", "b"), ("b", "e")]), name="left")
    worker = run_worker("--shutdown-grace", "0")
    identity = backend.execution(workflow)
    wait_until("the second request", lambda: server.seen("/two"))
    assert worker.terminate() == 0
    row = backend.row(identity)
    assert row.state["completed_node_ids"][:2] == ["t", "a"] and row.current_node_id == "b", row.text
    assert backend.run("SELECT worker IS NULL FROM wfworker.task WHERE execution_id = %s", (identity,)) in ([(True,)], [])
    released.append(True)


@case
def the_shortest_lease():
    """a lease of one second: nodes whose effect must not be repeated start and end, once each"""
    own = Backend(postgres, "short")  # no other worker is there
    assert wfworker("migrate", "--db", own.dsn).status == 0
    workflow = own.workflow(graph([("t", "trigger"), http("a", "/short/a"), http("b", "/short/b"), ("e", "end")],
                                  [("t", "a"), ("a", "b"), ("b", "e")]), name="short")
    worker = Worker(own.dsn, "--lease-seconds", "1")
    for identity in own.executions(workflow, 5):
        row = own.wait_end(identity)
        assert row.status == "completed" and row.state["completed_node_ids"] == list("tabe"), row
    assert len(server.seen("/short/a")) == len(server.seen("/short/b")) == 5
    assert worker.terminate() == 0


@case
def a_server_that_does_not_commit():
    """while nothing can be saved, no more is taken than a few batches; then everything ends, once"""
    names = ["n%d" % i for i in range(3)]
    workflow = backend.workflow(graph([("t", "trigger")] + [(n, "noop") for n in names], list(zip(["t"] + names, names))), name="held up")
    identities = backend.executions(workflow, 3000)

    def held():
        return backend.run("SELECT count(*) FROM wfworker.task WHERE worker IS NOT NULL AND due_at > now()")[0][0]

    def waiting():
        return backend.run("SELECT count(*) FROM pg_stat_activity WHERE datname = 'points' AND wait_event_type = 'Lock'"
                           " AND query LIKE '%wfworker.save(%'")[0][0]
    with contextlib.closing(postgres.connect("points")) as lock, lock.cursor() as cursor:
        lock.autocommit = False
        cursor.execute("LOCK TABLE executionlog IN ACCESS EXCLUSIVE MODE")
        worker = run_worker()
        wait_until("both connections to wait", lambda: waiting() == 2)
        time.sleep(1)  # in which all of them could be claimed
        assert 0 < held() <= 1500, held()  # one claim each while the definition was read, and one behind each save
        lock.rollback()
    backend.wait_ended_count(workflow, 3000)
    rows = backend.run("SELECT count(*), min(n), max(n) FROM (SELECT x.id, (SELECT count(*) FROM executionlog l WHERE l.execution_id = x.id) AS n"
                       " FROM workflowexecution x WHERE x.workflow_id = %s AND x.status = 'completed') q", (workflow,))
    assert rows == [(3000, 10, 10)], rows
    assert backend.run("SELECT count(*) FROM wfworker.journal WHERE execution_id = ANY (%s::uuid[])", (identities,)) == [(3000,)]
    assert not worker.lines("error|warning"), worker.log()[-2000:]


if __name__ == "__main__":
    sys.exit(main())
