# SPDX-License-Identifier: Apache-2.0
"""The examples of the manual of semantics and of the workflow patterns, through a worker and a database: they end as they do in
memory, with the same data.

Left out are those whose time would really have to pass, that get signals or other settings, or start other executions."""

import datetime
import glob
import json
import os
import re
import shlex
import sys

from harness import Backend, Postgres, Worker, case, main, note, tmpdir, wfworker

SOURCE = os.path.abspath(os.environ.get("srcdir", "."))
LONGEST_S = 2.0
BLOCK = re.compile(r"^```(json|trace)\n(.*?)^```$", re.S | re.M)


def examples():
    """(name, definition, arguments of exec) of each."""
    for file in ("doc/semantics.md", "doc/semantics-running.md"):
        with open(os.path.join(SOURCE, file)) as f:
            text = f.read()
        definition = None
        for block in BLOCK.finditer(text):
            if block.group(1) == "json":
                definition = block.group(2)
                continue
            name = "%s:%d" % (os.path.basename(file), text.count("\n", 0, block.start()) + 1)
            commands = re.findall(r"^\$ exec(.*)$", block.group(2).replace("\\\n", " "), re.M) or [""]
            for number, arguments in enumerate(commands):
                yield "%s.%d" % (name, number), definition, shlex.split(arguments)
    for path in sorted(glob.glob(os.path.join(SOURCE, "examples/patterns/*.json"))):
        with open(path) as f:
            pattern = json.load(f)
        whole = {k: pattern[k] for k in ("graph_config", "trigger_config") if k in pattern}
        yield pattern["name"], json.dumps(whole), ["--data", json.dumps(pattern["data"])]


def in_memory(definition, arguments):
    path = os.path.join(tmpdir(), "example.json")
    with open(path, "w") as f:
        f.write(definition)
    done = wfworker("exec", path, "--virtual-time", "--log-level", "error", *arguments)
    return json.loads(done.out) if done.status in (0, 1) else None


def taken(result):
    """Seconds of virtual time."""
    ends = [datetime.datetime.fromisoformat(r["completed_at"]) for r in result["node_results"].values()]
    return (max(ends) - datetime.datetime(2026, 1, 1)).total_seconds() if ends else 0


def chosen():
    for name, definition, arguments in examples():
        if any(word.startswith("--") and word != "--data" for word in arguments) or '"sub_workflow"' in definition:
            continue  # the results of sub_workflow name an execution, which is another one each time
        result = in_memory(definition, arguments)
        if result and taken(result) <= LONGEST_S and "timed out" not in (result["error_message"] or ""):
            yield name, json.loads(definition), arguments, result


def comparable(status, error, completed, results, data):
    """What has to be the same: not the order in which branches beside each other end, nor times."""
    return json.dumps([status, error, sorted(completed), {n: [r["status"], r["output"]] for n, r in results.items()}, data], sort_keys=True)


@case
def as_in_memory():
    """the examples of the manual and of the patterns end through a worker as they do in memory: status, message, nodes, results, data"""
    backend = Backend(Postgres(), "manual")
    assert wfworker("migrate", "--db", backend.dsn).status == 0
    started = []
    for name, definition, arguments, result in chosen():
        whole = definition if "graph_config" in definition else {"graph_config": definition}
        data = json.loads(arguments[arguments.index("--data") + 1]) if "--data" in arguments else {}
        workflow = backend.workflow(whole["graph_config"], name=name, trigger_config=whole.get("trigger_config"))
        started.append((name, backend.execution(workflow, data), result))
    note("%d examples" % len(started))
    assert len(started) >= 35, "most examples take no time: there must be more"
    worker = Worker(backend.dsn, env={"WFWORKER_MAX_RETRIES": "0"})
    differences = []
    for name, identity, result in started:
        row = backend.wait_end(identity)
        expected = comparable(result["status"], result["error_message"], result["completed_node_ids"], result["node_results"], result["data"])
        got = comparable(row.status, row.error_message, row.state["completed_node_ids"], row.state["node_results"], row.state["execution_data"])
        if got != expected:
            differences.append("%s\n  in memory: %s\n  worker:    %s" % (name, expected, got))
    assert not differences, "\n".join(differences)
    assert worker.terminate() == 0


if __name__ == "__main__":
    sys.exit(main())
