# SPDX-License-Identifier: Apache-2.0
"""Signals at a time, nodes that are withdrawn, groups that run one at a time, maps that accept items: wfworker exec in
virtual time.  A trace is written as in patterns_test.py."""

import json

from tap import case, graph, is_, main, run, write


def line(entry):
    return "".join([entry["scope"] + "/" if entry["scope"] else "", entry["node_id"],
                    "(%d)" % entry["pass"] if entry["pass"] > 1 else "", " -" + entry["branch"] if entry["branch"] else "",
                    " " + entry["status"] if entry["status"] != "completed" else ""])


def execute(definition, *signals, status=0, data=None):
    arguments = [a for s in signals for a in ("--signal", s)] + (["--data", json.dumps(data)] if data else [])
    done = run("exec", write("w.json", definition), "--virtual-time", "--trace", "--log-level", "error", *arguments)
    assert (done.status, done.err) == (status, ""), done
    result = json.loads(done.out)
    return result, [line(e) for e in result["trace"]]


@case
def signals_at_a_time():
    """--signal TYPE=JSON@+SECONDS comes so long after the start; what comes as the deadline does was not late"""
    w = graph("w -go-> g", "w -timeout-> l", w=("await", {"signal_type": "go", "timeout_seconds": 5}), g=("noop",), l=("noop",))
    result, trace = execute(w, 'go={"n": "a@+1"}@+5')
    is_(["w -go", "g"], trace)
    is_({"n": "a@+1"}, result["data"]["signal_go"])
    is_("2026-01-01T00:00:05", result["node_results"]["w"]["completed_at"])
    is_(["w -timeout", "l"], execute(w, "go@+5.001")[1])
    # in order of time, and of the same time as they are given; without data
    two = graph("a -> b", "b -> c", *[], a=("await", {"signals": ["x"]}), b=("await", {"signals": ["x"]}), c=("await", {"signals": ["x"]}))
    result, trace = execute(two, "x=3@+2", "x=1", "x=2", "y@+1")
    is_([1, 2, 3], [result["data"][n + "_output"]["data"] for n in "abc"])
    is_((3, ["w waiting"]), (3, execute(w | {"nodes": [{"node_id": "w", "node_type": "await", "config": {"signal_type": "go"}},
                                                       *w["nodes"][1:]]}, "no@+9", status=3)[1]))
    for wrong in ("x=1@+", "x=1@+-1", "=1@+1"):
        done = run("exec", "w.json", "--signal", wrong)
        assert done.status == 1 and done.err.startswith("wfworker: --signal %s: " % wrong), done


main()
