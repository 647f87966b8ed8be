# SPDX-License-Identifier: Apache-2.0
"""The workflow patterns: every example in examples/patterns runs as it says, and the manual's table names them all.

An example's trace has a line for each activation, in the order of the starts: SCOPE/NODE(RUN) -BRANCH STATUS, where scope
and branch are left out when there is none, a first run has no number, and completed is not said.  Its children are the traces of the
executions that its nodes start, in that order.  What an example needs of signals stands in "signals": "send" is what --signal takes,
"after" names nodes that must be over before, where time is real."""

import glob
import json
import os
import re

from tap import SOURCE, cases, is_, main, run, trace_line

DIRECTORY = os.path.join(SOURCE, "examples/patterns")
FILES = sorted(glob.glob(os.path.join(DIRECTORY, "*.json")))


def pattern(path):
    with open(path) as f:
        wanted = json.load(f)

    def check():
        is_(os.path.basename(path), wanted["name"] + ".json")
        signals = [a for s in wanted.get("signals", []) for a in ("--signal", s["send"])]
        done = run("exec", path, "--virtual-time", "--trace", "--log-level", "error", "--data", json.dumps(wanted["data"]), *signals)
        is_("", done.err)
        result = json.loads(done.out)
        is_((wanted["status"], {"completed": 0, "failed": 1}[wanted["status"]]), (result["status"], done.status))
        is_("\n".join(wanted["trace"]), "\n".join(trace_line(e) for e in result["trace"]))
        is_(wanted.get("children", []), [[trace_line(e) for e in child["trace"]] for child in result.get("children", [])])
        done = run("validate", path, "--strict")
        is_((0, ""), (done.status, done.err))
    check.__doc__ = wanted["name"] + ": " + wanted["description"]
    return check


def table():
    """the table in doc/patterns.md has all 43 patterns, and names exactly these examples as those that run"""
    with open(os.path.join(SOURCE, "doc/patterns.md")) as f:
        rows = re.findall(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", f.read(), re.M)
    is_(list(range(1, 44)), [int(r[0]) for r in rows])
    named = {r[3].strip(): int(r[0]) for r in rows if r[3].strip() != "not yet"}
    is_({os.path.basename(f): int(os.path.basename(f)[:2]) for f in FILES}, named)


cases.append(table)
cases.extend(pattern(f) for f in FILES)
main()
