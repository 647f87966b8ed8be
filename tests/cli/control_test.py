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



@case
def interleaved():
    """interleave: nodes of the same group run one at a time, in the order in which they became ready; others beside them"""
    def wait(seconds, group=None):
        return ("delay", {"delay_seconds": seconds}, {"interleave": group} if group else {})
    w = graph("t -> a", "t -> x", "t -> c", "x -> b", t=("trigger",), a=wait(5, "desk"), x=wait(1), b=wait(2, "desk"), c=wait(1, "desk"))
    result, trace = execute(w)
    is_(["t", "a", "x", "c", "b"], trace)
    is_({"a": "05", "x": "01", "c": "06", "b": "08"},
        {n: result["node_results"][n]["completed_at"][-2:] for n in "axcb"})
    # in config and in data, as other options; passes of a map are nodes as well
    one = {"config": {"delay_seconds": 2, "interleave": "desk"}}
    w = {"nodes": [{"node_id": "m", "node_type": "repeat", "config": {"repeat_count": 3, "max_concurrency": 3}},
                   {"node_id": "d", "node_type": "delay", **one}, {"id": "e", "type": "delay", "data": {**one, "interleave": "desk"}}],
         "edges": [{"from": "m", "to": "d", "branch": "body"}, {"from": "m", "to": "e", "branch": "done"}]}
    result, trace = execute(w)
    is_(["m -done", "m#1/d", "m#2/d", "m#3/d", "e"], trace)
    is_("2026-01-01T00:00:08", result["node_results"]["e"]["completed_at"])
    is_("", run("validate", write("w.json", w)).err)


TRIED = graph("t -> L", "t -> d", "d -> c", "c -> z", "L -body-> T", "T -body-> w", "T -finally-> f", "L -done-> on", t=("trigger",),
              L=("repeat", {"repeat_count": 2}), T=("try",), w=("delay", {"delay_seconds": 9}), f=("delay", {"delay_seconds": 3}),
              d=("delay", {"delay_seconds": 1}), c=("cancel", {"nodes": ["L", "d", "on"]}), z=("noop",), on=("noop",))


@case
def cancelled():
    """cancel: what lives of the nodes goes, finally runs, then what follows; without a result, its edges dead"""
    result, trace = execute(TRIED)
    is_(["t", "L cancelled", "d", "L#1/T cancelled", "L#1/T/w cancelled", "c", "L#1/T/f", "z"], trace)
    is_({"cancelled": ["L"]}, result["data"]["c_output"])
    is_(["d", "f", "c", "z"], [n for n in result["completed_node_ids"] if n != "t"])
    is_("2026-01-01T00:00:04", result["node_results"]["z"]["completed_at"])
    assert not {"L", "T", "w", "on"} & set(result["node_results"]), result["node_results"]
    # complete: it ends as by break
    TRIED["nodes"][6]["config"] = {"nodes": "L", "complete": True}
    is_("c", TRIED["nodes"][6]["node_id"])
    result, trace = execute(TRIED)
    is_(["t", "L -done", "d", "L#1/T cancelled", "L#1/T/w cancelled", "c", "L#1/T/f", "z", "on"], trace)
    is_({"count": 1, "succeeded": 0, "failed": 0, "results": []}, result["data"]["L_output"])


@case
def cancel_refused():
    """cancel needs ids of nodes"""
    for nodes, text in (([], "/nodes: cancel needs the ids of the nodes that are to be cancelled"),
                        ([""], "/nodes: there must be ids of nodes, texts that are not empty"),
                        (["c", "nope"], 'there is no node "nope" that could be cancelled')):
        is_("Node c failed: " + text, execute(graph("t -> c", t=("trigger",), c=("cancel", {"nodes": nodes})), status=1)[0]["error_message"])
    done = run("validate", write("w.json", graph("t -> c", t=("trigger",), c=("cancel", {"nodes": 3}))))
    assert done.status == 1 and "/nodes/1/config/nodes" in done.out + done.err, done


VALUE = ("set_variable", {"variable_name": "s", "variable_scope": "loop", "variable_value": "${item.s ?? item}"})


@case
def cancel_validated():
    """validate: nodes that cancel names must exist, and be where it reaches them; a loop that is cancelled may have no other end"""
    def says(definition, *lines):
        done = run("validate", write("w.json", definition))
        is_("".join(line + "\n" for line in lines), done.err + "".join(
            line + "\n" for line in done.out.splitlines() if line.startswith(("error", "warning"))))
    inner = ("t -> c", "t -> L", "L -body-> a")
    nodes = {"t": ("trigger",), "L": ("repeat", {"repeat_count": 2}), "a": ("noop",)}
    says(graph(*inner, **nodes, c=("cancel", {"nodes": ["L", "nope"]})),
         'error: /nodes/3/config/nodes/1: node c: there is no node "nope" that could be cancelled')
    says(graph(*inner, **nodes, c=("cancel", {"nodes": "a"})),
         "warning: /nodes/3/config/nodes: node c: node a runs inside of L, where it is never reached; name L to cancel all of it")
    says(graph(*inner, **nodes, c=("cancel", {"nodes": ["L", "t", "${input.x}"]})))
    says(graph("t -> L", "t -> z", "L -body-> c", "L -body-> a", **nodes, z=("noop",), c=("cancel", {"nodes": ["a", "L", "z"], "complete": True})))
    endless = ("while", {"condition_expression": "true"})
    says(graph(*inner, **{**nodes, "L": endless}, c=("cancel", {"nodes": "L"})))
    says(graph(*inner, **{**nodes, "L": ("while", {"condition_expression": "true", "stop_when": "count > 3"})}, c=("noop",)))


def accepting(**config):
    return graph("m -body-> d", "d -> v", "m -done-> z", m=("for", {"accept_items": "order", "max_concurrency": 2, **config}),
                 d=("delay", {"delay_seconds": "${item.s ?? item}"}), z=("noop",), v=VALUE)


def without_values(done):
    return done[0], [line for line in done[1] if "/v" not in line]


@case
def accepted_items():
    """accept_items: signals bring items while the map runs, alone or several; it ends when it is closed and all passes are over"""
    result, trace = without_values(execute(accepting(array_expression="[4]"), "order=2@+1", 'order={"items": [1, {"s": 3}], "note": 1}@+2',
                            'order={"s": 5, "close": true}@+20'))
    # 0: 4 s; 1 s: item 1 (2 s) side by side; 2 s: two more wait for room: 3 s: item 2 (1 s), 4 s: item 3 (3 s), until 7 s; 20 s: the last
    is_(["m -done", "m#1/d", "m#2/d", "m#3/d", "m#4/d", "m#5/d", "z"], trace)
    is_((5, 5, 0), tuple(result["data"]["m_output"][k] for k in ("count", "succeeded", "failed")))
    is_([4, 2, 1, 3, 5], [r["value"] for r in result["data"]["m_output"]["results"]])
    is_("2026-01-01T00:00:25", result["node_results"]["z"]["completed_at"])
    # closed by a signal of its own; nothing came; the loop's own type of node
    for closing in ("order:close@+3", 'order={"close": true}@+3'):
        result, trace = without_values(execute(accepting(), closing))
        is_((["m -done", "z"], 0), (trace, result["data"]["m_output"]["count"]))
    w = accepting()
    w["nodes"][0]["node_type"] = "loop"
    is_(["m -done", "m#1/d", "z"], without_values(execute(w, "order=1", "order:close"))[1])
    # it waits for the close
    result, trace = without_values(execute(accepting(array_expression="[1]"), status=3))
    is_((["m waiting", "m#1/d"], "waiting_for_signal"), (trace, result["status"]))
    # what the body fails at, need and the limit count as always
    is_(["m -done", "m#1/d", "z"], without_values(execute(accepting(need=1), "order=1"))[1])
    is_("Node m failed: 2 passes must succeed, but only 1 still can", without_values(execute(accepting(need=2), "order=1", "order:close@+9", status=1))[0]["error_message"])
    is_("Node m failed: 3 passes are more than max_iterations allows, which is 2",
        without_values(execute(accepting(max_iterations=2), 'order={"items": [1, 1, 1]}', status=1))[0]["error_message"])
    w = accepting(loop_type="repeat", repeat_count=1)
    w["nodes"][0]["node_type"] = "loop"
    is_("Node m failed: /accept_items: only a loop over items can be given more of them", execute(w, status=1)[0]["error_message"])


@case
def stopped():
    """stop_when: looked at after each pass; the rest is cancelled, or runs on"""
    def w(**config):
        return graph("m -body-> d", "d -> v", "m -done-> z", m=("for", {"array_expression": "[3, 1, 2.5, 2]", "max_concurrency": 3, **config}),
                     d=("delay", {"delay_seconds": "${item}"}), z=("noop",), v=VALUE)
    # pass 2 is over at 1 s and lets pass 4 begin; pass 3 is over at 2.5 s
    result, trace = without_values(execute(w(stop_when="succeeded == 2")))
    is_(["m -done", "m#1/d cancelled", "m#2/d", "m#3/d", "m#4/d cancelled", "z"], trace)
    is_(["z"], execute(w(stop_when="last.value == 1", join_rest="run"))[1][-1:])
    is_("2026-01-01T00:00:01", execute(w(stop_when="last.value == 1"))[0]["node_results"]["z"]["completed_at"])
    is_(["m -done", "m#1/d", "m#2/d", "z"], without_values(execute(w(stop_when="count >= 2 and len(results) == 2", max_concurrency=1)))[1])
    is_('Node m failed: /stop_when: unknown name "nope", line 1, column 1', execute(w(stop_when="nope"), status=1)[0]["error_message"])
    # items that are accepted no longer
    w = accepting(stop_when="results.some(r => r.value > 2)")
    is_(["m -done", "m#1/d", "m#2/d", "z"], without_values(execute(w, "order=1", "order=3@+5", "order=1@+20"))[1])


@case
def fresh_signals():
    """buffer drop: what came before the wait began is gone, what comes later counts; keep is the default"""
    def w(**config):
        return graph("d -> w", "w -> v", d=("delay", {"delay_seconds": 5}), w=("await", {"signal_type": "go", **config}), v=("await", {"signals": ["go", "end"]}))
    signals = ("go=1", "go=2@+1", "go=3@+6", "end@+9")
    is_((1, 2), tuple(execute(w(), *signals)[0]["data"][n]["data"] for n in ("w_output", "v_output")))
    result = execute(w(buffer="drop"), *signals)[0]
    is_((3, "end"), (result["data"]["w_output"]["data"], result["data"]["v_output"]["signal"]))
    is_('Node w failed: invalid configuration: "/buffer": must be one of "keep", "drop", null',
        execute(w(buffer="${'no'}"), status=1)[0]["error_message"])
    approval = graph("d -> h", "h -reject-> r", d=("delay", {"delay_seconds": 5}), h=("human_approval", {"buffer": "drop"}), r=("noop",))
    is_(["d", "h -reject", "r"], execute(approval, 'human_approval="approve"', 'human_approval:h="reject"@+7')[1])


@case
def items_wait_where_they_are():
    """a signal with an item is taken when no item is left that waits, so that none is kept twice"""
    w = graph("m -body-> d", "d -> v", m=("for", {"accept_items": "order"}), d=("delay", {"delay_seconds": 1}),
              v=("map", {"input_array": "[signal_order]", "map_expression": "item"}))
    result, _ = execute(w, "order=1", "order=2", "order=3", "order:close@+60")
    is_([[2], [3], [3]], [r["result"] for r in result["data"]["m_output"]["results"]])


@case
def too_few_passes():
    """a while whose condition ends before `need` passes have succeeded fails, as any other loop"""
    w = graph("m -body-> d", "m -done-> z", m=("while", {"condition_expression": "index < 2", "need": 3}), d=("noop",), z=("noop",))
    result, trace = execute(w, status=1)
    is_("Node m failed: 3 passes must succeed, but only 2 still can", result["error_message"])
    is_(["m failed", "m#1/d", "m#2/d"], trace)
    w["nodes"][0]["config"]["need"] = 2
    is_(["m -done", "m#1/d", "m#2/d", "z"], execute(w)[1])


@case
def waits_without_time():
    """who waits when its schedule_to_close_seconds are over has failed, and is no entry that was cancelled"""
    close = {"schedule_to_close_seconds": 2}
    w = graph("w -error-> z", w=("await", {"signal_type": "go"}, close), z=("noop",))
    is_(["w failed", "z"], execute(w)[1])
    w = graph("m -body-> d", "m -error-> z", m=("repeat", {"repeat_count": 2, "max_concurrency": 2}, close), d=("delay", {"delay_seconds": 9}), z=("noop",))
    is_(["m failed", "m#1/d cancelled", "m#2/d cancelled", "z"], execute(w)[1])
    w = graph("t -body-> d", "t -finally-> f", "t -error-> z", t=("try", {}, close), d=("delay", {"delay_seconds": 9}), f=("delay", {"delay_seconds": 3}), z=("noop",))
    is_(["t failed", "t/d cancelled", "t/f", "z"], execute(w)[1])


main()
