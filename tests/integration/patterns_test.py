# SPDX-License-Identifier: Apache-2.0
"""The workflow patterns with a worker and a database: every example of examples/patterns runs as its trace says, though in real
time, which goes ten times as fast there.  What ran in which order is not compared, only how often each node began and which
of them completed; a signal is sent as soon as the nodes are over that it is to come after."""

import collections
import glob
import json
import os
import re
import sys
import uuid

from harness import Backend, Postgres, Worker, add_case, graph, main, now, wait_until, wfworker

DIRECTORY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../examples/patterns")
LINE = re.compile(r"^(?:.*/)?([^/( ]+)(?:\(\d+\))?(?: -(\S+))?(?: (cancelled|failed|waiting))?$")
SIGNAL = re.compile(r"^([^=@]+)(?:=(.*?))?(@\+[0-9.]+)?$", re.S)
FAST = {"WFWORKER_POLL_INTERVAL": "0.2", "WFWORKER_LEASE_SECONDS": "3"}

postgres = Postgres()
backend = Backend(postgres, "patterns")
Example = collections.namedtuple("Example", "wanted identity signals")


def faster(definition):
    for node in definition["nodes"]:
        seconds = node["config"].get("delay_seconds") if node["node_type"] == "delay" else None
        if isinstance(seconds, str):
            node["config"]["delay_seconds"] = re.sub(r"^\$\{(.*)\}$", r"${(\1) * 0.1}", seconds)
        elif seconds is not None:
            node["config"]["delay_seconds"] = seconds * 0.1
    return definition


def send(identity, text):
    kind, data, _ = SIGNAL.match(text).groups()
    backend.run("INSERT INTO workflowsignal (id, execution_id, signal_type, signal_data, received_at, processed)"
                " VALUES (%s, %s, %s, %s, %s, false)", (str(uuid.uuid4()), identity, kind, data or "null", now()))


def begin(path):
    """Signals that come at the start are there before any worker is."""
    with open(path) as f:
        wanted = json.load(f)
    definition = wanted["graph_config"]
    identity = backend.execution(backend.workflow(faster(definition), name=wanted["name"]), data=wanted["data"])
    signals = wanted.get("signals", [])
    for signal in signals:
        if "@+" not in signal["send"]:
            send(identity, signal["send"])
    return Example(wanted, identity, [s for s in signals if "@+" in s["send"]])


def send_later(example):
    for signal in example.signals:
        def ready():
            row = backend.row(example.identity)
            return row.status == "waiting_for_signal" and set(signal.get("after", [])) <= set(row.state["completed_node_ids"])
        wait_until(lambda: "signal %s, but the execution is %s" % (signal, backend.row(example.identity)), ready)
        send(example.identity, signal["send"])


def check_turns(definition, log):
    """No node of a group begins while another one of it has its turn."""
    groups = {n["node_id"]: n["interleave"] for n in definition["nodes"] if "interleave" in n}
    open_ = {}
    for node, _, text in log:
        group = groups.get(node)
        if group and text == "Executing node: " + node:
            assert group not in open_, (node, open_, log)
            open_[group] = node
        elif group and text == "Node %s completed successfully" % node:
            assert open_.pop(group) == node, log


def check_run(identity, trace):
    wanted = [LINE.match(line).groups() for line in trace]
    row = backend.row(identity)
    assert set(row.state["completed_node_ids"]) == {node for node, _, status in wanted if not status}, row.state["completed_node_ids"]
    began = collections.Counter(text.partition(": ")[2] for _, _, text in backend.log(identity) if text.startswith("Executing node: "))
    assert began == collections.Counter(node for node, _, _ in wanted), began


def check(example):
    """The executions that it starts are of its own workflow."""
    send_later(example)
    row = backend.wait_end(example.identity)
    assert row.status == example.wanted["status"], row
    check_run(example.identity, example.wanted["trace"])
    check_turns(example.wanted["graph_config"], backend.log(example.identity))
    children = backend.run("SELECT id::text FROM workflowexecution WHERE workflow_id = %s AND id <> %s ORDER BY started_at",
                           (row.workflow_id, example.identity))
    assert len(children) == len(example.wanted.get("children", [])), children
    for (child,), trace in zip(children, example.wanted.get("children", [])):
        check_run(child, trace)
    left = backend.run("SELECT signal_type FROM workflowsignal WHERE execution_id = %s AND NOT processed", (example.identity,))
    assert left == [], left


def killed():
    """a map that accepts items goes on with another worker; each signal is used once, and a cancel withdraws it in the end"""
    nodes = [("t", "trigger"), ("m", "for", {"accept_items": "item", "max_concurrency": 3}), ("d", "delay", {"delay_seconds": "${item}"}),
             ("w", "await", {"signal_type": "enough"}), ("c", "cancel", {"nodes": ["m"], "complete": True}), ("on", "noop")]
    identity = backend.execution(backend.workflow(graph(nodes, [("t", "m"), ("m", "d", "body"), ("t", "w"), ("w", "c"), ("m", "on", "done")])))

    def begun(count):
        wait_until("%d passes" % count, lambda: sum(text == "Executing node: d" for _, _, text in backend.log(identity)) == count)
    send(identity, "item=0.1")
    send(identity, "item=3600")
    begun(2)
    worker.kill()
    send(identity, "item=0.1")
    Worker(backend.dsn, env=FAST)
    begun(3)
    wait_until("two passes to be over", lambda: sum(text == "Node d completed successfully" for _, _, text in backend.log(identity)) == 2)
    send(identity, "enough")
    row = backend.wait_end(identity, 60)
    output = row.state["execution_data"]["m_output"]
    assert (output["count"], output["succeeded"], output["failed"]) == (3, 2, 0), output
    assert row.state["execution_data"]["c_output"] == {"cancelled": ["m"]}, row.state
    assert set(row.state["completed_node_ids"]) == {"t", "d", "w", "c", "m", "on"}, row.state
    assert backend.run("SELECT count(*) FROM workflowsignal WHERE execution_id = %s AND processed", (identity,)) == [(4,)]


def explained():
    """explain says which signals a node waits for, and that another one waits for its turn"""
    definition = graph([("t", "trigger"), ("w", "await", {"signals": ["go", "stop"], "interleave": "g"}), ("m", "for", {"accept_items": "item"}),
                        ("d", "noop"), ("v", "noop", {"interleave": "g"})], [("t", "w"), ("t", "m"), ("m", "d", "body"), ("t", "v")])
    identity = backend.execution(backend.workflow(definition))
    wait_until("the wait", lambda: backend.row(identity).status == "waiting_for_signal")
    told = wfworker("explain", identity, "--json", "--db", backend.dsn)
    assert told.status == 0, told
    texts = [reason["text"] for reason in json.loads(told.out)["reasons"] if reason["reason"] in ("waiting", "turn")]
    assert texts == ["node w waits for signal go or signal stop", "node m waits for signal item or signal item:close",
                     "node v waits for its turn: another node with the same name in interleave is not over"], told.out
    for text in ("go", "item:close"):
        send(identity, text)
    assert backend.wait_end(identity).state["completed_node_ids"][-1] in ("v", "m")


done = wfworker("migrate", "--db", backend.dsn)
assert done.status == 0, done
for example in [begin(path) for path in sorted(glob.glob(os.path.join(DIRECTORY, "*.json")))]:
    add_case("%s: %s" % (example.wanted["name"], example.wanted["description"]), lambda example=example: check(example))
add_case(explained.__doc__, explained)
add_case(killed.__doc__, killed)
worker = Worker(backend.dsn, env=FAST)

if __name__ == "__main__":
    sys.exit(main(keep_workers=True))
