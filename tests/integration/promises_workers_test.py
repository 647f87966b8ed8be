# SPDX-License-Identifier: Apache-2.0
"""What the product promises of its workers: several of them, lost ones, ones that end, limits and what is urgent.

Every case is named after a feature and has workers of its own, on a database of its own.
"""

import datetime
import sys

from expect import END, completed, failed, log_is, ran
from harness import Answer, Worker, case, graph, main, now, signal, wait_until
from scene import Scene, T, server


@case
def priority():
    """priority: of what is waiting the most urgent begins first, whether the state or the trigger data say so"""
    s = Scene("json", workers=0, name="priority")
    workflow = s.backend.workflow(graph([T], []))
    identities = [s.backend.execution(workflow, data, state=state) for data, state in
                  [({}, {})] * 3 + [({"priority": "low"}, {}), ({}, {"priority": "high"}), ({"priority": "critical"}, {}),
                                    ({"priority": 3}, {}),
                   ({}, {"priority": 0}), ({}, {"priority": 10}),
                   ({"priority": 19}, {}), ({}, {"priority": 9})]]
    worker = Worker(s.backend.dsn, "--max-in-flight", "1", "--until-idle", ready=False)
    assert worker.wait() == 0, worker.log()
    order = [r[0] for r in s.backend.run("SELECT execution_id::text FROM executionlog WHERE message = 'Executing node: t' ORDER BY \"timestamp\"")]
    assert order == [identities[i] for i in (5, 4, 8, 9, 0, 1, 2, 10, 6, 3, 7)], [identities.index(i) for i in order]


@case
def default_node_timeout():
    """node timeout: WORKFLOW_NODE_TIMEOUT_SECONDS holds for every node that says nothing else"""
    s = Scene("jsonb", name="node_timeout", env={"WORKFLOW_NODE_TIMEOUT_SECONDS": "1", "WORKFLOW_MAX_RETRIES": "0"})
    path = s.path(Answer(delay=3))
    own = graph([T, ("h", *s.call(path))], [("t", "h")])
    own["nodes"][1]["timeout_seconds"] = 60
    short, long = s.start(graph([T, ("h", *s.call(path))], [("t", "h")])), s.start(own)
    parked = s.start(graph([T, ("d", "delay", {"delay_seconds": 2})], [("t", "d")]))
    failed(s.backend, short, "Node h timed out after 1 seconds", "h", ["t"])
    completed(s.backend, long, ["t", "h"])
    completed(s.backend, parked, ["t", "d"])


@case
def several_workers():
    """multiple workers: an execution is worked on by one of them at a time, and any of them goes on with it"""
    s = Scene("json", workers=3, name="several", arguments=("--max-in-flight", "8"))
    path = s.path(Answer(delay=0.1))
    workflow = s.backend.workflow(graph(
        [T, ("a", *s.call(path + "?${n}a", method="POST")), ("d", "delay", {"delay_seconds": 0.3}),
         ("b", *s.call(path + "?${n}b", method="POST")),
         ("e", "end")], [("t", "a"), ("a", "d"), ("d", "b"), ("b", "e")]))
    identities = s.backend.executions(workflow, 60, lambda i: {"n": i})
    for identity in identities:
        completed(s.backend, identity, ["t", "a", "d", "b", "e"])
        log_is(s.backend, identity, ran("t", "a", "d", "b", "e") + END)
    assert sorted(r.path for r in server.seen(path)) == sorted("%s?%d%s" % (path, n, x) for n in range(60) for x in "ab")
    for worker in s.workers:
        assert worker.terminate() == 0, worker.log()
    shares = [int(w.lines("statistics why=final")[0].split("processed=")[1].split()[0]) for w in s.workers]
    assert sum(1 for share in shares if share) > 1, "one worker did everything: %s" % shares


@case
def two_workers():
    """two workers: ten executions with a slow POST: ten requests, ten times completed"""
    s = Scene("jsonb", workers=2, name="two")
    path = s.path(Answer(delay=0.5))
    workflow = s.backend.workflow(graph([T, ("h", *s.call(path, method="POST")), ("n", "noop")], [("t", "h"), ("h", "n")]))
    for identity in s.backend.executions(workflow, 10):
        completed(s.backend, identity, ["t", "h", "n"])
        log_is(s.backend, identity, ran("t", "h", "n") + END)
    assert len(server.seen(path)) == 10


@case
def waiting_for_a_child():
    """sub_workflow wait: one worker with room for one execution runs a chain of three that wait for each other"""
    s = Scene("jsonb", name="chain", arguments=("--max-in-flight", "1"))
    last = s.backend.workflow(graph([T, ("m", "map", {"input_array": "[n]", "map_expression": "item * 2"})], [("t", "m")]))
    for _ in range(2):
        last = s.backend.workflow(graph([T, ("s", "sub_workflow",
                                             {"workflow_id": last, "input_data": {"n": "${n + 1}"}, "wait_for_completion": True,
                                                                   "output": "result.m_output.result[0]"}),
                                         ("m", "map", {"input_array": "[s_output.result]", "map_expression": "item"})],
                                        [("t", "s"), ("s", "m")]))
    row = completed(s.backend, s.backend.execution(last, {"n": 1}), ["t", "s", "m"])
    assert s.data(row)["m_output"]["result"] == [6], row
    assert s.backend.run("SELECT status, count(*) FROM workflowexecution GROUP BY 1") == [("completed", 3)]


@case
def schedules_once():
    """schedules due once, several workers: twenty schedules that are due fire twenty times with four workers"""
    s = Scene("json", workers=4, name="schedules")
    workflow = s.backend.workflow(graph([T], []))
    due = now().replace(microsecond=0) - datetime.timedelta(seconds=1)
    s.backend.run("INSERT INTO workflowschedule (id, workflow_id, cron_expression, is_active, next_run_at)"
                  " SELECT gen_random_uuid(), %s, '0 0 1 1 *', true, %s FROM generate_series(1, 20)", (workflow, due))
    wait_until("all to have fired", lambda: not s.backend.run("SELECT 1 FROM workflowschedule WHERE next_run_at <= %s", (due,)))
    s.backend.wait_ended_count(workflow, 20)
    started = s.backend.run("SELECT execution_state::json -> 'execution_data' ->> 'schedule_id', status FROM workflowexecution")
    assert len(started) == 20 and len({r[0] for r in started}) == 20 and {r[1] for r in started} == {"completed"}, started


@case
def killed():
    """kill -9 in a node: a delay goes on where it was, a request is made again with the same key, nothing else is repeated"""
    s = Scene("json", name="killed", env={"WFWORKER_LEASE_SECONDS": "2"})
    path, before = s.path(Answer(delay=30), Answer()), s.path()
    posting = s.start(graph([T, ("b", *s.call(before, method="POST")), ("h", *s.call(path, method="POST")), ("e", "end")],
                            [("t", "b"), ("b", "h"), ("h", "e")]))
    delaying = s.start(graph([T, ("b", *s.call(before, method="POST")), ("d", "delay", {"delay_seconds": 3}), ("e", "end")],
                             [("t", "b"), ("b", "d"), ("d", "e")]))
    once = graph([T, ("h", *s.call(path, method="POST")), ("e", "end")], [("t", "h"), ("h", "e", "error")])
    once["nodes"][1]["at_most_once"] = True
    wait_until("the request", lambda: len(server.seen(path)) == 1)
    server.script[path].insert(0, Answer(delay=30))
    careful = s.start(once)
    s.shown(careful, "h")
    s.shown(delaying, "d")
    wait_until("the other request", lambda: len(server.seen(path)) == 2)
    s.workers[0].kill()
    Worker(s.backend.dsn, env={"WFWORKER_LEASE_SECONDS": "2"})
    row = completed(s.backend, delaying, ["t", "b", "d", "e"])
    log_is(s.backend, delaying, ran("t", "b", "d", "e") + END)
    assert 3 <= (row.completed_at - row.started_at).total_seconds(), row
    completed(s.backend, posting, ["t", "b", "h", "e"])
    row = s.backend.wait_end(careful)
    assert row.status == "completed" and row.state["node_results"]["h"]["output"]["error"]["type"] == "interrupted", row
    requests = server.seen(path)
    assert len(requests) == 3 and len(server.seen(before)) == 2, requests
    assert requests[2].headers["Idempotency-Key"] == requests[0].headers["Idempotency-Key"] != requests[1].headers["Idempotency-Key"]


@case
def terminated():
    """SIGTERM in a node: the node finishes, what is parked is given back, and the worker ends with 0"""
    s = Scene("json", name="sigterm", env={"WFWORKER_LEASE_SECONDS": "600"})
    gate = []
    path = s.path(Answer(until=lambda: gate))
    running = s.start(graph([T, ("h", *s.call(path, method="POST")), ("e", "end")], [("t", "h"), ("h", "e")]))
    parked = s.start(graph([T, ("d", "delay", {"delay_seconds": 2}), ("e", "end")], [("t", "d"), ("d", "e")]))
    wait_until("the request", lambda: server.seen(path))
    s.shown(parked, "d")
    s.workers[0].process.send_signal(signal.SIGTERM)
    s.workers[0].wait_line("stopping why=SIGTERM")
    gate.append(True)
    assert s.workers[0].wait() == 0, s.workers[0].log()
    Worker(s.backend.dsn, env={"WFWORKER_LEASE_SECONDS": "600"})
    for identity, node in ((running, "h"), (parked, "d")):
        completed(s.backend, identity, ["t", node, "e"])
        log_is(s.backend, identity, ran("t", node, "e") + END)
    assert len(server.seen(path)) == 1


@case
def endless():
    """endless loops: twelve executions that go round and round do not keep another from running, even where four have room"""
    s = Scene("json", name="endless", arguments=("--max-in-flight", "4"))
    forever = s.backend.workflow(graph([T, ("w", "while", {"condition_expression": "true", "max_iterations": 1000000000}),
                                        ("d", "delay", {"delay_seconds": 0.01})], [("t", "w"), ("w", "d"), ("d", "w")]))
    identities = s.backend.executions(forever, 12)
    for identity in identities:
        s.shown(identity, "d")
    other = s.start(graph([T, ("a", "noop"), ("e", "end")], [("t", "a"), ("a", "e")]))
    completed(s.backend, other, ["t", "a", "e"])
    assert s.backend.run("SELECT count(*) FROM workflowexecution WHERE workflow_id = %s AND status = 'running'",
                         (forever,)) == [(12,)]
    for identity in identities:
        s.backend.run("SELECT wfworker.terminate(%s, 'enough')", (identity,))
    wait_until("all to be over", lambda: not s.backend.run("SELECT 1 FROM wfworker.task"))
    for identity in identities:
        row = s.backend.row(identity)
        assert (row.status, row.error_message, row.state["completed_node_ids"]) == ("failed", "enough", ["t", "d"]), row


if __name__ == "__main__":
    sys.exit(main())
