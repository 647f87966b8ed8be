# SPDX-License-Identifier: Apache-2.0
"""The plans of everything that a worker asks the database for, as the database carried them out, with few rows and with many.

auto_explain writes down every statement, also those inside of functions, while a worker runs executions one at a time: so
each statement is for a batch of one, and its buffers can be compared.
"""

import json
import os
import re
import statistics
import time

import drains
import harness
from harness import wait_until
from moments import Inserter
from place import Answers, Worker

ENTRY = re.compile(r"^\S+ \S+ \S+ \[\d+\] .*? ?LOG:  duration: ([0-9.]+) ms  plan:$")
CONTEXT = re.compile(r"^\S+ \S+ \S+ \[\d+\] .*?CONTEXT:  ")
FUNCTION = re.compile(r"(?:PL/pgSQL|SQL) function (?:wfworker\.)?\"?(\w+)\"?")
SETTINGS = {"session_preload_libraries": "auto_explain", "auto_explain.log_min_duration": "0", "auto_explain.log_analyze": "on",
            "auto_explain.log_buffers": "on", "auto_explain.log_timing": "off", "auto_explain.log_format": "json",
            "auto_explain.log_nested_statements": "on"}
# The functions of the hot paths; what the backend's triggers do for an insert counts, too.
HOT = ("claim", "load", "save", "save_all", "renew", "release", "deliver", "deliver_one", "pin", "signals", "peek", "on_insert", "wake")

TOP = re.compile(r"wfworker\.(?:claim|save|save_all|renew|release|deliver|pin)\(")


def entries(text):
    """(function, query, plan) of every entry in the server's log."""
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        if not ENTRY.match(lines[at]):
            at += 1
            continue
        body = []
        at += 1
        while at < len(lines) and lines[at].startswith("\t"):
            body.append(lines[at])
            at += 1
        context = []
        if at < len(lines) and CONTEXT.match(lines[at]):
            context.append(lines[at])
            at += 1
            while at < len(lines) and lines[at].startswith("\t"):
                context.append(lines[at])
                at += 1
        function = FUNCTION.search("\n".join(context))
        try:
            found = json.loads("\n".join(body))
        except ValueError:
            continue
        yield function.group(1) if function else "", found["Query Text"], found["Plan"]


def tidy(query):
    return re.sub(r"\s+", " ", re.sub(r"--[^\n]*", "", query)).strip()


def blocks(plan):
    return plan.get("Shared Hit Blocks", 0) + plan.get("Shared Read Blocks", 0)


def nodes(plan, depth=0):
    """(depth, what, rows, buffers) of every node, top first."""
    what = plan["Node Type"] if plan["Node Type"] != "ModifyTable" else plan["Operation"]
    for key, form in (("Index Name", " using %s"), ("Relation Name", " on %s"), ("CTE Name", " on %s"), ("Function Name", " on %s"),
                      ("Subplan Name", " (%s)")):
        if key in plan:
            what += form % re.sub(r"_[0-9]{8}", "_WEEK", plan[key])
    if "Index" in plan["Node Type"] and "Index Cond" not in plan and plan["Node Type"] != "Bitmap Heap Scan":
        what += ", all of it"
    yield depth, what, plan.get("Actual Rows", 0) * plan.get("Actual Loops", 1), blocks(plan)
    for below in plan.get("Plans", ()):
        yield from nodes(below, depth + 1)


def shape(plan):
    """The tree, without what was counted."""
    return [(depth, what) for depth, what, _, _ in nodes(plan)]


def watch(database):
    """Statements of a worker that does everything once or more: {(function, query): [plan]}."""
    server = database.postgres
    for name, value in SETTINGS.items():
        server.sql("postgres", 'ALTER DATABASE "%s" SET %s = %%s' % (database.database, name), (value,))
    begin = os.path.getsize(server.dir + "/log")
    answers = Answers(3000)
    workflows = [
        database.workflow(harness.graph([("t", "trigger"), ("a", "bench.effect"), ("b", "condition", {"expression": "amount > 10"})],
                                        [("t", "a"), ("a", "b")]), name="plans"),
        database.workflow(harness.graph([("t", "trigger"), ("d", "delay", {"delay_seconds": 1})], [("t", "d")]), name="plans-delay"),
        database.workflow(harness.graph([("t", "trigger"), ("w", "sub_workflow", {"workflow_id": database.pure, "wait_for_completion": True})],
                                        [("t", "w")]), name="plans-child")]
    slow = database.workflow(harness.graph([("t", "trigger"), ("g", "http_request", {"method": "GET", "url": answers.url})], [("t", "g")]),
                             name="plans-get")
    worker = Worker(database, "--lease-seconds", "3", "--shutdown-grace", "0.1")
    for workflow in workflows:
        inserter = Inserter(database, workflow)
        for _ in range(7):
            name, _ = inserter.insert()
            wait_until("the execution to end", lambda n=name: database.run(
                "SELECT completed_at IS NOT NULL FROM workflowexecution WHERE execution_id = %s", (n,))[0][0])
        inserter.close()
    inserter = Inserter(database, slow)
    for _ in range(3):
        inserter.insert()
    time.sleep(2)  # for the leases to be renewed
    inserter.close()
    drains.stop_workers([worker])
    answers.stop()
    for name in SETTINGS:
        server.sql("postgres", 'ALTER DATABASE "%s" RESET %s' % (database.database, name))
    with open(server.dir + "/log", errors="replace") as f:
        f.seek(begin)
        text = f.read()
    found = {}
    for function, query, plan in entries(text):
        if function in HOT or (not function and TOP.search(query)):
            found.setdefault((function, tidy(query)), []).append(plan)
    return found


def typical(plans):
    """The plan whose buffers are in the middle."""
    ordered = sorted(plans, key=blocks)
    return ordered[len(ordered) // 2]


def compare(small, large):
    """One entry for each statement that was carried out with both, the calls first, then what the functions do, in the order of HOT."""
    out = []
    for (function, query), plans in sorted(small.items(), key=lambda i: (HOT.index(i[0][0]) if i[0][0] in HOT else -1, i[0][1])):
        others = large.get((function, query))
        if not others:
            continue
        few, many = typical(plans), typical(others)
        out.append({"function": function, "query": query, "same_plan": shape(few) == shape(many),
                    "few": [list(n) for n in nodes(few)], "many": [list(n) for n in nodes(many)],
                    "few_buffers": round(statistics.median(blocks(p) for p in plans)),
                    "many_buffers": round(statistics.median(blocks(p) for p in others))})
    return out
