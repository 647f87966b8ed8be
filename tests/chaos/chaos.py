# SPDX-License-Identifier: Apache-2.0
"""The chaos suite: executions run while everything that can fail does, from a seed, and a checker judges what is left.

    chaos.py [--seed N] [--rounds N] [--short]

Workers are killed at every crash point that the program names and at any time, stopped beyond their leases and woken, ended in
order; connections are cut, delayed, and lost with the answer to what was committed; PostgreSQL is restarted, its disk is full,
a standby takes over; clocks are stepped; the pooler is restarted.  What a fault does is drawn from the seed; when it hits is up
to the machine.  Needs a build with `configure --enable-crash-points`; `make chaos` makes one.
"""

import argparse
import os
import random
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))

import harness  # noqa: E402
from checker import Checker  # noqa: E402
from cluster import Bouncer, Cluster  # noqa: E402
from fleet import LEASE_S, Fleet, crash_points  # noqa: E402
from workload import Workload  # noqa: E402

WITH_EACH_ROUND = 8


class Run:
    def __init__(self, seed, standby=True, disk=True, fault=None, points=None):
        self.seed = seed
        self.random = random.Random(seed)
        self.began = time.monotonic()
        self.lines = []
        if points is None:
            points, _ = crash_points()
        self.cluster = Cluster(standby, disk)
        done = harness.wfworker("migrate", "--db", self.cluster.backend.dsn)
        assert done.status == 0, done
        self.workload = Workload(self.cluster)
        self.cluster.add_standby()
        self.fleet = Fleet(self.cluster, self.random, self.say, points, fault)
        self.fleet.nudge = self.nudge
        self.network_fails = False
        self.disk_is_full = False

    def say(self, text):
        line = "%6.2f %s" % (time.monotonic() - self.began, text)
        self.lines.append(line)
        harness.note(line)

    def nudge(self, worker):
        """Some points are come to only when something happens to what the worker holds just then."""
        if self.disk_is_full:  # nothing can be written, and who waited for that here would keep the disk as it is
            worker.nudged = False
        elif worker.point.startswith(("peek", "change")):
            self.workload.pause_of(worker.process.pid)
        elif worker.point.startswith("release"):
            self.workload.submit(["slow"] * 3)
        elif worker.point.startswith("claim.back") and not self.network_fails:
            self.cluster.proxy.tell("swallow")
            time.sleep(0.4)
            self.cluster.proxy.tell("pass")

    # ---- The faults ----

    def kill(self):
        worker = self.fleet.any()
        if worker:
            self.say("kill -9 %s" % worker)
            self.fleet.end(worker, "killed")

    def end_in_order(self):
        worker = self.fleet.any()
        if worker:
            self.say("SIGTERM %s" % worker)
            self.fleet.end(worker, "asked")

    def stop(self):
        worker = self.fleet.any()
        if worker:
            seconds = LEASE_S + self.random.uniform(0.2, 2)
            self.say("stop %s for %.1f s" % (worker, seconds))
            worker.stop_for(seconds)
            self.fleet.harmed()

    def cut_sessions(self):
        self.say("all sessions are terminated")
        self.cluster.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'chaos' AND pid <> pg_backend_pid()")

    def network(self, what, seconds):
        self.say("network: %s for %.1f s" % (what, seconds))
        self.network_fails = True
        self.cluster.proxy.tell(what)
        self.fleet.run_for(seconds)
        self.cluster.proxy.tell("delay 0")
        self.network_fails = False

    def delay(self):
        self.network("delay %d" % self.random.choice([50, 300, 800]), 1.5)

    def swallow(self):
        self.network("swallow", self.random.uniform(0.3, 1))

    def hold(self):
        self.network("hold", self.random.uniform(1, LEASE_S + 1.5))
        self.cluster.proxy.tell("cut")

    def cut(self):
        self.say("network: cut")
        self.cluster.proxy.tell("cut")

    def restart(self):
        self.say("PostgreSQL is restarted, immediate")
        self.cluster.restart()

    def fail_over(self):
        self.say("the primary dies, the standby takes over")
        self.cluster.fail_over()

    def disk_full(self):
        self.say("the disk is full")
        self.cluster.disk.fill()
        self.disk_is_full = True
        self.fleet.run_for(self.random.uniform(1, 2.5))
        self.disk_is_full = False
        self.cluster.disk.free()
        self.say("the disk is not full any more")

    def step_clock(self):
        worker = self.fleet.any()
        if worker:
            seconds = self.random.choice([-3600, -30, -2, 2, 5, 30])
            self.say("the clock of %s is stepped by %d s" % (worker, seconds))
            worker.step_clock(seconds)

    def restart_pooler(self):
        self.say("the pooler is restarted")
        self.cluster.bouncer.stop()
        self.cluster.bouncer.start(self.cluster.primary)

    def change_status(self):
        some = self.workload.pause_some(self.random, 6)
        self.say("%d executions are paused, and resumed" % len(some))
        self.fleet.run_for(0.3)
        self.workload.resume()

    def change_workers(self):
        self.fleet.resize(self.random.randint(1, 8))
        self.say("%d workers" % self.fleet.want)

    def plan(self, rounds):
        """Each kind of fault at least once where there are rounds enough, in any order; the disk is full before the fail-over, since
        the other server's tables lie elsewhere."""
        faults = [self.kill, self.stop, self.stop, self.cut_sessions, self.delay, self.swallow, self.swallow, self.hold, self.cut,
                  self.restart, self.end_in_order, self.step_clock, self.change_status, self.change_workers]
        if self.cluster.bouncer:
            faults.append(self.restart_pooler)
        else:
            self.say("skipped: pgbouncer is not installed")
        self.random.shuffle(faults)
        while len(faults) < rounds - 2:
            faults.append(self.random.choice([self.kill, self.stop, self.swallow, self.cut_sessions, self.end_in_order,
                                              self.change_status, self.change_workers, self.step_clock]))
        del faults[max(rounds - 2, 1):]
        at = sorted(self.random.sample(range(len(faults) + 1), 2))
        if self.cluster.standby:
            faults.insert(at[1], self.fail_over)
        if self.cluster.disk and self.cluster.disk.path:
            faults.insert(at[0], self.disk_full)
        elif self.cluster.disk:
            self.say("skipped: a full disk (%s)" % self.cluster.disk.why)
        return faults

    # ---- The run ----

    def chaos(self, rounds):
        self.fleet.want = self.random.randint(3, 5)
        self.fleet.armed = True
        self.workload.start_schedule()
        for fault in self.plan(rounds):
            self.workload.submit([self.random.choice(self.workload.names) for _ in range(WITH_EACH_ROUND)])
            self.fleet.run_for(self.random.uniform(0.2, 0.6))
            fault()
            self.workload.pause_some(self.random, 1)
            self.workload.send_signals(self.random.randint(0, 4))
            self.workload.resume()
            self.fleet.run_for(self.random.uniform(0.4, 1.0))

    def settle(self):
        """No more faults; everything ends."""
        self.say("calm")
        self.cluster.proxy.tell("pass")
        self.workload.stop_schedule()
        self.workload.send_signals(10**6)
        self.workload.resume()
        self.fleet.calm()
        end, told = time.monotonic() + harness.PATIENCE, time.monotonic() + 8
        while time.monotonic() < end:
            left = self.cluster.run("SELECT (SELECT count(*) FROM wfworker.task) + (SELECT count(*) FROM wfworker.outbox)"
                                    " + (SELECT count(*) FROM wfworker.linked)")[0][0]
            if left == 0:
                break
            if time.monotonic() > told:
                told += 10
                self.tell_what_is_left()
            self.workload.resume()
            self.fleet.run_for(0.1)
        self.say("all is done")
        self.fleet.want = 0
        for worker in list(self.fleet.workers):
            self.fleet.end(worker, "asked")
        while self.fleet.workers:
            self.fleet.tick()
            time.sleep(0.02)
        self.cluster.backend.reconnect()

    def tell_what_is_left(self):
        for row in self.cluster.run(
                "SELECT w.name, x.id::text, x.status, t.due_at - now(), t.worker, t.poked, x.next_retry_at FROM wfworker.task t"
                " JOIN workflowexecution x ON x.id = t.execution_id JOIN workflow w ON w.id = x.workflow_id LIMIT 5"):
            self.say("still there: %s" % (row,))
        for table in ("outbox", "linked"):
            rows = self.cluster.run("SELECT * FROM wfworker.%s LIMIT 5" % table)
            if rows:
                self.say("still in %s: %s" % (table, rows))

    def judge(self, harmed=True):
        self.checker = Checker(self.cluster.run, self.workload, self.cluster.record, harmed)
        return self.checker.judge()


def report(run):
    fired, tried = run.fleet.fired, run.fleet.tried
    counts = run.checker.counts
    harness.note("%d executions, %d effects by %d requests, %d at most once, %d slots; %d workers, %d losses, %d given up; %.1f s" % (
        counts["executions"], counts["effects"], counts["requests"], counts["at most once"], counts["slots"],
        len(run.fleet.past), counts["lost"], counts["quarantined"], time.monotonic() - run.began))
    harness.note("%d of %d crash points were come to (%d tried), %d times; not: %s" % (
        len(fired), len(run.fleet.points), len(tried), sum(fired.values()), " ".join(p for p in run.fleet.points if p not in fired)))


def tell_of(run):
    """What is known of the executions that are faulty."""
    for text in run.checker.faults[:50]:
        harness.note("FAULT: " + text)
    for identity in [i for i in run.checker.rows if any(i in f for f in run.checker.faults)][:3]:
        harness.note("execution %s, %s" % (identity, run.workload.made.get(identity, ("", None))[0]))
        for row in run.checker.journal[identity]:
            harness.note("  journal %d token %d at %.3f: %s" % (row.seq, row.token, row.committed, [
                {k: v for k, v in e.items() if k in ("ev", "at", "act", "output")} for e in row.events])[:400])
        for line in run.checker.logs[identity]:
            harness.note("  log %s" % (line,))
        for (n, _), requests in run.checker.requests.items():
            if n == run.workload.made.get(identity, ("", None))[0]:
                for r in requests:
                    harness.note("  %s" % (r,))


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--seed", type=int, default=int(os.environ.get("SEED") or random.SystemRandom().randrange(1, 10**6)))
    options.add_argument("--rounds", type=int, default=int(os.environ.get("ROUNDS") or 24))
    options.add_argument("--short", action="store_true", help="few rounds, no standby")
    given = options.parse_args()
    points, _ = crash_points()
    if not points:
        print("1..0 # SKIP this build has no crash points (configure --enable-crash-points)")
        return 0
    rounds = 10 if given.short else given.rounds
    print("1..1\n# seed %d; to replay: make chaos SEED=%d ROUNDS=%d%s" % (
        given.seed, given.seed, rounds, " CHAOS_FLAGS=--short" if given.short else ""), flush=True)
    run = Run(given.seed, standby=not given.short)
    run.chaos(rounds)
    run.settle()
    faults = run.judge()
    report(run)
    if faults:
        tell_of(run)
    print("%s 1 - chaos, seed %d: %d faults" % ("not ok" if faults else "ok", given.seed, len(faults)))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
