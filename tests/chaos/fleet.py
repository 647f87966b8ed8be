# SPDX-License-Identifier: Apache-2.0
"""The workers of the chaos suite: armed with crash points, stopped, woken, killed, replaced.

A worker has an id of its own that its effects tell, a way to the database (direct with every host, through the proxy, through the
pooler), perhaps a crash point at which it kills itself, and a clock that can be stepped.
"""

import collections
import mmap
import os
import re
import signal
import struct
import subprocess
import time

import harness
from harness import clean_environment, program, tmpdir

LEASE_S = 2.5


def crash_points():
    """The names that the program knows; none without --enable-crash-points."""
    done = subprocess.run([program(), "--version"], env=clean_environment(), stdout=subprocess.PIPE, text=True, check=True)
    found = dict(line.split(":", 1) for line in done.stdout.splitlines() if ":" in line)
    return found.get("crash points", "").split(), found.get("faults", "").split()


class Worker:
    count = 0

    def __init__(self, dsn, route, point=None, fault=None, extra=None):
        Worker.count += 1
        self.id = "w%d" % Worker.count
        self.route, self.point, self.fault = route, point, fault
        self.born = time.monotonic()
        self.stopped_until = None
        self.asked_to_end = None
        self.nudged = False
        self.path = os.path.join(tmpdir(), self.id + ".log")
        clock = os.path.join(tmpdir(), self.id + ".clock")
        with open(clock, "wb") as f:
            f.write(struct.pack("=q", 0))
        self.clock = open(clock, "r+b")
        self.clock_map = mmap.mmap(self.clock.fileno(), 8)
        environment = {
            "WFWORKER_LEASE_SECONDS": str(LEASE_S), "WFWORKER_POLL_INTERVAL": "0.3", "WFWORKER_HTTP_GUARD": "off",
            "WFWORKER_SHUTDOWN_GRACE": "1", "WFWORKER_ENV_ALLOW": "WFWORKER_CHAOS_ID", "WFWORKER_CHAOS_ID": self.id,
            "WFWORKER_CLOCK": clock, "WFWORKER_MAX_IN_FLIGHT": "100", "PGCONNECT_TIMEOUT": "3", **(extra or {})}
        if point:
            environment["WFWORKER_CRASH"] = point
        if fault:
            environment["WFWORKER_FAULT"] = fault
        with open(self.path, "wb") as log:
            self.process = subprocess.Popen([program(), "run", "--log-format", "text", "--db", dsn],
                                            env=clean_environment(environment), cwd=tmpdir(), stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        harness._stoppers.append(self.kill)

    def __str__(self):
        return "%s (%s%s)" % (self.id, self.route, ", " + self.point if self.point else "")

    def running(self):
        return self.process.poll() is None

    def step_clock(self, seconds):
        self.clock_map[:8] = struct.pack("=q", int(seconds * 1e6))

    def send(self, number):
        if self.running():
            self.process.send_signal(number)

    def stop_for(self, seconds):
        self.send(signal.SIGSTOP)
        self.stopped_until = time.monotonic() + seconds

    def kill(self):
        self.send(signal.SIGKILL)
        self.process.wait()

    def log(self):
        with open(self.path, errors="replace") as f:
            return f.read()


class Fleet:
    """`want` workers at any time, every one armed while `armed`; what died is replaced."""

    def __init__(self, cluster, random, say, points=(), fault=None):
        self.cluster, self.random, self.say, self.fault = cluster, random, say, fault
        self.points = list(points)
        self.due = []
        self.workers, self.past = [], []
        self.want, self.armed = 2, False
        self.not_before = 0.0
        self.fired, self.tried = collections.Counter(), collections.Counter()
        self.nudge = None  # called once for each armed worker, to bring it to its point
        self.harm = []  # times at which a worker or its way to the database was harmed

    def next_point(self):
        if not self.points or not self.armed or sum(not w.point for w in self.workers) * 3 < len(self.workers):
            return None
        if not self.due:
            self.due = sorted(self.points, key=lambda p: (self.fired[p], self.tried[p], self.random.random()))
        point = self.due.pop(0)
        self.tried[point] += 1
        often = point.split(".")[0] in ("effect", "outcome", "save", "claim") and self.random.random() < 0.5
        return "%s:%d" % (point, self.random.randint(2, 12)) if often else point

    def route(self, point):
        if point and re.match("claim.back", point):  # answers are lost only there
            return "proxy", self.cluster.proxy_dsn
        ways = [("direct", self.cluster.direct_dsn())] * 4 + [("proxy", self.cluster.proxy_dsn)] * 3
        if self.cluster.bouncer:
            ways += [("pooler", self.cluster.bouncer.dsn())] * 2
        return self.random.choice(ways)

    def add(self, healthy=False):
        point = None if healthy else self.next_point()
        route, dsn = ("direct", self.cluster.direct_dsn()) if healthy else self.route(point)
        worker = Worker(dsn, route, point, self.fault)
        self.workers.append(worker)
        return worker

    def harmed(self):
        self.harm.append(time.time())

    def wake(self, worker):
        if worker.stopped_until and time.monotonic() >= worker.stopped_until:
            worker.stopped_until = None
            worker.send(signal.SIGCONT)

    def bury(self, worker):
        self.workers.remove(worker)
        self.past.append(worker)
        status = worker.process.returncode
        if status == -signal.SIGKILL and worker.asked_to_end != "killed":
            assert worker.point, "%s was killed by somebody else" % worker
            self.fired[worker.point.split(":")[0]] += 1
            self.harmed()
            self.not_before = time.monotonic() + 0.3
        elif status == -signal.SIGTERM and worker.asked_to_end == "asked" and "worker running" not in worker.log():
            pass  # it was asked before it looked for signals, and has done nothing yet
        elif status < 0 and status != -signal.SIGKILL:
            raise AssertionError("%s died of signal %d: %s" % (worker, -status, worker.log()[-3000:]))
        elif status > 0:
            raise AssertionError("%s ended with %d: %s" % (worker, status, worker.log()[-3000:]))
        if re.search(r"runtime error|AddressSanitizer", worker.log()):
            raise AssertionError("%s: %s" % (worker, worker.log()[-3000:]))

    def end(self, worker, how):
        """In order, or not."""
        worker.asked_to_end, worker.asked_at = how, time.monotonic()
        if worker.stopped_until:
            worker.stopped_until = None
            worker.send(signal.SIGCONT)
        worker.send(signal.SIGKILL if how == "killed" else signal.SIGTERM)
        self.harmed()

    def tick(self):
        """Wake, bury, replace; a point that is not come to is given up: the worker ends in order, which is a point, too."""
        for worker in list(self.workers):
            self.wake(worker)
            if not worker.running():
                self.bury(worker)
            elif worker.point and not worker.asked_to_end and not worker.stopped_until:
                age, ends = time.monotonic() - worker.born, re.match("stop|leave|release", worker.point)
                if self.nudge and not worker.nudged and age > 0.8:
                    worker.nudged = True
                    self.nudge(worker)
                if age > (1.5 if ends else 5):
                    self.end(worker, "asked" if ends or self.random.random() < 0.5 else "killed")
            elif worker.asked_to_end == "asked" and time.monotonic() - worker.asked_at > 40:
                raise AssertionError("%s does not end: %s" % (worker, worker.log()[-3000:]))
        if len([w for w in self.workers if not w.asked_to_end]) < self.want and time.monotonic() >= self.not_before:
            self.add()

    def run_for(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.tick()
            time.sleep(0.05)

    def resize(self, want):
        self.want = want
        for worker in [w for w in self.workers if not w.asked_to_end and not w.stopped_until][want:]:
            self.end(worker, "asked")

    def any(self):
        alive = [w for w in self.workers if w.running() and not w.asked_to_end and not w.stopped_until]
        return self.random.choice(alive) if alive else None

    def calm(self):
        """The faults are over: whoever was armed goes, healthy workers do the rest."""
        self.armed = False
        for worker in list(self.workers):
            if not worker.asked_to_end:
                self.end(worker, "killed")
        self.want = 0
        deadline = time.monotonic() + 60
        while self.workers:
            self.tick()
            assert time.monotonic() < deadline, "workers do not end: %s" % ", ".join(map(str, self.workers))
            time.sleep(0.05)
        self.want = 2
        for _ in range(2):
            self.add(healthy=True)
