# SPDX-License-Identifier: Apache-2.0
"""The rows of the table, in groups that are measured together, and the series of the plots."""

import datetime
import functools
import json
import os
import statistics
import subprocess
import sys
import time
import traceback

import drains
import harness
import moments
import peers as other_programs
import plans as plan_reader
from place import EFFECTS_LOGS, PURE_LOGS, Database, Server, machine, raise_descriptors

GROUPS = {}


def group(function):
    """A group of rows: its name is the function's."""
    GROUPS[function.__name__] = function
    return function


def middle(values):
    return statistics.median(values)


def spread(values):
    """From the smallest to the largest, in per cent of the middle one."""
    return (max(values) - min(values)) / middle(values) * 100 if len(values) > 1 and middle(values) else 0.0


class Bench:
    """What is shared by the groups: the server, databases made when they are needed, and the results."""

    def __init__(self, options):
        self.options = options
        self.idle = None
        self.filled = False
        self.results = {"rows": [], "floor": {}, "series": {}, "options": {
            "size": options.size, "large": options.large, "repeat": options.repeat, "quick": options.quick}}

    def say(self, text):
        print("# %s %s" % (time.strftime("%H:%M:%S"), text), file=sys.stderr, flush=True)

    @functools.cached_property
    def server(self):
        raise_descriptors()
        return Server()

    @functools.cached_property
    def database(self):
        """Warmed up; 10,000 finished executions."""
        database = Database(self.server, "bench")
        drains.drain(database, database.pure, min(self.options.size, 1000))
        self.state, self.journal, self.sample = drains.write_sample(database, database.pure)
        database.fill_finished(database.pure, min(10000, self.options.large), self.sample)
        return database

    @functools.cached_property
    def small(self):
        """A database with little in it."""
        database = Database(self.server, "small")
        drains.drain(database, database.pure, 100)
        return database

    def large(self):
        """The first database with all the finished, logged and parked rows that it gets."""
        database = self.database
        if not self.filled:
            self.say("finished and parked: %d" % self.options.large)
            database.fill_finished(database.pure, self.options.large, self.sample)
            database.fill_parked(self.options.large)
            self.filled = True

    def run(self):
        """Measure; the groups that failed, with their errors."""
        failed = []
        self.results["date"] = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
        self.results["machine"] = machine(self.server)
        self.results["commit"] = commit()
        if "idle" in self.options.rows and len(self.options.rows) > 1:
            self.watch_idle()
        for name in self.options.rows:
            self.say(name)
            began = time.monotonic()
            try:
                GROUPS[name](self)
            except Exception as error:  # one row that cannot be measured does not take the others with it
                traceback.print_exc()
                failed.append((name, str(error)))
                self.kill_workers()
            self.results.setdefault("took", {})[name] = round(time.monotonic() - began, 1)
        return failed

    def kill_workers(self):
        keep = self.idle.worker if self.idle else None
        for worker in [w for w in harness.Worker.all if w is not keep]:
            worker.kill()
            harness.Worker.all.remove(worker)

    def watch_idle(self):
        """From now on there is an idle worker that is watched."""
        self.idle = moments.Idle(4 if self.options.quick else 40)
        self.idle.begin()

    def row(self, name, what, reached, unit, target, met, **detail):
        """One line of the table.  target: as text; met: True, False, or None when there is no target."""
        self.results["rows"].append({"name": name, "what": what, "reached": reached, "unit": unit, "target": target,
                                     "met": met, **detail})

    def floor_rate(self):
        """The floor's rate with claim and the worker's rows, measured in this run."""
        if "same rows" not in self.results["floor"]:
            GROUPS["drain"](self)
        return self.results["floor"]["same rows"]["per_second"]

    def floor_of(self, name, runs):
        best = dict(sorted(runs, key=lambda r: r["per_second"])[len(runs) // 2])
        best["spread_percent"] = round(spread([r["per_second"] for r in runs]), 1)
        self.results["floor"][name] = best


def commit():
    try:
        return subprocess.check_output(["git", "-C", os.path.dirname(os.path.abspath(__file__)), "rev-parse", "--short", "HEAD"],
                                       text=True, stderr=subprocess.DEVNULL).strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def rate_row(b, name, what, runs, share, note=""):
    """Executions a second against a share of the floor."""
    rates = [r["per_second"] for r in runs]
    reached, floor = middle(rates), b.floor_rate()
    b.row(name, what, round(reached), "executions/s", "%d (%.2f FLOOR)" % (round(share * floor), share), reached >= share * floor,
          ratio=round(reached / floor, 3), target_ratio=share, spread_percent=round(spread(rates), 1), runs=runs, note=note)
    return reached


# ---- Calls of handlers ----


@group
def calls(b):
    """What a call of a handler costs, inside the worker and in a helper process; without a database."""
    directory = os.path.join(harness.BUILDDIR, "bench")
    count = 1000 if b.options.quick else 20000
    runs = [json.loads(subprocess.check_output([os.path.join(directory, "calls"), os.path.join(directory, ".libs"), str(count)]))
            for _ in range(b.options.repeat)]
    for name, what, most in (("inside", "a call of a handler inside the worker", 1.0),
                             ("isolated", "a call in a helper process, 1 KB there and back", 300.0),
                             ("isolated_blocking", "the same of a handler that blocks", 300.0)):
        took = [run[name]["middle_ns"] / 1000 for run in runs]
        late = middle([run[name]["p99_ns"] / 1000 for run in runs])
        b.row("calls_" + name, "%s (99 of 100 within %s us)" % (what, "%.1f" % late if late < 10 else "%d" % late),
              round(middle(took), 2 if most < 10 else 0), "us", "under %d us" % most, middle(took) < most,
              spread_percent=round(spread(took), 1), runs=runs)


# ---- Throughput ----


@group
def drain(b):
    """Short executions, in turn with the floor; with it, the worker's and the server's processor time."""
    if "same rows" in b.results["floor"]:
        return
    db, size = b.database, b.options.size
    runs, same, seven, four, ends = [], [], [], [], []
    for _ in range(b.options.repeat):
        same.append(drains.floor(db, db.pure, size, state=b.state, journal=b.journal))
        runs.append(drains.drain(db, db.pure, size))
        seven.append(drains.floor(db, db.pure, size, state=b.state))
        four.append(drains.floor(db, db.pure, size, state=b.state, log=4))
        ends.append(drains.floor(db, db.pure, size, "--no-claim", state=b.state, log=4))
    b.floor_of("same rows", same)
    b.floor_of("no journal", seven)
    b.floor_of("four log rows", four)
    b.floor_of("four log rows, nothing to claim", ends)
    b.results["written"] = drains.rows_per_execution(db, db.pure, min(size, 2000))
    rate_row(b, "drain", "drain of short executions: trigger and two pure nodes, every log row and result kept", runs, 0.75,
             "FLOOR writes the same rows as the worker")
    four_rate = b.results["floor"]["four log rows"]["per_second"]
    reached = middle([r["per_second"] for r in runs])
    b.row("drain4", "the same against FLOOR with four log rows each (the worker writes %d)" % PURE_LOGS, round(reached),
          "executions/s", "%d (0.75 FLOOR)" % round(0.75 * four_rate), reached >= 0.75 * four_rate,
          ratio=round(reached / four_rate, 3), target_ratio=0.75)
    cpu = [r["worker_cpu_us"] for r in runs]
    b.row("cpu", "worker's processor time for a short execution", round(middle(cpu), 1), "us", "20 us", middle(cpu) <= 20,
          spread_percent=round(spread(cpu), 1))
    b.row("server_cpu", "server's processor time for a short execution", round(middle([r["server_cpu_us"] for r in runs])), "us",
          "", None, floor=round(middle([r["server_cpu_us"] for r in same])))


@group
def effects(b):
    """Three effects that must not be repeated: the start and the result of each are durable before the next one starts."""
    db = b.database
    b.floor_rate()
    drains.drain(db, db.effects, min(b.options.size, 500), logs=EFFECTS_LOGS)
    runs = [drains.drain(db, db.effects, max(b.options.size // 2, 1), logs=EFFECTS_LOGS) for _ in range(b.options.repeat)]
    b.results["written_effects"] = drains.rows_per_execution(db, db.effects, min(b.options.size, 1000))
    rate_row(b, "effects", "three effects each, a durable point after every one", runs, 0.36)


@group
def workers(b):
    """Throughput against the number of workers."""
    db, points = b.database, []
    for count in (1, 2, 3, 4):
        found = drains.drain(db, db.pure, b.options.size, workers=count)
        points.append([count, round(found["per_second"]), round(found["worker_cpu_us"], 1)])
    b.results["series"]["workers"] = {"worker": points}


@group
def batch(b):
    """Throughput against the batch: the floor's batch, the worker's executions in flight."""
    db, worker, floor = b.database, [], []
    for size in (1, 3, 10, 30, 100, 300, 1000):
        count = max(min(b.options.size, size * 400), 200)
        floor.append([size, round(drains.floor(db, db.pure, count, "--batch", str(size), state=b.state, journal=b.journal)["per_second"])])
        found = drains.drain(db, db.pure, count, arguments=("--max-in-flight", str(2 * size)))
        worker.append([size, round(found["per_second"])])
    b.results["series"]["batch"] = {"FLOOR": floor, "worker": worker}


GROUPS.update({name: function for name, function in moments.GROUPS.items() if name != "idle"})


def compared(b, name, what, rate, base):
    b.row(name, what, round(rate), "executions/s", "%d (within 10 %% of %d)" % (round(0.9 * base), round(base)), rate >= 0.9 * base,
          ratio=round(rate / base, 3), target_ratio=0.9)


def base_rate(b):
    """The rate with 10,000 finished executions."""
    if "base" not in b.results:
        db = b.database
        b.results["base"] = middle([drains.drain(db, db.pure, b.options.size)["per_second"] for _ in range(b.options.repeat)])
    return b.results["base"]


@group
def finished(b):
    """Throughput against the number of finished executions; the largest against the rate with 10,000."""
    base = base_rate(b)
    worker, floor = [], []
    for size in [n for n in (1000, 10000, 100000, 1000000) if n < b.options.large] + [b.options.large]:
        b.say("finished: %d" % size)
        db = b.small if size < 10000 else b.database
        db.fill_finished(db.pure, size, db.sample(db.pure))
        drains.drain(db, db.pure, min(b.options.size, 2000))
        floor.append([size, round(drains.floor(db, db.pure, b.options.size, state=b.state, journal=b.journal)["per_second"])])
        rate = middle([drains.drain(db, db.pure, b.options.size)["per_second"] for _ in range(b.options.repeat)])
        worker.append([size, round(rate)])
    b.results["series"]["finished"] = {"FLOOR": floor, "worker": worker}
    compared(b, "finished", "the drain with %s executions finished" % f"{size:,}", worker[-1][1], base)


@group
def parked(b):
    """The drain beside very many parked executions, each with a snapshot and a journal; finished ones are there as well."""
    base = base_rate(b)
    b.large()
    found = middle([drains.drain(b.database, b.database.pure, b.options.size)["per_second"] for _ in range(b.options.repeat)])
    compared(b, "parked", "the drain with %s executions parked, too" % f"{b.options.large:,}", found, base)


@group
def plans(b):
    """The plans of the hot statements, with a thousand rows of everything and with very many."""
    b.large()
    b.small.fill_finished(b.small.pure, 1000, b.small.sample(b.small.pure))
    b.small.fill_parked(1000)
    few, many = plan_reader.watch(b.small), plan_reader.watch(b.database)
    b.results["plans"] = plan_reader.compare(few, many)
    b.results["plans_of"] = [1000, b.options.large]


@group
def queued(b):
    """The first of very many queued executions."""
    base = base_rate(b)
    db = Database(b.server, "queued")
    drains.drain(db, db.pure, min(b.options.size, 1000))
    b.say("queued: %d" % b.options.large)
    found = drains.drain(db, db.pure, b.options.large, goal=min(b.options.size, b.options.large))
    compared(b, "queued", "the drain with %s executions queued" % f"{b.options.large:,}", found["per_second"], base)
    b.server.sql("postgres", "DROP DATABASE queued WITH (FORCE)")




@group
def peers(b):
    """Other programs, where npm can install them."""
    try:
        b.results["peers"] = other_programs.measure(b.server, b.options.quick, b.say)
    except other_programs.Skipped as why:
        b.results["peers_skipped"] = str(why)


GROUPS["idle"] = moments.idle  # last: it is watched all the time
