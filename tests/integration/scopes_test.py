# SPDX-License-Identifier: Apache-2.0
"""Loops, maps and tries with a worker and a database: what they leave in the row, and that a worker that is killed in the
middle of a loop costs no pass and repeats none that was finished."""

import json
import os
import sys

from harness import Answer, Backend, HttpServer, Postgres, Worker, case, graph, main, tmpdir, wait_until, wfworker

postgres = Postgres()
server = HttpServer()
backend = Backend(postgres, "scopes", json_type="jsonb")
server.script["/status/418"] = [Answer(status=418)]
first = Worker(backend.dsn, "--migrate", "--lease-seconds", "3")


def run(workflow, data=None, timeout=None):
    identity = backend.execution(backend.workflow(workflow), data=data)
    backend.wait_end(identity, timeout)
    return backend.row(identity)


@case
def a_for_loop():
    """for: the body once for each item, a variable that grows, then done; drawn without labels"""
    row = run(graph([("t", "trigger"), ("each", "for", {"array_expression": "input.orders", "loop_variable": "order"}),
                     ("sum", "set_variable", {"variable_name": "sum", "variable_value": "${(vars.sum ?? 0) + order.n}"}),
                     ("z", "condition", {"expression": "vars.sum == 7"})],
                    [("t", "each"), ("each", "sum"), ("sum", "each"), ("each", "z")]), {"orders": [{"n": 2}, {"n": 5}]})
    assert row.status == "completed", row
    output = {"variable_name": "sum", "scope": "workflow"}
    state = row.state
    assert state["execution_data"]["each_output"] == {"count": 2, "succeeded": 2, "failed": 0,
                                                      "results": [{**output, "value": 2}, {**output, "value": 7}]}, state
    assert state["execution_data"]["z_output"]["branch"] == "true", state
    assert state["completed_node_ids"] == ["t", "sum", "each", "z"], state
    assert "order" not in state["execution_data"] and "index" not in state["execution_data"], state


@case
def a_map():
    """for with max_concurrency: passes side by side, results in the order of the items"""
    row = run(graph([("m", "for", {"array_expression": "[0.3, 0.1, 0.2]", "max_concurrency": 3}), ("d", "delay", {"delay_seconds": "${item}"}),
                     ("v", "set_variable", {"variable_name": "last", "variable_value": "${index}", "variable_scope": "loop"}),
                     ("z", "end")], [("m", "d", "body"), ("d", "v"), ("m", "z", "done")]))
    output = row.state["execution_data"]["m_output"]
    assert [r["value"] for r in output["results"]] == [0, 1, 2], output
    assert (output["count"], output["succeeded"], output["failed"]) == (3, 3, 0), output
    assert row.state["execution_data"]["v_output"]["value"] == 2, row


@case
def a_try():
    """try, catch, finally: the error is seen in catch, finally runs, what follows runs"""
    def workflow(catches):
        return graph([("t", "try"), ("h", "http_request", {"url": server.url + "/status/418"}), ("c", "catch", {"error_type": catches}),
                      ("why", "set_variable", {"variable_name": "why", "variable_value": "${error.node_id}"}), ("f", "finally"), ("z", "end")],
                     [("t", "h"), ("h", "c"), ("c", "why"), ("why", "f"), ("f", "z")])
    row = run(workflow(""))
    assert row.status == "completed", row
    assert row.state["execution_data"]["why_output"]["value"] == "h", row.state
    assert row.state["completed_node_ids"] == ["c", "why", "f", "t", "z"], row.state
    row = run(workflow("nothing_like_it"))
    assert row.status == "failed" and row.error_message.startswith("Node h failed: HTTP 418"), row
    assert row.state["completed_node_ids"] == ["f"], row.state


def loop(kind, body, **config):
    path = os.path.join(tmpdir(), "loop.json")
    with open(path, "w") as f:
        json.dump(graph([("m", kind, config), ("d", *body), ("z", "end")], [("m", "d", "body"), ("m", "z", "done")]), f)
    done = json.loads(wfworker("exec", path, "--virtual-time", "--trace").out)
    output = done["data"].get("m_output", {})
    return (done["error_message"] or "") or [output.get(k) for k in ("count", "succeeded", "failed")], [
        t["status"] for t in done["trace"] if t["node_id"] == "d"]


@case
def rules():
    """need, tolerate, join_rest, max_iterations and wrong settings, without a database"""
    wait, odd, nothing = ("delay", {"delay_seconds": "${item}"}), ("condition", {"expression": "item == 5 ? 1 : nope"}), ("noop",)
    nope = 'expression "item == 5 ? 1 : nope": unknown name "nope", line 1, column 17'
    done, cancelled = "completed", "cancelled"
    for got, expected in (
            (loop("for", wait, array_expression="[5,1,2]", max_concurrency=3, need=2), ([3, 2, 0], [cancelled, done, done])),
            (loop("for", wait, array_expression="[5,1,2]", need=0, join_rest="run"), ([3, 0, 0], [done] * 3)),
            (loop("for", wait, array_expression="[5,1]", need=3), ("Node m failed: 3 passes must succeed, but only 2 still can", [])),
            (loop("for", odd, array_expression="[5,0,2]", tolerate=2), ([3, 1, 2], [done, "failed", "failed"])),
            (loop("for", odd, array_expression="[5,0,2]", tolerate=1), ("Node m failed: pass 3: node d failed: " + nope, [done, "failed", "failed"])),
            (loop("while", nothing, condition_expression="index < 3"), ([3, 3, 0], [done] * 3)),
            (loop("while", nothing, condition_expression="true", max_iterations=2),
             ("Node m failed: the condition still holds after 2 passes (max_iterations)", [done] * 2)),
            (loop("loop", nothing, repeat_count=3, max_iterations=2),
             ("Node m failed: 3 passes are more than max_iterations allows, which is 2", [])),
            (loop("for", nothing, array_expression="input.items"), ("Node m failed: /array_expression: the value is no array", []))):
        assert got == expected, (got, expected)


@case
def a_killed_worker():
    """a worker that is killed in a loop: another one goes on with the next pass"""
    workflow = backend.workflow(graph([("r", "repeat", {"repeat_count": 4}), ("h", "http_request", {"url": server.url + "/pass-${index}"}),
                                       ("d", "delay", {"delay_seconds": 0.5})], [("r", "h", "body"), ("h", "d")]))
    identity = backend.execution(workflow)
    wait_until("the second pass", lambda: server.seen("/pass-1"))
    first.kill()
    Worker(backend.dsn, "--lease-seconds", "3")
    backend.wait_end(identity, 60)
    row = backend.row(identity)
    assert row.state["execution_data"]["r_output"]["count"] == 4, row
    assert len(server.seen("/pass-0")) == 1 and len(server.seen("/pass-3")) == 1, server.seen("/pass-0")


@case
def keys_of_runs():
    """a loop that a cycle comes back to runs its body again with keys of its own, so that no receiver takes it for a repetition"""
    row = run(graph([("a", "noop"), ("l", "repeat", {"repeat_count": 2}), ("h", "http_request", {"url": server.url + "/key", "method": "POST"}),
                     ("n", "set_variable", {"variable_name": "n", "variable_value": "${(vars.n ?? 0) + 1}"}),
                     ("c", "condition", {"expression": "vars.n < 2"})],
                    [("a", "l"), ("l", "h", "body"), ("l", "n", "done"), ("n", "c"), ("c", "a", "true")]))
    assert row.status == "completed", row
    keys = [r.headers["Idempotency-Key"] for r in server.seen("/key")]
    uuid = keys[0].split("/")[0]
    assert keys == [uuid + path for path in ("/l#1/h", "/l#2/h", "/l(2)#1/h", "/l(2)#2/h")], keys


@case
def terminated_from_outside():
    """what is set to failed from outside runs no finally; what is ended by a terminate node does"""
    def workflow(name, *last):
        return graph([("t", "trigger"), ("try", "try"), ("d", "delay", {"delay_seconds": 3600}),
                      ("f", "http_request", {"url": server.url + name}), *last],
                     [("t", "try"), ("try", "d", "body"), ("try", "f", "finally"), *[("t", node[0]) for node in last]])
    identity = backend.execution(backend.workflow(workflow("/outside")))
    wait_until("it to be parked", lambda: backend.run("SELECT 1 FROM wfworker.snapshot WHERE execution_id = %s", (identity,)))
    backend.set_status(identity, "failed", "enough", completed=True)
    wait_until("the end", lambda: not backend.run("SELECT 1 FROM wfworker.task WHERE execution_id = %s", (identity,)))
    row = run(workflow("/inside", ("stop", "terminate", {"message": "over"})))
    assert (row.status, len(server.seen("/inside"))) == ("completed", 1), row
    row = backend.row(identity)
    assert (row.status, row.error_message, row.state["completed_node_ids"], server.seen("/outside")) == ("failed", "enough", ["t"], []), row


if __name__ == "__main__":
    sys.exit(main(keep_workers=True))
