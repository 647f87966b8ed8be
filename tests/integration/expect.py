# SPDX-License-Identifier: Apache-2.0
"""What the backend's readers rely on in every row, and the log rows of the usual courses."""

import datetime
import re

from harness import RESULT_KEYS, STATE_KEYS

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?$")
END = [("end", "info", "Workflow execution completed")]


def ran(*nodes):
    """The log rows of nodes that succeeded one after the other."""
    rows = []
    for node in nodes:
        rows += [(node, "info", "Executing node: " + node), (node, "info", "Node %s completed successfully" % node)]
    return rows


def failures(node, texts, last=None, retries=3):
    """The log rows of a node that failed once for each of the texts, each time with a retry of the execution, and for good with `last`."""
    rows = []
    for n, text in enumerate(texts, 1):
        rows += [(node, "info", "Executing node: " + node), (node, "error", text),
                 (node, "warning", "Workflow execution failed, retry %d/%d scheduled: %s" % (n, retries, text))]
    if last:
        rows += [(node, "info", "Executing node: " + node), (node, "error", last),
                 (node, "error", "Workflow execution failed permanently: " + last)]
    return rows


def shape(backend, row):
    """What holds for every execution that a worker has saved."""
    state = row.state
    assert set(state) == set(STATE_KEYS), sorted(state)
    if backend.json_type == "json":
        assert list(state) == STATE_KEYS, list(state)
    same = {"execution_id": row.execution_id, "workflow_id": row.workflow_id, "workflow_version": row.workflow_version,
            "status": row.status, "current_node_id": row.current_node_id, "error_message": row.error_message,
            "retry_count": row.retry_count}
    assert {k: state[k] for k in same} == same, (same, state)
    assert STAMP.match(state["started_at"])
    assert abs(datetime.datetime.fromisoformat(state["started_at"]) - row.started_at) < datetime.timedelta(seconds=1)
    if row.next_retry_at is None:
        assert state["next_retry_at"] is None
    for node, result in state["node_results"].items():
        assert set(result) == set(RESULT_KEYS), result
        if backend.json_type == "json":
            assert list(result) == RESULT_KEYS, result
        assert result["node_id"] == node and isinstance(result["output"], dict), result
        assert isinstance(result["duration_ms"], int) and result["duration_ms"] >= 0, result
        assert STAMP.match(result["started_at"]) and STAMP.match(result["completed_at"]), result
        assert result["started_at"] <= result["completed_at"], result
        assert (result["status"], result["error"] is None) in (("success", True), ("failed", False)), result


def completed(backend, identity, nodes):
    """The row of an execution that completed with exactly these nodes, in this order, or in any when they are a set."""
    row = backend.wait_end(identity)
    shape(backend, row)
    assert row.status == "completed", row
    assert row.completed_at is not None and row.error_message is None and row.next_retry_at is None, row
    state = row.state
    if isinstance(nodes, set):
        assert len(state["completed_node_ids"]) == len(nodes) and set(state["completed_node_ids"]) == nodes, state["completed_node_ids"]
    else:
        assert state["completed_node_ids"] == nodes, state["completed_node_ids"]
    if isinstance(nodes, list):
        assert row.current_node_id == (nodes[-1] if nodes else None), row.current_node_id
        if backend.json_type == "json":
            assert list(state["node_results"]) == nodes, list(state["node_results"])
    assert set(state["node_results"]) == set(nodes), list(state["node_results"])
    for node in nodes:
        result = state["node_results"][node]
        assert result["status"] == "success" and result["error"] is None, result
        assert state["execution_data"][node + "_output"] == result["output"], node
    return row


def failed(backend, identity, message, node, done, retries=0):
    """The row of an execution that failed for good at a node, with exactly these nodes completed before, in this order."""
    row = backend.wait_end(identity)
    shape(backend, row)
    assert (row.status, row.error_message, row.current_node_id) == ("failed", message, node), row
    assert row.completed_at is not None and row.next_retry_at is None and row.retry_count == retries, row
    state = row.state
    assert state["completed_node_ids"] == done, state["completed_node_ids"]
    result = state["node_results"][node]
    assert result["status"] == "failed" and message in ("Node %s failed: %s" % (node, result["error"]),
                                                        "Node %s %s" % (node, result["error"])), result
    return row


def log_is(backend, identity, rows):
    row = backend.row(identity)
    expected = [("start", "info", "Workflow execution started: " + row.execution_id)] + rows
    found = backend.log(identity)
    assert found == expected, "\nfound    %s\nexpected %s" % (found, expected)
    stamps = [s for s, in backend.run('SELECT "timestamp" FROM executionlog WHERE execution_id = %s', (identity,))]
    assert len(set(stamps)) == len(stamps), "two log rows with the same time"
