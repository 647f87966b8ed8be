# SPDX-License-Identifier: Apache-2.0
"""doc/limits.md: every row of its table has a test, here or where TESTED says; a new row needs one."""

import os
import re
import sys

import psycopg2

from harness import SRCDIR, case, graph, main, wait_until
from scene import Scene, T

ROWS = 200
scene = Scene("json", name="page", arguments=("--max-retries", "0", "--max-log-rows", str(ROWS), "--poll-interval", "0.2"))
run = scene.backend.run

UNSEEN = (None, "UNSEEN")  # nobody outside can see it: found by reading only

# a row's first words -> the file that tests it, and words that stand there
TESTED = {
    "output of a node": ("tests/integration/hostile_columns_test.py", "the output is larger than 16777216 bytes"),
    "state of one execution": ("tests/integration/size_test.py", "what_does_not_fit_fails_its_node"),
    "answer to an http node": ("tests/unit/http_test.c", "max_response"),
    "headers of an answer": ("tests/unit/http_test.c", "headers"),
    "part of a definition": ("tests/integration/hostile_test.py", "larger than 16777216 bytes"),
    "nodes, edges of a definition": (None, "nodes"),
    "nesting of values": ("tests/integration/hostile_test.py", "3000 levels"),
    "passes of a cycle": ("tests/integration/hostile_test.py", "more than 10000 passes of the cycle"),
    "passes open at a time": (None, "open_passes"),
    "nodes under way at a time": (None, "open_nodes"),
    "results that a loop keeps": ("tests/cli/details_scopes_test.py", "keep"),
    "an expression": ("tests/unit/expr_budget.c", "takes more than 10000000 steps"),
    "a signal that cannot be read": ("tests/integration/hostile_columns_test.py", "A signal cannot be read and is dropped"),
    "signal types that one node waits for": ("tests/unit/plugin_task.c", "signals"),
    "signals of one execution": (None, "waiting_signals"),
    "children": (None, "children"),
    "journal": (None, "journal"),
    "log rows of one call of a node": UNSEEN,
    "log rows of one execution": (None, "log_rows"),
    "a secret": ("tests/unit/worker_parts_test.c", "SECRET_MAX"),
    "lost workers over one node": ("tests/sim/oracle.c", "crashed"),
    "threads for blocking nodes": ("tests/integration/many_test.py", "concurrency"),
    "executions in one worker": ("tests/integration/promises_workers_test.py", "--max-in-flight"),
    "executions in one claim": UNSEEN,
    "saves that wait in one worker": UNSEEN,
}


@case
def page():
    """every row of the page's table is in the list, and what the list names is there"""
    with open(os.path.join(SRCDIR, "doc/limits.md")) as f:
        rows = re.findall(r"^\| ([^|]+?) \|", f.read(), re.M)[2:]
    assert len(rows) > 20, rows
    for row in rows:
        found = [name for name in TESTED if row.startswith(name)]
        assert len(found) == 1, (row, found)
        path, words = TESTED[found[0]]
        with open(os.path.join(SRCDIR, path) if path else __file__) as f:
            assert words in f.read(), (row, path, words)


@case
def nodes():
    """100,001 nodes"""
    many = {"nodes": [{"node_id": "n%d" % i, "node_type": "noop"} for i in range(100001)], "edges": []}
    identity = scene.start(many)
    row = scene.backend.wait_end(identity)
    assert (row.status, row.error_message) == ("failed", "more than 100000 nodes"), row.error_message


def passes(outer, inner):
    """A loop in a loop, all passes at a time; inside everybody waits."""
    loop = {"max_iterations": 1000000, "keep": 0}
    return graph([T, ("o", "repeat", dict(loop, repeat_count=outer, max_concurrency=outer)),
                  ("i", "repeat", dict(loop, repeat_count=inner, max_concurrency=inner)), ("d", "delay", {"delay_seconds": 86400})],
                 [("t", "o"), ("o", "i", "body"), ("i", "d", "body"), ("d", "i"), ("i", "o")])


@case
def open_passes():
    """more than 100,000 open passes: the node that opens them fails, also inside of another one's passes"""
    for outer, inner, within, more, are in ((100001, 1, "Node o failed: ", 100001, 0), (1, 100000, "Node o failed: pass 1: node i failed: ", 100000, 1)):
        row = scene.backend.wait_end(scene.start(passes(outer, inner)))
        text = ("%sthe node opens %d passes, %d are open in this execution, and there may be 100000 at a time: lower max_concurrency"
                % (within, more, are))
        assert (row.status, row.error_message) == ("failed", text), row.error_message


@case
def open_nodes():
    """more than 200,000 nodes under way: the execution ends"""
    branches = ["d%d" % i for i in range(5)]
    loop = {"max_iterations": 1000000, "keep": 0, "repeat_count": 50000, "max_concurrency": 50000}
    definition = graph([T, ("o", "repeat", loop)] + [(name, "delay", {"delay_seconds": 86400}) for name in branches],
                       [("t", "o")] + [("o", name, "body") for name in branches] + [(name, "o") for name in branches])
    row = scene.backend.wait_end(scene.start(definition))
    assert (row.status, row.error_message) == ("failed", "more than 200000 nodes of the execution are under way at a time"), row.error_message


@case
def log_rows():
    """beyond max_log_rows a row says so; warnings and failures go on for a tenth as many, and the end is written"""
    definition = graph([T, ("l", "repeat", {"repeat_count": 300}), ("n", "noop"), ("e", "end")],
                       [("t", "l"), ("l", "n", "body"), ("n", "l"), ("l", "e", "done")])
    row = scene.backend.wait_end(scene.start(definition))
    log = scene.backend.log(row.id)
    said = ("system", "warning", "This execution has written %d log rows (max_log_rows): further ones are left out, except warnings and failures,"
            " a tenth as many, and its end" % ROWS)
    assert row.status == "completed" and log.count(said) == 1, (row.status, log[-3:])
    assert log[-1] == ("end", "info", "Workflow execution completed"), log[-1]
    assert ROWS <= len(log) <= ROWS + ROWS // 10 + 5, len(log)


@case
def journal():
    """a snapshot comes before 51 rows of the journal: what a worker reads to go on does not grow with the history"""
    run("CREATE TABLE taken (execution_id uuid, seq bigint)")
    run("CREATE FUNCTION take() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS"
        " $$ BEGIN INSERT INTO taken VALUES (new.execution_id, new.seq); RETURN NULL; END $$")
    run("CREATE TRIGGER take AFTER INSERT OR UPDATE ON wfworker.snapshot FOR EACH ROW EXECUTE FUNCTION take()")
    definition = graph([T, ("l", "repeat", {"repeat_count": 160}), ("c",) + scene.call(scene.path(), method="POST"), ("w", "await", {"signal_type": "go"})],
                       [("t", "l"), ("l", "c", "body"), ("c", "l"), ("l", "w", "done")])
    identity = scene.start(definition)
    scene.waiting(identity)
    taken = [0] + [row[0] for row in run("SELECT DISTINCT seq FROM taken WHERE execution_id = %s ORDER BY seq", (identity,))]
    rows = run("SELECT count(*), max(seq) FROM wfworker.journal WHERE execution_id = %s", (identity,))[0]
    run("DROP FUNCTION take() CASCADE")
    assert rows[0] >= 160 and taken[-1] == rows[1], (rows, taken)
    assert max(b - a for a, b in zip(taken, taken[1:])) <= 50, taken


@case
def children():
    """the child after the 100,000th: its node fails"""
    child = scene.backend.workflow(graph([T], []), name="child")
    start = ("sub_workflow", {"workflow_id": child, "wait_for_completion": False})
    identity = scene.start(graph([T, ("a",) + start, ("w", "await", {"signal_type": "go"}), ("b",) + start],
                                 [("t", "a"), ("a", "w"), ("w", "b")]))
    scene.waiting(identity)
    assert run("SELECT children FROM wfworker.linked WHERE execution_id = %s", (identity,)) == [(1,)]
    run("UPDATE wfworker.linked SET children = 100000 WHERE execution_id = %s", (identity,))
    scene.signal(identity, "go", {})
    row = scene.backend.wait_end(identity)
    assert (row.status, row.error_message) == ("failed", "Node b failed: one execution starts at most 100000 others"), row.error_message


@case
def waiting_signals():
    """10,000 signals that no node has taken: wfworker.signal() refuses the next one, and the execution goes on"""
    identity = scene.start(graph([T, ("w", "await", {"signal_type": "go"}), ("e", "end")], [("t", "w"), ("w", "e")]))
    scene.waiting(identity)
    run("INSERT INTO workflowsignal (id, execution_id, signal_type, signal_data, received_at, processed)"
        " SELECT gen_random_uuid(), %s, 'other', '{}', now(), false FROM generate_series(1, 10000)", (identity,))
    wait_until("the log to tell", lambda: (
        "system", "warning", "10000 signals wait that no node takes: later ones are seen when these are used") in scene.backend.log(identity))
    try:
        run("SELECT wfworker.signal(%s, 'more')", (identity,))
        raise AssertionError("not refused")
    except psycopg2.errors.ProgramLimitExceeded as error:
        assert str(error).startswith('execution "%s" has 10000 signals that no node has taken\n' % identity), str(error)
    # Others are not held up by it: the next pick-up costs what it did before.
    assert scene.backend.wait_end(scene.start(graph([T, ("e", "end")], [("t", "e")]))).status == "completed"
    run("SELECT wfworker.terminate(%s)", (identity,))
    assert scene.backend.wait_end(identity).status == "failed"


if __name__ == "__main__":
    sys.exit(main(keep_workers=True))
