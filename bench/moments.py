# SPDX-License-Identifier: Apache-2.0
"""Moments: how soon a worker picks up, goes on, starts and stops; what it costs when idle, waiting or full of sleepers."""

import contextlib
import json
import os
import random
import signal
import statistics
import threading
import time
import uuid

import drains
import harness
from harness import wait_until
from place import SEED, Answers, Database, Server, Worker

MB = 1 << 20


def percentile(values, share):
    """The value that `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, int(len(ordered) * share + 0.999999) - 1))]


def stamps(path):
    """(execution, node, began, ended) in nanoseconds, as bench.stamp wrote them."""
    if not os.path.exists(path):
        return []
    with open(path) as f:
        return [(e, n, int(b), int(d)) for e, n, b, d in (line.split() for line in f if line.endswith("\n"))]


def stamp_path():
    return os.path.join(harness.tmpdir(), "stamps-%s" % uuid.uuid4().hex[:8])


class Inserter:
    """One execution after the other, as the backend inserts them: the row and its log row in one transaction."""

    def __init__(self, database, workflow):
        self.connection = database.postgres.connect(database.database)
        self.connection.autocommit = False
        self.workflow = workflow

    def insert(self):
        """Its name, and the moment at which the commit had returned, in nanoseconds of the wall clock."""
        identity, name, at = str(uuid.uuid4()), "exec-" + uuid.uuid4().hex[:12], harness.now()
        state = {"execution_id": name, "workflow_id": self.workflow, "workflow_version": 1, "status": "running",
                 "current_node_id": None, "completed_node_ids": [], "node_results": {}, "execution_data": SEED,
                 "started_at": at.isoformat(), "retry_count": 0}
        with self.connection.cursor() as cursor:
            cursor.execute("INSERT INTO workflowexecution (id, workflow_id, workflow_version, execution_id, status, started_at,"
                           " execution_state, retry_count) VALUES (%s, %s, 1, %s, 'running', %s, %s, 0)",
                           (identity, self.workflow, name, at, json.dumps(state)))
            cursor.execute('INSERT INTO executionlog (id, execution_id, node_id, level, message, "timestamp")'
                           " VALUES (%s, %s, 'start', 'info', %s, %s)",
                           (str(uuid.uuid4()), identity, "Workflow execution started: " + name, at))
        self.connection.commit()
        return name, time.time_ns()

    def close(self):
        self.connection.close()


def latency_row(b, name, what, values, p50, p99):
    b.row(name, what + ", p50", round(percentile(values, 0.5), 2), "ms", "%g ms" % p50, percentile(values, 0.5) <= p50,
          samples=len(values), p90=round(percentile(values, 0.9), 2), largest=round(max(values), 2))
    if p99:
        b.row(name + "_p99", what + ", p99", round(percentile(values, 0.99), 2), "ms", "%g ms" % p99,
              percentile(values, 0.99) <= p99, samples=len(values))


def pickup(b):
    """From the moment at which the inserter's COMMIT had returned to the first line of the handler behind the trigger."""
    path = stamp_path()
    workflow = b.database.workflow(harness.graph([("t", "trigger"), ("s", "bench.stamp", {"file": path})], [("t", "s")]), name="stamp")
    worker = Worker(b.database)
    inserter = Inserter(b.database, workflow)
    committed = {}
    for i in range(20 if b.options.quick else 300):
        time.sleep(random.uniform(0.02, 0.08))
        name, at = inserter.insert()
        committed[name] = at
        wait_until("the stamp", lambda wanted=i + 1: len(stamps(path)) >= wanted, interval=0.005)
    inserter.close()
    drains.stop_workers([worker])
    seen = [(began - committed[name]) / 1e6 for name, _, began, _ in stamps(path)]
    latency_row(b, "pickup", "pick-up: from the inserter's commit to the handler's start, worker idle", seen[3:], 1.5, 5)


def node(b):
    """From the end of one handler to the start of the next one, which must not be repeated, so that the result of the first one
    and the start of the second are durable between; one execution at a time."""
    path = stamp_path()
    names = ["s%d" % i for i in range(1, 11)]
    nodes = [("t", "trigger")] + [(n, "bench.effect", {"file": path}) for n in names]
    workflow = b.database.workflow(harness.graph(nodes, list(zip(["t"] + names, names))), name="chain")
    worker = Worker(b.database)
    inserter = Inserter(b.database, workflow)
    for i in range(3 if b.options.quick else 30):
        inserter.insert()
        wait_until("the chain", lambda wanted=10 * (i + 1): len(stamps(path)) >= wanted, interval=0.01)
    inserter.close()
    drains.stop_workers([worker])
    gaps, last = [], {}
    for execution, _, began, ended in stamps(path):
        if execution in last:
            gaps.append((began - last[execution]) / 1e6)
        last[execution] = ended
    latency_row(b, "node", "from one node's end to the next node's start, durable point between", gaps[9:], 1.0, None)


# ---- Start and stop ----


def stop_ms(worker):
    """Milliseconds from SIGTERM to the end of the process."""
    guard = threading.Timer(30, worker.process.kill)
    guard.start()
    began = time.monotonic()
    worker.process.send_signal(signal.SIGTERM)
    status = worker.process.wait()
    took = (time.monotonic() - began) * 1000
    guard.cancel()
    harness.Worker.all.remove(worker)
    if status != 0:
        raise RuntimeError("the worker ended with %d: %s" % (status, worker.log()[-1000:]))
    return took


def start(b):
    """From fork and exec of the program to the first line of the handler of an execution that was waiting; and its end."""
    path = stamp_path()
    workflow = b.database.workflow(harness.graph([("t", "trigger"), ("s", "bench.stamp", {"file": path})], [("t", "s")]), name="start")
    inserter = Inserter(b.database, workflow)
    starts, stops = [], []
    for i in range(3 if b.options.quick else 15):
        inserter.insert()
        worker = Worker(b.database, ready=False)
        wait_until("the stamp", lambda wanted=i + 1: len(stamps(path)) >= wanted, interval=0.005)
        starts.append((stamps(path)[-1][2] - worker.started_ns) / 1e6)
        worker.wait_idle()
        time.sleep(0.2)
        stops.append(stop_ms(worker))
    inserter.close()
    for name, what, values in (("start", "start to first claim (to the start of the claimed execution's handler)", starts),
                               ("stop", "stop on SIGTERM, idle", stops)):
        reached = statistics.median(values)
        b.row(name, what, round(reached, 1), "ms", "50 ms", reached <= 50, samples=len(values), largest=round(max(values), 1))


# ---- Idle ----


class Idle:
    """A worker with nothing to do on a server of its own, all the time that the other rows take."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.server = Server({"shared_buffers": "64MB"})
        self.database = Database(self.server, "idle")
        self.worker = Worker(self.database)
        self.settled = time.monotonic() + 3
        self.before = None

    def look(self):
        if self.server.statements:
            queries = self.server.sql("postgres", "SELECT coalesce(sum(calls), 0)::bigint FROM idle_statements")[0][0]
        else:
            queries = self.server.sql("postgres", "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = 'idle'")[0][0]
        return queries, self.worker.cpu(), time.monotonic()

    def begin(self):
        time.sleep(max(0, self.settled - time.monotonic()))
        if self.server.statements:
            self.server.sql("postgres", "CREATE EXTENSION pg_stat_statements; CREATE VIEW idle_statements AS SELECT calls"
                            " FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = 'idle')")
        self.before = self.look()

    def end(self):
        time.sleep(max(0, self.before[2] + self.seconds - time.monotonic()))
        after = self.look()
        seconds = after[2] - self.before[2]
        found = {"seconds": round(seconds, 1), "queries_per_second": (after[0] - self.before[0]) / seconds,
                 "cpu_percent": (after[1] - self.before[1]) / seconds * 100, "resident": self.worker.resident()}
        drains.stop_workers([self.worker])
        self.server.stop()
        return found


def idle(b):
    """A worker on an empty queue, over at least 40 s."""
    if not b.idle:
        b.watch_idle()
    found = b.idle.end()
    b.idle = None
    over = "idle over %d s: " % found["seconds"]
    b.row("idle_queries", over + "queries", round(found["queries_per_second"], 3), "queries/s", "0.2 queries/s",
          found["queries_per_second"] <= 0.2)
    b.row("idle_cpu", over + "processor time", round(found["cpu_percent"], 3), "%", "0.1 %", found["cpu_percent"] <= 0.1)
    b.row("idle_memory", over + "resident", round(found["resident"] / MB, 1), "MB", "16 MB", found["resident"] <= 16 * MB)


# ---- Waiting ----


def get(b):
    """1,000 executions, each with a GET that is answered after 1 s."""
    answers = Answers(1000)
    count = 50 if b.options.quick else 1000
    workflow = b.database.workflow(harness.graph(
        [("t", "trigger"), ("g", "http_request", {"method": "GET", "url": answers.url + "/answer"})], [("t", "g")]), name="get")
    runs = [drains.drain(b.database, workflow, count) for _ in range(b.options.repeat)]
    answers.stop()
    seconds = statistics.median(r["seconds"] for r in runs)
    peak = max(r["resident_peak"] for r in runs)
    what = "%s executions with a GET that is answered after 1 s" % f"{count:,}"
    b.row("get", what, round(seconds, 3), "s", "1.15 s", seconds <= 1.15, runs=runs,
          spread_percent=round((max(r["seconds"] for r in runs) - min(r["seconds"] for r in runs)) / seconds * 100, 1))
    b.row("get_memory", what + ": largest resident", round(peak / MB, 1), "MB", "40 MB", peak <= 40 * MB)


def asleep(database, count):
    return database.run("SELECT count(*) FROM wfworker.task WHERE worker IS NULL AND due_at > now()")[0][0] >= count


def sleep(b):
    """10,000 durable sleeps at once; 10,000 more are put to bed while they sleep, to see what a sleeper costs the worker."""
    count, seconds = (200, 4) if b.options.quick else (10000, 20)
    database = b.database
    workflow = database.workflow(harness.graph([("t", "trigger"), ("d", "delay", {"delay_seconds": seconds})], [("t", "d")]), name="sleep")
    worker = Worker(database)
    empty, since = worker.resident(), harness.now()
    t0 = database.queue(workflow, count)
    wait_until("all to sleep", lambda: asleep(database, count), seconds * 3)
    first = worker.resident()
    database.queue(workflow, count)
    with contextlib.suppress(AssertionError):  # some of the first may be awake before the last of the second sleep
        wait_until("all to sleep", lambda: asleep(database, 2 * count), seconds * 0.5)
    second = worker.resident()

    def ended():
        return database.run(drains.ENDED, {"t0": t0, "since": since, "count": count})[0]
    wait_until("the sleepers to end", lambda: ended()[0] >= count, seconds * 20, 0.5)
    took, peak = ended()[1], worker.resident_peak()
    drains.stop_workers([worker])
    database.run("SET wfworker.saving = '1'")
    database.run("UPDATE workflowexecution SET status = 'failed', completed_at = now() WHERE status NOT IN ('completed', 'failed')")
    database.run("DELETE FROM wfworker.task")
    database.run("RESET wfworker.saving")
    what = "%s durable sleeps of %d s" % (f"{count:,}", seconds)
    b.row("sleep", what + ": all done", round(took, 2), "s", "%d s" % (seconds + 2), took <= seconds + 2,
          earliest=round(ended()[2], 3))
    each = max(second - first, 0) / count
    b.row("sleep_memory", what + ": what %s more sleepers cost the worker" % f"{count:,}", round(each), "bytes each", "0 bytes each",
          each < 64, resident_mb={"idle": round(empty / MB, 1), "first": round(first / MB, 1), "second": round(second / MB, 1),
                                  "peak": round(peak / MB, 1)})


GROUPS = {f.__name__: f for f in (pickup, node, start, get, sleep, idle)}
