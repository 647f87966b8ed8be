# SPDX-License-Identifier: Apache-2.0
"""What the product promises, feature by feature, each in a case that is named after it.

Every case is a function of a scene: a database with json or with jsonb columns and its worker.  One that yields has inserted
its executions and goes on when its turn has come, so that all the waiting of a scene is done at the same time.  What is
promised of workers, lost and several ones, stands in promises_workers_test.py.
"""

import datetime
import functools
import inspect
import json
import sys
import threading

from expect import END, completed, failed, failures, log_is, ran, shape
from harness import Answer, add_case, case, graph, main, now, time, wait_until
from scene import Scene, T, server

FEATURES = """
any execution; linear trigger, delay, http, end; last node's result; failed node's result; entry node; condition branches;
condition expression as in the UI's hint; switch; parallel fan-out; fan-in with branches of more than one node;
parallel end without fan-in; wait any / n-of-m, sequential, aggregation; one parallel node fails; loops;
break/continue, try/catch/finally; map/filter/reduce/merge/split; set/get variable; delay seconds;
delay until_time/until_condition; http_request; human_approval; signals; connector webhooks to signals; sub_workflow async; sub_workflow wait; cron schedule; schedule with bad cron text;
schedule of an inactive workflow; retry with backoff; success after retries; node missing in graph; unknown node type;
empty graph; workflow timeout; node timeout; pause/terminate while a node runs; LangGraph; self-healing; replay from node;
mails; poison execution; edge with a null/non-string value; a "branch" key in trigger data or any output;
graph edited while running; debug step/breakpoints"""

promises = []


def promise(feature, text):
    def add(function):
        promises.append((feature, text, function))
        return function
    return add


def variable(name, value):
    return "set_variable", {"variable_name": name, "variable_value": value}


def values(row):
    """What the set_variable nodes have left, by node."""
    return {k[:-len("_output")]: v["value"] for k, v in row.state["execution_data"].items()
            if k.endswith("_output") and isinstance(v, dict) and "variable_name" in v}


# ---- The course of an execution ----


@promise("any execution", "a row as the backend inserts it, ten keys and no others, runs to its end")
def any_execution(s):
    rows = [s.start(graph([T], []), {"a": 1}, status=status) for status in ("running", "pending")]
    yield
    for identity in rows:
        row = completed(s.backend, identity, ["t"])
        assert s.data(row) == {"a": 1, "t_output": {"a": 1}}, row
        log_is(s.backend, identity, ran("t") + END)


@promise("linear trigger, delay, http, end", "each node once, in order, with its result, in one second of waiting")
def linear(s):
    path = s.path(Answer(201, '{"id": 5}'))
    identity = s.start(graph([("trigger-1", "trigger", {"trigger_type": "manual"}),
                              ("delay-2", "delay", {"delay_type": "seconds", "delay_seconds": 1}),
                              ("http-3", "http_request",
                               {"method": "POST", "url": server.url + path, "headers": {"X-A": "1"}, "body": {"k": [1]}}),
                              ("end-4", "end")], [("trigger-1", "delay-2"), ("delay-2", "http-3"), ("http-3", "end-4")],
                             "trigger-1"), {"n": 1})
    yield
    row = completed(s.backend, identity, ["trigger-1", "delay-2", "http-3", "end-4"])
    data, results = s.data(row), row.state["node_results"]
    assert set(data) == {"n", "trigger-1_output", "delay-2_output", "http-3_output", "end-4_output"}, data
    assert data["delay-2_output"] == {"delay_type": "seconds",
                                      "completed": True} and results["delay-2"]["duration_ms"] >= 990, results
    output = data["http-3_output"]
    assert (output["status_code"], output["json"], output["method"], output["url"]) == (201, {"id": 5}, "POST",
                                                                                        server.url + path), output
    log_is(s.backend, identity, ran("trigger-1", "delay-2", "http-3", "end-4") + END)
    seen = server.seen(path)
    assert len(seen) == 1 and (seen[0].method, json.loads(seen[0].body), seen[0].headers["X-A"]) == ("POST", {"k": [1]},
                                                                                                     "1"), seen


@promise("last node's result", "it stands in completed_node_ids and node_results, also of an execution with one node")
def last_result(s):
    one = s.start(graph([T], []), {"x": [1]})
    two = s.start(graph([T, ("v", *variable("v", "${x[0] + 1}"))], [("t", "v")]), {"x": [1]})
    yield
    row = completed(s.backend, one, ["t"])
    assert row.state["node_results"]["t"]["output"] == {"x": [1]}, row
    row = completed(s.backend, two, ["t", "v"])
    assert row.state["node_results"]["v"]["output"] == {"variable_name": "v", "value": 2, "scope": "workflow"}, row
    assert row.current_node_id == "v", row


@promise("failed node's result", "it stands in node_results with status failed, the error and when it was")
def failed_result(s):
    path = s.path(Answer(404, "no such thing"))
    identity = s.start(graph([T, ("h", *s.call(path)), ("n", "noop")], [("t", "h"), ("h", "n")]))
    yield
    row = failed(s.backend, identity, "Node h failed: HTTP 404: Not Found", "h", ["t"])
    result = row.state["node_results"]["h"]
    assert result["error"] == "HTTP 404: Not Found", result
    assert {k: result["output"]["error"][k] for k in ("type", "message")} == {"type": "http_status",
                                                                              "message": "HTTP 404: Not Found"}, result
    assert set(row.state["node_results"]) == {"t", "h"}, row
    log_is(s.backend, identity, ran("t") + failures("h", [], row.error_message))


@promise("entry node", "entry_node_id, else the first trigger, wherever it stands in the list; the others do not run")
def entry(s):
    nodes = [("stray", "noop"), ("t", "trigger"), ("u", "trigger"), ("n", "noop"), ("m", "noop")]
    edges = [("t", "n"), ("u", "m")]
    by_id = s.start(graph(nodes, edges, "u"))
    by_type = s.start(graph(nodes, edges))
    not_there = s.start(graph(nodes, edges, "ghost"))
    keyed = s.start({"nodes": {"z": {"node_type": "noop"}, "long-name": {"node_type": "trigger", "next": "z"}}})
    yield
    completed(s.backend, by_id, ["u", "m"])
    completed(s.backend, by_type, ["t", "n"])
    completed(s.backend, not_there, ["t", "n"])
    completed(s.backend, keyed, ["long-name", "z"])


@promise("condition branches",
         "one of them runs: by the edges' branch or condition, and without labels the first drawn when it is true")
def condition_branches(s):
    nodes = [T, ("c", "condition", {"expression": "${value} > 10"}), ("a", "noop"), ("b", "noop")]
    forms = [[{"from": "c", "to": "a", "branch": "true"}, {"from": "c", "to": "b", "branch": "false"}],
             [{"from": "c", "to": "b", "condition": "false"}, {"from": "c", "to": "a", "condition": "true"}],
             [{"source": "c", "target": "a", "sourceHandle": "true"}, {"source": "c", "target": "b", "sourceHandle": "false"}],
             [{"from": "c", "to": "a"}, {"from": "c", "to": "b"}]]
    begun = []
    for edges in forms:
        definition = graph(nodes, [("t", "c")])
        definition["edges"] += edges
        begun += [(s.start(definition, {"value": value}), taken) for value, taken in ((11, "a"), (10, "b"))]
    yield
    for identity, taken in begun:
        row = completed(s.backend, identity, ["t", "c", taken])
        assert s.data(row)["c_output"]["branch"] == {"a": "true", "b": "false"}[taken], row
        log_is(s.backend, identity, ran("t", "c", taken) + END)


@promise("condition expression as in the UI's hint", "input.value > 10, and the other spellings in use, mean what they say")
def condition_expression(s):
    spellings = ["input.value > 10", "${value} > 10", "${data.value} > 10", "value > 10", "data.value > 10 && value !== 12",
                 "input.value === 11 || false", "value > 10 and not value == 12"]
    begun = [s.start(graph([T, ("c", "condition", {"expression": e}), ("y", "noop"), ("n", "noop")],
                           [("t", "c"), ("c", "y", "true"), ("c", "n", "false")]),
                     {"value": v}) for e in spellings for v in (11, 9)]
    hint = s.start(graph([T, ("c", "if", {"expression": "input.status === 'ready'"}), ("y", "noop"), ("n", "noop")],
                         [("t", "c"), ("c", "y"), ("c", "n")]), {"status": "ready"})
    gone = s.start(graph([T, ("c", "condition", {"expression": "nothing > 10"})], [("t", "c")]), {"value": 1})
    yield
    for number, identity in enumerate(begun):
        row = completed(s.backend, identity, ["t", "c", "ny"[number % 2 == 0]])
        assert s.data(row)["c_output"] == {"condition_result": number % 2 == 0, "branch": "true" if number % 2 == 0 else "false",
                                           "condition_expr": spellings[number // 2]}, row
    completed(s.backend, hint, ["t", "c", "y"])
    failed(s.backend, gone, 'Node c failed: expression "nothing > 10": unknown name "nothing", line 1, column 1', "c", ["t"])


@promise("switch", "switch_expression is compared with the keys of cases; what none matches is default")
def switch(s):
    config = {"switch_expression": "input.order.status", "cases": {"open": "", "paid": "ship", "3": {"any": "thing"}}}
    nodes = [T, ("s", "switch", config), ("o", "noop"), ("p", "noop"), ("three", "noop"), ("other", "noop")]
    edges = [("t", "s"), ("s", "o", "open"), ("s", "p", "ship"), ("s", "three", "3"), ("s", "other", "default")]
    wanted = (("open", "o", "open"), ("paid", "p", "ship"), (3, "three", "3"), ("lost", "other", "default"),
              (None, "other", "default"))
    begun = [s.start(graph(nodes, edges), {"order": {"status": status}}) for status, _, _ in wanted]
    drawn = [s.start(graph(nodes[:4], [("t", "s"), ("s", "o"), ("s", "p")]),
                     {"order": {"status": status}}) for status in ("paid", "lost")]
    yield
    for (status, node, branch), identity in zip(wanted, begun):
        row = completed(s.backend, identity, ["t", "s", node])
        output = s.data(row)["s_output"]
        assert (output["branch"], output["value"], output["condition_result"]) == (branch, status, branch != "default"), output
    completed(s.backend, drawn[0], ["t", "s", "o"])
    completed(s.backend, drawn[1], ["t", "s", "p"])


@promise("parallel fan-out", "the nodes run at the same time, and each result is recorded")
def fan_out(s):
    path = s.path()
    server.script[path] = [Answer(body='{"v": 1}',
                                  until=lambda: len(server.seen(path)) >= 3)]  # nobody is answered before all have asked
    identity = s.start(graph([T] + [(n, *s.call(path + "?" + n)) for n in "abc"] + [("j",
                                                                                     *variable("j",
                                                                                               "${a_output.json.v + c_output.json.v}"))],
                             [("t", n) for n in "abc"] + [(n, "j") for n in "abc"]))
    yield
    row = completed(s.backend, identity, {"t", "a", "b", "c", "j"})
    assert row.current_node_id == "j" and row.state["completed_node_ids"][-1] == "j", row
    assert values(row) == {"j": 2} and [s.data(row)[n + "_output"]["json"] for n in "abc"] == [{"v": 1}] * 3, row
    assert len(server.seen(path)) == 3
    log = s.backend.log(identity)
    assert sorted(log[1:]) == sorted(ran("t", "a", "b", "c", "j") + END) and log[-3:] == ran("j") + END, log


@promise("fan-in with branches of more than one node", "every node of every branch runs, then the fan-in, once")
def fan_in(s):
    nodes = ["a1", "b1", "b2", "c1", "c2", "c3", "j", "e"]
    edges = [("t", "a1"), ("t", "b1"), ("t", "c1"), ("b1", "b2"), ("c1", "c2"), ("c2", "c3"), ("a1", "j"), ("b2", "j"),
             ("c3", "j"), ("j", "e")]
    identity = s.start(graph([T] + [(n, "delay", {"delay_seconds": 0.05}) if n[0] in "abc" else (n, "noop") for n in nodes],
                             edges))
    yield
    row = completed(s.backend, identity, {"t", *nodes})
    assert row.state["completed_node_ids"][-2:] == ["j", "e"], row
    log = s.backend.log(identity)
    assert sorted(log[1:]) == sorted(ran("t", *nodes) + END), log


@promise("parallel end without fan-in", "the execution completes when the last branch has ended, and all is recorded")
def fan_out_only(s):
    identity = s.start(graph([T, ("a", "noop"), ("b", "delay", {"delay_seconds": 1}), ("b2", "noop"), ("c", "noop")],
                             [("t", "a"), ("t", "b"), ("b", "b2"), ("t", "c")]))
    yield
    row = completed(s.backend, identity, {"t", "a", "b", "b2", "c"})
    assert row.state["completed_node_ids"][-2:] == ["b", "b2"], row
    assert s.backend.log(identity)[-3:] == ran("b2") + END


@promise("wait any / n-of-m, sequential, aggregation", "the options of a node that splits do what they say")
def parallel_options(s):
    def split(**options):
        definition = graph([T] + [(n, "http_request", {"url": server.url + paths[n] + "?" + n}) for n in "abc"] + [("j", "noop")],
                           [("t", n) for n in "abc"] + [(n, "j") for n in "abc"])
        definition["nodes"][0].update(options)
        return s.start(definition)
    slow, fast = s.path(Answer(body='"slow"', delay=30)), s.path(Answer(body='"fast"'))
    paths = {"a": slow, "b": fast, "c": slow}
    any_of = split(parallel_wait_mode="any")
    paths = {"a": slow, "b": fast, "c": fast}
    two_of = split(parallel_wait_mode="n_of_m", parallel_wait_n=2, parallel_aggregation="array")
    paths = dict.fromkeys("abc", s.path(Answer(body='"one"')))
    aggregated = {a: split(parallel_aggregation=a, parallel_wait_mode="all") for a in ("array", "first", "last", "merge")}
    row_path = s.path(Answer(delay=0.1))
    paths = dict.fromkeys("abc", row_path)
    sequential = split(sequential=True)
    yield
    row = completed(s.backend, any_of, ["t", "b", "j"])
    assert s.data(row)["t_parallel_result"]["json"] == "fast" and set(s.data(row)) == {"t_output", "b_output",
                                                                                       "t_parallel_result", "j_output"}, row
    row = completed(s.backend, two_of, {"t", "b", "c", "j"})
    assert [r["url"][-1] for r in s.data(row)["t_parallel_result"]] == ["b", "c"], row
    for how, wanted in (("array", ["a", "b", "c"]), ("first", "a"), ("last", "c"), ("merge", "c")):
        row = completed(s.backend, aggregated[how], {"t", "a", "b", "c", "j"})
        result = s.data(row)["t_parallel_result"]
        assert ([r["url"][-1] for r in result] if how == "array" else result["url"][-1]) == wanted, (how, result)
    row = completed(s.backend, sequential, ["t", "a", "b", "c", "j"])
    log_is(s.backend, sequential, ran("t", "a", "b", "c", "j") + END)
    assert [r.path[-1] for r in server.seen(row_path)] == ["a", "b", "c"], "one after the other, in the order of the edges"


@promise("one parallel node fails", "it alone runs again; what its siblings have done is not done twice")
def one_fails(s):
    good, bad = s.path(), s.path(Answer(503), Answer())
    identity = s.start(graph([T, ("a", *s.call(good, method="POST")), ("b", *s.call(good, method="POST")),
                              ("w", "await", {"signal_type": "go"}),
                              ("c", *s.call(bad, method="POST")), ("j", "noop")],
                             [("t", "a"), ("t", "b"), ("t", "w"), ("w", "c"), ("a", "j"), ("b", "j"), ("c", "j")]))
    yield
    wait_until("the siblings to be done", lambda: {"a", "b"} <= set(s.backend.row(identity).state["completed_node_ids"]))
    s.signal(identity, "go", None)
    row = completed(s.backend, identity, {"t", "a", "b", "w", "c", "j"})
    assert row.retry_count == 1 and row.state["completed_node_ids"][-2:] == ["c", "j"], row
    assert (len(server.seen(good)), len(server.seen(bad))) == (2, 2)
    assert len({r.headers["Idempotency-Key"] for r in server.seen(bad)}) == 1
    log = s.backend.log(identity)
    assert log[-7:] == failures("c", ["Node c failed: HTTP 503: Service Unavailable"])[1:] + ran("c", "j") + END, log


# ---- Loops, tries, data ----


@promise("loops", "for, while and repeat as the UI saves them; an edge back is only drawn; a cycle without an end is ended")
def loops(s):
    def loop(kind, **config):
        """As the canvas saves it: no labels; the body leads back to the loop, the other edge goes on."""
        return s.start(graph([T, ("l", kind, config), ("v", *variable("seen", "${(vars.seen ?? []).concat([item])}")),
                              ("e", *variable("all", "${vars.seen ?? 'none'}"))],
                             [("t", "l"), ("l", "v"), ("v", "l"), ("l", "e")]), {"items": ["x", "y"], "none": []})
    begun = [
        (loop("for", loop_type="for", array_expression="input.items", loop_variable="x"), 2, ["x", "y"]),
        (loop("loop", loop_type="while", condition_expression="index < 3"), 3, [0, 1, 2]),
        (loop("while", condition_expression="len(vars.seen ?? []) < 2"), 2, [0, 1]),
        (loop("repeat", loop_type="repeat", repeat_count=4), 4, [0, 1, 2, 3]),
        (loop("loop", loop_type="repeat", repeat_count=1), 1, [0]),
        (loop("loop", loop_type="for", array_expression="input.none"), 0, "none")]
    endless = graph([T, ("a", "noop", {"max_iterations": 20}), ("c", "condition", {"expression": "true"}), ("e", "end")],
                    [("t", "a"), ("a", "c"), ("c", "a", "true"), ("c", "e", "false")])
    cycle = s.start(endless)
    yield
    for identity, passes, seen in begun:
        row = completed(s.backend, identity, ["t", "v", "l", "e"] if passes else ["t", "l", "e"])
        output = s.data(row)["l_output"]
        assert (output["count"], output["succeeded"], output["failed"], len(output["results"])) == (passes, passes, 0,
                                                                                                    passes), output
        assert values(row)["e"] == seen and "item" not in s.data(row) and "index" not in s.data(row), row
        log_is(s.backend, identity, ran("t") + [("l", "info", "Executing node: l")] + ran("v") * passes +
               [("l", "info", "Node l completed successfully")] + ran("e") + END)
    message = "Node a failed: more than 20 passes of the cycle that comes back to this node"
    failed(s.backend, cycle, message, "a", ["t", "a", "c"])
    log = [r[2] for r in s.backend.log(cycle)]
    assert log.count("Executing node: c") == 20 and log[-1] == "Workflow execution failed permanently: " + message, log[-3:]


@promise("break/continue, try/catch/finally", "they leave and go on; catch runs on failure alone, finally always")
def leave_and_catch(s):
    leaving = {}
    for kind in ("break", "continue"):
        leaving[kind] = s.start(graph(
            [T, ("l", "for", {"array_expression": "[1, 2, 3, 4]"}), ("c", "condition", {"expression": "item == 2"}),
             (kind, kind, {"loop_label": ""}),
             ("v", *variable("sum", "${(vars.sum ?? 0) + item}")), ("e", *variable("all", "${vars.sum}"))],
            [("t", "l"), ("l", "c"), ("c", kind, "true"), ("c", "v", "false"), ("v", "l"), ("l", "e")]))
    broken = s.path(Answer(418))
    fine = s.path()
    tried = {}
    for how, path, kinds in (("caught", broken, "http_status"), ("uncaught", broken, "timeout"), ("fine", fine, "")):
        tried[how] = s.start(graph(
            [T, ("y", "try", {"try_scope": "s"}), ("h", *s.call(path)),
             ("c", "catch", {"error_type": kinds, "error_handler": "print(1)"}),
             ("why", *variable("why", "${error.node_id + ' ' + error.type}")), ("f", "finally", {"finally_code": "print(2)"}),
             ("e", "end")],
            [("t", "y"), ("y", "h"), ("h", "c"), ("c", "why"), ("why", "f"), ("f", "e")]))
    yield
    row = completed(s.backend, leaving["break"], ["t", "c", "v", "break", "l", "e"])
    assert values(row)["e"] == 1 and s.data(row)["l_output"]["count"] == 2, row
    row = completed(s.backend, leaving["continue"], ["t", "c", "v", "continue", "l", "e"])
    assert values(row)["e"] == 8 and (s.data(row)["l_output"]["count"], s.data(row)["l_output"]["failed"]) == (4, 0), row
    row = s.backend.wait_end(tried["caught"])
    shape(s.backend, row)
    assert (row.status, row.state["completed_node_ids"]) == ("completed", ["t", "c", "why", "f", "y", "e"]), row
    assert values(row) == {"why": "h http_status"} and row.state["node_results"]["h"]["status"] == "failed", row
    assert s.data(row)["y_output"]["caught"]["message"] == "HTTP 418: I'm a Teapot", row
    completed(s.backend, tried["fine"], ["t", "h", "f", "y", "e"])
    row = s.backend.wait_end(tried["uncaught"])
    assert (row.status, row.error_message) == ("failed", "Node h failed: HTTP 418: I'm a Teapot"), row
    assert row.state["completed_node_ids"] == ["t", "f"], row
    assert len(server.seen(fine)) == 1 and len(server.seen(broken)) == 2


@promise("map/filter/reduce/merge/split", "they work on the data, with the keys that the UI saves")
def transforms(s):
    items = [{"n": 1, "k": "a"}, {"n": 2, "k": "b"}, {"n": 3, "k": "a"}]
    wanted = {
        "map": ({"map_expression": "item.n * 2", "input_array": "input.items"}, [2, 4, 6], {"transformed": True}),
        "filter": ({"filter_condition": "item.n > 1 && item.k === 'a'", "input_array": "input.items"}, items[2:],
                   {"filtered": True}),
        "reduce": ({"reduce_function": "acc + item.n", "initial_value": "0", "input_array": "input.items"}, 6, {"reduced": True}),
        "deep": ({"merge_strategy": "deep", "input_sources": ["left", "right"]}, {"a": {"x": 1, "y": 2}, "b": [3]},
                 {"merged": True, "sources": 2}),
        "shallow": ({"merge_strategy": "shallow", "input_sources": ["left", "input.right"]}, {"a": {"y": 2}, "b": [3]},
                    {"merged": True, "sources": 2}),
        "array": ({"merge_strategy": "array", "input_sources": ["map", "items", "left"]},
                  [{"result": [2, 4, 6], "transformed": True, "type": "map"}, *items, {"a": {"x": 1}, "b": [1, 2]}],
                  {"merged": True, "sources": 3}),
        "by_key": ({"split_strategy": "by_key", "split_config": {"key": "k"}, "input_array": "input.items"},
                   {"a": [items[0], items[2]], "b": [items[1]]}, {"split": True, "count": 2}),
        "by_size": ({"split_strategy": "by_size", "split_config": {"size": 2, "input_array": "items"}}, [items[:2], items[2:]],
                    {"split": True, "count": 2}),
        "by_condition": ({"split_strategy": "by_condition", "split_config": {"condition": "item.n < 3"}, "input_array": "items"},
                         {"true": items[:2], "false": items[2:]}, {"split": True, "count": 2}),
    }
    kinds = {"deep": "merge", "shallow": "merge", "array": "merge", "by_key": "split", "by_size": "split",
             "by_condition": "split"}
    names = list(wanted)
    identity = s.start(graph([T] + [(n, kinds.get(n, n), wanted[n][0]) for n in names], list(zip(["t"] + names, names))),
                       {"items": items, "left": {"a": {"x": 1}, "b": [1, 2]}, "right": {"a": {"y": 2}, "b": [3]}})
    none = s.start(graph([T, ("m", "map", {"map_expression": "item", "input_array": "input.items"})], [("t", "m")]), {})
    yield
    row = completed(s.backend, identity, ["t"] + names)
    for name in names:
        assert s.data(row)[name + "_output"] == {"result": wanted[name][1], "type": kinds.get(name, name),
                                                 **wanted[name][2]}, (name, row)
    row = s.backend.wait_end(none)
    assert row.state["node_results"]["m"]["output"]["error"]["type"] == "type_error" and row.status == "failed", row


@promise("set/get variable", "a value that was set is read by every later node, across the worker's saves")
def set_and_get(s):
    identity = s.start(graph(
        [T, ("s", "set_variable", {"variable_name": "v", "variable_value": {"deep": [1, "${n}"]}, "variable_scope": "workflow"}),
         ("d", "delay", {"delay_seconds": 0.3}), ("g", "get_variable", {"variable_name": "v", "default_value": "none"}),
         ("x", "get_variable", {"variable_name": "never", "default_value": "none"}),
         ("c", "condition", {"expression": "vars.v.deep[1] == 7 && v.deep[0] == 1"})],
        [("t", "s"), ("s", "d"), ("d", "g"), ("g", "x"), ("x", "c")]), {"n": 7})
    gone = s.start(graph([T, ("g", "get_variable", {"variable_name": "never"})], [("t", "g")]))
    yield
    row = completed(s.backend, identity, ["t", "s", "d", "g", "x", "c"])
    assert s.data(row)["s_output"] == {"variable_name": "v", "value": {"deep": [1, 7]}, "scope": "workflow"}, row
    assert (s.data(row)["g_output"]["value"], s.data(row)["x_output"]["value"]) == ({"deep": [1, 7]}, "none"), row
    assert s.data(row)["c_output"]["condition_result"] is True, row
    failed(s.backend, gone, 'Node g failed: variable "never" is not set, and there is no default_value', "g", ["t"])


# ---- Time and the world ----


@promise("delay seconds", "eight of them wait at the same time and hold up nothing else")
def delays(s):
    workflow = s.backend.workflow(graph([T, ("d", "delay", {"delay_type": "seconds", "delay_seconds": 2})], [("t", "d")]))
    identities = s.backend.executions(workflow, 8)
    null = s.start(graph([T, ("d", "delay", {"delay_type": "seconds", "delay_seconds": None})], [("t", "d")]))
    began = time.monotonic()
    other = completed(s.backend, s.start(graph([T], [])), ["t"])
    quick = time.monotonic() - began
    yield
    rows = [completed(s.backend, i, ["t", "d"]) for i in identities]
    assert all(r.state["node_results"]["d"]["duration_ms"] >= 1990 for r in rows), rows
    took = (max(r.completed_at for r in rows) - min(r.started_at for r in rows)).total_seconds()
    assert 2 <= took < 8 * 2, "one after the other it would be 16 s: %.2f" % took
    assert quick < 2 or other.completed_at < min(r.completed_at for r in rows), "what does not wait is done first"
    message = "Node d failed: delay_seconds is null: it must be a number of seconds from 0 to 3153600000"
    failed(s.backend, null, message, "d", ["t"])


@promise("delay until_time/until_condition", "they wait for that time, and for the condition to become true")
def delays_until(s):
    at = now().replace(microsecond=0) + datetime.timedelta(seconds=3)
    zoned = (at + datetime.timedelta(hours=2)).isoformat() + "+02:00"
    timed = [s.start(graph([T, ("d", "delay", {"delay_type": "until_time", "target_time": text})],
                           [("t", "d")])) for text in (at.isoformat(), zoned)]
    panel = s.start(graph([T, ("d", "wait", {"delay_type": "until_time", "target_time": "2024-01-31T23:59"})], [("t", "d")]))
    held = s.path(Answer(body='{"ready": true}', delay=1))
    condition = {"delay_type": "until_condition", "condition_expression": "input.h_output != null && h_output.json.ready",
                 "poll_seconds": 0.1}
    conditional = s.start(graph([T, ("d", "delay", condition), ("h", *s.call(held))], [("t", "d"), ("t", "h")]))
    never = s.start(graph([T, ("d", "delay", {"delay_type": "until_condition", "condition_expression": "1 > 2",
                                              "poll_seconds": 0.1,
                                              "timeout_seconds": 0.5})], [("t", "d")]))
    yield
    for identity in timed:
        row = completed(s.backend, identity, ["t", "d"])
        assert row.completed_at >= at and s.data(row)["d_output"] == {"delay_type": "until_time", "completed": True}, (at, row)
    row = completed(s.backend, panel, ["t", "d"])
    assert row.state["node_results"]["d"]["duration_ms"] < 60000, "a time that is over is not waited for"
    row = completed(s.backend, conditional, ["t", "h", "d"])
    assert row.state["node_results"]["d"]["completed_at"] >= row.state["node_results"]["h"]["completed_at"], row
    row = s.backend.wait_end(never)
    assert row.status == "failed" and row.state["node_results"]["d"]["output"]["error"]["type"] == "timeout", row


@promise("http_request", "only http, no metadata service, any body, answers in any encoding, NaN in an answer")
def http(s):
    refused = {"file:///etc/passwd": 'the URL has the scheme "file": only http and https can be called',
               "http://169.254.169.254/latest": 'the address 169.254.169.254 of "169.254.169.254" is refused by the address guard (http_guard = metadata)'}
    not_called = {url: s.start(graph([T, ("h", "http_request", {"url": url})], [("t", "h")])) for url in refused}
    bodies = s.path()
    sent = [s.start(graph([T, ("h", *s.call(bodies, method="POST", body=body))], [("t", "h")])) for body in ([1, {"a": None}],
                                                                                                             5, "plain")]
    latin, nan = s.path(Answer(body=b'caf\xe9 \xff')), s.path(Answer(body='{"v": NaN}'))
    odd = [s.start(graph([T, ("h", *s.call(path)), ("n", "noop")], [("t", "h"), ("h", "n")])) for path in (latin, nan)]
    yield
    for url, text in refused.items():
        failed(s.backend, not_called[url], "Node h failed: " + text, "h", ["t"])
    for identity in sent:
        completed(s.backend, identity, ["t", "h"])
    assert sorted(r.body for r in server.seen(bodies)) == sorted(['[1, {"a": null}]', "5", "plain"]) or \
        sorted(r.body for r in server.seen(bodies)) == sorted(['[1,{"a":null}]', "5",
                                                               "plain"]), [r.body for r in server.seen(bodies)]
    output = s.data(completed(s.backend, odd[0], ["t", "h", "n"]))["h_output"]
    assert (output["body"], output["body_encoding"], output["json"]) == ("Y2Fm6SD/", "base64", None), output
    output = s.data(completed(s.backend, odd[1], ["t", "h", "n"]))["h_output"]
    assert (output["body"], output["json"]) == ('{"v": NaN}', None) and output["json_error"], output


@promise("human_approval",
         "the execution waits for a person, and goes on along the option that was chosen; no answer is no answer")
def approval(s):
    config = {"approval_message": "Ship ${order}?", "timeout_seconds": 3600, "approval_options": ["approve", "reject"]}
    identity = s.start(graph([T, ("h", "human_approval", config), ("y", "noop"), ("n", "noop")],
                             [("t", "h"), ("h", "y", "approve"), ("h", "n", "reject")]), {"order": 12})
    late = s.start(graph([T, ("h", "human_approval", {"timeout_seconds": 0.5}), ("y", "noop"), ("n", "noop")],
                         [("t", "h"), ("h", "y", "approve"), ("h", "n", "timeout")]))
    yield
    s.waiting(identity)
    row = s.backend.row(identity)
    shape(s.backend, row)
    assert (row.current_node_id, row.retry_count, row.error_message) == ("h", 0, None), row
    waiting = [m for _, _, m in s.backend.log(identity)]
    assert waiting.count("Executing node: h") == 1 and not [m for m in waiting if "failed" in m], waiting
    answer = s.signal(identity, "human_approval", {"decision": "reject", "by": "Ann"})
    row = completed(s.backend, identity, ["t", "h", "n"])
    output = s.data(row)["h_output"]
    assert (output["choice"], output["response"], output["message"]) == ("reject", {"decision": "reject", "by": "Ann"},
                                                                         "Ship 12?"), output
    assert (answer, True) in s.signals(identity) and [m for _, _, m in s.backend.log(identity)].count("Executing node: h") == 1
    row = completed(s.backend, late, ["t", "h", "n"])
    assert s.data(row)["h_output"]["status"] == "timeout", row


@promise("signals",
         "one that was waited for ends the wait; its own row is marked, no second is made; the type must be the right one")
def signals(s):
    identity = s.start(graph([T, ("w", "await", {"signal_type": "paid"}), ("e", "end")], [("t", "w"), ("w", "e")]))
    yield
    s.waiting(identity)
    other = s.signal(identity, "unpaid", {"amount": 1})
    paid = s.signal(identity, "paid", {"amount": 5})
    row = completed(s.backend, identity, ["t", "w", "e"])
    assert s.data(row)["signal_paid"] == {"amount": 5} and "signal_unpaid" not in s.data(row), row
    assert s.data(row)["w_output"] == {"event": "signal", "signal": "paid", "data": {"amount": 5}}, row
    assert s.signals(identity) == [(other, False), (paid, True)], s.signals(identity)
    log_is(s.backend, identity, ran("t") + [("w", "info", "Executing node: w"),
                                            ("w", "info", "Execution waiting for signal: paid"),
                                            ("w", "info", "Signal received and processed: paid"),
                                            ("w", "info", "Node w completed successfully")] + ran("e") + END)


@promise("connector webhooks to signals",
         "what a webhook brings is kept until a node waits for it, also when it comes first; one for no execution harms nobody")
def webhook_signals(s):
    config = {"signals": ["webhook:paid", "webhook:refunded"], "timeout_seconds": 3600}
    identity = s.start(graph([T, ("d", "delay", {"delay_seconds": 0.5}), ("w", "await", config), ("e", "end")],
                             [("t", "d"), ("d", "w"), ("w", "e")]))
    refused = None
    try:
        s.signal(None, "webhook:paid", {})
    except Exception as error:
        refused = str(error)
    early = s.signal(identity, "webhook:paid", {"body": {"n": 1}})
    yield
    assert refused and "execution_id" in refused, refused
    row = completed(s.backend, identity, ["t", "d", "w", "e"])
    assert s.data(row)["signal_webhook:paid"] == {"body": {"n": 1}}, row
    assert s.signals(identity) == [(early, True)], s.signals(identity)


@promise("sub_workflow async", "the other execution is started once, with input_data for its data, and the node is done")
def sub_workflow(s):
    child = s.backend.workflow(graph([T, ("d", "delay", {"delay_seconds": 0.2}), ("e", "end")], [("t", "d"), ("d", "e")]),
                               "child of " + s.name)
    given = {"workflow_id": child, "input_data": {"order": "${input.n + 1}"}}
    identities = [s.start(graph([T, ("s", kind, config), ("e", "end")], [("t", "s"), ("s", "e")]), {"n": 6})
                  for kind, config in (("sub_workflow", given), ("sub-workflow", {"sub_workflow_id": child}))]
    yield
    for identity, data in zip(identities, ({"order": 7}, {"n": 6})):
        row = completed(s.backend, identity, ["t", "s", "e"])
        output = s.data(row)["s_output"]
        assert (output["status"], output["sub_workflow_id"]) == ("started", child), output
        other = completed(s.backend, output["sub_execution_uuid"], ["t", "d", "e"])
        assert (other.execution_id, other.workflow_id) == (output["sub_execution_id"], child), other
        assert s.data(other)["t_output"] == data, other
        log_is(s.backend, other.id, ran("t", "d", "e") + END)
    assert len(s.executions_of(child)) == 2, "each was started once"


@promise("sub_workflow wait",
         "the node waits for the end of the other execution without holding up the worker; a failure starts no second one")
def sub_workflow_wait(s):
    def parent(child, **config):
        return s.start(graph([T, ("s", "sub_workflow", {"workflow_id": child, "wait_for_completion": True, **config}),
                              ("e", "end")],
                             [("t", "s"), ("s", "e")]), {"n": 6})
    adds = s.backend.workflow(graph([T, ("d", "delay", {"delay_seconds": 0.5}), ("v", *variable("sum", "${input.n + 1}"))],
                                    [("t", "d"), ("d", "v")]))
    fails = s.backend.workflow(graph([T, ("c", "condition", {"expression": "nothing"})], [("t", "c")]))
    waits = s.backend.workflow(graph([T, ("w", "await", {"signal_type": "never"})], [("t", "w")]))
    good, bad, late = parent(adds), parent(fails), parent(waits, timeout_seconds=0.5)
    yield
    row = completed(s.backend, good, ["t", "s", "e"])
    output = s.data(row)["s_output"]
    child = completed(s.backend, output["sub_execution_uuid"], ["t", "d", "v"])
    assert (output["status"], output["error"], output["result"]) == ("completed", None, s.data(child)), output
    assert output["result"]["v_output"]["value"] == 7 and child.completed_at <= row.completed_at, output
    row = s.backend.wait_end(bad)
    assert row.status == "failed" and row.state["node_results"]["s"]["output"]["error"]["type"] == "child_failed", row
    assert 'unknown name "nothing"' in row.error_message and row.retry_count == 0, row
    row = s.backend.wait_end(late)
    assert row.status == "failed" and row.state["node_results"]["s"]["output"]["error"]["type"] == "timeout", row
    assert [len(s.executions_of(w)) for w in (adds, fails, waits)] == [1, 1, 1]
    wait_until("the child that nobody waits for to be ended", lambda: s.backend.row(s.executions_of(waits)[0]).status == "failed")


@promise("cron schedule", "a trigger of type schedule, and a row of workflowschedule without a next time, start executions")
def cron(s):
    flow = graph([("t", "trigger", {"trigger_type": "schedule"})], [])
    by_trigger = s.backend.workflow(flow, trigger_config={"type": "schedule", "cron": "*/2 * * * * *"})
    by_row = s.backend.workflow(flow)
    row = s.schedule(by_row, "*/2 * * * * *", None)
    yield
    for workflow in (by_trigger, by_row):
        first = wait_until("a run", lambda w=workflow: s.executions_of(w))[0]
        data = s.data(completed(s.backend, first, ["t"]))["t_output"]
        assert data["trigger_type"] == "schedule" and data["cron_expression"] == "*/2 * * * * *", data
        assert datetime.datetime.fromisoformat(data["scheduled_for"]).second % 2 == 0, data
        s.backend.run("UPDATE workflow SET is_active = false WHERE id = %s", (workflow,))
    following, last = s.backend.run("SELECT next_run_at, last_run_at FROM workflowschedule WHERE id = %s", (row,))[0]
    assert following is not None and last is not None and following.second % 2 == 0, (following, last)


@promise("schedule with bad cron text", "it starts nothing, is reported once, and the others fire")
def bad_cron(s):
    bad, good = s.backend.workflow(graph([T], [])), s.backend.workflow(graph([T], []))
    row = s.schedule(bad, "61 25 * * *", now())
    s.schedule(good, "0 0 1 1 *", now())
    yield
    wait_until("the good one to fire", lambda: s.executions_of(good))
    wait_until("the error to be recorded", lambda: s.backend.run("SELECT error FROM wfworker.schedule WHERE id = %s",
                                                                 (row,))[0][0])
    error = s.backend.run("SELECT error FROM wfworker.schedule WHERE id = %s", (row,))[0][0]
    assert error.startswith('wrong cron expression "61 25 * * *": minute "61" '), error
    assert s.executions_of(bad) == [] and len(s.workers[0].lines("schedule cannot run.*" + row)) == 1, s.workers[0].log()


@promise("schedule of an inactive workflow", "ten of them start nothing and keep no other from its time")
def inactive(s):
    off = s.backend.workflow(graph([T], []), active=False)
    for _ in range(10):
        s.schedule(off, "* * * * *", now() - datetime.timedelta(days=1))
    on = s.backend.workflow(graph([T], []))
    s.schedule(on, "0 0 1 1 *", now())
    yield
    wait_until("the active one to fire", lambda: s.executions_of(on))
    assert s.executions_of(off) == []


# ---- Failures ----


@promise("retry with backoff", "after 1, 2 and 4 seconds, then the failure is final and nothing runs again")
def backoff(s):
    path = s.path(Answer(500))
    identity = s.start(graph([T, ("h", *s.call(path, method="POST"))], [("t", "h")]))
    yield
    message = "Node h failed: HTTP 500: Internal Server Error"
    row = failed(s.backend, identity, message, "h", ["t"], 3)
    seen = server.seen(path)
    gaps = [b.time - a.time for a, b in zip(seen, seen[1:])]
    assert len(seen) == 4 and all(g >= w - 0.01 for g, w in zip(gaps, (1, 2, 4))), gaps
    log_is(s.backend, identity, ran("t") + failures("h", [message] * 3, message))
    time.sleep(1.2)
    assert len(server.seen(path)) == 4 and s.backend.row(identity) == row


@promise("success after retries", "nothing of the failure is left in the row but the count")
def success_after_retries(s):
    path = s.path(Answer(502), Answer())
    identity = s.start(graph([T, ("h", *s.call(path)), ("n", "noop")], [("t", "h"), ("h", "n")]))
    yield
    row = completed(s.backend, identity, ["t", "h", "n"])
    assert (row.error_message, row.next_retry_at, row.retry_count) == (None, None, 1), row
    assert (row.state["error_message"], row.state["next_retry_at"], row.state["node_results"]["h"]["error"]) == (None, None,
                                                                                                                 None), row
    log_is(s.backend, identity, ran("t") + failures("h", ["Node h failed: HTTP 502: Bad Gateway"]) + ran("h", "n") + END)


@promise("node missing in graph", "the execution fails with its name, once, and nothing runs")
def missing_node(s):
    identity = s.start(graph([T], [("t", "ghost")]))
    yield
    row = s.backend.wait_end(identity)
    shape(s.backend, row)
    assert (row.status, row.error_message, row.retry_count, row.next_retry_at) == ("failed", "Node ghost not found in workflow",
                                                                                   0, None), row
    assert row.state["node_results"] == {} and row.state["completed_node_ids"] == [], row
    assert [r[1:] for r in s.backend.log(identity)[1:]] == [("error",
                                                             "Workflow execution failed permanently: " + row.error_message)]


@promise("unknown node type", "it is a failure with a warning, never a success")
def unknown_type(s):
    identity = s.start(graph([T, ("z", "frobnicate"), ("n", "noop")], [("t", "z"), ("z", "n")]))
    yield
    row = s.backend.wait_end(identity)
    failed(s.backend, identity, row.error_message, "z", ["t"])
    assert row.error_message.startswith('Node z failed: no plugin provides the node type "frobnicate": searched '), row
    assert ("z", "warning", "No activity handler found for node type: frobnicate") in s.backend.log(identity)


@promise("empty graph", "it completes at once, with the log of a start and an end")
def empty(s):
    begun = [s.start(definition, {"a": 1}) for definition in ({}, None, {"nodes": [], "edges": []}, {"nodes": {}})]
    yield
    for identity in begun:
        row = completed(s.backend, identity, [])
        assert s.data(row) == {"a": 1}, row
        log_is(s.backend, identity, END)


@promise("workflow timeout", "an execution that takes too long fails, what runs is cancelled, and it is not retried")
def workflow_timeout(s):
    path = s.path(Answer(delay=30))
    definition = graph([T, ("h", *s.call(path)), ("n", "noop")], [("t", "h"), ("h", "n")])
    by_trigger = s.start(definition, trigger_config={"type": "manual", "timeout_seconds": 1.5})
    by_state = s.start(definition, state={"workflow_timeout": 2})
    parked = s.start(graph([T, ("d", "delay", {"delay_seconds": 3600})], [("t", "d")]), trigger_config={"timeout_seconds": 1})
    yield
    for identity, seconds, node in ((by_trigger, "1.5", "h"), (by_state, "2", "h"), (parked, "1", "d")):
        row = s.backend.wait_end(identity)
        shape(s.backend, row)
        message = "Workflow execution timed out after %s seconds" % seconds
        assert (row.status, row.error_message, row.retry_count, row.next_retry_at) == ("failed", message, 0, None), row
        assert row.state["completed_node_ids"] == ["t"] and (row.completed_at - row.started_at).total_seconds() >= float(seconds) - 0.5, row
        assert s.backend.log(identity)[-1][1:] == ("error",
                                                   "Workflow execution failed permanently: " + message), s.backend.log(identity)


@promise("node timeout", "a node that takes too long is interrupted; its late answer changes nothing")
def node_timeout(s):
    path = s.path(Answer(delay=2))
    definition = graph([T, ("h", *s.call(path)), ("n", "noop")], [("t", "h"), ("h", "n", "error")])
    definition["nodes"][1]["timeout_seconds"] = 0.5
    identity = s.start(definition)
    yield
    row = s.backend.wait_end(identity)
    shape(s.backend, row)
    assert row.status == "completed" and row.state["completed_node_ids"] == ["t", "n"], row
    result = row.state["node_results"]["h"]
    assert (result["status"], result["error"]) == ("failed", "timed out after 0.5 seconds"), result
    assert result["output"]["error"]["type"] == "timeout" and len(server.seen(path)) == 1, result


@promise("debug step/breakpoints",
         "an execution that is paused stops behind the node that runs; each time that it is resumed it goes on from there")
def stepping(s):
    held = [threading.Event(), threading.Event()]
    paths = [s.path(Answer(until=event.is_set)) for event in held]
    identity = s.start(graph([T, ("a", *s.call(paths[0])), ("b", *s.call(paths[1])), ("e", "end")],
                             [("t", "a"), ("a", "b"), ("b", "e")]))
    yield
    for path, event, done in zip(paths, held, (["t", "a"], ["t", "a", "b"])):
        wait_until("the node to call", lambda p=path: server.seen(p))
        s.backend.set_status(identity, "paused")
        event.set()
        wait_until("its result", lambda d=done: s.backend.row(identity).state["completed_node_ids"] == d)
        assert s.backend.row(identity).status == "paused"
        s.backend.set_status(identity, "running")
    completed(s.backend, identity, ["t", "a", "b", "e"])
    assert [len(server.seen(p)) for p in paths] == [1, 1]


@promise("pause/terminate while a node runs", "neither is overwritten when the node ends")
def pause_and_terminate(s):
    gate = []
    path = s.path(Answer(until=lambda: gate))
    paused, terminated = (s.start(graph([T, ("h", *s.call(path + "?" + n)), ("n", "noop")],
                                        [("t", "h"), ("h", "n")])) for n in ("p", "t"))
    yield
    for identity in (paused, terminated):
        s.shown(identity, "h")
    wait_until("both requests", lambda: len(server.seen(path)) == 2)
    s.backend.set_status(paused, "paused", log=("h", "info", "Execution paused"))
    s.backend.set_status(terminated, "failed", "Execution terminated by user", completed=True,
                         log=("h", "warning", "Execution terminated: Execution terminated by user"))
    gate.append(True)
    wait_until("the result of the paused one's node", lambda: "h" in s.backend.row(paused).state["completed_node_ids"])
    row = s.backend.row(paused)
    assert (row.status, row.state["status"], row.state["completed_node_ids"]) == ("paused", "paused", ["t", "h"]), row
    wait_until("both to be let go", lambda: not s.backend.run(
        "SELECT 1 FROM wfworker.task WHERE execution_id IN (%s, %s) AND worker IS NOT NULL", (paused, terminated)))
    row = s.backend.row(terminated)
    shape(s.backend, row)
    assert (row.status, row.error_message, row.next_retry_at) == ("failed", "Execution terminated by user", None), row
    log = [m for _, _, m in s.backend.log(terminated)]
    assert "n" not in row.state["completed_node_ids"] and "Execution terminated: Execution terminated by user" in log, (row, log)
    assert "Node n completed successfully" not in log and "Workflow execution completed" not in log, log
    s.backend.set_status(paused, "running", log=("h", "info", "Execution resumed"))
    completed(s.backend, paused, ["t", "h", "n"])
    assert len(server.seen(path)) == 2, "no request was repeated"


@promise("LangGraph", "use_langgraph changes nothing: every node has its state, conditions and parallel nodes too")
def langgraph(s):
    definition = graph([T, ("c", "condition", {"expression": "n > 1"}), ("a", "noop"), ("b", "noop"), ("no", "noop"),
                        ("j", "noop")],
                       [("t", "c"), ("c", "a", "true"), ("c", "b", "true"), ("c", "no", "false"), ("a", "j"), ("b", "j")])
    identity = s.start(dict(definition, use_langgraph=True), {"n": 2})
    yield
    completed(s.backend, identity, ["t", "c", "a", "b", "j"])
    assert not [r for r in s.backend.log(identity) if r[1] != "info"], s.backend.log(identity)


@promise("self-healing",
         "a failure whose text speaks of a timeout or of something invalid stays a failure; no output is invented")
def self_healing(s):
    path = s.path(Answer(400, '{"error": "invalid: connection timeout in validation of the network"}'))
    identity = s.start(graph([T, ("h", *s.call(path)), ("bad", "delay", {"delay_seconds": "invalid network timeout"})],
                             [("t", "h"), ("h", "bad")]))
    bad = s.start(graph([T, ("d", "delay", {"delay_seconds": "invalid network timeout"})], [("t", "d")]))
    yield
    row = failed(s.backend, identity, "Node h failed: HTTP 400: Bad Request", "h", ["t"])
    assert "healed" not in row.text and len(server.seen(path)) == 1, row
    row = s.backend.wait_end(bad)
    assert row.status == "failed" and row.retry_count == 0 and "healed" not in row.text, row
    assert row.state["node_results"]["d"]["output"]["error"]["type"] == "config_invalid", row


@promise("replay from node", "what was finished before that node is kept, and only that node and what follows runs")
def replay(s):
    path = s.path()
    identity = s.start(graph([T, ("a", *s.call(path + "?a", method="POST")), ("b", *s.call(path + "?b", method="POST")),
                              ("e", "end")],
                             [("t", "a"), ("a", "b"), ("b", "e")]), {"n": 1})
    yield
    first = completed(s.backend, identity, ["t", "a", "b", "e"])
    again = str(s.backend.run("SELECT id FROM wfworker.replay(%s, 'b')", (identity,))[0][0])
    row = completed(s.backend, again, ["t", "a", "b", "e"])
    assert [r.path[-1] for r in server.seen(path)] == ["a", "b", "b"], server.seen(path)
    assert row.state["node_results"]["a"] == first.state["node_results"]["a"] and s.data(row)["n"] == 1, row
    assert s.backend.log(again)[1:] == [("system", "info", "Replay started from node: b")] + ran("b", "e") + END
    assert s.backend.row(identity) == first, "the execution that was replayed is as it was"


@promise("mails", "the templates' table may be missing: that costs no execution anything")
def mails(s):
    s.backend.run("DROP TABLE IF EXISTS emailtemplate")
    identities = s.backend.executions(s.backend.workflow(graph([T, ("e", "end")], [("t", "e")])), 6)
    yield
    for identity in identities:
        completed(s.backend, identity, ["t", "e"])
    assert not [line for line in s.workers[0].lines("emailtemplate")], s.workers[0].log()


@promise("poison execution", "values that the database refuses and endless texts cost only their own execution, and that ends")
def poison(s):
    nan, nul, long = s.path(Answer(body='{"v": [1, NaN, Infinity]}')), s.path(Answer(body='{"v": "a\\u0000b"}')), "x" * 9000
    begun = [s.start(graph([T, ("h", *s.call(path, method="POST")), ("n", "noop")], [("t", "h"), ("h", "n")])) for path in (nan,
                                                                                                                            nul)]
    number = s.start(graph([T, ("m", "map", {"input_array": "[0]", "map_expression": "1 / item"})], [("t", "m")]))
    text = s.start(graph([T, ("c", "condition", {"expression": "nope_" + long})], [("t", "c")]))
    name = s.start(graph([T, ("n" * 300, "noop"), ("e", "end")], [("t", "n" * 300), ("n" * 300, "e")]))
    others = s.backend.executions(s.backend.workflow(graph([T, ("e", "end")], [("t", "e")])), 5)
    yield
    for identity in others:
        completed(s.backend, identity, ["t", "e"])
    for identity, path in zip(begun, (nan, nul)):
        row = completed(s.backend, identity, ["t", "h", "n"])
        assert s.data(row)["h_output"]["json"] is None and s.data(row)["h_output"]["json_error"], row
        assert len(server.seen(path)) == 1, "the call was made once"
    row = s.backend.wait_end(number)
    assert row.status == "failed" and row.state["node_results"]["m"]["output"]["error"]["type"] == "not_a_number", row
    row = s.backend.wait_end(text)
    assert row.status == "failed" and row.error_message.startswith('Node c failed: expression "nope_xxx'), row
    assert max(len(m) for _, _, m in s.backend.log(text)) <= 5000 and s.backend.log(text)[-1][1] == "error"
    row = s.backend.wait_end(name)
    assert row.status == "completed" and max(len(n) for n, _, _ in s.backend.log(name)) == 255, row


@promise("edge with a null/non-string value", "null is no label; a label that is no text is an error that names the edge")
def odd_edges(s):
    definition = graph([T, ("a", "noop"), ("b", "noop")], [("t", "a"), ("t", "b")])
    definition["edges"][0].update(branch=None, condition=None, label=None)
    definition["edges"][1].update(style={"stroke": 1}, animated=True)
    fine = s.start(definition)
    definition["edges"][1]["branch"] = 5
    wrong = s.start(definition)
    yield
    completed(s.backend, fine, {"t", "a", "b"})
    row = s.backend.wait_end(wrong)
    assert (row.status, row.error_message, row.retry_count) == ("failed", "edge 2 from t to b: the branch is not a string",
                                                                0), row


@promise('a "branch" key in trigger data or any output', "it steers nothing")
def branch_key(s):
    path = s.path(Answer(body='{"branch": "no"}'))
    identity = s.start(graph([T, ("a", "noop"), ("b", "noop"),
                              ("m", "merge", {"input_sources": ["only"], "merge_strategy": "shallow"}), ("c", "noop"),
                              ("d", "noop")],
                             [("t", "a", "yes"), ("t", "b", "no"), ("t", "m"), ("m", "c", "yes"), ("m", "d", "no")]),
                       {"branch": "yes", "only": {"branch": "no"}})
    called = s.start(graph([T, ("h", *s.call(path)), ("x", "noop"), ("y", "noop")], [("t", "h"), ("h", "x", "yes"), ("h", "y")]))
    yield
    completed(s.backend, identity, {"t", "a", "b", "m", "c", "d"})
    completed(s.backend, called, {"t", "h", "x", "y"})


@promise("graph edited while running", "an execution keeps the graph that it began with; the next one has the new one")
def edited(s):
    workflow = s.backend.workflow(graph([T, ("w", "await", {"signal_type": "go"}), ("old", "noop")], [("t", "w"), ("w", "old")]))
    identity = s.backend.execution(workflow)
    yield
    s.waiting(identity)
    s.backend.run("UPDATE workflow SET graph_config = %s, updated_at = %s WHERE id = %s",
                  (json.dumps(graph([T, ("new", "noop")], [("t", "new")])), now(), workflow))
    following = s.backend.execution(workflow)
    completed(s.backend, following, ["t", "new"])
    s.signal(identity, "go", None)
    completed(s.backend, identity, ["t", "w", "old"])


# ---- Each of them, with json and with jsonb ----


@functools.lru_cache
def begun():
    """The scenes, with every promise's executions inserted; what goes wrong there is its own case's failure."""
    halves = {}
    for json_type in ("json", "jsonb"):
        scene = Scene(json_type)
        for _, _, function in promises:
            half = function(scene)
            try:
                next(half)
                halves[json_type, function] = half
            except Exception as error:
                halves[json_type, function] = error
    return halves


def second_half(json_type, function):
    half = begun()[json_type, function]
    if isinstance(half, Exception):
        raise half
    for _ in half:
        raise AssertionError("yields twice")


for kind in ("json", "jsonb"):
    for feature_name, its_text, its_function in promises:
        add_case("%s: %s (%s)" % (feature_name, its_text, kind), functools.partial(second_half, kind, its_function))


@case
def every_feature():
    """every feature of the list has its case"""
    listed = [" ".join(f.split()) for f in FEATURES.split(";")]
    there = {feature for feature, _, _ in promises}
    assert set(listed) == there, set(listed) ^ there
    assert all(inspect.isgeneratorfunction(f) for _, _, f in promises)


if __name__ == "__main__":
    sys.exit(main(keep_workers=True))
