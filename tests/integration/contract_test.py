# SPDX-License-Identifier: Apache-2.0
"""The contract with the backend: rows that it inserts with plain SQL end as its readers expect them.

The same executions run on three databases: json columns with everything that the backend's migrations make (and row level
security), jsonb columns, and the least that is found in the field (no optional tables, no indexes).  All of them are
inserted first, then one worker per database runs them side by side.
"""

import datetime
import sys

from expect import END, completed, failures, log_is, ran, shape
from harness import (Answer, Backend, HttpServer, Postgres, Worker, add_case, case, free_port, graph, json, main, now, setting_up,
                     time, wait_until, wfworker)

MAX_RETRIES = 3

postgres = Postgres()
server = HttpServer()
server.script["/x"] = [Answer(200, '{"ok": true, "n": 12345678901234567890.5}', {"X-Reply": "yes"})]


class Scene:
    """One database, its worker, and the executions by name."""

    def __init__(self, name, **options):
        self.name = name
        self.backend = Backend(postgres, "contract_" + name, **options)
        self.has_nodes = options.get("nodes", True)
        self.ids = {}
        self.refused_port = free_port()
        self.old = {}
        self.insert_old()
        done = wfworker("migrate", "--db", self.backend.dsn)
        assert done.status == 0, done
        self.insert()
        self.worker = Worker(self.backend.dsn, name="worker-" + name, env={"WORKFLOW_MAX_RETRIES": str(MAX_RETRIES)})

    def insert_old(self):
        """Rows from before wfworker was installed."""
        b = self.backend
        w = b.workflow(graph([("t", "trigger")], []), "old")
        state = {"error_message": "Node t failed: boom", "retry_count": 3}
        past = now() - datetime.timedelta(hours=5)
        self.old["stale failed"] = b.execution(w, status="failed", state=state, columns={
            "completed_at": past, "next_retry_at": past, "retry_count": 3, "error_message": "Node t failed: boom"})
        self.old["failed without next retry"] = b.execution(w, status="failed", columns={"retry_count": 1, "error_message": "x"})
        self.old["running"] = b.execution(w)
        self.old["completed"] = b.execution(w, status="completed", columns={"completed_at": past})
        self.old_rows = {k: b.row(v) for k, v in self.old.items()}

    def add(self, name, definition, data=None, rows=(), **options):
        self.ids[name] = self.backend.execution(self.backend.workflow(definition, name, rows), data, **options)

    def insert(self):
        post = {"method": "POST", "url": server.url + "/x", "headers": {"X-A": "1", "X-Scene": self.name}, "body": {"k": [1, 2]}}
        self.add("linear", graph([("trigger-1", "trigger", {"trigger_type": "manual"}),
                                  ("delay-2", "delay", {"delay_type": "seconds", "delay_seconds": 1}),
                                  ("http-3", "http_request", post), ("end-4", "end")],
                                 [("trigger-1", "delay-2"), ("delay-2", "http-3"), ("http-3", "end-4")], "trigger-1"),
                 {"order": 7, "name": "Zoë"})
        nodes = [("t", "trigger"), ("c", "condition", {"expression": "${value} > 10"}), ("a", "noop", {"recipient": "A"}), ("b", "noop")]
        self.add("condition true", graph(nodes, [("t", "c"), ("c", "a", "true"), ("c", "b", "false")]), {"value": 42})
        nodes = [nodes[0], ("c", "condition", {"expression": "value > 10", "condition_type": "python"})] + nodes[2:]
        definition = graph(nodes, [("t", "c")])
        definition["edges"] += [{"from": "c", "to": "a", "condition": "true"}, {"from": "c", "to": "b", "condition": "false"}]
        self.add("condition false", definition, {"value": 2})
        nodes = [nodes[0], ("c", "if", {"expression": "value > 10"})] + nodes[2:]
        self.add("unlabelled condition", graph(nodes, [("t", "c"), ("c", "a"), ("c", "b")]), {"value": 11})
        flaky = "/flaky-" + self.name
        server.script[flaky] = [Answer(503), Answer(500), Answer(200, '{"at": "last"}')]
        self.add("retry then success", graph([("t", "trigger"), ("h", "http_request", {"url": server.url + flaky}), ("n", "noop")],
                                             [("t", "h"), ("h", "n")]))
        self.add("refused", graph([("t", "trigger"), ("h", "http_request", {"url": "http://127.0.0.1:%d/" % self.refused_port})],
                                  [("t", "h")]))
        server.script["/gone"] = [Answer(404, "no such thing")]
        self.add("not found", graph([("t", "trigger"), ("h", "http_request", {"url": server.url + "/gone"})], [("t", "h")]))
        self.add("dict form", {"nodes": {"a": {"node_type": "trigger", "next": "b"},
                                         "b": {"node_type": "noop", "recipient": "flat", "next": ["c"]},
                                         "c": {"node_type": "noop", "config": {"recipient": "nested"}}}}, {"z": 1})
        if self.has_nodes:
            self.add("db nodes", {"edges": [{"from": "dn1", "to": "dn2"}]},
                     rows=[("dn1", "trigger", {}), ("dn2", "noop", {"recipient": "db"})])
        self.add("single trigger", graph([("t", "trigger")], []), {"x": 1})
        self.add("unknown type", graph([("t", "trigger"), ("z", "frobnicate", {"a": 1}), ("e", "trigger")], [("t", "z"), ("z", "e")]))
        self.add("no nodes", {})
        self.add("pending", graph([("t", "trigger")], []), status="pending")
        self.add("fan", graph([("t", "trigger"), ("p", "delay", {"delay_seconds": 1}), ("q", "wait", {"delay_seconds": 1}), ("j", "noop")],
                              [("t", "p"), ("t", "q"), ("p", "j"), ("q", "j")]))
        self.add("missing node", graph([("t", "trigger")], [("t", "ghost")]))
        data = {"unicode": "日本 𝒳 \u2028 ü", "nested": {"list": [1, 2.5, None, True, {"deep": ["x"]}]}, "big": 9007199254740993, "empty": {}}
        self.add("data", graph([("t", "trigger")], []), data)
        self.data = data
        self.deep = {"x": 1}
        for _ in range(508):
            self.deep = {"x": self.deep}
        self.add("deep data", graph([("t", "trigger"), ("d", "delay", {"delay_seconds": 0.2}), ("e", "end")], [("t", "d"), ("d", "e")]), self.deep)
        done = {"t": {"node_id": "t", "status": "success", "output": {"from": "the original"}, "error": None,
                      "started_at": "2026-01-02T03:04:05.000006", "completed_at": "2026-01-02T03:04:05.000007", "duration_ms": 3}}
        self.add("begun elsewhere", graph([("t", "trigger"), ("n", "noop"), ("e", "end")], [("t", "n"), ("n", "e")]), {"y": 2},
                 columns={"current_node_id": "n"},
                 state={"current_node_id": "n", "completed_node_ids": ["t"], "node_results": done,
                        "execution_data": {"y": 2, "t_output": {"from": "the original"}}})
        self.done_elsewhere = done["t"]
        self.add("pause", graph([("t", "trigger"), ("d", "delay", {"delay_seconds": 2}), ("n", "noop")], [("t", "d"), ("d", "n")]))

    def end(self, name):
        return self.backend.wait_end(self.ids[name])

    # ---- what every execution has to look like ----

    def shape(self, row):
        shape(self.backend, row)

    def completed(self, name, nodes):
        return completed(self.backend, self.ids[name], nodes)

    def log_is(self, name, rows):
        log_is(self.backend, self.ids[name], rows)


def linear(s):
    row = s.completed("linear", ["trigger-1", "delay-2", "http-3", "end-4"])
    data, results = row.state["execution_data"], row.state["node_results"]
    assert data["order"] == 7 and data["name"] == "Zoë"
    assert results["trigger-1"]["output"] == {"order": 7, "name": "Zoë"}
    assert results["delay-2"]["output"] == {"delay_type": "seconds", "completed": True}
    assert results["delay-2"]["duration_ms"] >= 990, results["delay-2"]
    output = results["http-3"]["output"]
    assert {"status_code", "headers", "body", "json", "url", "method"} <= set(output), sorted(output)
    assert set(output) <= {"status_code", "headers", "body", "json", "url", "method", "body_encoding", "json_error"}, sorted(output)
    assert output["status_code"] == 200 and output["method"] == "POST" and output["url"] == server.url + "/x"
    assert output["body"] == '{"ok": true, "n": 12345678901234567890.5}' and output["json"]["ok"] is True
    assert output["headers"]["X-Reply"] == "yes" and output["headers"]["Content-Type"] == "application/json", output["headers"]
    assert results["end-4"]["output"] == {}
    s.log_is("linear", ran("trigger-1", "delay-2", "http-3", "end-4") + END)
    mine = [r for r in server.seen("/x") if r.headers.get("X-Scene") == s.name]
    assert len(mine) == 1, len(mine)
    assert mine[0].method == "POST" and json.loads(mine[0].body) == {"k": [1, 2]} and mine[0].headers["X-A"] == "1"
    assert mine[0].headers["Content-Type"] == "application/json" and mine[0].headers["Idempotency-Key"]
    assert 1 <= (row.completed_at - row.started_at).total_seconds()


def condition_true(s):
    row = s.completed("condition true", ["t", "c", "a"])
    assert row.state["node_results"]["c"]["output"] == {
        "condition_result": True, "branch": "true", "condition_expr": "${value} > 10"}, row.state["node_results"]["c"]
    assert row.state["execution_data"] == {
        "value": 42, "t_output": {"value": 42}, "c_output": row.state["node_results"]["c"]["output"], "a_output": {}}
    s.log_is("condition true", ran("t", "c", "a") + END)


def condition_false(s):
    row = s.completed("condition false", ["t", "c", "b"])
    assert row.state["node_results"]["c"]["output"] == {
        "condition_result": False, "branch": "false", "condition_expr": "value > 10"}, row.state["node_results"]["c"]
    s.log_is("condition false", ran("t", "c", "b") + END)


def unlabelled(s):
    s.completed("unlabelled condition", ["t", "c", "a"])
    s.log_is("unlabelled condition", ran("t", "c", "a") + END)


def retry_then_success(s):
    row = s.completed("retry then success", ["t", "h", "n"])
    assert row.retry_count == 2, row.retry_count
    assert row.state["node_results"]["h"]["output"]["json"] == {"at": "last"}
    texts = ["Node h failed: HTTP 503: Service Unavailable", "Node h failed: HTTP 500: Internal Server Error"]
    s.log_is("retry then success", ran("t") + failures("h", texts) + ran("h", "n") + END)
    seen = server.seen("/flaky-" + s.name)
    assert len(seen) == 3, len(seen)
    assert len({r.headers["Idempotency-Key"] for r in seen}) == 1, "every attempt has the same key"
    first, second = seen[1].time - seen[0].time, seen[2].time - seen[1].time
    assert first >= 0.99 and second >= 1.99, (first, second)


def failed(s, name, node, done, retries):
    row = s.end(name)
    s.shape(row)
    assert row.status == "failed" and row.completed_at is not None and row.next_retry_at is None, row
    assert row.current_node_id == node and row.retry_count == retries, row
    assert row.error_message.startswith("Node %s failed: " % node), row.error_message
    state = row.state
    assert state["completed_node_ids"] == done, state["completed_node_ids"]
    assert set(state["node_results"]) == set(done + [node]), list(state["node_results"])
    result = state["node_results"][node]
    assert result["status"] == "failed" and result["error"], result
    assert row.error_message == "Node %s failed: %s" % (node, result["error"]), (row.error_message, result)
    return row


def refused(s):
    def between():
        row = s.backend.row(s.ids["refused"])
        return row if row.next_retry_at or row.completed_at else None
    row = wait_until("a retry to be scheduled", between)
    if not row.completed_at:  # seldom seen otherwise: this case runs while the retries go on
        s.shape(row)
        assert row.status in ("failed", "running") and row.error_message.startswith("Node h failed: Network error: "), row
    row = failed(s, "refused", "h", ["t"], MAX_RETRIES)
    assert row.error_message.startswith("Node h failed: Network error: "), row.error_message
    assert "onnect" in row.error_message and "refused" in row.error_message, row.error_message
    s.log_is("refused", ran("t") + failures("h", [row.error_message] * MAX_RETRIES, row.error_message))
    assert (row.completed_at - row.started_at).total_seconds() >= 7, "1 + 2 + 4 seconds of waiting"


def not_found(s):
    row = failed(s, "not found", "h", ["t"], 0)
    assert row.error_message == "Node h failed: HTTP 404: Not Found", row.error_message
    s.log_is("not found", ran("t") + failures("h", [], row.error_message))


def dict_form(s):
    row = s.completed("dict form", ["a", "b", "c"])
    assert row.state["node_results"]["a"]["output"] == {"z": 1}
    s.log_is("dict form", ran("a", "b", "c") + END)


def db_nodes(s):
    if s.has_nodes:
        s.completed("db nodes", ["dn1", "dn2"])
        s.log_is("db nodes", ran("dn1", "dn2") + END)


def single_trigger(s):
    row = s.completed("single trigger", ["t"])
    assert row.state["execution_data"] == {"x": 1, "t_output": {"x": 1}}, row.state["execution_data"]
    s.log_is("single trigger", ran("t") + END)


def unknown_type(s):
    row = failed(s, "unknown type", "z", ["t"], 0)
    assert row.error_message.startswith('Node z failed: no plugin provides the node type "frobnicate": searched '), row.error_message
    assert row.state["node_results"]["z"]["output"]["error"]["type"] == "node_type_unknown", row.state["node_results"]["z"]
    rows = failures("z", [], row.error_message)
    rows.insert(1, ("z", "warning", "No activity handler found for node type: frobnicate"))
    s.log_is("unknown type", ran("t") + rows)


def no_nodes(s):
    row = s.completed("no nodes", [])
    assert row.state["execution_data"] == {}
    s.log_is("no nodes", END)


def pending(s):
    s.completed("pending", ["t"])
    s.log_is("pending", ran("t") + END)


def fan(s):
    row = s.end("fan")
    s.shape(row)
    state = row.state
    assert row.status == "completed" and row.current_node_id == "j", row
    assert state["completed_node_ids"][0] == "t" and state["completed_node_ids"][3] == "j", state["completed_node_ids"]
    assert set(state["completed_node_ids"]) == {"t", "p", "q", "j"} and set(state["node_results"]) == {"t", "p", "q", "j"}
    p, q = state["node_results"]["p"], state["node_results"]["q"]
    overlap = max(p["started_at"], q["started_at"]) < min(p["completed_at"], q["completed_at"])
    assert overlap, "the branches ran one after the other: %s %s" % (p, q)


def missing_node(s):
    row = s.end("missing node")
    s.shape(row)
    assert row.status == "failed" and row.error_message == "Node ghost not found in workflow" and row.retry_count == 0, row
    assert row.state["node_results"] == {}, "nothing runs"
    log = s.backend.log(s.ids["missing node"])
    assert log[-1][1:] == ("error", "Workflow execution failed permanently: Node ghost not found in workflow"), log


def data(s):
    row = s.completed("data", ["t"])
    assert row.state["execution_data"] == dict(s.data, t_output=s.data), row.state["execution_data"]


def deep_data(s):
    """Data nested almost as deep as they may be survive being put away and taken up again."""
    row = s.completed("deep data", ["t", "d", "e"])
    assert row.state["execution_data"]["t_output"] == s.deep, row.state["execution_data"]


def begun_elsewhere(s):
    row = s.completed("begun elsewhere", ["t", "n", "e"])
    assert row.state["node_results"]["t"] == s.done_elsewhere
    assert row.state["execution_data"] == {"y": 2, "t_output": {"from": "the original"}, "n_output": {}, "e_output": {}}
    s.log_is("begun elsewhere", ran("n", "e") + END)


def pause_resume(s):
    identity = s.ids["pause"]
    b = s.backend
    assert b.row(identity).status == "paused", b.row(identity)
    paused = b.log(identity)
    assert paused[-1] == ("d", "info", "Execution paused"), paused
    assert ("n", "info", "Executing node: n") not in paused
    b.set_status(identity, "running", log=("d", "info", "Execution resumed"))
    row = s.completed("pause", ["t", "d", "n"])
    assert row.retry_count == 0
    rest = b.log(identity)[len(paused):]
    assert rest[0] == ("d", "info", "Execution resumed"), rest
    assert rest[1:] == ran("d")[1:] + ran("n") + END, rest


def begin_pause(s):
    """Pause while the delay runs; everything else goes on meanwhile.  On a machine too slow for that, once more."""
    b = s.backend
    workflow = b.row(s.ids["pause"]).workflow_id
    for _ in range(10):
        identity = s.ids["pause"]
        wait_until("the delay to run", lambda i=identity: ("d", "info", "Executing node: d") in b.log(i))
        b.set_status(identity, "paused", log=("d", "info", "Execution paused"))
        if ("d", "info", "Node d completed successfully") not in b.log(identity):
            return
        s.ids["pause"] = b.execution(workflow)
    raise AssertionError("ten times the delay was over before it could be paused")


def old_rows(s):
    for name, identity in s.old.items():
        assert s.backend.row(identity) == s.old_rows[name], (name, s.backend.row(identity))
        assert len(s.backend.log(identity)) == 1, (name, s.backend.log(identity))


def nothing_runs_again(s):
    before = {name: (s.backend.row(i), s.backend.log(i)) for name, i in s.ids.items()}
    time.sleep(1.5)
    for name, i in s.ids.items():
        assert (s.backend.row(i), s.backend.log(i)) == before[name], name


def row_vanishes(s):
    workflow = s.backend.workflow(graph([("t", "trigger"), ("d", "delay", {"delay_seconds": 1}), ("e", "end")], [("t", "d"), ("d", "e")]))
    identity = s.backend.execution(workflow)
    wait_until("the delay to run", lambda: ("d", "info", "Executing node: d") in s.backend.log(identity))
    s.backend.run("DELETE FROM workflow WHERE id = %s", (workflow,))
    time.sleep(1.5)
    after = s.backend.execution(s.backend.workflow(graph([("t", "trigger")], [])))
    assert s.backend.wait_end(after).status == "completed"
    assert s.worker.running()


def columns(backend):
    return set(backend.run("SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns"
                           " WHERE table_schema = 'public'"))


def no_table_changed(s, before):
    """Tables that were there are as they were; those that were missing may have been made."""
    tables = {c[0] for c in before}
    after = {c for c in columns(s.backend) if c[0] in tables}
    assert after == before, after ^ before


def stop(s):
    status = s.worker.terminate()
    assert status == 0, "exit status %d: %s" % (status, s.worker.log()[-2000:])


OPTIONS = {
    "json": {"row_security": True},
    "jsonb": {"json_type": "jsonb"},
    "least": {"nodes": False, "optional": False, "indexes": False},
}
scenes = {}


@setting_up
def start_scenes():
    """three databases: migrate, insert, start a worker each"""
    for name, options in OPTIONS.items():
        scenes[name] = Scene(name, **options)
        begin_pause(scenes[name])


CHECKS = [linear, condition_true, condition_false, unlabelled, retry_then_success, not_found, dict_form, db_nodes, single_trigger,
          unknown_type, no_nodes, pending, fan, missing_node, data, deep_data, begun_elsewhere, refused, pause_resume, old_rows, nothing_runs_again,
          row_vanishes]
for scene_name in OPTIONS:
    for check in CHECKS:
        add_case("%s: %s" % (scene_name, check.__name__.replace("_", " ")), lambda n=scene_name, c=check: c(scenes[n]))


@case
def untouched():
    """no table of the backend was changed"""
    for name, options in OPTIONS.items():
        fresh = Backend(postgres, "untouched_" + name, **options)
        no_table_changed(scenes[name], columns(fresh))
        fresh.connection.close()


@case
def stopped():
    """SIGTERM ends each worker with status 0"""
    for s in scenes.values():
        stop(s)


if __name__ == "__main__":
    sys.exit(main(keep_workers=True))
