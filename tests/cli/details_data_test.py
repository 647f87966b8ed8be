# SPDX-License-Identifier: Apache-2.0
"""The rules of data, time and failure one by one, each worked out by hand from the manual before it was run."""

import json
import os
import shutil
import sys

from tap import BUILD, case, graph, is_, main, run, write


def execute(definition, *arguments, status=0, env=None):
    done = run("exec", write("w.json", definition), "--virtual-time", "--log-level", "error", *arguments, env=env)
    assert done.status == status, done
    return json.loads(done.out)


def node_error(definition, node, *arguments, **options):
    """{type, message} of a node that failed onto its error edge."""
    error = execute(definition, *arguments, **options)["data"][node + "_output"]["error"]
    is_(node, error["node_id"])
    return error["type"], error["message"]


# ---- time

@case
def deadline_of_a_condition():
    """delay until_condition: the deadline takes branch timeout when an edge has it, else the node fails with timeout"""
    d = ("delay", {"delay_type": "until_condition", "condition_expression": "vars.x == 1", "timeout_seconds": 2.5})
    done = execute(graph("d -timeout-> late", "d -> both", d=d, late=("noop",), both=("noop",)), "--trace")
    is_([("d", "timeout"), ("late", None), ("both", None)], [(t["node_id"], t["branch"]) for t in done["trace"]])
    is_({"delay_type": "until_condition", "completed": False}, done["data"]["d_output"])
    is_("2026-01-01T00:00:02.500000", done["node_results"]["d"]["completed_at"])
    is_(("timeout", 'the condition "vars.x == 1" did not become true in time'),
        node_error(graph("d -error-> e", d=d, e=("noop",)), "d"))


@case
def errors_of_conditions():
    """delay and await fail with the error of their condition, as a condition does"""
    for text, kind, message in (
            ("gone == 1", "unknown_name", 'unknown name "gone", line 1, column 1'),
            ("1 < 'a'", "type_error", '"<" wants two numbers or two strings, not number and string, line 1, column 3'),
            ("1 <", "expression_error", "unexpected end of the text, line 1, column 4")):
        for node in (("delay", {"delay_type": "until_condition", "condition_expression": text}), ("await", {"condition": text}),
                     ("condition", {"expression": text})):
            is_((kind, 'expression "%s": %s' % (text, message)), node_error(graph("n -error-> e", n=node, e=("noop",)), "n"))


# ---- secrets

@case
def secrets_that_a_handler_asks_for():
    """a secret that a plugin asked for is masked in its result, as one of a template"""
    good = os.path.join(BUILD, "tests/plugins/.libs/good.so")
    if not os.path.exists(good):
        print("# the plugins of the tests are not built", file=sys.stderr)
        return
    os.mkdir("plugins", 0o755)
    shutil.copyfile(good, "plugins/good.so")
    done = run("exec", write("w.json", graph("a -> b", a=("test.block", {"do": "secret", "name": "WORD"}),
                                             b=("map", {"input_array": [1], "map_expression": "told"}))),
               "--plugin-dir", "plugins", env={"WFWORKER_SECRET_WORD": "xyzzy-plugh"})
    is_(0, done.status)
    result = json.loads(done.out)
    is_({"secret": "***"}, result["data"]["a_output"])
    is_([{"secret": "***"}], result["data"]["b_output"]["result"])
    assert "xyzzy" not in done.out + done.err and "the secret is ***" in done.err, done


main()
