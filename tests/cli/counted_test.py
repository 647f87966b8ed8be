# SPDX-License-Identifier: Apache-2.0
"""What many passes cost when they end together, in instructions, which callgrind counts: the same on every machine and however busy it
is.  Without valgrind, and in a build with a sanitizer, there is nothing to count with."""

import glob
import json
import os
import re
import shutil

from tap import BUILD, case, graph, main, run, write

FEW, MANY = 250, 1000


def instructions(name):
    with open(name) as f:
        return int((re.search(r"^totals: (\d+)", f.read(), re.M) or [0, 0])[1])


def counted(definition, status):
    before = set(glob.glob("callgrind.*"))
    done = run("exec", write("w.json", definition), "--virtual-time", "--log-level", "error",
               env={"WFW_TEST_WRAPPER": "valgrind -q --tool=callgrind --callgrind-out-file=callgrind.%p --combine-dumps=yes"})
    assert done.status == (0 if status == "completed" else 1), done.err + done.out[-1000:]
    assert json.loads(done.out)["status"] == status, done.out[-1000:]
    return max(instructions(name) for name in set(glob.glob("callgrind.*")) - before)  # plugins are looked at in children


def grows_as_their_number(made, status="completed", most=4.5):
    """Four times as many cost four times as much.  Were each looked at for each, it would be five times as much at these numbers, and
    sixteen times in the end."""
    one, few, many = (counted(made(passes), status) for passes in (2, FEW, MANY))
    print("# %d for two, %d for %d, %d for %d: %.2f times as many" % (one, few, FEW, many, MANY, (many - one) / (few - one)))
    assert many - one < most * (few - one), (one, few, many)


def last_one(passes, kind, loop=None, waits=("delay", {"delay_seconds": 1000})):
    """All passes wait, and the last one does something else."""
    config = {"array_expression": "range(%d)" % passes, "max_concurrency": passes, "max_iterations": passes}
    return graph("t -> l", "l -body-> c", "c -true-> x", "c -false-> w", "l -done-> e", t=("trigger",), e=("end",),
                 l=("for", dict(config, **(loop or {}))), c=("condition", {"expression": "index == %d" % (passes - 1)}), x=kind, w=waits)


@case
def left():
    """`break` ends a map with all passes open"""
    grows_as_their_number(lambda passes: last_one(passes, ("break", {})))


@case
def failed():
    """a pass fails, and with it a map with all passes open"""
    grows_as_their_number(lambda passes: last_one(passes, ("set_variable", {"variable_name": "v", "variable_value": "${int('no')}"})), status="failed")


@case
def terminated():
    """`terminate` ends an execution with all passes open"""
    grows_as_their_number(lambda passes: last_one(passes, ("terminate", {})))


@case
def signals():
    """`break` ends a map of which all passes wait for signals"""
    grows_as_their_number(lambda passes: last_one(passes, ("break", {}), waits=("await", {"signals": ["s${index}"], "timeout_seconds": 1000})))


@case
def nested():
    """`break` ends a map of maps"""
    def made(passes):
        inner = {"array_expression": "range(4)", "max_concurrency": 4, "max_iterations": 4}
        outer = {"array_expression": "range(%d)" % (passes // 4), "max_concurrency": passes, "max_iterations": passes, "loop_variable": "at"}
        return graph("t -> o", "o -body-> l", "l -body-> c", "c -true-> x", "c -false-> w", "o -done-> e", t=("trigger",), e=("end",),
                     o=("for", outer), l=("for", inner),
                     c=("condition", {"expression": "at == %d && index == 3" % (passes // 4 - 1)}), x=("break", {"loop_label": "o"}),
                     w=("delay", {"delay_seconds": 1000}))
    grows_as_their_number(made)


def has_sanitizer():
    with open(os.path.join(BUILD, "config.status")) as f:
        return "-fsanitize=" in f.read()


if not shutil.which("valgrind") or os.environ.get("WFW_TEST_WRAPPER") or has_sanitizer():
    print("1..0 # SKIP valgrind does not count here")
else:
    main()
