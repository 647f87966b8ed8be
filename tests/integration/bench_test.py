#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The benchmark from end to end, as small as it goes: every row is measured, and what it writes can be read.  No figure is judged."""

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree

import harness
from harness import add_case, case, main

RUN = os.path.join(harness.SRCDIR, "bench", "run")
SIZES = ["--quick", "--size", "150", "--large", "1500", "--no-peers"]


def bench(*arguments):
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "builddir": harness.BUILDDIR, "srcdir": harness.SRCDIR}
    return subprocess.run([sys.executable, RUN, "--dir", harness.tmpdir(), *arguments], env=environment, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=harness.PATIENCE * 10)


def path(name):
    return os.path.join(harness.tmpdir(), name)


@case
def whole():
    """a small run measures every row and exits 0 whatever the figures are"""
    done = bench(*SIZES, "--json", path("all.json"), "--svg", harness.tmpdir())
    assert done.returncode == 0, (done.returncode, done.stderr[-3000:])
    with open(path("all.json")) as f:
        results = json.load(f)
    names = [row["name"] for row in results["rows"]]
    assert names == ["calls_inside", "calls_isolated", "calls_isolated_blocking", "drain", "drain4", "cpu", "server_cpu", "effects",
                     "pickup", "pickup_p99", "node", "start", "stop", "get", "get_memory", "sleep", "sleep_memory", "finished", "parked", "queued", "idle_queries", "idle_cpu",
                     "idle_memory"], names
    for row in results["rows"]:
        assert row["reached"] >= 0 and row["what"] and row["unit"], row
        assert row["name"] == "server_cpu" or (row["target"] and row["met"] in (True, False)), row
        assert row["what"] in done.stdout, (row["what"], done.stdout)
    assert {name: f["log_rows"] for name, f in results["floor"].items()} == {
        "same rows": 7, "no journal": 7, "four log rows": 4, "four log rows, nothing to claim": 4}, results["floor"]
    assert all(f["executions"] == 150 for f in results["floor"].values()), results["floor"]
    plans = {(p["function"], p["same_plan"]) for p in results["plans"]}
    assert {"", "claim", "save"} <= {p[0] for p in plans}, plans
    assert sorted(results["series"]) == ["batch", "finished", "workers"], results["series"]


@case
def floor_does_the_work():
    """a durable point after every effect: an execution with three writes four journal rows, a short one a single one at most"""
    with open(path("all.json")) as f:
        results = json.load(f)
    assert results["written_effects"]["journal"]["inserted"] == 4, results["written_effects"]
    assert results["written"].get("journal", {"inserted": 0})["inserted"] <= 1, results["written"]
    for written in ("written", "written_effects"):
        counts = results[written]
        assert counts["workflowexecution"]["inserted"] == 1 and counts["task"]["deleted"] == 1, counts
    assert results["written"]["executionlog"]["inserted"] == 8 and results["written_effects"]["executionlog"]["inserted"] == 10, results


@case
def plots():
    """the plot is well-formed and has a line for every series"""
    root = xml.etree.ElementTree.parse(path("throughput.svg")).getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg", root.tag
    lines = root.findall(".//{http://www.w3.org/2000/svg}polyline")
    assert len(lines) == 5, len(lines)
    assert all(len(line.get("points").split()) >= 2 for line in lines), [line.get("points") for line in lines]


@case
def again_from_json():
    """--from reports what was measured without measuring, and --check fails when a target is not met"""
    with open(path("all.json")) as f:
        results = json.load(f)
    for met, status in ((True, 0), (False, 1)):
        for row in results["rows"]:
            row["met"] = row["name"] != "drain" or met
        with open(path("changed.json"), "w") as f:
            json.dump(results, f)
        done = bench("--from", path("changed.json"), "--check")
        assert done.returncode == status, (done.returncode, done.stderr)
        assert ("short by" in done.stdout) == (not met), done.stdout


@case
def page():
    """the page is written between its marks, and nothing else of it is changed; a page without marks is refused"""
    with open(os.path.join(harness.SRCDIR, "doc", "performance.md")) as f:
        old = f.read()
    with open(path("page.md"), "w") as f:
        f.write(old)
    done = bench("--from", path("all.json"), "--doc", path("page.md"))
    assert done.returncode == 0, done.stderr
    with open(path("page.md")) as f:
        new = f.read()
    marks = re.compile("(<!-- [a-z]+ of the last run: begin -->).*?(<!-- [a-z]+ of the last run: end -->)", re.S)
    assert marks.sub(r"\1\2", new) == marks.sub(r"\1\2", old), new
    for text in ("**This was a quick run", "| drain of short executions: trigger and two pure nodes", "| same rows | ", "| Batch: ",
                 "in wfworker.save()", "Index Scan using workflowexecution_pkey on workflowexecution"):
        assert text in new, (text, new)
    with open(path("page.md"), "w") as f:
        f.write("nothing")
    done = bench("--from", path("all.json"), "--doc", path("page.md"))
    assert done.returncode == 2 and done.stderr.splitlines()[-1] == (
        'bench: the page has no marks "<!-- machine of the last run: begin -->" and "<!-- machine of the last run: end -->"'), done


def refuses(what, arguments, text):
    def run():
        done = bench(*arguments)
        assert done.returncode == 2 and done.stderr.splitlines()[-1] == text, (done.returncode, done.stderr)
    add_case("refused: " + what, run)


refuses("a row that there is not", ["nothing"], 'run: error: there is no row "nothing": choose from calls, drain, effects, workers, batch,'
        " pickup, node, start, get, sleep, finished, parked, plans, queued, peers, idle")
refuses("a size of nothing", ["--size", "0"], "run: error: --size must be at least 1")


@case
def floor_options():
    """the floor refuses options that it does not know or numbers that are none"""
    floor = os.path.join(harness.BUILDDIR, "bench", "floor")
    for arguments, text in (([], "usage: floor --dsn ADDRESS [--batch N] [--connections N] [--depth N] [--log-rows N] [--count N]"
                             " [--no-claim] [--state FILE] [--journal FILE]\n"),
                            (["--dsn", "x", "--batch", "0"], 'floor: --batch must be a number from 1 to 10000, not "0"\n'),
                            (["--dsn", "x", "--depth", "2x"], 'floor: --depth must be a number from 1 to 8, not "2x"\n')):
        done = subprocess.run([floor, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=harness.PATIENCE)
        assert (done.returncode, done.stdout, done.stderr) == (2, "", text), done


sys.exit(main())
