# SPDX-License-Identifier: Apache-2.0
"""For the tests of the rules in detail: nodes in short, what ran in short, and what validate says."""

import collections
import datetime
import json

from tap import case, cases, graph, is_, main, run, trace_line, write  # noqa: F401 (for those who import this)

T, NOOP, TRY = ("trigger",), ("noop",), ("try",)
BAD = ("condition", {"expression": "missing"})
ANY = ("noop", {}, {"join": "any"})
START = datetime.datetime(2026, 1, 1)

Result = collections.namedtuple("Result", "ran completed data")


def IF(expression, **options):
    return ("condition", {"expression": expression}, options)


def UNTIL(seconds):
    """True before that many seconds of virtual time, then false."""
    return IF("now() < %d" % (1767225600000 + 1000 * seconds))


def SWITCH(expression, cases):
    return ("switch", {"switch_expression": expression, "cases": cases})


def WAIT(seconds):
    return ("delay", {"delay_seconds": seconds})


def FOR(*items, **options):
    return ("for", {"array_expression": list(items)}, options)


def REPEAT(count, **options):
    return ("repeat", {"repeat_count": count}, options)


def SET(name, value, scope="workflow"):
    return ("set_variable", {"variable_name": name, "variable_value": value, "variable_scope": scope})


def node(name, kind, config=None, **options):
    return {"node_id": name, "node_type": kind, "config": config or {}, **options}


def edge(source, target, **members):
    return {"from": source, "to": target, **members}


def member(data, path):
    """The value at a.b.c, None when there is nothing."""
    for name in path.split("."):
        data = data[int(name)] if isinstance(data, list) else data.get(name) if isinstance(data, dict) else None
    return data


def seconds(text):
    return (datetime.datetime.fromisoformat(text) - START).total_seconds()


def runs(expected, definition, *arguments, end="completed", at=None, **parts):
    """What ran, in order, separated by commas (None: anything), how it ended (None: anyhow), the second in which nodes were
    over, and parts of the data."""
    done = run("exec", write("w.json", definition), "--virtual-time", "--trace", "--log-level", "error", *arguments)
    is_("", done.err)
    result = json.loads(done.out)
    ran = [trace_line(e) for e in result["trace"]]
    if expected is not None:
        is_(expected, ", ".join(ran))
    if end is not None:
        is_(end, result["status"] + (": " + result["error_message"] if result["status"] == "failed" else ""))
        is_({"completed": 0, "failed": 1}.get(result["status"], 3), done.status)
    for name, second in (at or {}).items():
        is_((name, second), (name, seconds(result["node_results"][name]["completed_at"])))
    for path, value in parts.items():
        is_((path, value), (path, member(result["data"], path)))
    return Result(ran, result["completed_node_ids"], result["data"])


def validated(definition):
    done = run("validate", write("w.json", definition))
    is_("", done.err)
    return done.out.splitlines()


def diagnostics(definition):
    return [row for row in validated(definition) if row.startswith(("error: ", "warning: "))]


def structure(definition):
    return [row for row in validated(definition)[:-1] if not row.startswith(("error: ", "warning: "))]
