# SPDX-License-Identifier: Apache-2.0
"""wfworker exec: locks and signals between the nodes of one execution."""

import json

from tap import case, graph, is_, main, run, write


def trace(definition, *arguments, status=0):
    """(SCOPE/NODE -BRANCH STATUS, ...) in the order of the starts, and the whole result."""
    done = run("exec", write("w.json", definition), "--virtual-time", "--trace", "--log-level", "error", *arguments)
    is_((status, ""), (done.status, done.err))
    result = json.loads(done.out)
    lines = ["".join([e["scope"] + "/" if e["scope"] else "", e["node_id"], " -" + e["branch"] if e["branch"] else "",
                      " " + e["status"] if e["status"] != "completed" else ""]) for e in result["trace"]]
    return lines, result


def delay(seconds):
    return ("delay", {"delay_seconds": seconds})


K = ("mutex", {"key": "k"})


@case
def alone():
    """mutex: one after the other, in the order of asking; the keys are apart"""
    g = graph("t -> a", "t -> b", "t -> c", "a -body-> a1", "a1 -> a2", "b -body-> b1", "b1 -> b2", "c -body-> c1", "c1 -> c2",
              t=("trigger",), a=("mutex", {"key": "${input.key}"}), b=("mutex", {"key": "k-7"}), c=("mutex", {"key": "other"}),
              a1=delay(3), a2=("noop",), b1=delay(1), b2=("noop",), c1=delay(1), c2=("noop",))
    lines, result = trace(g, "--data", '{"key": "k-7"}')
    is_(["t", "a -done", "b -done", "c -done", "a/a1", "c/c1", "c/c2", "a/a2", "b/b1", "b/b2"], lines)
    is_({"key": "k-7"}, result["node_results"]["b"]["output"])
    is_("2026-01-01T00:00:04", result["node_results"]["b2"]["completed_at"])


@case
def limit():
    """mutex: two of three passes at a time"""
    g = graph("t -> l", "l -body-> m", "m -body-> x", "x -> y", t=("trigger",),
              l=("for", {"array_expression": "[3, 2, 1]", "max_concurrency": 3}), m=("mutex", {"key": "k", "limit": 2}),
              x=delay("${item}"), y=("noop",))
    lines, _ = trace(g)
    is_(["t", "l -done", "l#1/m -done", "l#2/m -done", "l#3/m -done", "l#1/m/x", "l#2/m/x", "l#2/m/y", "l#3/m/x", "l#1/m/y", "l#3/m/y"],
        lines)


@case
def deadline():
    """mutex: timeout_seconds without the lock takes branch timeout, or the node fails"""
    nodes = {"t": ("trigger",), "a": K, "x": delay(10), "b": ("mutex", {"key": "k", "timeout_seconds": 3}), "y": ("noop",), "late": ("noop",)}
    lines, result = trace(graph("t -> a", "t -> b", "a -body-> x", "b -body-> y", "b -timeout-> late", **nodes))
    is_(["t", "a -done", "b -timeout", "a/x", "late"], lines)
    is_("2026-01-01T00:00:03", result["node_results"]["late"]["completed_at"])
    lines, result = trace(graph("t -> a", "t -> b", "a -body-> x", "b -body-> y", "b -error-> late", **nodes))
    is_(["t", "a -done", "b failed", "a/x", "late"], lines)
    is_({"node_id": "b", "type": "timeout", "message": 'the lock "k" was not free in time', "details": None},
        result["data"]["b_output"]["error"])


@case
def given_back():
    """mutex: given back when its body fails, when it is cancelled, when a break leaves it"""
    lines, _ = trace(graph("t -> a", "t -> b", "a -body-> bad", "a -error-> mend", "b -body-> y", t=("trigger",), a=K, b=K,
                           bad=("get_variable", {"variable_name": "nothing"}), mend=("noop",), y=("noop",)))
    is_(["t", "a failed", "b -done", "a/bad failed", "mend", "b/y"], lines)
    lines, _ = trace(graph("t -> a", "t -> quick", "a -body-> x", "a -done-> meet", "quick -> meet", "meet -> b", "b -body-> y",
                           t=("trigger",), a=K, b=K, x=delay(10), quick=delay(1), meet=("noop", {}, {"join": "any"}), y=("noop",)))
    is_(["t", "a cancelled", "quick", "a/x cancelled", "meet", "b -done", "b/y"], lines)
    lines, _ = trace(graph("t -> l", "l -body-> a", "a -body-> out", "l -done-> b", "b -body-> y", t=("trigger",),
                           l=("repeat", {"repeat_count": 3}), a=K, b=K, out=("break",), y=("noop",)))
    is_(["t", "l -done", "l#1/a cancelled", "l#1/a/out", "b -done", "b/y"], lines)
    lines, _ = trace(graph("t -> y", "y -body-> a", "a -body-> x", "y -finally-> b", "b -body-> z", t=("trigger",), y=("try",), a=K, b=K,
                           x=("get_variable", {"variable_name": "nothing"}), z=("noop",)), status=1)
    is_(["t", "y failed", "y/a failed", "y/a/x failed", "y/b -done", "y/b/z"], lines)


@case
def retried():
    """mutex: the retry of a node gives the lock back, and asks again behind the others"""
    retry = {"retry": {"max_attempts": 2, "initial_ms": 5000, "retry_on": ["unknown_name"]}}
    lines, _ = trace(graph("t -> a", "t -> b", "a -body-> bad", "b -body-> y", t=("trigger",), a=("mutex", {"key": "k"}, retry), b=K,
                           bad=("get_variable", {"variable_name": "nothing"}), y=("noop",)), status=1)
    is_(["t", "a failed", "b -done", "a/bad failed", "b/y", "a/bad failed"], lines)


@case
def itself():
    """mutex: who waits for a lock that it holds itself waits for ever, unless it has a deadline"""
    nodes = {"t": ("trigger",), "a": K, "b": K, "x": ("noop",)}
    edges = ["t -> a", "a -body-> b", "b -body-> x"]
    lines, result = trace(graph(*edges, **nodes), status=3)
    is_(["t", "a waiting", "a/b waiting"], lines)
    is_("running", result["status"])
    nodes["b"] = ("mutex", {"key": "k", "timeout_seconds": 1})
    lines, result = trace(graph(*edges, **nodes), status=1)
    is_('Node b failed: the lock "k" was not free in time', result["error_message"])


@case
def nothing_inside():
    """mutex: without an edge body it fails"""
    _, result = trace(graph("t -> a", "a -> x", t=("trigger",), a=K, x=("noop",)), status=1)
    is_("Node a failed: no edge of the node has the branch body: nothing would run while it holds the lock", result["error_message"])


@case
def signals():
    """send_signal: to this execution, in order; one for another execution fails"""
    g = graph("t -> s1", "s1 -> s2", "s2 -> w1", "w1 -> w2", t=("trigger",), s1=("send_signal", {"signal_type": "x", "data": {"n": [1]}}),
              s2=("send_signal", {"signal_type": "x", "execution": "${execution.execution_id}", "data": "two"}),
              w1=("await", {"signal_type": "x"}), w2=("await", {"signal_type": "x"}))
    lines, result = trace(g)
    is_(["t", "s1", "s2", "w1 -x", "w2 -x"], lines)
    is_([{"n": [1]}, "two"], [result["node_results"][n]["output"]["data"] for n in ("w1", "w2")])
    is_("two", result["data"]["signal_x"])
    is_({"status": "sent", "signal_type": "x", "execution": "exec-000000000000", "signal_id": None}, result["node_results"]["s1"]["output"])
    _, result = trace(graph("t -> s", t=("trigger",), s=("send_signal", {"signal_type": "x", "execution": "exec-1"})), status=1)
    is_('Node s failed: there is no execution "exec-1"', result["error_message"])
    g = graph("t -> s", t=("trigger",), s=("send_signal", {"signal_type": "x", "execution": "x" + "\u00e4" * 60}))
    is_('Node s failed: there is no execution "x%s\ufffd"' % ("\u00e4" * 49), trace(g, status=1)[1]["error_message"])
    _, result = trace(graph("t -> s", t=("trigger",), s=("send_signal", {"signal_type": ":x"})), status=1)
    is_("Node s failed: signal_type must be a text of 1 to 100 characters that does not begin with a colon", result["error_message"])


@case
def children():
    """mutex, send_signal: executions that nodes start share the locks, and send each other signals until they are completed"""
    write("child.json", graph("t -> m", "m -body-> x", "x -> s", t=("trigger",), m=K, x=delay(3),
                              s=("send_signal", {"signal_type": "in", "execution": "${input.to}", "data": "${input.n}"})))
    child = [("sub_workflow", {"workflow_id": "child", "wait_for_completion": True, "input_data": {"to": "${execution.id}", "n": n}})
             for n in (1, 2)]
    lines, result = trace(graph("t -> c1", "t -> c2", "t -> a", "a -body-> y", "c1 -> w1", "c2 -> w2", t=("trigger",), a=K, y=delay(1),
                                w1=("await", {"signal_type": "in"}), w2=("await", {"signal_type": "in"}), c1=child[0], c2=child[1]),
                          "--workflow", "child=child.json")
    is_(["t", "c1", "c2", "a -done", "a/y", "w1 -in", "w2 -in"], lines)
    is_([("1", 1), ("4", 1), ("7", 2)], [(result["node_results"][n]["completed_at"][-1], result["node_results"][w]["output"].get("data", 1))
                                         for n, w in (("a", "a"), ("c1", "w1"), ("c2", "w2"))])
    write("short.json", graph(only=("trigger",)))
    lines, result = trace(graph("t -> c", "c -> s", t=("trigger",), c=("sub_workflow", {"workflow_id": "short", "wait_for_completion": True}),
                                s=("send_signal", {"signal_type": "x", "execution": "${c_output.sub_execution_id}"})),
                          "--workflow", "short=short.json", status=1)
    is_('Node s failed: execution "%s" is completed, nothing waits for a signal there any more' %
        result["data"]["c_output"]["sub_execution_id"], result["error_message"])


main()
