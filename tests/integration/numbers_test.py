# SPDX-License-Identifier: Apache-2.0
"""Numbers that nobody computes with come out as they came in, to the last digit: from trigger data and from http answers,
through nodes, into results and state; without a database, and by a worker with json and with jsonb columns."""

import json
import sys

from harness import Answer, add_case, graph, main, wfworker
from scene import Scene, T, postgres, server

NUMBERS = ["0.1", "1e2", "1.0", "1.50", "-0", "-0.0", "12345678901234567890123", "-9223372036854775809", "9223372036854775807",
           "1E400", "-1.5e-400", "0.10000000000000001", "0." + "3" * 60, "100000000000000000000.000000000000000001",
           "1e+2", "1E-7", "5e-324", "7" * 400]

TEXT = "[%s]" % ",".join(NUMBERS)


class Number(str):
    """The text of a number, so that reading changes nothing."""


def read(text):
    return json.loads(text, parse_float=Number, parse_int=Number, parse_constant=Number)


def as_jsonb(text):
    """What PostgreSQL's jsonb makes of them, whoever writes: numeric has no exponent and no negative zero."""
    return read(postgres.sql("postgres", "SELECT %s::jsonb::text", (text,))[0][0])


def definition(*call):
    """One list on every way that a value can go: an answer, a variable, a map, a merge, passes of a loop, the body of a
    request, and every number alone."""
    return graph([T, ("h",) + call,
                  ("set", "set_variable", {"variable_name": "v", "variable_value": "${numbers}"}),
                  ("map", "map", {"input_array": "vars.v", "map_expression": "{n: item, kept: [item]}"}),
                  ("merge", "merge", {"merge_strategy": "array", "input_sources": ["${map_output.result}", "vars.v"]}),
                  ("each", "for", {"array_expression": "numbers", "loop_variable": "n"}),
                  ("one", "set_variable", {"variable_name": "last", "variable_value": "${n}"}),
                  ("sum", "set_variable", {"variable_name": "sum", "variable_value": "${numbers[1] + numbers[3]}"}),
                  ("e", "end")],
                 [("t", "h"), ("h", "set"), ("set", "map"), ("map", "merge"), ("merge", "each"), ("each", "one", "body"),
                  ("one", "each"), ("each", "sum", "done"), ("sum", "e")])


DATA = '{"numbers": %s}' % TEXT


def check(results, data, as_stored=read):
    numbers = as_stored(TEXT)
    assert data["numbers"] == numbers, data["numbers"]
    assert results["set"]["output"]["value"] == numbers, results["set"]
    pairs = [{"n": n, "kept": [n]} for n in numbers]
    assert results["map"]["output"]["result"] == pairs, results["map"]
    assert results["merge"]["output"]["result"] == pairs + numbers, results["merge"]
    assert [r["value"] for r in results["each"]["output"]["results"]] == numbers, results["each"]
    assert results["sum"]["output"]["value"] == "101.5", results["sum"]  # what is computed is JavaScript's


def without_a_database():
    path = "/exec"
    server.script[path] = [Answer(body=TEXT)]
    done = wfworker("exec", "-", "--data", DATA, stdin=json.dumps(definition(
        "http_request", {"url": server.url + path, "method": "POST", "body": "${{a: numbers}}"})))
    assert done.status == 0, done
    out = read(done.out)
    check(out["node_results"], out["data"])
    assert out["node_results"]["h"]["output"]["json"] == read(TEXT), out["node_results"]["h"]
    assert server.seen(path)[0].body == '{"a":%s}' % TEXT, server.seen(path)[0].body


def by_a_worker(scene, as_stored):
    path = scene.path(Answer(body=TEXT))
    identity = scene.backend.execution(
        scene.backend.workflow(definition(*scene.call(path, method="POST", body="${{a: numbers}}"))),
        columns={"execution_state": '{"execution_data": %s}' % DATA})
    row = scene.backend.wait_end(identity)
    assert row.status == "completed", row
    state = read(scene.backend.run("SELECT execution_state::text FROM workflowexecution WHERE id = %s", (identity,))[0][0])
    check(state["node_results"], state["execution_data"], as_stored)
    assert state["node_results"]["h"]["output"]["json"] == as_stored(TEXT), state["node_results"]["h"]
    assert server.seen(path)[0].body == '{"a":[%s]}' % ",".join(as_stored(TEXT)), server.seen(path)[0].body
    # the journal is text: what happened stands there as it came
    events = scene.backend.run("SELECT string_agg(events, '') FROM wfworker.journal WHERE execution_id = %s", (identity,))[0][0]
    assert '"json":%s' % TEXT in events, events


add_case("exec: numbers come out as they came in", without_a_database)
for kind, stored in (("json", read), ("jsonb", as_jsonb)):
    add_case("%s: numbers come out as they came in" % kind,
             lambda kind=kind, stored=stored: by_a_worker(Scene(kind, name="numbers_" + kind), stored))

if __name__ == "__main__":
    sys.exit(main())
