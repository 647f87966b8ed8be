# SPDX-License-Identifier: Apache-2.0
"""The data nodes in whole workflows, through wfworker exec: the example, errors with their types, error edges."""

import json
import os

from tap import SOURCE, case, graph, is_, main, run, write


def execute(definition, *arguments, status=0):
    name = definition if isinstance(definition, str) else write("w.json", definition)
    done = run("exec", name, "--virtual-time", "--log-level", "error", *arguments)
    assert done.status == status, done
    return json.loads(done.out)


def result(definition, node, *arguments):
    return execute(definition, *arguments)["data"][node + "_output"]["result"]


@case
def example():
    """examples/data.json: every array node, and what they found"""
    done = execute(os.path.join(SOURCE, "examples/data.json"))
    is_("completed", done["status"])
    is_({
        "title": "Orders of DE, FR, GB",
        "figures": {"currency": "EUR", "revenue": 799, "large": 2},
        "countries": [
            {"country": "DE", "orders": 1, "revenue": 150, "largest": 150, "ids": [3]},
            {"country": "FR", "orders": 1, "revenue": 99, "largest": 99, "ids": [2]},
            {"country": "GB", "orders": 2, "revenue": 550, "largest": 500, "ids": [4, 1]},
        ],
    }, done["data"]["report_output"]["result"])
    is_([3, 2, 4, 1], [o["id"] for o in done["data"]["ranked_output"]["result"]])
    is_(1, done["data"]["unique_output"]["removed"])


@case
def errors_have_types():
    """the error edge sees the type of the expression's error, and the element"""
    for expression, kind, message in (
            ("item.a.b", "type_error", 'map_expression "item.a.b", element 1: cannot read "b" of undefined, line 1, column 8'),
            ("item.a + gone", "unknown_name", 'map_expression "item.a + gone", element 0: unknown name "gone", line 1, column 10'),
            ("item.", "expression_error", None)):
        done = execute(graph("t -> m", "m -error-> h", t=("trigger",), h=("noop",),
                             m=("map", {"input_array": "list", "map_expression": expression})),
                       "--data", '{"list": [{"a": {"b": 1}}, {}]}' if kind == "type_error" else '{"list": [{"a": ""}]}')
        error = done["data"]["m_output"]["error"]
        is_(("completed", kind), (done["status"], error["type"]))
        is_(message or error["message"], error["message"])
        is_(["t", "h"], done["completed_node_ids"])


@case
def types_of_conditions():
    """a condition fails with the type of its expression's error"""
    for expression, kind in (("gone", "unknown_name"), ("1 < 'a'", "type_error"), ("1 <", "expression_error"),
                             ("'x'.repeat(1e9)", "expression_too_costly")):
        done = execute(graph("c -error-> h", c=("condition", {"expression": expression}), h=("noop",)))
        is_(kind, done["data"]["c_output"]["error"]["type"])


@case
def templates():
    """values that are no text are templates; text is an expression; elements see the data of the execution"""
    array = {"input_array": ["${n}", "{{n + 1}}", "n"], "map_expression": "[item, n, input.n]"}
    is_([[5, 5, 5], [6, 5, 5], ["n", 5, 5]], result(graph(m=("map", array)), "m", "--data", '{"n": 5}'))
    array["input_array"] = "${[n]}.concat(n)"
    is_([[5, 5, 5], [5, 5, 5]], result(graph(m=("map", array)), "m", "--data", '{"n": 5}'))


@case
def merge_of_branches():
    """merge takes the results of nodes by their ids, also of ids that are no names"""
    definition = graph(merged=("merge", {"input_sources": ["map-1", "map-2"], "merge_strategy": "shallow"}))
    definition["nodes"] = [
        {"node_id": "trigger", "node_type": "trigger", "config": {}},
        {"node_id": "map-1", "node_type": "map", "config": {"input_array": [1], "map_expression": "item"}},
        {"node_id": "map-2", "node_type": "filter", "config": {"input_array": [1], "filter_condition": "false"}},
    ] + definition["nodes"]
    definition["edges"] = [{"from": a, "to": b} for a, b in
                           (("trigger", "map-1"), ("trigger", "map-2"), ("map-1", "merged"), ("map-2", "merged"))]
    is_({"result": [], "transformed": True, "type": "filter", "filtered": True}, result(definition, "merged"))


@case
def variables():
    """examples/variables.json: a variable of the workflow lives on, one of a loop ends with its pass"""
    done = execute(os.path.join(SOURCE, "examples/variables.json"))
    is_(("completed", None), (done["status"], done["error_message"]))
    is_({"variable_name": "total", "value": 49.5, "scope": "nearest"}, done["data"]["total_output"])
    is_("only inside the loop", done["data"]["gone_output"]["value"])
    is_([3, 1.875, 7.5], [r["value"] for r in done["data"]["prices_output"]["results"]])


@case
def variables_of_nodes():
    """a variable of scope node is seen by later runs of that node and by no other; one that is not set has a type"""
    setter = ("set_variable", {"variable_name": "n", "variable_value": "${(vars.n ?? 0) + 1}", "variable_scope": "node"})
    getter = ("get_variable", {"variable_name": "n"})
    done = execute(graph("loop -body-> s", "loop -done-> g", "g -error-> h", s=setter, g=getter, h=("noop",),
                         loop=("repeat", {"repeat_count": 3})) | {"entry_node_id": "loop"})
    is_([1, 2, 3], [r["value"] for r in done["data"]["loop_output"]["results"]])
    is_({"node_id": "g", "type": "unknown_name", "message": 'variable "n" is not set, and there is no default_value',
         "details": None}, done["data"]["g_output"]["error"])


@case
def many_elements():
    """10,000 elements through five nodes"""
    done = execute(graph("m -> f", "f -> s", "s -> a", "a -> r",
                         m=("map", {"input_array": "range(10000)", "map_expression": "{n: item, k: item % 7}"}),
                         f=("filter", {"input_array": "m_output.result", "filter_condition": "item.k != 3"}),
                         s=("sort", {"input_array": "f_output.result", "sort_by": ["k", {"by": "n", "order": "desc"}]}),
                         a=("aggregate", {"input_array": "s_output.result", "group_by": "k",
                                          "aggregations": {"n": "count", "first": "first(n)", "sum": "sum(n)"}}),
                         r=("reduce", {"input_array": "a_output.result", "reduce_function": "acc + item.sum",
                                       "initial_value": 0})))
    groups = {k: [n for n in range(10000) if n % 7 == k] for k in range(7) if k != 3}
    is_([{"k": k, "n": len(g), "first": max(g), "sum": sum(g)} for k, g in groups.items()],
        done["data"]["a_output"]["result"])
    is_(sum(map(sum, groups.values())), done["data"]["r_output"]["result"])


main()
