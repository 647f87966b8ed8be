# SPDX-License-Identifier: Apache-2.0
"""What the executions of the chaos suite do, and what must be true of each when it is over.

A kind is a workflow with what is expected, written down by hand and not by any program that runs workflows: which nodes
complete, which effects the world outside sees, and how often a node is logged as done.  Every effect names the execution (n), a node
that is unique within it, and the worker that made it.
"""

import json
import uuid

from harness import graph, now


def effect(node, ms=20, fail=0, **options):
    return "http_request", {"method": "POST", "url": "${base}/effect", "body": {
        "n": "${n}", "node": node, "w": "${env.WFWORKER_CHAOS_ID}", "ms": ms, "fail": fail}, **options}


class Kind:
    """nodes: those that must be completed; effects: names of effects; done: how often nodes are logged as done, if not once.
    signal: a type that it waits for; children: how many it starts; maybe: an effect that happens at most once."""

    def __init__(self, name, nodes, edges, completed, effects=(), done=None, options=None, signal=None, children=0, maybe=None,
                 child=False, trigger_config=None):
        self.name = name
        self.definition = graph([("t", "trigger")] + nodes, edges)
        for node in self.definition["nodes"]:
            node.update((options or {}).get(node["node_id"], {}))
        self.completed = sorted(completed.split())
        self.effects = sorted(effects)
        self.done = {node: 1 for node in self.completed}
        self.done.update(done or {})
        self.signal, self.children, self.maybe, self.child = signal, children, maybe, child
        self.trigger_config = trigger_config
        self.workflow = None


RETRY = {"h": {"retry": {"max_attempts": 4, "initial_ms": 50}}}


def kinds():
    return [
        Kind("pure", [("v", "set_variable", {"variable_name": "x", "variable_value": "${n + 1}"}),
                      ("c", "condition", {"expression": "vars.x > n"}), ("e", "end")],
             [("t", "v"), ("v", "c"), ("c", "e", "true")], "t v c e"),
        Kind("chain", [("a", *effect("a")), ("d", "delay", {"delay_seconds": 0.3}), ("b", *effect("b")), ("e", "end")],
             [("t", "a"), ("a", "d"), ("d", "b"), ("b", "e")], "t a d b e", ["a", "b"]),
        Kind("retry", [("h", *effect("h", fail=2)), ("e", "end")], [("t", "h"), ("h", "e")], "t h e", ["h"], options=RETRY),
        Kind("again", [("a", *effect("a")), ("h", *effect("h", fail=1)), ("e", "end")], [("t", "a"), ("a", "h"), ("h", "e")],
             "t a h e", ["a", "h"]),
        Kind("loop", [("l", "repeat", {"repeat_count": 3}), ("h", *effect("h-${index}")), ("e", "end")],
             [("t", "l"), ("l", "h", "body"), ("l", "e", "done")], "t l h e", ["h-0", "h-1", "h-2"], done={"h": 3}),
        Kind("map", [("m", "for", {"array_expression": "[1, 2, 3, 4]", "max_concurrency": 4}), ("h", *effect("h-${item}", ms=60)),
                     ("e", "end")],
             [("t", "m"), ("m", "h", "body"), ("m", "e", "done")], "t m h e", ["h-%d" % i for i in (1, 2, 3, 4)], done={"h": 4}),
        Kind("mutex", [("m", "mutex", {"key": "k${n % 2}"}), ("i", *effect("in")), ("o", *effect("out")), ("e", "end")],
             [("t", "m"), ("m", "i", "body"), ("i", "o"), ("m", "e", "done")], "t m i o e", ["in", "out"]),
        Kind("signal", [("w", "await", {"signal_type": "go"}), ("h", *effect("${w_output.data.nonce}")), ("e", "end")],
             [("t", "w"), ("w", "h"), ("h", "e")], "t w h e", ["signalled"], signal="go"),
        Kind("self", [("s", "send_signal", {"signal_type": "mine", "data": {"n": "${n}"}}),
                      ("w", "await", {"signal_type": "mine"}), ("h", *effect("h")), ("e", "end")],
             [("t", "s"), ("s", "w"), ("w", "h"), ("h", "e")], "t s w h e", ["h"]),
        Kind("parent", [("s", "sub_workflow", {"workflow_id": "child", "wait_for_completion": True,
                                               "input_data": {"n": "${n}", "base": "${base}", "at": "child"}}),
                        ("h", *effect("h")), ("e", "end")],
             [("t", "s"), ("s", "h"), ("h", "e")], "t s h e", ["h", "child"], children=1),
        Kind("starter", [("s", "sub_workflow", {"workflow_id": "child", "wait_for_completion": False,
                                                "input_data": {"n": "${n}", "base": "${base}", "at": "free"}}), ("e", "end")],
             [("t", "s"), ("s", "e")], "t s e", ["free"], children=1),
        Kind("once", [("h", *effect("h", ms=80)), ("e", "end")], [("t", "h"), ("h", "e"), ("h", "e", "error")], "t e", maybe="h",
             options={"h": {"at_most_once": True}}),
        Kind("slow", [("h", *effect("h", ms=4000)), ("e", "end")], [("t", "h"), ("h", "e")], "t h e", ["h"]),
        Kind("child", [("h", *effect("${at}")), ("e", "end")], [("t", "h"), ("h", "e")], "t h e", child=True),
        Kind("tick", [("v", "set_variable", {"variable_name": "x", "variable_value": 1}), ("e", "end")],
             [("t", "v"), ("v", "e")], "t v e", child=True),
    ]


class Workload:
    """Executions, as the backend inserts them, in spite of a database that comes and goes: an insert whose answer was lost is made
    again under the same id.  `made` is {id: (n, kind)}."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.kinds = {k.name: k for k in kinds()}
        self.made = {}
        self.numbers = {}
        self.to_signal = []
        self.sent = {}
        for kind in self.kinds.values():
            kind.workflow = cluster.backend.workflow(kind.definition, kind.name, trigger_config=kind.trigger_config)
        self.names = [k.name for k in self.kinds.values() if not k.child]

    def start_schedule(self):
        self.schedule = self.cluster.run("SELECT wfworker.add_schedule(%s, '* * * * * *', NULL, 'all')::text",
                                         (self.kinds["tick"].workflow,))[0][0]

    def stop_schedule(self):
        self.cluster.run("SELECT wfworker.pause_schedule(%s, true)", (self.schedule,))

    def submit(self, names):
        rows = []
        for name in names:
            identity, n = str(uuid.uuid4()), len(self.made) + 1
            kind = self.kinds[name]
            self.made[identity] = (n, kind)
            self.numbers[n] = identity
            state = {"execution_id": "exec-" + identity[-12:], "workflow_id": kind.workflow, "workflow_version": 1,
                     "status": "running", "current_node_id": None, "completed_node_ids": [], "node_results": {},
                     "execution_data": {"n": n, "base": self.cluster.base}, "started_at": now().isoformat(), "retry_count": 0}
            rows.append((identity, kind.workflow, "exec-" + identity[-12:], now(), json.dumps(state)))
            if kind.signal:
                self.to_signal.append((identity, n, kind.signal))
        for row in rows:
            self.cluster.run("INSERT INTO workflowexecution (id, workflow_id, workflow_version, execution_id, status, started_at,"
                             " execution_state, retry_count) VALUES (%s, %s, 1, %s, 'running', %s, %s, 0) ON CONFLICT DO NOTHING",
                             row)

    def send_signals(self, count):
        """Some of those that are waited for, or will be."""
        for identity, _, name in self.to_signal[:count]:
            signal = self.sent.setdefault(identity, str(uuid.uuid4()))
            self.cluster.run("INSERT INTO workflowsignal (id, execution_id, signal_type, signal_data, received_at, processed)"
                             " VALUES (%s, %s, %s, %s, %s, false) ON CONFLICT DO NOTHING",
                             (signal, identity, name, json.dumps({"nonce": "signalled"}), now()))
        del self.to_signal[:count]

    def pause_some(self, random, count):
        """Change the status from outside, while workers may be at it; whoever is paused is to be resumed."""
        running = [r[0] for r in self.cluster.run(
            "SELECT x.id::text FROM workflowexecution x JOIN wfworker.task t ON t.execution_id = x.id WHERE x.status = 'running'"
            " AND x.id = ANY (%s::uuid[]) ORDER BY t.worker IS NULL, x.id", (list(self.made),))]
        held = running[:count * 2]
        random.shuffle(held)
        running = held
        for identity in running[:count]:
            self.cluster.run("UPDATE workflowexecution SET status = 'paused' WHERE id = %s AND status = 'running'", (identity,))
        return running[:count]

    def pause_of(self, pid):
        """Pause something that the worker of this process holds now."""
        self.cluster.run(
            "UPDATE workflowexecution SET status = 'paused' WHERE status = 'running' AND id IN ("
            "SELECT t.execution_id FROM wfworker.task t JOIN wfworker.worker w ON w.id = t.worker WHERE w.name LIKE %s LIMIT 2)",
            ("%%:%d" % pid,))

    def resume(self):
        self.cluster.run("UPDATE workflowexecution SET status = 'running' WHERE status = 'paused'")
