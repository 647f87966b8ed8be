# SPDX-License-Identifier: Apache-2.0
"""For tests of the command line in Python: cases, TAP output, and the program as it was built, in an empty directory and
without any setting of the surroundings."""

import collections
import json
import os
import subprocess
import sys
import tempfile
import traceback

BUILD = os.path.abspath(os.environ.get("builddir", "."))
SOURCE = os.path.abspath(os.environ.get("srcdir", "."))
PROGRAM = os.path.join(BUILD, "wfworker.build")
SETTINGS = ("PG", "WFWORKER_", "SUPABASE_", "POSTGRES_", "WORKFLOW_", "DATABASE_URL")

Done = collections.namedtuple("Done", "status out err")
cases = []


def case(function):
    cases.append(function)
    return function


def run(*arguments, env=None, stdin=""):
    environment = {k: v for k, v in os.environ.items() if not k.startswith(SETTINGS)}
    environment.update(env or {})
    done = subprocess.run([PROGRAM, *arguments], env=environment, input=stdin, capture_output=True, text=True, timeout=600)
    return Done(done.returncode, done.stdout, done.stderr)


def is_(expected, actual):
    assert expected == actual, "\nexpected: %s\ngot:      %s" % (expected, actual)


def write(name, value):
    with open(name, "w") as f:
        f.write(value if isinstance(value, str) else json.dumps(value))
    return name


def trace_line(entry):
    """An activation as SCOPE/NODE(RUN) -BRANCH STATUS: without a scope in the execution itself, without the number of a first
    run, and without "completed"."""
    return "".join([entry["scope"] + "/" if entry["scope"] else "", entry["node_id"],
                    "(%d)" % entry["pass"] if entry["pass"] > 1 else "", " -" + entry["branch"] if entry["branch"] else "",
                    " " + entry["status"] if entry["status"] != "completed" else ""])


def graph(*lines, **nodes):
    """A graph from lines "a -> b", "a -x-> b" and nodes a=("type", config, options...)."""
    edges = []
    for line in lines:
        left, right = line.rsplit("->", 1)
        words = left.split(" -", 1)
        edge = {"from": words[0].strip(), "to": right.strip()}
        if len(words) == 2:
            edge["branch"] = words[1].strip()
        edges.append(edge)
    made = [{"node_id": name, "node_type": node[0], "config": node[1] if len(node) > 1 else {},
             **(node[2] if len(node) > 2 else {})} for name, node in nodes.items()]
    return {"nodes": made, "edges": edges}


def main(skip=()):
    """Run all cases.  skip: exceptions that say why a case cannot be run here."""
    failures = 0
    with tempfile.TemporaryDirectory(prefix="wfw-cli.") as directory:
        os.chdir(directory)
        print("1..%d" % len(cases), flush=True)
        for number, function in enumerate(cases, 1):
            try:
                function()
                print("ok %d - %s" % (number, function.__doc__), flush=True)
            except skip as reason:
                print("ok %d - %s # SKIP %s" % (number, function.__doc__, reason), flush=True)
            except Exception:
                failures += 1
                print("".join("# " + line for line in traceback.format_exc().splitlines(True)))
                print("not ok %d - %s" % (number, function.__doc__), flush=True)
        os.chdir("/")
    sys.exit(1 if failures else 0)
