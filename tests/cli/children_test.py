# SPDX-License-Identifier: Apache-2.0
"""wfworker exec: executions that nodes start, in memory."""

import json

from tap import case, is_, main, run, trace_line, write


def graph(nodes, edges):
    """Nodes as (id, type[, config]) or whole, edges as (from, to[, branch])."""
    return {"nodes": [n if isinstance(n, dict) else {"node_id": n[0], "node_type": n[1], "config": n[2] if len(n) > 2 else {}} for n in nodes],
            "edges": [dict(zip(("from", "to", "branch"), e)) for e in edges]}


CHILD = graph([("t", "trigger"), ("sum", "set_variable", {"variable_name": "x", "variable_value": "${input.a + input.b}"})], [("t", "sum")])
SLOW = graph([("t", "trigger"), ("d", "delay", {"delay_seconds": 10}), ("e", "end")], [("t", "d"), ("d", "e")])
NOTHING = graph([("t", "trigger"), ("w", "await", {"signal_type": "never"})], [("t", "w")])
FAILING = graph([("t", "trigger"), ("x", "terminate", {"status": "failed", "message": "no luck"})], [("t", "x")])
RECURSIVE = graph([("c", "condition", {"expression": "input.n > 0"}),
                   ("s", "sub_workflow", {"workflow_id": "self", "input_data": {"n": "${input.n - 1}"}, "wait_for_completion": True}), ("e", "end")],
                  [("c", "s", "true"), ("c", "e", "false")])


def parent(edges=(("s", "e"),), nodes=(), node=None, **config):
    return graph([("t", "trigger"), {"node_id": "s", "node_type": "sub_workflow", "config": {"workflow_id": "c", **config}, **(node or {})},
                  ("e", "end"), *nodes], [("t", "s"), *edges])


def execute(definition, child=CHILD, *arguments, status=0):
    done = run("exec", write("parent.json", definition), "--workflow", "c=" + write("child.json", child), "--virtual-time", "--trace",
               "--log-level", "error", *arguments)
    assert done.status == status, done
    is_("", done.err)
    return json.loads(done.out)


def lines(execution):
    return [trace_line(e) for e in execution["trace"]]


@case
def waiting():
    """waiting: the result is the child's data, or what output makes of them; time is the same for both"""
    result = execute(parent(input_data={"a": 1, "b": "${input.n}"}, wait_for_completion=True), CHILD, "--data", '{"n": 2}')
    child = result["children"][0]
    is_({"sub_workflow_id": "c", "sub_execution_id": child["execution_id"], "sub_execution_uuid": result["data"]["s_output"]["sub_execution_uuid"],
         "status": "completed", "result": {"a": 1, "b": 2, "t_output": {"a": 1, "b": 2}, "sum_output": {"variable_name": "x", "value": 3, "scope": "workflow"}},
         "error": None}, result["data"]["s_output"])
    is_(result["data"]["s_output"]["result"], child["data"])
    is_(["t", "s", "e"], lines(result))
    is_(("c", "exec-000000000000", "s", 1, "completed", None, ["t", "sum"]),
        tuple(child[k] for k in ("workflow_id", "parent", "node_id", "depth", "status", "error_message")) + (lines(child),))
    result = execute(parent(input_data={"a": 1, "b": 2}, wait_for_completion=True, output="result.sum_output.value * 10"))
    is_(30, result["data"]["s_output"]["result"])
    result = execute(parent(wait_for_completion=True), SLOW)
    is_("2026-01-01T00:00:10", result["node_results"]["e"]["completed_at"])


@case
def not_waiting():
    """not waiting: done at once, with all data of the parent for the child, which runs to its end"""
    result = execute(parent(), SLOW, "--data", '{"n": 2}')
    child = result["children"][0]
    is_("2026-01-01T00:00:00", result["node_results"]["e"]["completed_at"])
    is_(["sub_workflow_id", "sub_execution_id", "sub_execution_uuid", "status"], list(result["data"]["s_output"]))
    is_("started", result["data"]["s_output"]["status"])
    is_((2, "completed"), (child["data"]["n"], child["status"]))
    is_(["t", "d", "e"], lines(child))


@case
def equal():
    """two runs are equal byte for byte, the ids of children too"""
    path = write("parent.json", parent(wait_for_completion=True, input_data={"a": 1, "b": 2}))
    arguments = ("exec", path, "--workflow", "c=" + write("child.json", CHILD), "--virtual-time", "--trace")
    is_(run(*arguments).out, run(*arguments).out)


@case
def recursion():
    """a workflow starts itself, 32 deep and no deeper"""
    path = write("w.json", RECURSIVE)
    done = run("exec", path, "--virtual-time", "--trace", "--log-level", "error", "--data", '{"n": 32}')
    result = json.loads(done.out)
    is_((0, "completed", 32, 32), (done.status, result["status"], len(result["children"]), result["children"][-1]["depth"]))
    done = run("exec", path, "--virtual-time", "--trace", "--log-level", "error", "--data", '{"n": 33}')
    result = json.loads(done.out)
    is_((1, "failed", 32), (done.status, result["status"], len(result["children"])))
    is_("Node s failed: executions that start each other are nested more than 32 deep", result["children"][-1]["error_message"])


@case
def failures():
    """a child that fails: the error edge, a catch, a retry with a new child, the execution"""
    result = execute(parent([("s", "e", "error")], wait_for_completion=True), FAILING)
    error = result["data"]["s_output"]["error"]
    is_(("child_failed", "execution %s failed: no luck" % result["children"][0]["execution_id"]), (error["type"], error["message"]))
    result = execute(parent(wait_for_completion=True), FAILING, status=1)
    is_("Node s failed: execution %s failed: no luck" % result["children"][0]["execution_id"], result["error_message"])
    result = execute(parent(wait_for_completion=True, node={"retry": {"max_attempts": 3, "initial_ms": 1}}), FAILING, status=1)
    is_(3, len({child["execution_id"] for child in result["children"]}))
    tries = graph([("t", "try"), ("s", "sub_workflow", {"workflow_id": "c", "wait_for_completion": True}), ("c", "catch"), ("e", "end")],
                  [("t", "s", "body"), ("t", "c", "catch"), ("t", "e", "done")])
    is_(["t -done", "t/s failed", "t/c", "e"], sorted(lines(execute(tries, FAILING)), key=["t -done", "t/s failed", "t/c", "e"].index))


@case
def unknown():
    """a workflow that nobody gave is an error of the node, waiting or not"""
    for wait in (False, True):
        result = execute(parent(workflow_id="other", wait_for_completion=wait), status=1)
        is_('Node s failed: there is no workflow "other": --workflow ID=FILE says what it is', result["error_message"])
        result = execute(parent(workflow_id="x" + "\u00e4" * 60, wait_for_completion=wait), status=1)  # the 100th byte is half of one
        is_('Node s failed: there is no workflow "x%s\ufffd": --workflow ID=FILE says what it is' % ("\u00e4" * 49), result["error_message"])


@case
def deadline():
    """timeout_seconds: branch timeout, and the child is terminated, or goes on"""
    result = execute(parent([("s", "e", "timeout")], wait_for_completion=True, timeout_seconds=3), SLOW)
    is_(("timeout", "2026-01-01T00:00:03"), (result["data"]["s_output"]["status"], result["node_results"]["e"]["completed_at"]))
    child = result["children"][0]
    is_(("failed", "the node of the parent execution that waited for it has ended"), (child["status"], child["error_message"]))
    result = execute(parent([("s", "e", "timeout")], wait_for_completion=True, timeout_seconds=3, parent_close="abandon"), SLOW)
    is_(("completed", "completed"), (result["status"], result["children"][0]["status"]))
    result = execute(parent(wait_for_completion=True), NOTHING, status=1)
    is_("Node s failed: the other execution was not over in time", result["error_message"])
    is_("2026-01-01T01:00:00", result["node_results"]["s"]["completed_at"])
    is_("waiting_for_signal", execute(parent(), NOTHING)["children"][0]["status"])


@case
def closing():
    """a parent that fails ends its children and theirs; a branch that lost does, too"""
    nodes = [("w", "delay", {"delay_seconds": 1}), ("x", "terminate", {"status": "failed", "message": "enough"})]
    result = execute(parent([("t", "w"), ("w", "x")], nodes, wait_for_completion=True), SLOW, status=1)
    is_(("failed", "the node of the parent execution that waited for it has ended"),
        (result["children"][0]["status"], result["children"][0]["error_message"]))
    for config, status in (({"parent_close": "cancel"}, "failed"), ({}, "completed")):
        result = execute(parent([("s", "w"), ("w", "x")], nodes, **config), SLOW, status=1)
        is_(status, result["children"][0]["status"])
    lost = graph([("t", "trigger"), ("s", "sub_workflow", {"workflow_id": "c", "wait_for_completion": True}), ("w", "delay", {"delay_seconds": 1}),
                  ("j", "end", {"join": "any"})], [("t", "s"), ("t", "w"), ("s", "j"), ("w", "j")])
    result = execute(lost, SLOW)
    is_(["t", "s cancelled", "w", "j"], lines(result))
    is_("failed", result["children"][0]["status"])


@case
def many():
    """a map with 200 children at once: each in its own pass"""
    result = execute(graph([("m", "for", {"array_expression": "range(200)", "max_concurrency": 200, "keep": 200}),
                            ("s", "sub_workflow", {"workflow_id": "c", "input_data": {"a": "${item}", "b": 1}, "wait_for_completion": True,
                                                   "output": "result.sum_output.value"})], [("m", "s", "body")]))
    is_([n + 1 for n in range(200)], [r["result"] for r in result["data"]["m_output"]["results"]])
    is_(200, len(result["children"]))


@case
def arguments():
    """--workflow without a name or a file is an error, as is a signal that only the worker may send"""
    path = write("parent.json", parent())
    for wrong in ("c", "=x", "c="):
        done = run("exec", path, "--workflow", wrong)
        is_((1, "wfworker: --workflow %s is not ID=FILE" % wrong), (done.status, done.err.splitlines()[0]))
    done = run("exec", path, "--workflow", "c=/nowhere.json")
    assert done.status == 1 and "/nowhere.json" in done.err, done
    done = run("exec", path, "--signal", ":child:x")
    is_((1, "wfworker: --signal :child:x: types that begin with a colon are the worker's own"), (done.status, done.err.splitlines()[0]))


main()
