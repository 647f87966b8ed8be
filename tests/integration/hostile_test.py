# SPDX-License-Identifier: Apache-2.0
"""Rows that nobody should write, in execution_state and graph_config: each execution says what is wrong with it, the others
of the same batch are unharmed, the worker lives and its memory stays bounded."""

import json
import sys

from harness import SANITIZED, add_case, graph, main, wait_until
from scene import Scene, T

MB = 1 << 20
sys.setrecursionlimit(20000)
MEMORY_MB = 4000 if SANITIZED else 700  # of the worker at its worst; a tree of values takes about ten times its text
GOOD = graph([T, ("v", "set_variable", {"variable_name": "x", "variable_value": "${n + 1}"}), ("e", "end")], [("t", "v"), ("v", "e")])

scene = Scene("json", name="hostile", arguments=("--max-retries", "0"))


def peak(scene):
    with open("/proc/%d/status" % scene.workers[0].process.pid) as status:
        return next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmHWM"))


class Beside:
    """Two sound executions, before and behind; the worker has to be there afterwards, and not much larger."""

    def __init__(self, scene):
        self.scene = scene

    def __enter__(self):
        self.good = [self.scene.start(GOOD, {"n": 1})]
        return self

    def __exit__(self, *failure):
        if failure[0]:
            return
        self.good.append(self.scene.start(GOOD, {"n": 1}))
        for identity in self.good:
            row = self.scene.backend.wait_end(identity)
            assert row.status == "completed" and row.state["execution_data"]["v_output"]["value"] == 2, row
        assert self.scene.workers[0].running(), "the worker is gone"
        assert peak(self.scene) < MEMORY_MB, peak(self.scene)


def insert(place, workflow, state, **columns):
    return place.backend.execution(workflow, columns=dict(columns, execution_state=state))


def graph_text(scene, text):
    """A workflow with this graph_config."""
    workflow = scene.backend.workflow({})
    scene.backend.run("UPDATE workflow SET graph_config = %s::text::" + scene.backend.json_type + " WHERE id = %s", (text, workflow))
    return workflow


def nested(depth):
    return "[" * depth + "]" * depth


DATA = '{"execution_data": %s}'
STATES = (
    ("an array", "[1, 2]", ('failed', 'execution_state cannot be read: it is an array, not an object')),
    ("a text", '"text"', ('failed', 'execution_state cannot be read: it is a text, not an object')),
    ("null", "null", ('failed', 'Node v failed: /variable_value: unknown name "n", line 1, column 3')),
    ("a number", "1e400", ('failed', 'execution_state cannot be read: it is a number, not an object')),
    ("data that are an array", DATA % "[1]", ('failed', 'execution_state cannot be read: execution_data is an array, not an object')),
    ("data nested 3000 levels deep", DATA % ('{"a": %s}' % nested(3000)), ("failed", "execution_state cannot be read: invalid JSON at line 1, column 2072: maximum parsing depth reached near '['")),
    ("a text of 10 MB", DATA % json.dumps({"n": 1, "big": "x" * (10 * MB)}), ('completed', '')),
    ("a NUL character", DATA % '{"n": 1, "a": "\\u0000"}',
     ("failed", 'execution_state cannot be read: invalid JSON at line 1, column 41: \\u0000 is not allowed without JSON_ALLOW_NUL near \'"\\u0000"\'')),
    ("half of a pair", DATA % '{"n": 1, "a": "\\ud800"}',
     ("failed", 'execution_state cannot be read: invalid JSON at line 1, column 41: invalid Unicode \'\\uD800\' near \'"\\ud800"\'')),
    ("duplicate keys", DATA % '{"n": 5, "n": 1}', ('completed', '')),
    ("NaN as a text", DATA % '{"n": "NaN"}', ('completed', '')),
    ("results that are a text", '{"execution_data": {"n": 1}, "node_results": "all", "completed_node_ids": {"a": 1}, "variables": [2]}', ('failed', 'execution_state cannot be read: node_results is a text, not an object')),
    ("no state", None, ('failed', 'Node v failed: /variable_value: unknown name "n", line 1, column 3')),
    ("a time limit of infinity", '{"execution_data": {"n": 1}, "workflow_timeout": 1e400}', ('completed', '')),
    ("a time limit that is a text", '{"execution_data": {"n": 1}, "workflow_timeout": "soon"}', ('failed', 'execution_state cannot be read: workflow_timeout is a text, not a number of seconds or a point in time')),
    ("200,000 members", DATA % json.dumps(dict({"n": 1}, **{"k%d" % i: i for i in range(200000)})), ('completed', '')),
)

NODE = '{"node_id": "%s", "node_type": "noop", "config": {}}'
MILLION = '{"nodes": [%s], "edges": []}' % ",".join('{"node_id":"n%d","node_type":"noop"}' % i for i in range(1000000))
GRAPHS = (
    ("null", "null", ('completed', '')), ("an array", "[]", ('failed', 'graph_config is an array, not an object')),
    ("a text", '"text"', ('failed', 'graph_config is a text, not an object')), ("a number", "-5", ('failed', 'graph_config is a number, not an object')),
    ("a definition kept as text", json.dumps('{"nodes": [%s], "edges": 7}' % NODE % "a"), ('failed', '`edges` is a number, not an array')),
    ("nodes that are a number", '{"nodes": 5, "edges": 7}',
     ('failed', '`nodes` is a number, not an array or an object')),
    ("nodes of wrong types", '{"nodes": [1, null, "x", [], {"node_id": 5}], "edges": [1, null, {"from": 1}]}',
     ('failed', 'none of the 5 nodes has a node_id')),
    ("nodes without ids", '{"nodes": [{"node_type": "noop"}], "edges": []}',
     ('failed', 'none of the 1 nodes has a node_id')),
    ("two nodes of one id", '{"nodes": [%s, %s], "edges": []}' % (NODE % "a", NODE % "a"),
     ('failed', 'duplicate node id "a"')),
    ("a circle", '{"nodes": [%s, %s], "edges": [{"from": "a", "to": "b"}, {"from": "b", "to": "a"}]}' % (NODE % "a", NODE % "b"),
     ('failed', 'Node a failed: more than 10000 passes of the cycle that comes back to this node')),
    ("an edge to nowhere", '{"nodes": [%s], "edges": [{"from": "a", "to": "ghost"}]}' % NODE % "a",
     ('failed', 'Node ghost not found in workflow')),
    ("a config that is an array", '{"nodes": [{"node_id": "a", "node_type": "noop", "config": [1]}], "edges": []}',
     ('failed', 'the config of node a is an array, not an object')),
    ("a config nested 3000 levels deep", '{"nodes": [{"node_id": "a", "node_type": "noop", "config": {"x": %s}}]}' % nested(3000),
     ('failed', "workflow definition cannot be read: workflow's graph_config: invalid JSON at line 1, column 2110: maximum parsing depth reached near '['")),
    ("half of a pair", '{"nodes": [{"node_id": "a", "node_type": "noop", "config": {"x": "\\ud800"}}]}',
     ("failed", """workflow definition cannot be read: workflow's graph_config: invalid JSON at line 1, column 73: invalid Unicode '\\uD800' near '"\\ud800"'""")),
    ("a NUL character", '{"nodes": [{"node_id": "a\\u0000b", "node_type": "noop"}]}',
     ("failed", """workflow definition cannot be read: workflow's graph_config: invalid JSON at line 1, column 33: \\u0000 is not allowed """
      """without JSON_ALLOW_NUL near '"a\\u0000b"'""")),
    ("an id of 10 MB", '{"nodes": [{"node_id": "%s", "node_type": "noop"}]}' % ("x" * (10 * MB)),
     ('completed', '')),
    ("numbers beyond all limits", '{"nodes": [{"node_id": "a", "node_type": "delay", "config": {"delay_seconds": 1e400}, "timeout_seconds": -1e400, "retry": {"max_attempts": 1e99}}]}',
     ('failed', 'Node a failed: delay_seconds is 1e400: it must be a number of seconds from 0 to 3153600000')),
    ("a million nodes", MILLION,
     ('failed', "workflow definition cannot be read: workflow's graph_config: larger than 16777216 bytes")),
)

def outcome(scene, identity):
    def ended():
        return scene.backend.run("SELECT status, coalesce(error_message, '') FROM workflowexecution WHERE id = %s AND completed_at IS NOT NULL",
                                 (identity,))
    return wait_until("the end", ended)[0]


def one_state(scene, text, expected):
    with Beside(scene):
        identity = insert(scene, scene.backend.workflow(GOOD), text)
        check(outcome(scene, identity), expected)


def one_graph(scene, text, expected):
    with Beside(scene):
        identity = scene.backend.execution(graph_text(scene, text), {"n": 1})
        check(outcome(scene, identity), expected)


def check(got, expected):
    assert got == expected, (got, expected)


for name, text, expected in STATES:
    add_case("execution_state is or holds %s" % name, lambda text=text, expected=expected: one_state(scene, text, expected))
for name, text, expected in GRAPHS:
    add_case("graph_config is or holds %s" % name, lambda text=text, expected=expected: one_graph(scene, text, expected))


if __name__ == "__main__":
    sys.exit(main(keep_workers=True))
