# SPDX-License-Identifier: Apache-2.0
"""Control from outside: pause, resume, terminate and retry by three writers (the SQL functions, a plain UPDATE with a state written
anew, as the backend does, and the command line), at every moment of an execution; replay, adopt, explain and the registry of workers."""

import json
import sys

from harness import (Answer, Backend, HttpServer, Postgres, Worker, add_case, case, contextlib, graph, main, now, psycopg2,
                     setting_up, time, wait_until, wfworker)

postgres = Postgres()
server = HttpServer()
backends = {"json": Backend(postgres, "control_json"), "jsonb": Backend(postgres, "control_jsonb", json_type="jsonb")}
REASON = "no longer wanted"
END = [("end", "info", "Workflow execution completed")]
count = 0


def path():
    global count
    count += 1
    return "/control-%d" % count


def ran(*nodes):
    return [row for n in nodes for row in ((n, "info", "Executing node: " + n), (n, "info", "Node %s completed successfully" % n))]


class Sql:
    """The functions of schema wfworker."""
    retries = "Execution retried"

    def __init__(self, backend):
        self.backend = backend

    def call(self, function, *arguments):
        self.backend.run("SELECT wfworker.%s(%s)" % (function, ", ".join(["%s"] * len(arguments))), arguments)

    def pause(self, identity):
        self.call("pause", identity)

    def resume(self, identity):
        self.call("resume", identity)

    def terminate(self, identity, reason):
        self.call("terminate", identity, reason)

    def retry(self, identity):
        self.call("retry", identity)


class Cli(Sql):
    """The same from the command line, with the other name of the execution."""

    def call(self, function, *arguments):
        name = self.backend.row(arguments[0]).execution_id
        words = {"pause": "paused", "resume": "resumed", "terminate": "terminated", "retry": "retried"}
        options = ["--reason", arguments[1]] if len(arguments) > 1 else []
        done = wfworker(function, name, *options, "--db", self.backend.dsn)
        assert (done.status, done.out, done.err) == (0, "%s %s\n" % (name, words[function]), ""), done


class Plain:
    """What the backend's own code does: status, a state from its copy and a log row in one transaction."""
    retries = None

    def __init__(self, backend):
        self.backend = backend

    def node(self, identity):
        return self.backend.row(identity).current_node_id or "system"

    def pause(self, identity):
        self.backend.set_status(identity, "paused", log=(self.node(identity), "info", "Execution paused"))

    def resume(self, identity):
        self.backend.set_status(identity, "running", log=(self.node(identity), "info", "Execution resumed"))

    def terminate(self, identity, reason):
        self.backend.set_status(identity, "failed", reason, completed=True,
                                log=(self.node(identity), "warning", "Execution terminated: " + reason))

    def retry(self, identity):
        self.backend.set_status(identity, "running")


def start(backend, definition, data=None):
    return backend.execution(backend.workflow(definition), data)


def called(where, times=1):
    wait_until("request %d of %s" % (times, where), lambda: len(server.seen(where)) >= times)


def three(where, **config):
    """t, then the request h, then n."""
    return graph([("t", "trigger"), ("h", "http_request", dict(config, url=server.url + where)), ("n", "noop")], [("t", "h"), ("h", "n")])


def settled(backend, identity):
    """Nobody holds it and nothing is due: whatever a worker had to write is written."""
    wait_until("the worker to let go of it", lambda: not backend.run(
        "SELECT 1 FROM wfworker.task WHERE execution_id = %s AND (worker IS NOT NULL OR due_at <= now())", (identity,)))


def log_is(backend, identity, rows):
    row = backend.row(identity)
    expected = [("start", "info", "Workflow execution started: " + row.execution_id)] + [r for r in rows if r]
    found = backend.log(identity)
    assert found == expected, "\nfound    %s\nexpected %s" % (found, expected)


def failed_log(node, text, retry=None):
    return [(node, "info", "Executing node: " + node), (node, "error", text),
            (node, "warning", "Workflow execution failed, retry %d/3 scheduled: %s" % (retry, text)) if retry else
            (node, "error", "Workflow execution failed permanently: " + text)]


def ended_with(backend, identity, status, nodes, error=None):
    row = backend.wait_end(identity)
    settled(backend, identity)
    row = backend.row(identity)
    assert (row.status, row.state["status"], row.error_message, row.state["error_message"]) == (status, status, error, error), row
    assert row.completed_at is not None and row.next_retry_at is None and row.state["next_retry_at"] is None, row
    assert row.state["completed_node_ids"] == nodes, row
    return row


def retried(w, node):
    return (node, "info", w.retries) if w.retries else None


# ---- The three writers, at every moment ----


def pause_while_a_node_runs(w):
    where = path()
    server.script[where] = [Answer(delay=1.5)]
    identity = start(w.backend, three(where))
    called(where)
    wait_until("the row to show the node", lambda: w.backend.row(identity).current_node_id == "h")
    w.pause(identity)
    wait_until("the node's result", lambda: "h" in w.backend.row(identity).state["completed_node_ids"])
    settled(w.backend, identity)
    row = w.backend.row(identity)
    assert (row.status, row.state["status"]) == ("paused", "paused") and row.state["completed_node_ids"] == ["t", "h"], row
    rows = ran("t") + [("h", "info", "Executing node: h"), ("h", "info", "Execution paused"),
                       ("h", "info", "Node h completed successfully")]
    log_is(w.backend, identity, rows)
    w.resume(identity)
    ended_with(w.backend, identity, "completed", ["t", "h", "n"])
    log = w.backend.log(identity)
    assert [r for r in log[1 + len(rows):] if r[2] != "Execution resumed"] == ran("n") + END, log
    assert log[1 + len(rows)][2] == "Execution resumed", log
    assert len(server.seen(where)) == 1


def pause_while_parked(w):
    identity = start(w.backend, graph([("d", "delay", {"delay_seconds": 2}), ("n", "noop")], [("d", "n")]))
    wait_until("the wait to begin", lambda: ("d", "info", "Executing node: d") in w.backend.log(identity))
    w.pause(identity)
    began = time.monotonic()
    settled(w.backend, identity)
    time.sleep(max(0, 2.5 - (time.monotonic() - began)))
    row = w.backend.row(identity)
    assert (row.status, row.state["status"]) == ("paused", "paused") and row.state["completed_node_ids"] == [], row
    paused = [("d", "info", "Executing node: d"), ("d", "info", "Execution paused")]
    log_is(w.backend, identity, paused)
    w.resume(identity)
    ended_with(w.backend, identity, "completed", ["d", "n"])
    log_is(w.backend, identity, paused + [("d", "info", "Execution resumed")] + ran("d")[1:] + ran("n") + END)


def in_retry_wait(w, where):
    """An execution that failed once and begins again in an hour."""
    server.script[where] = [Answer(503, "{}", {"Retry-After": "3600"}), Answer()]
    identity = start(w.backend, three(where))
    wait_until("a retry to be scheduled", lambda: w.backend.row(identity).next_retry_at)
    settled(w.backend, identity)
    return identity, ran("t") + failed_log("h", "Node h failed: HTTP 503: Service Unavailable", 1)


def pause_during_a_retry_wait(w):
    where = path()
    identity, rows = in_retry_wait(w, where)
    w.pause(identity)
    settled(w.backend, identity)
    row = w.backend.row(identity)
    assert (row.status, row.state["status"], row.completed_at) == ("paused", "paused", None), row
    assert len(server.seen(where)) == 1
    w.resume(identity)
    ended_with(w.backend, identity, "completed", ["t", "h", "n"])
    log_is(w.backend, identity, rows + [("h", "info", "Execution paused"), ("h", "info", "Execution resumed")] + ran("h", "n") + END)
    assert len(server.seen(where)) == 2


def retry_during_a_retry_wait(w):
    where = path()
    identity, rows = in_retry_wait(w, where)
    w.retry(identity)
    assert ended_with(w.backend, identity, "completed", ["t", "h", "n"]).retry_count == 1
    log_is(w.backend, identity, rows + [retried(w, "h")] + ran("h", "n") + END)


def terminate_during_a_retry_wait(w):
    where = path()
    identity, rows = in_retry_wait(w, where)
    w.terminate(identity, REASON)
    wait_until("the worker to see it", lambda: not w.backend.run("SELECT 1 FROM wfworker.task WHERE execution_id = %s", (identity,)))
    ended_with(w.backend, identity, "failed", ["t"], REASON)
    log_is(w.backend, identity, rows + [("h", "warning", "Execution terminated: " + REASON)])
    assert len(server.seen(where)) == 1


def terminate_while_a_node_runs(w):
    where = path()
    server.script[where] = [Answer(delay=5), Answer()]
    identity = start(w.backend, three(where))
    called(where)
    wait_until("the row to show the node", lambda: w.backend.row(identity).current_node_id == "h")
    w.terminate(identity, REASON)
    ended_with(w.backend, identity, "failed", ["t"], REASON)
    rows = ran("t") + [("h", "info", "Executing node: h"), ("h", "warning", "Execution terminated: " + REASON)]
    log_is(w.backend, identity, rows)
    w.retry(identity)  # what was cancelled runs again, what had finished does not
    assert ended_with(w.backend, identity, "completed", ["t", "h", "n"]).retry_count == 0
    log_is(w.backend, identity, rows + [retried(w, "h")] + ran("h", "n") + END)
    assert len(server.seen(where)) == 2


def terminate_while_parked(w):
    identity = start(w.backend, graph([("d", "delay", {"delay_seconds": 3600}), ("n", "noop")], [("d", "n")]))
    wait_until("it to be parked", lambda: w.backend.run("SELECT 1 FROM wfworker.snapshot WHERE execution_id = %s", (identity,)))
    w.terminate(identity, REASON)
    wait_until("the end", lambda: not w.backend.run("SELECT 1 FROM wfworker.task WHERE execution_id = %s", (identity,)))
    ended_with(w.backend, identity, "failed", [], REASON)
    log_is(w.backend, identity, [("d", "info", "Executing node: d"), ("d", "warning", "Execution terminated: " + REASON)])


def retry_after_a_failure_for_good(w):
    where, slow = path(), path()
    server.script[where] = [Answer(404, "{}", delay=0.5), Answer()]
    server.script[slow] = [Answer(delay=5), Answer()]
    identity = start(w.backend, graph(
        [("t", "trigger"), ("h", "http_request", {"url": server.url + where}), ("s", "http_request", {"url": server.url + slow}),
         ("j", "noop")], [("t", "h"), ("t", "s"), ("h", "j"), ("s", "j")]))
    called(slow)
    text = "Node h failed: HTTP 404: Not Found"
    ended_with(w.backend, identity, "failed", ["t"], text)
    w.retry(identity)
    row = w.backend.wait_end(identity)
    assert row.status == "completed" and sorted(row.state["completed_node_ids"]) == ["h", "j", "s", "t"], row
    assert row.error_message is None and row.retry_count == 0 and row.state["completed_node_ids"][-1] == "j", row
    assert (len(server.seen(where)), len(server.seen(slow))) == (2, 2), "both branches ran again, the one that was cancelled too"
    log = w.backend.log(identity)
    assert [r[2] for r in log].count("Executing node: t") == 1 and ("h", "error", "Workflow execution failed permanently: " + text) in log


def before_it_began(w):
    """Paused, resumed and terminated while no worker has room."""
    identity = w.backend.execution(w.backend.workflow(graph([("n", "noop")], [])), status="paused")
    w.resume(identity)
    ended_with(w.backend, identity, "completed", ["n"])
    identity = w.backend.execution(w.backend.workflow(graph([("n", "noop")], [])), status="paused")
    w.terminate(identity, REASON)
    row = w.backend.row(identity)
    assert (row.status, row.error_message) == ("failed", REASON) and row.completed_at, row
    w.retry(identity)
    assert ended_with(w.backend, identity, "completed", ["n"]).retry_count == 0


def row_vanishes(w):
    where = path()
    server.script[where] = [Answer(delay=1)]
    running, parked = start(w.backend, three(where)), start(w.backend, graph([("d", "delay", {"delay_seconds": 3600})], []))
    called(where)
    wait_until("it to be parked", lambda: w.backend.run("SELECT 1 FROM wfworker.snapshot WHERE execution_id = %s", (parked,)))
    for identity in (running, parked):
        w.pause(identity)
        w.backend.run("DELETE FROM workflowexecution WHERE id = %s", (identity,))
        for table in ("task", "snapshot", "journal"):
            wait_until("wfworker.%s to be empty" % table, lambda t=table, i=identity: not w.backend.run(
                "SELECT 1 FROM wfworker.%s WHERE execution_id = %%s" % t, (i,)))
    after = start(w.backend, graph([("n", "noop")], []))
    ended_with(w.backend, after, "completed", ["n"])


@setting_up
def begin():
    """migrate and start a worker on each database"""
    for name, backend in backends.items():
        for k in range(2):  # before wfworker was there
            backend.execution(backend.workflow(graph([("n", "noop")], [])), {"old": k})
        done = wfworker("migrate", "--db", backend.dsn)
        assert done.status == 0, done
        Worker(backend.dsn, name="worker-" + name, env={"WFWORKER_MAX_RETRIES": "3"})


MOMENTS = [pause_while_a_node_runs, pause_while_parked, pause_during_a_retry_wait, retry_during_a_retry_wait, terminate_during_a_retry_wait,
           terminate_while_a_node_runs, terminate_while_parked, retry_after_a_failure_for_good, before_it_began, row_vanishes]
for writer, on in ((Sql, "json"), (Sql, "jsonb"), (Plain, "json"), (Plain, "jsonb"), (Cli, "json")):
    for moment in MOMENTS:
        add_case("%s, %s: %s" % (writer.__name__, on, moment.__name__.replace("_", " ")),
                 lambda m=moment, w=writer, b=on: m(w(backends[b])))


# ---- After the end ----


def refused(text, function, *arguments):
    with contextlib.suppress(psycopg2.errors.ObjectNotInPrerequisiteState, psycopg2.errors.NoDataFound,
                             psycopg2.errors.InvalidParameterValue):
        Sql(backends["json"]).call(function, *arguments)
        raise AssertionError("not refused: %s%s" % (function, arguments))
    try:
        Sql(backends["json"]).call(function, *arguments)
    except psycopg2.Error as e:
        found = "\n".join(t for t in (e.diag.message_primary, e.diag.message_detail, e.diag.message_hint) if t)
        assert found == text, found


@case
def functions_after_the_end():
    """functions: what cannot be done is refused with whole texts and changes nothing"""
    b = backends["json"]
    identity = start(b, graph([("n", "noop")], []))
    row, log = ended_with(b, identity, "completed", ["n"]), b.log(identity)
    over = 'execution "%s" has ended, it is completed' % row.execution_id
    refused(over, "pause", identity)
    refused(over, "terminate", identity, REASON)
    refused('execution "%s" is not paused, it is completed' % row.execution_id, "resume", identity)
    refused('execution "%s" has not failed, it is completed\n"wfworker replay" runs a completed one again, as a new one.'
            % row.execution_id, "retry", identity)
    refused('there is no execution "exec-nothing"\n"wfworker list" shows the executions.', "pause", "exec-nothing")
    refused('workflow "test" has no node "ghost"\n"wfworker show" lists the nodes that ran.', "replay", identity, "ghost")
    refused("the data must be an object, not array", "replay", identity, None, "[]")
    assert (b.row(identity), b.log(identity)) == (row, log)
    done = wfworker("pause", row.execution_id, "--db", b.dsn)
    assert (done.status, done.out) == (1, "") and over in done.err, done


@case
def plain_after_the_end():
    """plain UPDATE: an execution that completed is written again as it ended, and nothing runs again"""
    for b in backends.values():
        identity = start(b, graph([("n", "noop")], []))
        row, log = ended_with(b, identity, "completed", ["n"]), b.log(identity)
        for status in ("paused", "running", "failed"):
            b.set_status(identity, status)
            if status == "failed":  # somebody's word, and nothing is left to stop
                assert b.row(identity).status == "failed"
                continue
            wait_until("it to be completed again", lambda i=identity, e=b: e.row(i).status == "completed")
            settled(b, identity)
            assert b.row(identity)._replace(text="") == row._replace(text=""), (b.row(identity), row)
        assert b.log(identity) == log


@case
def planned_retry():
    """plain UPDATE: a retry that somebody plans for a failed execution"""
    b, where = backends["json"], path()
    server.script[where] = [Answer(404), Answer()]
    identity = start(b, three(where))
    ended_with(b, identity, "failed", ["t"], "Node h failed: HTTP 404: Not Found")
    b.run("UPDATE workflowexecution SET completed_at = NULL, next_retry_at = %s WHERE id = %s", (now(), identity))
    ended_with(b, identity, "completed", ["t", "h", "n"])


@case
def nothing_to_retry():
    """retry: what cannot be begun again stays failed"""
    b = backends["json"]
    text = "the workflow was ended by a terminate node"
    identity = start(b, graph([("n", "terminate", {"status": "failed"})], []))
    row = ended_with(b, identity, "failed", ["n"], text)
    log = b.log(identity)
    Sql(b).retry(identity)
    wait_until("it to be failed again", lambda: b.row(identity).status == "failed")
    settled(b, identity)
    assert b.row(identity)._replace(text="") == row._replace(text=""), (b.row(identity), row)
    assert b.log(identity) == log + [
        ("n", "info", "Execution retried"), ("system", "warning", "Execution stays failed: nothing of it can be begun again "
                                             "(a replay runs it from a node, as a new one)")]


@case
def corrected_definition():
    """retry: an execution that never ran, for its definition had errors, begins anew with the definition as it is then"""
    for b in backends.values():
        for writer in (Sql(b), Plain(b)):
            workflow = b.workflow(graph([("n", "noop")], [("n", "ghost")]))
            identity = b.execution(workflow, {"colour": "red"})
            text = "Node ghost not found in workflow"
            first = ended_with(b, identity, "failed", [], text)
            writer.retry(identity)  # it is as wrong as before
            wait_until("it to be failed again", lambda: b.row(identity).status == "failed")
            second = ended_with(b, identity, "failed", [], text)
            assert second.retry_count == 0 and second.completed_at > first.completed_at, (first, second)
            b.run("UPDATE workflow SET graph_config = %s WHERE id = %s", (json.dumps(graph([("n", "noop")], [])), workflow))
            writer.retry(identity)
            row = ended_with(b, identity, "completed", ["n"])
            assert row.state["execution_data"]["colour"] == "red", row


@case
def time_limit():
    """retry: what a time limit ended begins again with a fresh limit, finished results are kept"""
    b, where = backends["json"], path()
    server.script[where] = [Answer(delay=30), Answer()]
    definition = three(where)
    identity = b.execution(b.workflow(definition, trigger_config={"timeout_seconds": 2}))
    text = "Workflow execution timed out after 2 seconds"
    assert ended_with(b, identity, "failed", ["t"], text).current_node_id == "h"
    Sql(b).retry(identity)
    ended_with(b, identity, "completed", ["t", "h", "n"])
    assert len(server.seen(where)) == 2 and [r[2] for r in b.log(identity)].count("Executing node: t") == 1


@case
def history_is_gone():
    """retry: an execution a part of whose history is gone is refused"""
    b, where = backends["json"], path()
    server.script[where] = [Answer(404)]
    identity = start(b, three(where))
    row = ended_with(b, identity, "failed", ["t"], "Node h failed: HTTP 404: Not Found")
    b.run("UPDATE wfworker.journal SET seq = seq + 1 WHERE execution_id = %s", (identity,))
    refused('the history of execution "%s" is too old, a part of it is gone\nHistory is kept for history_retention_days.\n'
            '"wfworker replay --from NODE" runs it again from a node, as a new one.' % row.execution_id, "retry", identity)


@case
def callers_transaction():
    """functions: they belong to the caller's transaction"""
    b = backends["json"]
    identity = start(b, graph([("d", "delay", {"delay_seconds": 3600})], []))
    wait_until("it to be parked", lambda: b.run("SELECT 1 FROM wfworker.snapshot WHERE execution_id = %s", (identity,)))
    settled(b, identity)
    before = (b.row(identity), b.log(identity), b.run("SELECT count(*) FROM workflowexecution"))
    with contextlib.closing(postgres.connect(b.database)) as connection, connection.cursor() as cursor:
        connection.autocommit = False
        cursor.execute("SELECT wfworker.pause(%s), wfworker.resume(%s), wfworker.replay(%s)", (identity,) * 3)
        cursor.execute("SELECT wfworker.terminate(%s)", (identity,))
        connection.rollback()
    assert (b.row(identity), b.log(identity), b.run("SELECT count(*) FROM workflowexecution")) == before
    Sql(b).call("terminate", identity)
    ended_with(b, identity, "failed", [], "Execution terminated by user")
    assert b.log(identity)[-1] == ("d", "warning", "Execution terminated: Execution terminated by user")


# ---- Replay ----


def replayed(b, *arguments):
    return str(b.run("SELECT id FROM wfworker.replay(%s)" % ", ".join(["%s"] * len(arguments)), arguments)[0][0])


@case
def replay_from_the_beginning():
    """replay: from the beginning, with the old data or with others"""
    for b in backends.values():
        first = start(b, graph([("t", "trigger"), ("n", "noop")], [("t", "n")]), {"a": 1, "z": {"k": [1]}})
        ended_with(b, first, "completed", ["t", "n"])
        again = replayed(b, first)
        row = ended_with(b, again, "completed", ["t", "n"])
        assert row.state["execution_data"] == {"a": 1, "z": {"k": [1]}, "t_output": {"a": 1, "z": {"k": [1]}}, "n_output": {}}, row
        log = b.log(again)
        assert log[1] == ("system", "info", "Replay started from beginning of execution " + first), log
        assert log[2:] == ran("t", "n") + END, log
        other = ended_with(b, replayed(b, first, None, '{"b": 2}'), "completed", ["t", "n"])
        assert other.state["execution_data"]["t_output"] == {"b": 2}, other


@case
def replay_from_a_node():
    """replay: from a node, finished results that do not lie after it are kept and not run again"""
    for b in backends.values():
        a, h, s = path(), path(), path()
        server.script.update({a: [Answer(body='{"v": 1}')], h: [Answer(404), Answer(body='{"v": 2}')], s: [Answer(body='{"v": 3}')]})
        first = start(b, graph(
            [("t", "trigger"), ("v", "noop"),
             ("a", "http_request", {"url": server.url + a}), ("s", "http_request", {"url": server.url + s}),
             ("h", "http_request", {"url": server.url + h + "?colour=${vars.colour || 'none'}&order=${order}"}), ("j", "noop")],
            [("t", "v"), ("v", "a"), ("a", "s"), ("s", "h"), ("a", "j"), ("h", "j")]), {"order": 7, "kept": True})
        ended_with(b, first, "failed", ["t", "v", "a", "s"], "Node h failed: HTTP 404: Not Found")
        old = b.row(first)
        b.run("INSERT INTO wfworker.journal (execution_id, seq, token, events) VALUES (%s, 100, 1, %s)", (first, json.dumps(
            [{"ev": "done", "variables": [["colour", "workflow", "blue"], ["x", "node", 1]]},
             {"ev": "done", "variables": [["colour", "workflow", "red"]]}])))
        again = replayed(b, first, "h", '{"order": 8}')
        row = ended_with(b, again, "completed", ["t", "v", "a", "s", "h", "j"])
        assert (len(server.seen(a)), len(server.seen(s)), len(server.seen(h))) == (1, 1, 2)
        assert server.seen(h)[1].path.endswith("?colour=red&order=8"), server.seen(h)[1].path
        assert row.state["node_results"]["a"] == old.state["node_results"]["a"], row
        assert row.state["node_results"]["h"]["output"]["json"] == {"v": 2} and row.state["execution_data"]["kept"] is True, row
        log = b.log(again)
        assert log[1] == ("system", "info", "Replay started from node: h") and log[2:] == ran("h", "j") + END, log
        # from a node in the middle: what comes after it runs again, even what had finished
        middle = ended_with(b, replayed(b, first, "a"), "completed", ["t", "v", "a", "s", "h", "j"])
        assert (len(server.seen(a)), len(server.seen(s)), len(server.seen(h))) == (2, 2, 3), middle


@case
def replay_forms():
    """replay: graphs in the dict form, and a node on a cycle"""
    b = backends["json"]
    first = start(b, {"nodes": {"a": {"node_type": "trigger", "next": "b"}, "b": {"node_type": "noop", "next": ["c"]},
                                "c": {"node_type": "noop"}}})
    ended_with(b, first, "completed", ["a", "b", "c"])
    again = replayed(b, first, "b")
    ended_with(b, again, "completed", ["a", "b", "c"])
    assert b.log(again)[2:] == ran("b", "c") + END
    after = b.run("SELECT array(SELECT a FROM wfworker.graph_after(%s, 'b') a ORDER BY a)", (json.dumps(
        {"nodes": [{"id": x} for x in "abcd"], "edges": [{"source": s, "target": t} for s, t in ("ab", "bc", "ca", "cd")]}),))
    assert after[0][0] == ["b", "d"], "a and c lie before b, too: %s" % (after,)


@case
def replay_within_a_scope():
    """replay: from a node inside of scopes, the outermost scope around it begins as a whole"""
    b, where = backends["json"], path()
    server.script[where] = [Answer(), Answer(), Answer(), Answer()]
    first = start(b, graph(
        [("t", "trigger"), ("l", "for", {"array_expression": [1, 2]}), ("y", "try"), ("a", "noop"),
         ("h", "http_request", {"url": server.url + where}), ("n", "noop")],
        [("t", "l"), ("l", "y", "body"), ("y", "a", "body"), ("a", "h"), ("l", "n", "done")]))
    row = ended_with(b, first, "completed", ["t", "a", "h", "y", "l", "n"])
    again = ended_with(b, replayed(b, first, "h"), "completed", row.state["completed_node_ids"])
    server.script[where] = [Answer(404)]  # nothing of what is begun again is left from the first run
    failed = ended_with(b, replayed(b, first, "a"), "failed", ["t", "a"], "Node l failed: pass 1: node h failed: HTTP 404: Not Found")
    assert sorted(k for k in failed.state["execution_data"] if k.endswith("_output")) == ["a_output", "t_output"], failed
    assert sorted(failed.state["node_results"]) == ["a", "h", "l", "t", "y"], failed
    executed = [r[2] for r in b.log(again.id) if r[2].startswith("Executing")]
    assert {n: executed.count("Executing node: " + n) for n in "tlyahn"} == {"t": 0, "l": 1, "y": 2, "a": 2, "h": 2, "n": 1}, executed
    assert len(server.seen(where)) == 5 and again.state["execution_data"]["l_output"]["count"] == 2, again


@case
def replay_command():
    """wfworker replay: --from, --data, --wait, --json"""
    b = backends["json"]
    first = start(b, graph([("t", "trigger"), ("n", "noop")], [("t", "n")]), {"a": 1})
    ended_with(b, first, "completed", ["t", "n"])
    name = b.row(first).execution_id
    done = wfworker("replay", name, "--data", '{"a": 5}', "--wait", "--db", b.dsn)
    assert done.status == 0 and done.err == "", done
    made = done.out.splitlines()[0]
    assert done.out.splitlines()[1].startswith(made + " completed after "), done.out
    assert b.run("SELECT execution_state -> 'execution_data' ->> 'a' FROM workflowexecution WHERE execution_id = %s", (made,)) == [("5",)]
    done = wfworker("replay", name, "--from", "n", "--json", "--db", b.dsn)
    assert done.status == 0 and set(json.loads(done.out)) == {"id", "execution_id"}, done
    assert b.log(json.loads(done.out)["id"])[1] == ("system", "info", "Replay started from node: n")
    done = wfworker("replay", name, "--from", "ghost", "--db", b.dsn)
    assert done.status == 1 and 'workflow "test" has no node "ghost"' in done.err, done
    assert wfworker("replay", name, "--data", "[1]", "--db", b.dsn).status == 1


# ---- Adopt, explain, workers ----


def explain(b, identity):
    done = wfworker("explain", b.row(identity).execution_id, "--json", "--db", b.dsn)
    assert done.status == 0 and done.err == "", done
    answer = json.loads(done.out)
    assert answer["id"] == identity and answer["status"] == b.row(identity).status, answer
    plain = wfworker("explain", identity, "--db", b.dsn)
    assert plain.status == 0 and plain.out.startswith("%s is %s\n- " % (answer["execution_id"], answer["status"])), plain
    return {r["reason"]: r["text"] for r in answer["reasons"]}


@case
def adopting():
    """adopt: executions from before are left alone until they are asked for"""
    b = backends["json"]
    old = [i for i, in b.run("SELECT execution_id::text FROM wfworker.old_execution")]
    assert len(old) == 2 and all(b.row(i).status == "running" and len(b.log(i)) == 1 for i in old), old
    name = b.row(old[0]).execution_id
    assert explain(b, old[0]) == {"not_adopted": "it was running before wfworker was installed and is left alone; "
                                  '"wfworker adopt %s" takes it over' % name}
    assert wfworker("adopt", "--db", b.dsn).status == 2 and wfworker("adopt", name, "--all", "--db", b.dsn).status == 2
    done = wfworker("adopt", name, "--db", b.dsn)
    assert (done.status, done.out) == (0, name + " adopted\n"), done
    ended_with(b, old[0], "completed", ["n"])
    assert b.row(old[1]).status == "running"
    done = wfworker("adopt", name, "--db", b.dsn)
    assert (done.status, done.out) == (0, name + " was not left alone\n"), done
    done = wfworker("adopt", "--all", "--db", b.dsn)
    assert (done.status, done.out) == (0, "1 adopted\n"), done
    ended_with(b, old[1], "completed", ["n"])


def utc(b, expression, identity):
    return b.run("SELECT to_char(%s, 'YYYY-MM-DD HH24:MI:SS') FROM workflowexecution e LEFT JOIN wfworker.task t ON t.execution_id = e.id"
                 " WHERE e.id = %%s" % expression, (identity,))[0][0]


@case
def explaining():
    """explain: parked, paused, held, waiting for a retry, ended"""
    b, where = backends["json"], path()
    identity = start(b, graph([("d", "delay", {"delay_seconds": 3600})], []))
    wait_until("it to be parked", lambda: b.run("SELECT 1 FROM wfworker.snapshot WHERE execution_id = %s", (identity,)))
    settled(b, identity)
    at = utc(b, "t.due_at AT TIME ZONE 'UTC'", identity)
    name = b.row(identity).execution_id
    assert explain(b, identity) == {"waiting": "node d waits until %s UTC" % at, "due_later": "a worker looks at it again at %s UTC" % at}
    Sql(b).pause(identity)
    settled(b, identity)
    assert explain(b, identity) == {"paused": 'it is paused; "wfworker resume %s" lets it go on' % name,
                                    "waiting": "node d waits until %s UTC" % at,
                                    "no_timer": "no worker looks at it before something comes for it or its row is changed"}
    Sql(b).call("terminate", identity, REASON)
    ended_with(b, identity, "failed", [], REASON)
    assert explain(b, identity) == {"failed": 'it failed at %s UTC: %s; "wfworker retry %s" begins what failed again' % (
        utc(b, "e.completed_at", identity), REASON, name)}
    retry, _ = in_retry_wait(Sql(b), where)
    reasons = explain(b, retry)
    assert reasons["retry"] == "it failed and begins again at %s UTC (retry 1): Node h failed: HTTP 503: Service Unavailable" % (
        utc(b, "e.next_retry_at", retry)), reasons
    slow = path()
    server.script[slow] = [Answer(delay=8)]
    held = start(b, three(slow))
    called(slow)
    wait_until("the start to be durable", lambda: b.run("SELECT 1 FROM wfworker.journal WHERE execution_id = %s", (held,)))
    reasons = explain(b, held)
    assert reasons["node_running"] == "node h runs" and reasons["held"].startswith("worker "), reasons
    Sql(b).call("terminate", held)
    ended_with(b, held, "failed", ["t"], "Execution terminated by user")
    asked = start(b, graph([("a", "human_approval")], []))
    wait_until("it to be asked", lambda: b.row(asked).status == "waiting_for_signal")
    settled(b, asked)
    wait_until("the request's row", lambda: b.run("SELECT 1 FROM wfworker.approvals WHERE execution = %s", (asked,)))
    assert explain(b, asked) == {"approval": 'node a asks for approval: Please approve this action; "wfworker answer %s a '
                                             'approve|reject" answers it' % b.row(asked).execution_id,
                                 "no_timer": "no worker looks at it before something comes for it or its row is changed"}
    due = start(b, graph([("w", "await", {"signal_type": "paid", "timeout_seconds": 3600})], []))
    wait_until("it to wait", lambda: b.row(due).status == "waiting_for_signal")
    settled(b, due)
    at = utc(b, "t.due_at AT TIME ZONE 'UTC'", due)
    assert explain(b, due)["waiting"] == "node w waits for signal paid, until %s UTC" % at
    for identity in (asked, due):
        Sql(b).call("terminate", identity)
    done = wfworker("explain", "exec-nothing", "--db", b.dsn)
    assert done.status == 1 and 'there is no execution "exec-nothing"' in done.err, done


@case
def explaining_failures():
    """explain: what can be done about a failure; a retry is named only where something can begin again"""
    b = backends["json"]

    def failure(identity):
        row = b.wait_end(identity)
        assert row.status == "failed", row
        return row, "it failed at %s UTC: %s; " % (utc(b, "e.completed_at", identity), row.error_message)

    stopped = start(b, graph([("t", "trigger"), ("x", "terminate", {"status": "failed", "message": "sold out"})], [("t", "x")]))
    row, text = failure(stopped)
    assert explain(b, stopped) == {"failed": text + 'nothing of it can begin again; "wfworker replay %s" runs it again, as a new one'
                                   % row.execution_id}
    wrong = start(b, graph([("t", "trigger")], [("t", "ghost")]))
    row, text = failure(wrong)
    assert explain(b, wrong) == {"failed": text + '"wfworker retry %s" begins it anew, with the definition as it is now'
                                 % row.execution_id}
    where = path()
    server.script[where] = [Answer(404)]
    broken = start(b, graph([("t", "trigger"), ("h", "http_request", {"url": server.url + where})], [("t", "h")]))
    row, text = failure(broken)
    assert explain(b, broken) == {"failed": text + '"wfworker retry %s" begins what failed again' % row.execution_id}
    b.run("DELETE FROM wfworker.snapshot WHERE execution_id = %s", (broken,))
    b.run("DELETE FROM wfworker.journal WHERE execution_id = %s", (broken,))
    b.run("INSERT INTO wfworker.journal (execution_id, seq, token, events) VALUES (%s, 2, 0, '[]')", (broken,))
    assert explain(b, broken) == {"failed": text + 'a part of its history is gone, so that it cannot be retried; "wfworker replay %s'
                                  ' --from NODE" runs it again from a node, as a new one' % row.execution_id}
    refused = wfworker("retry", broken, "--db", b.dsn)
    assert refused.status == 1 and "the history of execution" in refused.err, refused


@case
def workers_command():
    """workers: the registry, with versions, heartbeat and node types"""
    b = backends["json"]
    done = wfworker("workers", "--json", "--db", b.dsn)
    rows = json.loads(done.out)
    assert len(rows) == 1 and rows[0]["alive"] is True and rows[0]["held"] == 0, rows
    assert {"http_request", "delay", "trigger", "noop"} <= set(rows[0]["node_types"]), rows
    table = wfworker("workers", "--db", b.dsn).out.splitlines()
    assert table[0].split() == ["WORKER", "VERSION", "ABI", "SCHEMA", "STATE", "IN", "FLIGHT", "WAKES", "BY", "TYPES", "SEEN",
                                "STARTED", "(UTC)"], table
    assert len(table) == 2 and table[1].startswith(rows[0]["name"]) and rows[0]["version"] in table[1], table


@case
def nobody_works():
    """explain without a worker, with one that was lost, and with a node type that no worker has"""
    b = backends["json"]
    for worker in Worker.all:
        assert worker.terminate() == 0, worker.log()
    identity = start(b, graph([("n", "noop")], []))
    reasons = explain(b, identity)
    assert reasons["no_worker"] == 'no worker is alive; "wfworker run" starts one', reasons
    b.run("INSERT INTO wfworker.worker (id, name, version, node_types) VALUES (5, 'other:1', '0', '{trigger}')")
    reasons = explain(b, identity)
    at = utc(b, "t.due_at AT TIME ZONE 'UTC'", identity)
    assert reasons["queued"].startswith("it is due since %s UTC and waits for a worker that has room; " % at), reasons
    parked = b.run("SELECT execution_id::text FROM wfworker.snapshot s WHERE EXISTS (SELECT FROM wfworker.task t WHERE"
                   " t.execution_id = s.execution_id) LIMIT 1")
    reasons = explain(b, parked[0][0])
    assert reasons["node_type_missing"].startswith("no worker that is alive has the node type "), reasons
    b.run("UPDATE wfworker.task SET worker = 5, token = 9, due_at = now() - interval '1 s' WHERE execution_id = %s", (identity,))
    reasons = explain(b, identity)
    assert reasons["lease_expired"] == "worker other:1 was lost with it at %s UTC; the next worker that has room takes it over" % (
        utc(b, "t.due_at AT TIME ZONE 'UTC'", identity)), reasons


if __name__ == "__main__":
    sys.exit(main(keep_workers=True))
