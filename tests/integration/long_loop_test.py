# SPDX-License-Identifier: Apache-2.0
"""Loops of ten thousand passes: the state stays small, the last pass costs what the first did, and a lost worker costs none of them."""

import statistics
import sys

from expect import completed
from harness import Worker, case, graph, main, note, wait_until
from scene import Scene, T

PASSES = 10000
MEGABYTE = 1024 * 1024

scene = Scene("json", name="long_loop", env={"WFWORKER_LEASE_SECONDS": "2"})
backend = scene.backend
PURE = [("v", "set_variable", {"variable_name": "sum", "variable_value": "${(vars.sum ?? 0) + index}"}),
        ("c", "condition", {"expression": "item % 2 == 0"})]


def loop(passes):
    """The loop, then a wait: what is kept of the execution can be looked at."""
    return graph([T, ("l", "repeat", {"repeat_count": passes}), *PURE, ("w", "await", {"signal_type": "go"}), ("e", "end")],
                 [("t", "l"), ("l", "v", "body"), ("v", "c"), ("l", "w", "done"), ("w", "e")])


def sizes(identity):
    """Bytes of the state that is kept, of what readers see, and of the journal."""
    snapshot = backend.run("SELECT length(state) FROM wfworker.snapshot WHERE execution_id = %s", (identity,))[0][0]
    journal = backend.run("SELECT sum(length(events)) FROM wfworker.journal WHERE execution_id = %s", (identity,))[0][0]
    return snapshot, len(backend.row(identity).text), journal


def times(identity):
    """When each pass began."""
    return [at for at,
            in backend.run("SELECT \"timestamp\" FROM executionlog WHERE execution_id = %s AND node_id = 'v' AND message ="
                                      " 'Executing node: v' ORDER BY \"timestamp\"", (identity,))]


def finish(identity, passes):
    scene.signal(identity, "go", None)
    row = completed(backend, identity, ["t", "v", "c", "l", "w", "e"])
    output = scene.data(row)["l_output"]
    assert (output["count"], output["succeeded"], output["failed"], len(output["results"])) == (passes, passes, 0, 100), output
    assert scene.data(row)["v_output"]["value"] == passes * (passes - 1) // 2, row


@case
def ten_thousand():
    """10,000 passes: a state of under 1 MB that does not grow with them, and a cost of each that does not either"""
    short, long = (scene.start(loop(n)) for n in (PASSES // 10, PASSES))
    for identity in (short, long):
        scene.waiting(identity)
    few, many = sizes(short), sizes(long)
    note("snapshot, projection, journal: %s after %d passes, %s after %d" % (few, PASSES // 10, many, PASSES))
    assert many[0] < MEGABYTE and many[1] < MEGABYTE, many
    assert many[0] < few[0] * 1.2 and many[1] < few[1] * 1.2, (few, many)
    assert many[2] < few[2] * 10 * 1.2, "the journal has a row for every pass, each as long as the other: %s %s" % (few, many)
    began = times(long)
    assert len(began) == PASSES
    blocks = [(b - a).total_seconds() for a, b in zip(began[::100], began[100::100])]
    first, last = statistics.median(blocks[:20]), statistics.median(blocks[-20:])
    note("100 passes: %.1f ms in the beginning, %.1f ms at the end" % (first * 1000, last * 1000))
    assert last < first * 5, "a cost that grows with the passes would be 9 times as much at the end: %s" % blocks
    for identity, passes in ((short, PASSES // 10), (long, PASSES)):
        finish(identity, passes)


@case
def killed():
    """3,000 passes and a worker that is killed in their middle: none is lost, none counts twice"""
    passes = 3000
    identity = scene.start(loop(passes))
    wait_until("some passes to be recorded", lambda: len(times(identity)) > 500, interval=0.001)
    Worker.all[-1].kill()
    there = len(times(identity))
    note("killed after %d passes that were recorded" % there)
    assert there < passes, "killed too late to show anything"
    Worker(backend.dsn, env={"WFWORKER_LEASE_SECONDS": "2"})
    scene.waiting(identity)
    finish(identity, passes)
    log = [m for _, _, m in backend.log(identity)]
    counts = [log.count(m) for m in ("Node v completed successfully", "Node c completed successfully", "Executing node: v",
                                     "Executing node: c")]
    assert counts[:2] == [passes] * 2 and 2 * passes <= counts[2] + counts[3] <= 2 * passes + 1, "at most what ran is begun again: %s" % counts


@case
def side_by_side():
    """a map of 10,000 items, ten at a time: the same"""
    if not any(w.running() for w in Worker.all):
        Worker(backend.dsn)
    definition = loop(PASSES)
    definition["nodes"][1].update(node_type="for", config={"array_expression": "range(%d)" % PASSES, "max_concurrency": 10,
                                                           "keep": 3})
    definition["nodes"][2]["config"]["variable_value"] = "${item}"
    identity = scene.start(definition)
    scene.waiting(identity)
    snapshot, projection, _ = sizes(identity)
    note("snapshot %d, projection %d" % (snapshot, projection))
    assert snapshot < MEGABYTE and projection < MEGABYTE, (snapshot, projection)
    scene.signal(identity, "go", None)
    row = completed(backend, identity, {"t", "v", "c", "l", "w", "e"})
    output = scene.data(row)["l_output"]
    assert (output["count"], output["succeeded"], [r["condition_result"] for r in output["results"]]) == (PASSES, PASSES,
                                                                                                          [False, True,
                                                                                                           False]), output


if __name__ == "__main__":
    sys.exit(main(keep_workers=True))
