# SPDX-License-Identifier: Apache-2.0
"""How fast a queue is worked off, by workers and by the floor: the rates, what they cost, and their series."""

import json
import os
import subprocess
import time

import harness
from harness import wait_until
from place import PURE_LOGS, Worker

ENDED = """
SELECT count(*), extract(epoch FROM max(ct) - %(t0)s)::float8, extract(epoch FROM min(ct) - %(t0)s)::float8 FROM (
    SELECT pg_xact_commit_timestamp(xmin) AS ct FROM executionlog
     WHERE "timestamp" >= %(since)s AND message = 'Workflow execution completed' ORDER BY 1 LIMIT %(count)s) q
"""
# Is anything not over yet?  By the index on the status: nothing of the worker's own tables, which may change.
LEFT = "SELECT EXISTS (SELECT FROM workflowexecution WHERE status IN ('running', 'pending') LIMIT 1)"



def start_workers(database, count, arguments=()):
    workers = [Worker(database, *arguments, ready=False) for _ in range(count)]
    for worker in workers:
        worker.wait_line(worker.READY)
        worker.wait_line("notifications arrive")
    wait_until("all workers to be idle", lambda: database.run(
        "SELECT count(*) = %s AND coalesce(bool_and(idle), false) FROM wfworker.worker", (count,))[0][0])
    return workers


def stop_workers(workers):
    for worker in workers:
        worker.process.terminate()
    for worker in workers:
        status = worker.wait()
        if status != 0:
            raise RuntimeError("%s ended with %d: %s" % (worker.name, status, worker.log()[-2000:]))
        harness.Worker.all.remove(worker)


def log_rows(database):
    return database.run("SELECT n_tup_ins FROM pg_stat_user_tables WHERE relid = 'executionlog'::regclass")[0][0]


def wait_drained(database, since, goal, rows, everything):
    """Until `goal` executions have ended, watched through the server's counters, which cost nothing."""
    def done():
        if everything:
            return not database.run(LEFT)[0][0]
        return log_rows(database) - rows >= goal
    wait_until(lambda: "the queue to be worked off", done, max(harness.PATIENCE, 600), 0.05)


def drain(database, workflow, count, workers=1, arguments=(), goal=None, logs=PURE_LOGS):
    """Idle workers, then `count` executions at once; figures of the first `goal` of them (default: all).  The clock runs from
    the commit of the insert to the commit of the last end, both by the server."""
    everything = goal is None
    goal = goal or count
    database.run("SELECT pg_stat_clear_snapshot()")
    running = start_workers(database, workers, arguments)
    since = harness.now()
    t0 = database.queue(workflow, count)
    cpu, server = [w.cpu() for w in running], database.postgres.cpu()
    if not everything:
        time.sleep(0.5)  # until the inserter's rows are counted
    rows = log_rows(database)
    wait_drained(database, since, goal * logs * 1.05 + 2000, rows, everything)
    cpu = sum(w.cpu() for w in running) - sum(cpu)
    server = database.postgres.cpu() - server
    seen = database.run("SELECT count(*) FROM executionlog WHERE \"timestamp\" >= %s"
                        " AND message = 'Workflow execution completed'", (since,))[0][0]
    peak = max(w.resident_peak() for w in running)
    stop_workers(running)
    ended, seconds, first = database.run(ENDED, {"t0": t0, "since": since, "count": goal})[0]
    if ended < goal:
        raise RuntimeError("%d of %d executions have ended" % (ended, goal))
    return {"executions": goal, "seconds": seconds, "per_second": goal / seconds, "first_commit_ms": first * 1000,
            "worker_cpu_us": cpu / max(seen, 1) * 1e6, "server_cpu_us": server / max(seen, 1) * 1e6, "workers": workers,
            "resident_peak": peak}


def floor(database, workflow, count, *arguments, log=PURE_LOGS, state=None, journal=None):
    """bench/floor over `count` executions that were just queued.  With a journal (a file) it writes all the rows that the
    worker does."""
    database.queue_for_floor(workflow, count)
    server = database.postgres.cpu()
    command = [os.path.join(harness.BUILDDIR, "bench", "floor"), "--dsn", database.dsn, "--log-rows", str(log), *arguments]
    command += ["--state", state] if state else []
    command += ["--journal", journal] if journal else []
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=900)
    if done.returncode != 0:
        raise RuntimeError("floor: " + done.stderr)
    time.sleep(0.2)  # the postmaster counts the time of a backend once it has seen its end
    result = json.loads(done.stdout)
    if result["executions"] != count:
        raise RuntimeError("floor finished %d of %d executions" % (result["executions"], count))
    result["server_cpu_us"] = (database.postgres.cpu() - server) / count * 1e6
    result["client_cpu_us"] = result.pop("cpu_seconds") / count * 1e6
    return result


def write_sample(database, workflow):
    """A finished execution's state and its journal in files, for the floor; and the sample itself."""
    sample = database.sample(workflow)
    events = database.run("SELECT string_agg(j.events, '' ORDER BY j.seq) FROM wfworker.journal j"
                          " JOIN workflowexecution x ON x.id = j.execution_id WHERE x.execution_id = %s", (sample[0],))[0][0]
    paths = []
    for name, text in (("state", sample[1]), ("journal", events)):
        paths.append(os.path.join(harness.tmpdir(), "%s-%s.json" % (name, workflow)))
        with open(paths[-1], "w") as f:
            f.write(text)
    return *paths, sample


def rows_per_execution(database, workflow, count):
    """Which rows a drain writes, by table, per execution, from the server's counters."""
    time.sleep(1.2)
    before = database.row_counters()
    running = start_workers(database, 1)
    database.queue(workflow, count)
    wait_drained(database, None, count, 0, True)
    stop_workers(running)
    time.sleep(1.2)
    after = database.row_counters()
    found = {}
    for table, counts in after.items():
        change = [round((a - b) / count, 2) for a, b in zip(counts, before.get(table, (0, 0, 0)))]
        if max(change) >= 0.01:
            found[table] = dict(zip(("inserted", "updated", "deleted"), change))
    return found
