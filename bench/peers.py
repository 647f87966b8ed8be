# SPDX-License-Identifier: Apache-2.0
"""Other programs that run jobs or durable workflows on PostgreSQL, where npm can install them: the same chains on the same server."""

import contextlib
import ctypes
import json
import os
import select
import shutil
import subprocess
import time
from urllib.parse import quote

import harness
from moments import percentile

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers")
# The driver and its argument, the package, how many chains are drained, how often pick-up is measured, and what it keeps of what
# is finished.
PEERS = (
    ("graphile-worker", "", "graphile-worker@^0.17", 1500, 100, "nothing: finished jobs are deleted"),
    ("pg-boss", "each", "pg-boss@^10", 3000, 100, "the jobs, until they are archived"),
    ("pg-boss", "", "pg-boss@^10", 5000, 100, "the jobs, until they are archived; handlers of 500 jobs"),
    ("dbos", "", "@dbos-inc/dbos-sdk@^5", 500, 25, "the workflow and the result of each step"),
)


class Skipped(Exception):
    """There is no npm, or it cannot install them."""


def install(directory):
    npm, node = shutil.which("npm"), shutil.which("node")
    if not npm or not node:
        raise Skipped("npm and node are not installed")
    os.mkdir(directory)
    for name in os.listdir(HERE):
        if name.endswith(".mjs"):
            shutil.copy(os.path.join(HERE, name), directory)
    with open(os.path.join(directory, "package.json"), "w") as f:
        json.dump({"name": "peers", "version": "1.0.0", "private": True}, f)
    done = subprocess.run([npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", "pg@^8"] +
                          sorted({p[2] for p in PEERS}), cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=300)
    if done.returncode != 0:
        raise Skipped("npm could not install them")
    versions = {}
    for name, _, package, *_ in PEERS:
        with open(os.path.join(directory, "node_modules", package.rpartition("@")[0], "package.json")) as f:
            versions[name] = json.load(f)["version"]
    return versions


class Driver:
    """One peer's process, which reads commands and answers in JSON."""

    def __init__(self, server, directory, name, argument):
        driver, name = name, " ".join([name, argument]).strip()
        self.name = name
        self.server = server
        server.create(name)
        url = "postgresql://postgres@localhost:%d/%s?host=%s" % (server.port, quote(name), server.dir)
        with open(os.path.join(directory, name + ".log"), "wb") as log:
            self.process = subprocess.Popen([shutil.which("node"), driver + ".mjs", url, argument], cwd=directory, stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, stderr=log)
        harness._stoppers.append(self.kill)
        self.rest = b""
        self.answer(60)

    def answer(self, seconds):
        end = time.monotonic() + seconds
        while b"\n" not in self.rest:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))
            more = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            if not more:
                raise RuntimeError("%s did not answer" % self.name)
            self.rest += more
        line, _, self.rest = self.rest.partition(b"\n")
        return json.loads(line)

    def ask(self, command, seconds=300):
        self.process.stdin.write(command.encode() + b"\n")
        self.process.stdin.flush()
        return self.answer(seconds)

    def cpu(self):
        clock = ctypes.c_int()
        if ctypes.CDLL(None).clock_getcpuclockid(self.process.pid, ctypes.byref(clock)) != 0:
            raise RuntimeError("%s has ended" % self.name)
        return time.clock_gettime(clock.value)

    def look(self):
        queries = None
        if self.server.statements:
            queries = self.server.sql("postgres", "SELECT coalesce(sum(calls), 0)::bigint FROM bench_statements WHERE datname = %s",
                                      (self.name,))[0][0]
        return queries, self.cpu(), time.monotonic()

    def resident(self):
        with open("/proc/%d/status" % self.process.pid) as f:
            return next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmRSS:"))

    def quit(self):
        with contextlib.suppress(OSError):
            self.process.stdin.write(b"quit\n")
            self.process.stdin.flush()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        self.kill()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def busy(server, driver, chains, samples, keeps, version):
    """Drain and pick-up; the peer is left running, idle."""
    before = server.cpu()
    drained = driver.ask("drain %d" % chains)
    server_cpu = server.cpu() - before
    values = driver.ask("pickup %d" % samples)["values"]
    return {"version": version, "keeps": keeps, "chains_per_second": round(chains / drained["seconds"], 1),
            "cpu_us_per_chain": round(drained["cpu_seconds"] / chains * 1e6), "server_cpu_us_per_chain": round(server_cpu / chains * 1e6),
            "pickup_p50_ms": round(percentile(values, 0.5), 2), "pickup_p99_ms": round(percentile(values, 0.99), 2)}


def idle(drivers, results, seconds):
    """All of them with nothing to do, at the same time."""
    time.sleep(min(5, seconds))
    before = [d.look() for d in drivers]
    time.sleep(seconds)
    for driver, old in zip(drivers, before):
        new = driver.look()
        took = new[2] - old[2]
        results[driver.name]["idle_cpu_percent"] = round((new[1] - old[1]) / took * 100, 3)
        results[driver.name]["idle_queries_per_second"] = None if new[0] is None else round((new[0] - old[0]) / took, 2)
        results[driver.name]["resident_mb"] = round(driver.resident() / (1 << 20), 1)


def measure(server, quick, say):
    """{peer: figures}; Skipped says why there are none."""
    directory = os.path.join(harness.tmpdir(), "peers")
    versions = install(directory)
    if server.statements:
        server.sql("postgres", "CREATE EXTENSION IF NOT EXISTS pg_stat_statements; CREATE OR REPLACE VIEW bench_statements AS"
                   " SELECT d.datname, s.calls FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid")
    results, drivers = {}, []
    for program, argument, _, chains, samples, keeps in PEERS:
        name = " ".join([program, argument]).strip()
        say("peers: " + name)
        try:
            driver = Driver(server, directory, program, argument)
            results[name] = busy(server, driver, max(chains // 20, 10) if quick else chains, 10 if quick else samples, keeps,
                                 versions[program])
            drivers.append(driver)
        except (RuntimeError, OSError, ValueError) as error:
            results[name] = {"version": versions[program], "error": str(error)}
    idle(drivers, results, 3 if quick else 30)
    for driver in drivers:
        driver.quit()
    return results
