# SPDX-License-Identifier: Apache-2.0
"""Every structure of a workflow three times: through wfworker exec, by a worker, and by workers that are killed in its middle.

The three must end alike: the same status, data, results and order.  What ends undisturbed is compared with what is expected; the
other two with that.  A point of a workflow is a POST; one whose name begins with "stop" is held back in the disturbed course
until all executions have come that far, and then the worker is killed with -9.  Such a request is made once more, with the
same key, and no other request is.
"""

import collections
import functools
import json
import os
import re
import subprocess
import sys

from harness import (Answer, Backend, HttpServer, Postgres, Worker, add_case, case, graph, main, program, clean_environment,
                     tmpdir,
                     wait_until, wfworker)

LEASE = {"WFWORKER_LEASE_SECONDS": "2"}
BIG = "x" * 200000
NAMES_OF_ROWS = ("headers", "signal_id", "execution", "sub_workflow_id", "sub_execution_id", "sub_execution_uuid")

postgres = Postgres()
server = HttpServer()
plain = Backend(postgres, "recovery_plain")
killed = Backend(postgres, "recovery_killed", json_type="jsonb")
courses = {}
ROUNDS = 3


class Course:
    """A workflow, the points it asks, what it is expected to leave, and how it is answered."""

    def __init__(self, nodes, edges, completed, values=None, asked="", error=None, answers=None, data=None, options=None,
                 ordered=True,
                 stop_at=0, side_by_side=(), in_memory=True, trigger_config=None, in_a_row=False,
                 children=None):
        self.definition = graph([("t", "trigger")] + nodes, edges)
        for node in self.definition["nodes"]:
            node.update((options or {}).get(node["node_id"], {}))
        self.asked = {name: 1 for name in asked.split()} if isinstance(asked, str) else asked
        self.stops = collections.Counter(int(name[4]) for name in self.asked if name.startswith("stop"))
        self.completed, self.values, self.error = completed, values or {}, error
        self.answers, self.data, self.ordered, self.stop_at = answers or {}, data or {}, ordered, stop_at
        self.children = children or {}
        self.in_memory, self.trigger_config = in_memory, trigger_config
        self.in_a_row = in_a_row or stop_at > 0  # what was before a stop is durable because that had to be
        self.side_by_side = side_by_side  # nodes of a map: node_results has the run that ended last, whichever that was


def course(name):
    def add(function):
        courses[name] = function()
        return function
    return add


def point(name, **config):
    return "http_request", {"method": "POST", "url": "${base}/" + name, "body": {"at": name}, **config}


def variable(name, value):
    return "set_variable", {"variable_name": name, "variable_value": value}


def taken(expression, **config):
    return "condition", {"expression": expression, **config}


# ---- The workflows ----


@course("a for loop")
def for_loop():
    return Course([("l", "for", {"array_expression": "input.items", "loop_variable": "x"}),
                   ("h", *point("${x == 'b' ? 'stop1' : 'pass-' + x}")),
                   ("v", *variable("all", "${(vars.all ?? []).concat([x + index])}")), ("e", *point("stop2"))],
                  [("t", "l"), ("l", "h", "body"), ("h", "v"), ("l", "e", "done")], ["t", "h", "v", "l", "e"],
                  {"l.count": 3, "l.succeeded": 3, "v.value": ["a0", "b1", "c2"], "l.results": [
                      {"scope": "workflow", "value": ["a0", "b1", "c2"][:n], "variable_name": "all"} for n in (1, 2, 3)]},
                  data={"items": ["a", "b", "c"]},
                  asked="pass-a stop1 pass-c stop2")


@course("a while loop with a variable, and continue")
def while_loop():
    return Course([("l", "while", {"condition_expression": "(vars.n ?? 0) < 4"}), ("n", *variable("n", "${(vars.n ?? 0) + 1}")),
                   ("c", *taken("vars.n == 2")), ("skip", "continue"), ("h", *point("${vars.n == 3 ? 'stop1' : 'n-' + vars.n}")),
                   ("e", "get_variable", {"variable_name": "n"})],
                  [("t", "l"), ("l", "n", "body"), ("n", "c"), ("c", "skip", "true"), ("c", "h", "false"), ("l", "e", "done")],
                  ["t", "n", "c", "h", "skip", "l", "e"], {"l.count": 4, "l.failed": 0, "e.value": 4},
                  asked="n-1 stop1 n-4")


@course("a repeat that is left by break, through a finally")
def repeat_break():
    return Course([("l", "repeat", {"repeat_count": 5}), ("y", "try"), ("c", *taken("index == 1")), ("out", "break"),
                   ("w", *point("go-${index}")),
                   ("f", "finally"), ("h", *point("${index == 1 ? 'stop1' : 'wind-up'}")), ("e", *point("stop2"))],
                  [("t", "l"), ("l", "y", "body"), ("y", "c", "body"), ("c", "out", "true"), ("c", "w", "false"),
                   ("y", "f", "finally"), ("f", "h"),
                   ("l", "e", "done")],
                  ["t", "c", "w", "f", "h", "y", "out", "l", "e"], {"l.count": 2, "l.succeeded": 2},
                  asked="go-0 wind-up stop1 stop2")


@course("a map with three passes side by side")
def a_map():
    return Course([("m", "for", {"array_expression": "[10, 20, 30, 40]", "max_concurrency": 3}),
                   ("h", *point("${index < 3 ? 'stop1-' + index : 'stop2'}")),
                   ("v", *variable("x", "${item + 1}"))], [("t", "m"), ("m", "h", "body"), ("h", "v")], ["t", "h", "v", "m"],
                  {"m.count": 4, "m.succeeded": 4, "m.results": [{"scope": "workflow", "value": v,
                                                                  "variable_name": "x"} for v in (11, 21, 31, 41)],
                   "v.value": 41},
                  side_by_side=["h", "v"], asked="stop1-0 stop1-1 stop1-2 stop2")


@course("a map that tolerates a failure")
def tolerant_map():
    return Course([("m", "for", {"array_expression": "[1, 2, 3]", "max_concurrency": 2, "tolerate": 1}),
                   ("h", *point("${item == 2 ? 'stop1-2' : 'ok-' + item}")),
                   ("e", *point("stop2"))],
                  [("t", "m"), ("m", "h", "body"), ("m", "e", "done")], None, {"m.count": 3, "m.succeeded": 2, "m.failed": 1},
                  answers={"stop1-2": [Answer(404)]},
                  side_by_side=["h"], asked="ok-1 stop1-2 ok-3 stop2")


@course("try, catch and finally in a loop")
def try_in_loop():
    return Course([("l", "repeat", {"repeat_count": 2}), ("y", "try"), ("h", *point("body-${index}")),
                   ("c", "catch", {"error_type": "http_status"}),
                   ("m", *point("${index == 1 ? 'stop1' : 'never'}", headers={"X-Why": "${error.node_id}"})), ("f", "finally"),
                   ("u", *point("${index == 1 ? 'stop2' : 'wind-up'}", headers={"X-Open": "${error == null}"})), ("e", "end")],
                  [("t", "l"), ("l", "y", "body"), ("y", "h", "body"), ("y", "c", "catch"), ("c", "m"), ("y", "f", "finally"),
                   ("f", "u"), ("l", "e", "done")],
                  ["t", "h", "f", "u", "y", "c", "m", "l", "e"], {"l.count": 2, "l.failed": 0, "y.caught.type": "http_status"},
                  answers={"body-1": [Answer(404)]},
                  asked="body-0 wind-up body-1 stop1 stop2")


@course("a failure that nobody catches, and its finally")
def uncaught():
    return Course([("y", "try"), ("h", *point("stop1")), ("c", "catch", {"error_type": "timeout"}), ("f", "finally"),
                   ("u", *point("stop2")), ("e", "end")],
                  [("t", "y"), ("y", "h", "body"), ("y", "c", "catch"), ("y", "f", "finally"), ("f", "u"), ("y", "e", "done")],
                  ["t", "f", "u"], error="Node h failed: HTTP 404: Not Found", answers={"stop1": [Answer(404)]},
                  asked="stop1 stop2")


@course("terminate in a try: its finally first")
def terminate():
    return Course([("y", "try"), ("w", *point("stop1")),
                   ("x", "terminate", {"status": "failed", "message": "enough", "output": {"k": 1}}),
                   ("f", "finally"), ("u", *point("stop2")), ("e", "end")],
                  [("t", "y"), ("y", "w", "body"), ("w", "x"), ("y", "f", "finally"), ("f", "u"), ("y", "e", "done")],
                  ["t", "w", "x", "f", "u"], {"x.k": 1}, error="enough",
                  asked="stop1 stop2")


@course("join any, the other branch runs on")
def join_any():
    return Course([("a", *point("quick")), ("b", *point("stop1")), ("b2", "noop"), ("j", "noop"), ("e", *point("stop1-after"))],
                  [("t", "a"), ("t", "b"), ("a", "j"), ("b", "b2"), ("b2", "j"), ("j", "e")], None,
                  options={"j": {"join": "any", "join_rest": "run"}}, ordered=False,
                  asked="quick stop1 stop1-after")


@course("join n_of_m, the third branch is cancelled")
def join_n_of_m():
    return Course([("a", *point("one")), ("b", *point("two")), ("c", "delay", {"delay_seconds": 3600}), ("j", *point("stop1")),
                   ("e", *point("stop2"))],
                  [("t", "a"), ("t", "b"), ("t", "c"), ("a", "j"), ("b", "j"), ("c", "j"), ("j", "e")], None,
                  options={"j": {"join": "n_of_m", "join_n": 2}}, ordered=False,
                  asked="one two stop1 stop2")


@course("join each: what follows runs for every arrival")
def join_each():
    return Course([("a", *point("one")), ("b", *point("two")), ("j", "noop"), ("e", *point("stop1")), ("z", *point("stop2"))],
                  [("t", "a"), ("t", "b"), ("a", "j"), ("b", "j"), ("j", "e"), ("e", "z")], None,
                  options={"j": {"join": "each"}}, ordered=False,
                  asked={"one": 1, "two": 1, "stop1": 2, "stop2": 2})


@course("sequential branches and their aggregate")
def sequential():
    return Course([("a", *point("first")), ("b", *point("stop1")), ("c", *point("third")), ("j", *point("stop2"))],
                  [("t", n) for n in "abc"] + [(n, "j") for n in "abc"], ["t", "a", "b", "c", "j"],
                  options={"t": {"sequential": True, "parallel_wait_mode": "all", "parallel_aggregation": "last"}},
                  asked="first stop1 third stop2")


@course("a cycle without a loop node")
def cycle():
    return Course([("w", *variable("n", "${(vars.n ?? 0) + 1}")), ("h", *point("${vars.n == 2 ? 'stop1' : 'round-' + vars.n}")),
                   ("c", *taken("vars.n < 3")),
                   ("e", *point("stop2"))],
                  [("t", "w"), ("w", "h"), ("h", "c"), ("c", "w", "true"), ("c", "e", "false")], ["t", "w", "h", "c", "e"],
                  {"w.value": 3},
                  asked="round-1 stop1 round-3 stop2")


@course("data nodes before and after")
def data_nodes():
    people = [{"id": 1, "age": 30, "k": "x"}, {"id": 2, "age": 20, "k": "y"}, {"id": 3, "age": 40, "k": "x"},
              {"id": 1, "age": 30, "k": "x"}]
    nodes = [
        ("map", "map", {"map_expression": "item.age + 1", "input_array": "input.people"}),
        ("filter", "filter", {"filter_condition": "item.age >= 30", "input_array": "input.people"}),
        ("reduce", "reduce", {"reduce_function": "acc + item", "initial_value": "0", "input_array": "map_output.result"}),
        ("set", "set_variable", {"variable_name": "v", "variable_value": "${reduce_output.result}",
                                 "variable_scope": "workflow"}),
        ("h", *point("stop1")),
        ("dedupe", "dedupe", {"input_array": "input.people", "dedupe_by": "id"}),
        ("sort", "sort", {"input_array": "dedupe_output.result", "sort_by": "age", "order": "desc"}),
        ("split", "split", {"split_strategy": "by_key", "split_config": {"key": "k"}, "input_array": "sort_output.result"}),
        ("aggregate", "aggregate", {"input_array": "filter_output.result", "group_by": "k",
                                    "aggregations": {"n": "count", "sum": "sum(age)"}}),
        ("merge", "merge", {"merge_strategy": "deep", "input_sources": ["set", "get_first", "h_output.json"]}),
        ("get", "get_variable", {"variable_name": "v", "default_value": "lost"}),
        ("jq", "jq", {"input": "split_output.result", "filter": "map_values(length)"}),
        ("u", *point("stop2")),
        ("switch", "switch", {"switch_expression": "jq_output.result.x", "cases": {"2": "two"}}), ("two", "noop"),
        ("other", "noop")]
    order = ["map", "filter", "reduce", "set", "h", "dedupe", "sort", "split", "aggregate", "merge", "get", "jq", "u", "switch"]
    one, two, three = people[0], people[1], people[2]
    return Course(nodes, list(zip(["t"] + order, order)) + [("switch", "two", "two"), ("switch", "other", "default")],
                  ["t"] + order + ["two"],
                  {"map.result": [31, 21, 41, 31], "filter.result": [one, three, one], "reduce.result": 124,
                   "dedupe.result": [one, two, three],
                   "sort.result": [three, one, two], "split.result": {"x": [three, one], "y": [two]}, "get.value": 124,
                   "aggregate.result": [{"k": "x", "n": 3, "sum": 100}], "jq.result": {"x": 2, "y": 1},
                   "merge.result": {"variable_name": "v", "value": 124, "scope": "workflow", "first": True, "ok": True}},
                  data={"people": people, "get_first": {"first": True}},
                  asked="stop1 stop2")


@course("variables of a loop and of a node")
def variables():
    return Course([("l", "repeat", {"repeat_count": 3}),
                   ("mine", "set_variable", {"variable_name": "k", "variable_value": "${(vars.k ?? 0) + 1}",
                                             "variable_scope": "node"}),
                   ("pass", "set_variable", {"variable_name": "p", "variable_value": "${(vars.p ?? 100) + index}",
                                             "variable_scope": "loop"}),
                   ("h", *point("${index == 1 ? 'stop1' : index == 2 ? 'stop2' : 'zero'}")),
                   ("g", "get_variable", {"variable_name": "p", "variable_scope": "loop"}),
                   ("e", "get_variable", {"variable_name": "p", "default_value": "gone"})],
                  [("t", "l"), ("l", "mine", "body"), ("mine", "pass"), ("pass", "h"), ("h", "g"), ("l", "e", "done")],
                  ["t", "mine", "pass", "h", "g", "l", "e"], {"mine.value": 3, "g.value": 102, "e.value": "gone",
                                                              "l.results": [{"scope": "loop", "value": 100 + n,
                                                                             "variable_name": "p"} for n in range(3)]},
                  asked="zero stop1 stop2")


@course("attempts of a node: those before the crash count")
def attempts():
    return Course([("h", *point("stop1")), ("e", "end")], [("t", "h"), ("h", "e", "error")], None,
                  {"h.error.type": "http_status"}, answers={"stop1": [Answer(500), Answer(500), Answer(500), Answer()]},
                  options={"h": {"retry": {"max_attempts": 3, "initial_ms": 10}}},
                  asked={"stop1": 3}, stop_at=1)


@course("an error edge")
def error_edge():
    return Course([("h", *point("fails")), ("m", *point("stop1")), ("n", "noop")], [("t", "h"), ("h", "m", "error"), ("h", "n")],
                  ["t", "m"], {"h.error.type": "http_status", "h.error.message": "HTTP 410: Gone"},
                  answers={"fails": [Answer(410)]},
                  asked="fails stop1")


@course("a result of 200 KB")
def big():
    return Course([("h", *point("big")), ("u", *point("stop1")),
                   ("n", "map", {"input_array": "[0]", "map_expression": "len(h_output.json.big)"})],
                  [("t", "h"), ("h", "u"), ("u", "n")], ["t", "h", "u", "n"], {"n.result": [len(BIG)]},
                  answers={"big": [Answer(body='{"big": "%s"}' % BIG)]},
                  asked="big stop1")


@course("a delay, a wait for a condition and a time that is over")
def times():
    return Course([("d", "delay", {"delay_seconds": 0.6}),
                   ("u", "delay", {"delay_type": "until_time", "target_time": "2024-01-01T00:00"}),
                   ("h", *point("stop1")), ("w", "await", {"condition": "input.d_output != null", "poll_seconds": 0.1}),
                   ("x", "noop")],
                  [("t", "d"), ("d", "u"), ("u", "h"), ("h", "w"), ("w", "x", "condition")], ["t", "d", "u", "h", "w", "x"],
                  {"w.event": "condition"},
                  asked="stop1")


@course("nested loops and a map in a try")
def nested():
    return Course([("y", "try"), ("l", "repeat", {"repeat_count": 2}),
                   ("m", "for", {"array_expression": "['a', 'b']", "max_concurrency": 2, "loop_variable": "x"}),
                   ("h", *point("${x == 'b' ? 'stop1' : 'at-' + x}")), ("s", *point("${index == 1 ? 'stop2' : 'sum'}")),
                   ("f", "finally"),
                   ("z", *point("stop3")), ("e", "end")],
                  [("t", "y"), ("y", "l", "body"), ("l", "m", "body"), ("m", "h", "body"), ("m", "s", "done"),
                   ("y", "f", "finally"), ("f", "z"),
                   ("y", "e", "done")], None, {"l.count": 2, "m.count": 2, "y.caught": None}, ordered=False,
                  side_by_side=["h"], asked={"at-a": 2, "sum": 1, "stop1": 2, "stop2": 1, "stop3": 1})


@course("parallel_wait_mode n_of_m with an array of the two")
def wait_n_of_m():
    return Course([("a", *point("one")), ("b", "delay", {"delay_seconds": 3600}), ("c", *point("three")), ("j", *point("stop1"))],
                  [("t", n) for n in "abc"] + [(n, "j") for n in "abc"], None,
                  {"@t_parallel_result.0.url": "base:/one", "@t_parallel_result.1.url": "base:/three"},
                  ordered=False, options={"t": {"parallel_wait_mode": "n_of_m", "parallel_wait_n": 2,
                                                "parallel_aggregation": "array"}},
                  asked="one three stop1")


@course("break in a map: the finally of every pass that is left")
def break_in_map():
    return Course([("m", "for", {"array_expression": "[1, 2, 3]", "max_concurrency": 3}), ("y", "try"),
                   ("c", *taken("item == 2")), ("w", *point("ready")),
                   ("out", "break"), ("d", "delay", {"delay_seconds": 3600}), ("f", "finally"), ("u", *point("stop1-${item}")),
                   ("e", *point("stop2"))],
                  [("t", "m"), ("m", "y", "body"), ("y", "c", "body"), ("c", "w", "true"), ("w", "out"), ("c", "d", "false"),
                   ("y", "f", "finally"), ("f", "u"),
                   ("m", "e", "done")],
                  None, {"m.count": 3, "m.succeeded": 1, "m.failed": 0}, ordered=False, side_by_side=["u", "c", "y"],
                  asked="ready stop1-1 stop1-2 stop1-3 stop2")


@course("a join that cancels a try: its finally first")
def join_cancels_try():
    return Course([("a", *point("quick")), ("y", "try"), ("d", "delay", {"delay_seconds": 3600}), ("f", "finally"),
                   ("u", *point("stop1")), ("b", "noop"),
                   ("j", *point("stop2"))],
                  [("t", "y"), ("t", "a"), ("y", "d", "body"), ("y", "f", "finally"), ("f", "u"), ("y", "b", "done"),
                   ("a", "j"), ("b", "j")],
                  ["t", "a", "f", "u", "j"], options={"j": {"join": "any"}}, asked="quick stop1 stop2")


@course("a map that needs two, the third runs on")
def map_need():
    return Course([("m", "for", {"array_expression": "[1, 2, 3]", "max_concurrency": 3, "need": 2, "join_rest": "run"}),
                   ("w", "delay", {"delay_seconds": "${item == 3 ? 0.5 : 0}"}),
                   ("h", *point("${item == 3 ? 'stop1' : 'ok-' + item}")),
                   ("e", *point("stop1-after"))],
                  [("t", "m"), ("m", "w", "body"), ("w", "h"), ("m", "e", "done")], None, {"m.count": 3, "m.succeeded": 2},
                  ordered=False, side_by_side=["w", "h"],
                  asked="ok-1 ok-2 stop1 stop1-after")


@course("continue of the outer loop out of the inner one")
def continue_outer():
    return Course([("o", "repeat", {"repeat_count": 2}), ("i", "repeat", {"repeat_count": 3}), ("c", *taken("index == 1")),
                   ("go", "continue", {"loop_label": "o"}),
                   ("h", *point("stop1")), ("never", *point("never")), ("e", *point("stop2"))],
                  [("t", "o"), ("o", "i", "body"), ("i", "c", "body"), ("c", "go", "true"), ("c", "h", "false"),
                   ("i", "never", "done"), ("o", "e", "done")],
                  ["t", "c", "h", "go", "o", "e"], {"o.count": 2, "o.succeeded": 2, "o.failed": 0},
                  asked={"stop1": 2, "stop2": 1})


@course("terminate in a loop that goes on side by side")
def terminate_in_loop():
    return Course([("m", "for", {"array_expression": "[1, 2]", "max_concurrency": 2}), ("c", *taken("item == 1")),
                   ("h", *point("stop1")),
                   ("x", "terminate", {"status": "completed", "output": {"found": "${item}"}}),
                   ("d", "delay", {"delay_seconds": 3600}), ("e", "end")],
                  [("t", "m"), ("m", "c", "body"), ("c", "h", "true"), ("h", "x"), ("c", "d", "false"), ("m", "e", "done")],
                  None, {"x.found": 1}, ordered=False, side_by_side=["c"], asked="stop1")


@course("retries of the execution: those before the crash count")
def execution_retry():
    return Course([("a", *point("before")), ("h", *point("stop1")), ("e", "end")], [("t", "a"), ("a", "h"), ("h", "e")],
                  ["t", "a", "h", "e"],
                  answers={"stop1": [Answer(503), Answer(503), Answer()]}, stop_at=1, in_memory=False,
                  asked={"before": 1, "stop1": 3})


@course("waits that end by their deadlines: an approval, an await, a condition")
def deadlines():
    return Course([("h", "human_approval", {"approval_options": ["pay", "refuse"], "timeout_seconds": 0.3,
                                            "default_option": "refuse"}),
                   ("p", *point("never")), ("w", "await", {"signals": ["x", "y"], "timeout_seconds": 0.3}),
                   ("q", *point("stop1")),
                   ("u", "await", {"signal_type": "x", "until": "2024-01-01T00:00:00Z"}), ("no", "noop"),
                   ("c", "delay", {"delay_type": "until_condition", "condition_expression": "1 > 2", "poll_seconds": 0.1,
                                   "timeout_seconds": 0.3}),
                   ("e", *point("stop2"))],
                  [("t", "h"), ("h", "p", "pay"), ("h", "w", "refuse"), ("w", "q", "timeout"), ("w", "no", "x"), ("q", "u"),
                   ("u", "c", "until"),
                   ("u", "no", "x"), ("c", "e", "error")],
                  ["t", "h", "w", "q", "u", "e"], {"h.choice": "refuse", "h.status": "timeout", "w.event": "timeout",
                                                   "u.event": "until",
                                                   "c.error.type": "timeout"}, asked="stop1 stop2")


@course("time limits: of a node, of all its attempts, and errors that are not retried")
def limits():
    retry = {"retry": {"max_attempts": 5, "initial_ms": 100, "multiplier": 1}}
    return Course([("a", *point("slow")), ("b", *point("broken")), ("c", *point("stop1")), ("d", *point("gone")),
                   ("e", *point("stop2"))],
                  [("t", "a"), ("a", "b", "error"), ("b", "c", "error"), ("c", "d"), ("d", "e", "error")], ["t", "c", "e"],
                  {"a.error.type": "timeout", "a.error.message": "timed out after 0.3 seconds", "b.error.type": "http_status",
                   "d.error.type": "http_status"},
                  answers={"slow": [Answer(delay=1)], "broken": [Answer(500)], "gone": [Answer(404)]},
                  options={"a": {"timeout_seconds": 0.3},
                           "b": {"retry": {"max_attempts": 3, "initial_ms": 10, "never_on": ["timeout"]}}, "d": retry},
                  in_a_row=True, asked={"slow": 1, "broken": 3, "stop1": 1, "gone": 1, "stop2": 1})


@course("the time limit of the execution, and the finally regions that are left")
def execution_limit():
    return Course([("y", "try"), ("a", *point("begun")), ("d", "delay", {"delay_seconds": 3600}), ("f", "finally"),
                   ("u", *point("stop1")), ("e", "end")],
                  [("t", "y"), ("y", "a", "body"), ("a", "d"), ("y", "f", "finally"), ("f", "u"), ("y", "e", "done")],
                  ["t", "a", "f", "u"],
                  error="Workflow execution timed out after 1 seconds", trigger_config={"timeout_seconds": 1},
                  asked="begun stop1")


@course("a critical section, which the lost worker held")
def critical_section():
    return Course([("m", "mutex", {"key": "${input.key}"}), ("h", *point("stop1")),
                   ("v", *variable("x", "${h_output.json.ok}")), ("e", *point("stop2"))],
                  [("t", "m"), ("m", "h", "body"), ("h", "v"), ("m", "e", "done")], ["t", "h", "v", "m", "e"],
                  {"m.key": "till", "v.value": True},
                  data={"key": "till"}, asked="stop1 stop2")


@course("nodes that take turns")
def turns():
    return Course([("a", *point("stop1")), ("b", *point("stop2")), ("c", *point("stop3")), ("j", "noop")],
                  [("t", n) for n in "abc"] + [(n, "j") for n in "abc"], ["t", "a", "b", "c", "j"],
                  options=dict.fromkeys("abc", {"interleave": "till"}), asked="stop1 stop2 stop3")


@course("a signal to itself, sent before and while it is waited for")
def own_signal():
    return Course([("s", "send_signal", {"signal_type": "mine", "data": {"n": 1}}), ("h", *point("stop1")),
                   ("w", "await", {"signal_type": "mine"}),
                   ("x", "await", {"signal_type": "other"}), ("d", "delay", {"delay_seconds": 0.4}),
                   ("o", "send_signal", {"signal_type": "other", "data": [2]}), ("j", *point("stop2"))],
                  [("t", "s"), ("s", "h"), ("h", "w"), ("w", "x"), ("w", "d"), ("d", "o"), ("o", "j"), ("x", "j")], None,
                  {"w.data": {"n": 1}, "x.data": [2], "@signal_other": [2]}, ordered=False, asked="stop1 stop2")


@course("another execution that is waited for, and one that is not")
def children():
    return Course([("s", "sub_workflow", {"workflow_id": "the child", "input_data": {"base": "${base}", "n": 5},
                                          "wait_for_completion": True,
                                          "output": "{sum: result.v_output.value, at: result.h_output.json}"}),
                   ("o", "sub_workflow", {"workflow_id": "the other", "input_data": {"base": "${base}"}}),
                   ("e", *point("stop2"))],
                  [("t", "s"), ("s", "o"), ("o", "e")], ["t", "s", "o", "e"],
                  {"s.result": {"sum": 6, "at": {"ok": True}}, "s.status": "completed", "o.status": "started"}, in_a_row=True,
                  children={"the child": graph([("t", "trigger"), ("h", *point("stop1")), ("v", *variable("x", "${n + 1}"))],
                                               [("t", "h"), ("h", "v")]),
                            "the other": graph([("t", "trigger"), ("h", *point("stop2-other"))], [("t", "h")])},
                  asked="stop1 stop2-other stop2")


# ---- The three courses ----


def answer(request):
    """What a point answers: /COURSE/NUMBER/POINT; held back when it is one to stop at, the first time or the one that was said."""
    _, prefix, number, name = request.path.split("/")
    c = courses[names[int(number)]]
    before = len(server.seen(request.path)) - 1
    answers = c.answers.get(name, [Answer()])
    if prefix == "killed" and name.startswith("stop"):
        if before == c.stop_at:
            round_number = int(name[4])
            held[int(number), round_number] += 1
            return Answer(until=lambda: rounds_over >= round_number)
        before -= before > c.stop_at
    return answers[min(before, len(answers) - 1)]


names = list(courses)
held = collections.Counter()
rounds_over = 0
server.fallback = answer


def data_of(number, prefix):
    return dict(courses[names[number]].data, base="%s/%s/%d" % (server.url, prefix, number))


def plainly(value, number, prefix):
    """Without what differs between the courses: the address, the answer's headers with their time, and the names of rows."""
    value = json.loads(json.dumps(value).replace("%s/%s/%d" % (server.url, prefix, number), "base:"))

    def without(v):
        if isinstance(v, dict):
            return {k: without(x) for k, x in v.items() if k not in NAMES_OF_ROWS}
        return [without(x) for x in v] if isinstance(v, list) else v
    return without(value)


def outcome(status, error, state, number, prefix, data):
    """What has to be the same in all three courses."""
    order = state["completed_node_ids"]
    results = {n: [r["status"], r["output"], r["error"]] for n,
               r in state["node_results"].items() if n not in courses[names[number]].side_by_side}
    return plainly({"status": status, "error": error, "completed": order if courses[names[number]].ordered else sorted(order),
                    "results": results,
                    "data": data}, number, prefix)


def of_row(backend, identity, number, prefix):
    row = backend.wait_end(identity)
    return outcome(row.status, row.error_message, row.state, number, prefix, row.state["execution_data"])


def requests(number, prefix):
    """How often each point was asked, and the keys that came with it."""
    found = collections.defaultdict(list)
    with server.lock:
        for r in server.requests:
            if r.path.startswith("/%s/%d/" % (prefix, number)):
                found[r.path.split("/")[3]].append(r.headers["Idempotency-Key"])
    return found


def dig(value, path):
    for part in path.split("."):
        value = value[int(part) if isinstance(value, list) else part]
    return value


def once(function):
    """Done when it is asked for, and not again, also when it went wrong."""
    kept = []

    def result():
        if not kept:
            kept.append(AssertionError("%s went wrong before" % function.__name__))
            kept[0] = function()
        if isinstance(kept[0], Exception):
            raise AssertionError("%s went wrong before" % function.__name__)
        return kept[0]
    return result


def insert(backend, prefix):
    """The executions of all courses; their row ids by number."""
    identities = []
    for number, (name, c) in enumerate(courses.items()):
        for child, definition in c.children.items():
            backend.workflow(definition, child)
        identities.append(backend.execution(backend.workflow(c.definition, name, trigger_config=c.trigger_config),
                                            data_of(number, prefix)))
    return identities


def all_ended(backend):
    wait_until("all executions to end", lambda: not backend.run("SELECT 1 FROM workflowexecution WHERE completed_at IS NULL"))


@once
def undisturbed():
    """All of them on one worker; their row ids by number."""
    assert wfworker("migrate", "--db", plain.dsn).status == 0
    worker = Worker(plain.dsn, name="undisturbed")
    identities = insert(plain, "plain")
    all_ended(plain)
    assert worker.terminate() == 0, worker.log()
    return identities


def recorded(identity, number):
    """How many answers the worker has got, and how many of them are recorded."""
    asked = sum(len(keys) for keys in requests(number, "killed").values()) - sum(held[number, k] for k in range(1, ROUNDS + 1))
    logged = [n for n, _, m in killed.log(identity) if re.match(r"Node \S+ (completed successfully|failed: HTTP)", m)]
    types = {n["node_id"]: n["node_type"] for n in courses[names[number]].definition["nodes"]}
    return asked, sum(types[n] == "http_request" for n in logged)


@once
def disturbed():
    """All of them on workers that are killed, one after the other; their row ids by number."""
    global rounds_over
    assert wfworker("migrate", "--db", killed.dsn).status == 0
    worker = Worker(killed.dsn, name="victim-1", env=LEASE)
    identities = insert(killed, "killed")
    for k in range(1, ROUNDS + 1):
        for number, name in enumerate(names):
            wanted = courses[name].stops.get(k, 0)
            wait_until("%s to stop in round %d" % (name, k), lambda n=number, w=wanted: held[n, k] >= w)
            if not wanted:
                killed.wait_end(identities[number])
            elif not courses[name].in_a_row:
                wait_until(lambda n=number: "%s to be recorded: %d answered, %d recorded" % (names[n],
                                                                                             *recorded(identities[n], n)),
                           lambda n=number: len(set(recorded(identities[n], n))) == 1)
        worker.kill()
        rounds_over = k
        worker = Worker(killed.dsn, name="victim-%d" % (k + 1), env=LEASE)
    all_ended(killed)
    assert worker.terminate() == 0, worker.log()
    return identities


@once
def in_memory():
    """All of them through wfworker exec, at the same time; exit status and result by number."""
    processes = []
    for number, c in enumerate(courses.values()):
        path = os.path.join(tmpdir(), "recovery-%d" % number)
        command = [program(), "exec", path, "--virtual-time", "--log-level", "error", "--data",
                   json.dumps(data_of(number, "exec"))]
        files = {path: {"graph_config": c.definition, "trigger_config": c.trigger_config or {}}}
        for child, definition in c.children.items():
            files[path + "-" + child] = definition
            command += ["--workflow", "%s=%s-%s" % (child, path, child)]
        for name, content in files.items():
            with open(name, "w") as f:
                json.dump(content, f)
        processes.append(subprocess.Popen(command, env=clean_environment(), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                                          text=True))
    return [(p.communicate()[0], p.returncode) for p in processes]


def as_expected(number):
    c = courses[names[number]]
    found = of_row(plain, undisturbed()[number], number, "plain")
    assert (found["status"], found["error"]) == ("failed" if c.error else "completed", c.error), found
    if c.completed:
        assert found["completed"] == c.completed, found["completed"]
    for path, value in c.values.items():
        whole = path[1:] if path.startswith("@") else path.replace(".", "_output.", 1)
        assert dig(found["data"], whole) == value, (path, found["data"])
    assert {n: len(k) for n, k in requests(number, "plain").items()} == c.asked, {n: len(k) for n,
                                                                                  k in requests(number, "plain").items()}


def the_same_in_memory(number):
    text, status = in_memory()[number]
    result = json.loads(text)
    found = outcome(result["status"], result["error_message"], result, number, "exec", result["data"])
    expected = of_row(plain, undisturbed()[number], number, "plain")
    assert found == expected, "\nfound    %s\nexpected %s" % (found, expected)
    assert status == (1 if courses[names[number]].error else 0)
    assert {n: len(k) for n, k in requests(number, "exec").items()} == courses[names[number]].asked


def the_same_after_crashes(number):
    c = courses[names[number]]
    found, expected = of_row(killed, disturbed()[number], number, "killed"), of_row(plain, undisturbed()[number], number, "plain")
    assert found == expected, "\nfound    %s\nexpected %s" % (found, expected)
    assert killed.row(disturbed()[number]).retry_count == plain.row(undisturbed()[number]).retry_count
    asked, normal = requests(number, "killed"), requests(number, "plain")
    assert {n: len(k) for n, k in asked.items()} == {n: len(k) + n.startswith("stop") for n,
                                                     k in normal.items()}, {n: len(k) for n, k in asked.items()}
    assert {n: len(set(k)) for n, k in asked.items()} == {n: len(set(k)) for n,
                                                          k in normal.items()}, "a repeated request has the key of the first"
    log, usual = (collections.Counter(b.log(i)[1:]) for b, i in ((killed, disturbed()[number]), (plain, undisturbed()[number])))
    assert not usual - log, usual - log
    more = log - usual
    assert all(m.startswith("Executing node: ") for _, _, m in more) and sum(more.values()) <= sum(c.stops.values()), more


for course_number, course_name in enumerate(names):
    add_case("%s: as expected" % course_name, functools.partial(as_expected, course_number))
for course_number, course_name in enumerate(names):
    if courses[course_name].in_memory:
        add_case("%s: the same in memory" % course_name, functools.partial(the_same_in_memory, course_number))
for course_number, course_name in enumerate(names):
    add_case("%s: the same when workers are killed in the middle" % course_name,
             functools.partial(the_same_after_crashes, course_number))

if __name__ == "__main__":
    sys.exit(main(keep_workers=True))
